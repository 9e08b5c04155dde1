"""The help lists what there is."""

import typer

from attnprobe.causal.settings import PATCHABLE, Ablation, Direction, InterventionKind, Metric, PatchSettings, ReadAt
from attnprobe.cli.entry import app
from attnprobe.cli.request import _SingleHeadControl
from attnprobe.cli.run_request import Precision, TaskKind
from attnprobe.cli.typed import option_name
from attnprobe.models.model import Backend
from attnprobe.plan import EmptyRow
from attnprobe.tasks import Distractors, KeyDefinition, Rule
from attnprobe.zoo.catalogue import DEFAULT_NAME

PROMISED = {
    "--model", "--backend", "--task", "--rule", "--hops", "--shots", "--distractors", "--task-file", "-n",
    "--intervention", "--keys", "--queries", "--heads", "--strength", "--ablation", "--site", "--direction", "--factor",
    "--empty-row", "--metric", "--control", "--seed", "--device", "--dtype", "--out", "--json",
    "--mass", "--doses", "--step", "--readout", "--donor",
}  # fmt: skip


def parameters() -> dict[str, typer.core.TyperOption]:
    command = typer.main.get_command(app)
    patch = command.commands["patch"]  # type: ignore[attr-defined]
    return {parameter.opts[0]: parameter for parameter in patch.params}


def test_every_promised_option_is_there_and_every_option_has_help() -> None:
    assert set(parameters()) >= PROMISED
    assert all(parameter.help for parameter in parameters().values())


def test_the_name_of_an_option_is_told_from_its_parameter() -> None:
    assert all(option_name(parameter.name) == name for name, parameter in parameters().items() if name != "--help")


def test_the_choices_listed_are_those_that_are_read() -> None:
    listed = {
        "--backend": Backend,
        "--dtype": Precision,
        "--task": TaskKind,
        "--rule": Rule,
        "--distractors": Distractors,
        "--intervention": InterventionKind,
        "--keys": KeyDefinition,
        "--empty-row": EmptyRow,
        "--ablation": Ablation,
        "--site": PATCHABLE,
        "--direction": Direction,
        "--metric": Metric,
        "--readout": ReadAt,
        "--control": _SingleHeadControl,
    }
    for name, choices in listed.items():
        words = set(
            parameters()[name].help.replace(",", " ").replace(";", " ").replace(":", " ").replace(".", " ").split()
        )
        assert {str(choice) for choice in choices} <= words, name


def test_the_model_that_is_named_as_the_default_is_the_default() -> None:
    assert parameters()["--model"].show_default == f"zoo:{DEFAULT_NAME}"


def test_the_defaults_are_those_of_the_settings() -> None:
    settings = PatchSettings()
    for name in (
        "intervention",
        "queries",
        "empty_row",
        "ablation",
        "site",
        "direction",
        "metric",
        "control",
        "readout",
    ):
        default = parameters()[option_name(name)].default
        assert default == getattr(settings, name), name
    for name in ("strength", "mass", "factor", "seed", "batch_size"):
        assert float(parameters()[option_name(name)].default) == getattr(settings, name), name
