"""The help of `attnprobe attribute` lists what there is, and loads nothing for it."""

import typer

from attnprobe.causal.attribution.settings import (
    SCORED,
    SERVED,
    Approximation,
    AttributionSettings,
    Mlps,
    PathInput,
    Target,
)
from attnprobe.cli.entry import app
from attnprobe.cli.typed import option_name
from tests.cli.conftest import Run

PROMISED = {
    "--model", "--backend", "--device", "--dtype", "--task", "--task-file", "--rule", "--hops", "--shots",
    "--distractors", "-n", "--target", "--metric", "--approximation", "--integrated", "--top", "--confirm",
    "--intervention", "--keys", "--queries", "--heads", "--strength", "--empty-row", "--ablation", "--direction",
    "--factor", "--sender", "--receiver", "--inputs", "--mlps", "--seed", "--batch-size", "--out", "--json", "--quiet",
}  # fmt: skip


def parameters() -> dict[str, typer.core.TyperOption]:
    command = typer.main.get_command(app)
    attribute = command.commands["attribute"]  # type: ignore[attr-defined]
    return {parameter.opts[0]: parameter for parameter in attribute.params}


def test_every_promised_option_is_there_and_every_option_has_help() -> None:
    assert set(parameters()) - {"--help"} == PROMISED
    assert all(parameter.help for parameter in parameters().values())


def test_the_choices_listed_are_those_that_are_read() -> None:
    listed = {
        "--target": Target,
        "--metric": SCORED,
        "--approximation": Approximation,
        "--intervention": SERVED,
        "--inputs": PathInput,
        "--mlps": Mlps,
    }
    for name, choices in listed.items():
        words = set(parameters()[name].help.translate(str.maketrans(",;:.()", "      ")).split())
        assert {str(choice) for choice in choices} <= words, name


def test_the_defaults_are_those_of_the_settings() -> None:
    settings = AttributionSettings()
    for name in ("target", "approximation", "mlps"):
        assert parameters()[option_name(name)].default == getattr(settings, name), name
    for name in ("integrated", "top"):
        assert int(parameters()[option_name(name)].default) == getattr(settings, name), name
    assert parameters()["--metric"].default == settings.patch.metric
    assert parameters()["--inputs"].default.split(",") == list(settings.inputs)


def test_help_says_what_it_is(run: Run) -> None:
    assert "one backward pass" in run("attribute", "--help").out
