"""Several heads at once on the command line: what is understood, what is refused in one line, and one whole run."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from attnprobe.causal.controls import ControlKind
from attnprobe.causal.set_settings import GreedyHeads, TopHeads
from attnprobe.cli.request import PatchRequest
from attnprobe.cli.typed import Typed
from attnprobe.errors import SpecError
from attnprobe.models.model import Model
from tests.cli.conftest import Run

DEFAULTS: Mapping[str, str | bool | None] = {
    "model": None, "backend": "auto", "device": None, "dtype": "auto", "task": "prontoqa", "task_file": None,
    "rule": "implication_elimination", "hops": "2", "shots": "0", "distractors": "relevant", "n": None,
    "intervention": "mask", "keys": None, "queries": None, "heads": "all", "strength": "1", "mass": "0.9",
    "doses": None, "step": None, "readout": "own", "empty_row": "raise", "ablation": "zero", "site": None,
    "donor": None, "direction": "clean_to_corrupted", "factor": "0", "unequal_spans": "last", "set": None,
    "top_k": None, "greedy": None, "min_gain": "0.01", "all_but": False, "random_sets": "8",
    "metric": "gold_logprob", "control": None, "placebo": False, "seed": "0", "sweep": "auto", "batch_size": "64",
    "out": None, "json": False, "quiet": False,
}  # fmt: skip


def asked(**given: str | bool) -> PatchRequest:
    return PatchRequest.of(Typed(words=(), values={**DEFAULTS, **given}, given=frozenset(given)))


def test_without_these_options_heads_are_edited_one_at_a_time() -> None:
    assert asked().sets is None


def test_sets_sizes_and_steps_are_understood(loaded: Model) -> None:
    sets = asked(set="L1H2,L0H1 all").sets
    assert sets is not None
    choice = sets.choice(loaded)
    assert [one.name for one in choice.sets] == ["L0H1+L1H2", "all"]  # type: ignore[union-attr]
    assert len(choice.sets[1].heads) == 12  # type: ignore[union-attr]
    top = asked(top_k="1,2,4", control="random_heads").sets
    assert top is not None
    assert top.choice(loaded) == TopHeads(sizes=(1, 2, 4))
    assert top.settings.control is ControlKind.RANDOM_HEADS
    assert top.settings.edit.resolved_control is ControlKind.RANDOM_KEYS
    greedy = asked(greedy="3", min_gain="0", all_but=True, random_sets="2", intervention="ablate").sets
    assert greedy is not None
    assert greedy.choice(loaded) == GreedyHeads(most=3, min_gain=0.0)
    assert (greedy.settings.all_but, greedy.settings.draws) == (True, 2)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"set": "L0H1", "top_k": "1"}, "--set and --top-k at once: each says which sets; give one of them."),
        ({"all_but": True}, "--all-but is for several heads at once; say which with --set, --top-k or --greedy."),
        ({"set": "L0H1", "min_gain": "1"}, "--min-gain says when --greedy ends; leave it out, or use --greedy."),
        ({"set": "L0H1", "heads": "L0H1"}, "--heads with --set: a set names its heads itself; leave --heads out."),
        ({"set": "all", "all_but": True}, "--set all with --all-but: no head is left to edit"),
        ({"set": "L0"}, "head 'L0': expected a layer and a head counted from 0, such as L5H3."),
        ({"top_k": "1;2"}, "--top-k '1;2': expected numbers of heads, ascending, such as 1,2,4,8."),
        ({"top_k": "2,1"}, "top heads [2, 1]: expected sizes from 1, ascending"),
        ({"greedy": "0"}, "--greedy '0': expected a whole number, at least 1."),
        ({"greedy": "2", "min_gain": "-1"}, "least gain -1.0: expected a number, at least 0"),
        ({"set": "L0H1", "random_sets": "0"}, "--random-sets '0': expected a whole number, at least 1."),
        ({"control": "random_heads"}, "--control 'random_heads': expected one of random_keys"),
        (
            {"set": "L0H1", "intervention": "force", "doses": "0.5,1"},
            "doses [0.5, 1.0] with sets of heads: a set is forced at one mass; give it as mass",
        ),
    ],
)
def test_what_has_no_meaning_is_refused_in_words(given: dict[str, str | bool], message: str) -> None:
    with pytest.raises(SpecError) as caught:
        asked(**given)
    assert message in str(caught.value)


def test_a_run_prints_table_answer_and_where_its_files_are(
    patch: Run, loaded: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attnprobe.cli.set_run.load_model", lambda source, **options: loaded)
    outcome = patch("--set", "L0H0,L1H1", "--set", "L2H0", "--random-sets", "2", "-n", "8", "--out", "results")

    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith("masking a set of heads' attention to the gold source words · PATH/TO/tiny-llama")
    assert "Report: results/report.html\n" in outcome.out
    summary = json.loads((tmp_path / "results" / "summary.json").read_text())
    assert [one["set"] for one in summary["sets"]] == ["L0H0+L1H1", "L2H0"]
    manifest = json.loads((tmp_path / "results" / "manifest.json").read_text())
    assert manifest["arguments"]["given"]["--set"] == "L0H0,L1H1 L2H0"
    assert manifest["repeat"].endswith("--set L0H0,L1H1 --set L2H0 --random-sets 2 -n 8 --out results")
