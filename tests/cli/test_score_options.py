"""The help of `attnprobe score` lists what there is, and loads nothing for it."""

import typer

from attnprobe.attention.settings import FirstKey, Normalisation, Protocol, ScoreSettings
from attnprobe.cli.entry import app
from attnprobe.cli.run_request import TaskKind
from attnprobe.cli.score_request import SCORED_EXAMPLES, Correctness, Tagging
from attnprobe.cli.typed import option_name
from attnprobe.kernels import Impl
from attnprobe.tasks import KeyDefinition
from attnprobe.tasks.parts_of_speech import TaggerChoice
from attnprobe.tasks.prontoqa.asked import Measure
from attnprobe.zoo.catalogue import LEARNER_NAME

PROMISED = {
    "--model", "--backend", "--device", "--dtype", "--task", "--task-file", "--rule", "--hops", "--shots",
    "--distractors", "-n", "--protocol", "--normalise", "--keys", "--layers", "--first-key", "--sink-share", "--impl",
    "--categories", "--correctness", "--seed", "--batch-size", "--out", "--json", "--quiet",
}  # fmt: skip


def parameters() -> dict[str, typer.core.TyperOption]:
    command = typer.main.get_command(app)
    score = command.commands["score"]  # type: ignore[attr-defined]
    return {parameter.opts[0]: parameter for parameter in score.params}


def test_every_promised_option_is_there_and_every_option_has_help() -> None:
    assert set(parameters()) - {"--help"} == PROMISED
    assert all(parameter.help for parameter in parameters().values())


def test_the_choices_listed_are_those_that_are_read() -> None:
    listed = {
        "--protocol": Protocol,
        "--normalise": Normalisation,
        "--keys": KeyDefinition,
        "--first-key": FirstKey,
        "--impl": Impl,
        "--categories": Tagging,
        "--correctness": Correctness,
        "--task": TaskKind,
    }
    for name, choices in listed.items():
        words = set(parameters()[name].help.translate(str.maketrans(",;:.()", "      ")).split())
        assert {str(choice) for choice in choices} <= words, name


def test_none_is_all_that_the_choices_have_beyond_those_of_what_is_asked() -> None:
    assert set(Tagging) == {"none", *TaggerChoice}
    assert set(Correctness) == {"none", *Measure}


def test_the_defaults_are_those_of_the_settings() -> None:
    settings = ScoreSettings()
    for name in ("protocol", "normalise", "first_key", "impl"):
        assert parameters()[option_name(name)].default == getattr(settings, name), name
    for name in ("sink_share", "seed", "batch_size"):
        assert float(parameters()[option_name(name)].default) == getattr(settings, name), name
    assert parameters()["--layers"].default == "all"
    assert parameters()["--model"].show_default == f"zoo:{LEARNER_NAME}"
    assert str(SCORED_EXAMPLES) in str(parameters()["-n"].show_default)
