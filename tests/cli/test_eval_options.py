"""The help of `attnprobe eval` lists what there is."""

import typer

from attnprobe.cli.entry import app
from attnprobe.cli.eval_request import QUESTIONS_OF_EACH_KIND, AskedKind, SideChoice
from attnprobe.cli.run_request import Precision
from attnprobe.cli.typed import option_name
from attnprobe.evaluation.settings import Decoding, EvalSettings, IntervalKind
from attnprobe.tasks import Distractors, Rule
from attnprobe.tasks.exemplars import PromptFormat
from attnprobe.tasks.prontoqa.asked import Measure
from attnprobe.tasks.question_lines import Match
from attnprobe.zoo.catalogue import SOLVER_NAME


def parameters() -> dict[str, typer.core.TyperOption]:
    command = typer.main.get_command(app)
    found = command.commands["eval"]  # type: ignore[attr-defined]
    return {parameter.opts[0]: parameter for parameter in found.params}


def test_every_option_has_help_and_is_told_from_its_parameter() -> None:
    assert all(parameter.help for parameter in parameters().values())
    assert all(option_name(parameter.name) == name for name, parameter in parameters().items() if name != "--help")


def test_the_choices_listed_are_those_that_are_read() -> None:
    listed = {
        "--dtype": Precision,
        "--task": AskedKind,
        "--rule": Rule,
        "--distractors": Distractors,
        "--side": SideChoice,
        "--measure": Measure,
        "--prompt-format": PromptFormat,
        "--match": Match,
        "--decoding": Decoding,
        "--interval": IntervalKind,
    }
    for name, choices in listed.items():
        text = parameters()[name].help
        for mark in ",;:.()":
            text = text.replace(mark, " ")
        assert {str(choice) for choice in choices} <= set(text.split()), name


def test_the_defaults_that_are_named_are_the_defaults() -> None:
    settings = EvalSettings()
    for name in ("decoding", "interval"):
        assert parameters()[option_name(name)].default == getattr(settings, name)
    for name in ("samples", "temperature", "seed", "batch_size"):
        assert float(parameters()[option_name(name)].default) == getattr(settings, name)
    assert parameters()["--model"].show_default == f"zoo:{SOLVER_NAME}"
    assert str(parameters()["-n"].show_default).startswith(f"{QUESTIONS_OF_EACH_KIND} each")
