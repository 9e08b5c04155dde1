"""Every benchmark at a size of seconds: it runs, it is gated, and its rows are what tables and figures read."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from attnprobe.kernels import Impl
from benchmarks import kernels, lengths, plots, scores, tables
from benchmarks.contestants import Who
from benchmarks.goals import Goal, goals
from benchmarks.harness import UnequalError
from benchmarks.inputs import gold_sequence
from benchmarks.records import RESULTS, measure_rows
from tests.benchmarks.tiny import tiny_gemma2, tiny_gpt2

LENGTH = 40


@pytest.fixture
def small_models(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    scores.known.cache_clear()
    monkeypatch.setattr(scores, "MODELS", {"gpt2-small": tiny_gpt2, "gemma2-like": tiny_gemma2})
    monkeypatch.setattr(lengths, "gpt2_small", tiny_gpt2)
    yield
    scores.known.cache_clear()


@pytest.mark.usefixtures("small_models")
@pytest.mark.filterwarnings("ignore")  # of the other libraries
def test_everyone_scores_alike_end_to_end() -> None:
    row = scores.race_row("gpt2-small", LENGTH, repeats=1, n_gold=4)
    assert set(row["differences"]) == {who.value for who in Who} - {Who.BARE, Who.PLAIN, Who.MASS}
    assert row["ratios"]["authors / attnprobe all layers"] > 0
    assert row["ratios"]["TransformerLens, no head / attnprobe all layers"] > 0


@pytest.mark.usefixtures("small_models")
def test_other_shapes_and_mass_and_the_whole_loop_pass_their_gates() -> None:
    who = (Who.BARE, Who.OURS_ALL)
    row = scores.race_row("gemma2-like", LENGTH, repeats=1, n_gold=4, who=who)
    assert set(row["differences"]) == {Who.OURS_ALL.value}
    assert scores.mass_row("gpt2-small", LENGTH, repeats=1)["ratios"]
    assert scores.full_loop_row("gpt2-small", LENGTH, n_gold=3)["ratios"]


@pytest.mark.usefixtures("small_models")
def test_scores_that_are_wrong_get_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.scoring.best_matches", lambda found, matches, valid: found.received[0].amax(1))
    with pytest.raises(UnequalError, match="attnprobe, all layers"):
        scores.race_row("gpt2-small", LENGTH, repeats=1, n_gold=4, who=(Who.BARE, Who.OURS_ALL))


@pytest.mark.usefixtures("small_models")
def test_every_contestant_is_held_to_what_it_computes() -> None:
    gold = gold_sequence(LENGTH, 4, vocab=97)
    reference, _, own_error = scores.known("gpt2-small", gold, "cpu")
    right = {Who.OURS_ALL: reference, Who.OURS_LAST: reference[-1:], Who.AUTHORS_MIDDLE: reference[-1, :, 2]}
    assert all(gate.difference == 0 for gate in scores.gates_of(right, reference, gold, own_error).values())
    for who, output in right.items():
        with pytest.raises(UnequalError, match=who.value):
            scores.gates_of({who: output + 1e-3}, reference, gold, own_error)


@pytest.mark.parametrize("shape", ["gpt2", "smollm2", "gemma2"])
def test_every_kernel_passes_its_gate(shape: str) -> None:
    row = kernels.layer_row(shape, 70, repeats=1)
    assert {"key scores, 32 prefixes", "weighted values, 32 columns", "column sums, 64 prefixes"} <= set(row["ratios"])
    assert row["over"] not in row["differences"]
    assert len(row["heads_checked"]) == 3


def test_a_kernel_that_is_wrong_gets_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    right = kernels.weighted_values

    def wrong(source: Any, values: Any, *, impl: Impl) -> Any:
        return right(source, values, impl=impl) + 1e-4

    monkeypatch.setattr(kernels, "weighted_values", wrong)
    with pytest.raises(UnequalError, match="weighted values, 8 columns"):
        kernels.layer_row("gpt2", 70, repeats=1)


@pytest.mark.usefixtures("small_models")
def test_a_short_run_of_the_long_rows_is_gated() -> None:
    assert lengths.call_row(96, 40)["differences"]
    row = lengths.end_to_end_row(LENGTH)
    assert set(row["differences"]) == {"layer 0, head 5", "layer 1, head 5"}
    assert set(row["taken"]) == {"attnprobe, all layers", "bare forward"}


@pytest.mark.usefixtures("small_models")
def test_rows_become_a_page_with_goals_and_figures(tmp_path: Path) -> None:
    rows = {
        f"gpt2 {length}": lambda length=length: kernels.layer_row("gpt2", length, repeats=1) for length in (64, 512)
    }
    measure_rows("kernels", rows, folder=tmp_path)
    race = partial(scores.race_row, "gpt2-small", LENGTH, repeats=1, n_gold=4, who=(Who.BARE, Who.OURS_ALL))
    measure_rows("scores", {"gpt2-small 512": race}, folder=tmp_path)
    plots.draw(tmp_path)
    text = tables.page(tmp_path)
    assert (tmp_path / "cost_against_length.png").exists()
    assert "| attnprobe, all layers |" in text
    found = {goal.what: goal for goal in goals(tmp_path)}
    assert found["all layers scored against the bare forward, T = 512"].measured is not None
    assert found["all layers scored against the bare forward, T = 2,048"].verdict == "not measured"


def test_a_goal_is_reached_by_its_gate_or_missed() -> None:
    def verdict(measured: float, *, at_least: bool) -> str:
        return Goal(what="", goal=10.0, at_least=at_least, unit="x", measured=measured, load=None, n=None).verdict

    assert [verdict(value, at_least=True) for value in (10.0, 8.6, 8.4)] == ["goal", "gate", "**missed**"]
    assert [verdict(value, at_least=False) for value in (10.0, 11.7, 11.8)] == ["goal", "gate", "**missed**"]


@pytest.mark.parametrize(
    "folder", sorted(path for path in RESULTS.iterdir() if path.is_dir()), ids=lambda path: path.name
)
def test_the_committed_page_is_what_the_stored_rows_give(folder: Path) -> None:
    if any((folder / f"{name}.json").exists() for name in tables.NAMES):
        assert (folder / "README.md").read_text() == tables.page(folder)


def test_no_stored_row_is_beyond_its_gate() -> None:
    stored = [
        row for folder in RESULTS.iterdir() for name in tables.NAMES for row in tables.load(name, folder).values()
    ]
    for row in stored:
        for name, gate in row["differences"].items():
            assert gate["difference"] <= gate["allowed"], f"{row['id']}: {name}"
    for row in stored:
        assert not re.search(r"/(work|root|home|tmp)/", str(row)), row["id"]
