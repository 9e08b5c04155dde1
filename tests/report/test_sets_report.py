"""Sets of heads as they are told: rules that can say no, a page, a table, a record, and the files of a run."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from attnprobe.causal.head_sets import HeadSet
from attnprobe.causal.patch_sets import patch_sets
from attnprobe.causal.rows import HeadResult
from attnprobe.causal.set_result import SetResult
from attnprobe.causal.set_settings import GivenSets, GreedyHeads, SetSettings
from attnprobe.causal.settings import InterventionKind, PatchSettings
from attnprobe.models.model import Model, Provenance
from attnprobe.models.native import NativeModel
from attnprobe.report.finding import Verdict
from attnprobe.report.sets_files import save_sets
from attnprobe.report.sets_finding import find_sets, verdict_of
from attnprobe.report.sets_summary import set_settings_record
from attnprobe.report.sets_table import sets_table, sets_text
from attnprobe.statistics.estimates import Estimate
from attnprobe.tasks.collected import CollectedTask
from attnprobe.tasks.jsonl import jsonl_task
from tests.circuits import INDUCTION, PREVIOUS_TOKEN, circuit_tokenizer, induction_gpt2, write_examples

CIRCUIT = HeadSet.of([PREVIOUS_TOKEN, INDUCTION], "circuit")
IDLE = HeadSet.parse("L0H0,L1H1")
ABLATE = PatchSettings(intervention=InterventionKind.ABLATE)


@pytest.fixture(scope="module")
def model() -> Model:
    provenance = Provenance(name="circuit", revision=None, architecture="gpt2")
    return NativeModel(induction_gpt2(), tokenizer=circuit_tokenizer(), provenance=provenance)


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> CollectedTask:
    return jsonl_task(write_examples(tmp_path_factory.mktemp("task") / "induction.jsonl", 8))


@pytest.fixture(scope="module")
def masked(model: Model, task: CollectedTask) -> SetResult:
    return patch_sets(model, task, [CIRCUIT, IDLE])


@pytest.fixture(scope="module")
def kept(model: Model, task: CollectedTask) -> SetResult:
    return patch_sets(model, task, [CIRCUIT, IDLE], SetSettings(edit=ABLATE, all_but=True))


def test_the_circuit_is_supported_and_idle_heads_are_contradicted(masked: SetResult, kept: SetResult) -> None:
    for result in (masked, kept):
        finding = find_sets(result)
        assert finding.decides == "circuit"
        assert finding.verdicts == {"circuit": Verdict.SUPPORTED, "L0H0+L1H1": Verdict.CONTRADICTED}
    answer = find_sets(masked).answer
    assert answer.startswith("Yes. circuit (2 heads) edited at once, on 8 examples, changes log p(gold) by −3.")
    assert "0 of 8 random sets of as many heads of the same layers do as much." in answer
    assert "the share kept of what all heads do is 1.00 [1.00, 1.00]." in find_sets(kept).answer


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.SUPPORTED),
        ({"q": 0.2}, Verdict.UNDETERMINED),
        # the difference is its control's doing
        ({"effect": -0.01, "low": -0.02, "high": -0.001}, Verdict.CONTRADICTED),
        ({"difference": -0.01, "difference_low": -0.02, "difference_high": 0.01}, Verdict.CONTRADICTED),
        ({"difference": 0.5, "difference_low": 0.3, "difference_high": 0.7}, Verdict.CONTRADICTED),
        ({"difference": -0.08, "difference_low": -0.15, "difference_high": -0.02}, Verdict.UNDETERMINED),
        ({"difference": None, "difference_low": None, "difference_high": None}, Verdict.UNDETERMINED),
    ],
)
def test_a_set_is_supported_by_its_effect_and_its_difference_together(
    masked: SetResult, changes: dict[str, float | None], verdict: Verdict
) -> None:
    values = {"effect": -0.5, "low": -0.7, "high": -0.3, "difference": -0.4, "difference_low": -0.6}
    values |= {"difference_high": -0.2, "q": 0.01, "p": 0.01}
    row = masked.sets[0]
    against: HeadResult = replace(row.against, **(values | changes))  # pyright: ignore[reportArgumentType]
    assert verdict_of(replace(row, against=against), masked) is verdict


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.95, 1.05, Verdict.SUPPORTED),
        (0.5, 0.8, Verdict.CONTRADICTED),
        (0.8, 0.95, Verdict.UNDETERMINED),
        (0.95, 1.4, Verdict.UNDETERMINED),
        (None, None, Verdict.UNDETERMINED),
    ],
)
def test_a_set_suffices_when_it_keeps_nine_tenths(
    kept: SetResult, low: float | None, high: float | None, verdict: Verdict
) -> None:
    share = Estimate(value=0.9, low=low, high=high, n=8)
    assert verdict_of(replace(kept.sets[0], faithfulness=share), kept) is verdict


def test_a_run_leaves_page_figure_summary_and_rows(model: Model, task: CollectedTask, tmp_path: Path) -> None:
    settings = SetSettings(edit=ABLATE, all_but=True)
    result = patch_sets(model, task, GreedyHeads(most=3), settings)
    place = save_sets(result, model=model, task=task, out=tmp_path / "run")
    files = {"report.html", "sets.png", "summary.json", "manifest.json"}
    files |= {f"{name}.parquet" for name in ("rows", "beside", "controls")}
    assert {path.name for path in place.iterdir()} == files
    summary = json.loads((place / "summary.json").read_text())
    assert summary["finding"]["set"] == "greedy 2"
    assert [one["heads"] for one in summary["sets"]] == [["L1H2"], ["L0H1", "L1H2"]]
    assert summary["sets"][1]["faithfulness"]["value"] == pytest.approx(1, abs=1e-5)
    assert [one["head"] for one in summary["selection"]["ranked"]] == ["L1H2", "L0H1"]
    assert summary["settings"]["sets"] == {"greedy": 3, "min_gain": 0.01}
    manifest = json.loads((place / "manifest.json").read_text())
    assert manifest["configuration"]["patch"] == summary["settings"]
    page = (place / "report.html").read_text()
    assert "What each set keeps alone" in page
    assert "How the heads were chosen" in page
    assert "NaN" not in page


def test_the_page_of_given_sets_shows_every_control_and_what_heads_do_together(
    masked: SetResult, model: Model, task: CollectedTask, tmp_path: Path
) -> None:
    page = (save_sets(masked, model=model, task=task, out=tmp_path / "run") / "report.html").read_text()
    for words in ("<code>distance</code>", "<code>mass</code>", "<code>random_heads</code>", "Together, more"):
        assert words in page


def test_the_table_fits_a_terminal(masked: SetResult, kept: SetResult) -> None:
    for result in (masked, kept):
        console = Console(width=80, record=True, file=io.StringIO())
        console.print(sets_table(result, model="m", task="t"))
        console.print(sets_text(result))
        text = console.export_text()
        assert "circuit: L0H1 L1H2" in " ".join(text.split())
        assert max(map(len, text.splitlines())) <= 80


def test_whatever_changes_results_changes_the_record() -> None:
    edit = PatchSettings()
    choice = GivenSets(sets=(CIRCUIT,))
    records = [
        set_settings_record(SetSettings(edit=edit), choice),
        set_settings_record(SetSettings(edit=edit, all_but=True), choice),
        set_settings_record(SetSettings(edit=edit, draws=3), choice),
        set_settings_record(SetSettings(edit=PatchSettings(strength=0.5)), choice),
        set_settings_record(SetSettings(edit=edit), GivenSets(sets=(IDLE,))),
        set_settings_record(SetSettings(edit=edit), GreedyHeads(most=2)),
        set_settings_record(SetSettings(edit=edit), GreedyHeads(most=2, min_gain=0.5)),
    ]
    assert len({json.dumps(record, sort_keys=True) for record in records}) == len(records)
