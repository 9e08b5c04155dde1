"""`attnprobe verdict` as a user calls it: what it says, what it leaves, and how mistakes are answered."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.circuits_lookup import BROKEN_VALUES, CAUSAL, FAILING, READER, SOUND, Circuit, lookup_gpt2
from tests.cli.conftest import Outcome, Run, as_line
from tests.lookup_texts import lookup_task, lookup_tokenizer

FILES = {
    "report.html", "verdict.png", "summary.json", "tests.parquet", "rows.parquet", "heads.parquet", "doses.png",
    "doses.parquet", "proofs.parquet", "manifest.json",
}  # fmt: skip
N = 32


@pytest.fixture
def words(tmp_path: Path) -> tuple[str, ...]:
    lookup_gpt2(CAUSAL).save_pretrained(tmp_path / "lookup")
    lookup_tokenizer().save_pretrained(tmp_path / "lookup")
    lines = [as_line(example) + "\n" for example in lookup_task(N).examples]
    (tmp_path / "task.jsonl").write_text("".join(lines), encoding="utf-8")
    return ("verdict", "--model", "lookup", "--task", "jsonl", "--task-file", "task.jsonl")


def test_it_says_four_verdicts_and_leaves_a_page_and_the_tables_behind_it(run: Run, words: tuple[str, ...]) -> None:
    outcome: Outcome = run(*words, "--out", "found", "--heads", "L1H0")
    assert (outcome.code, outcome.err) == (0, "")
    assert "Does attention to the gold source keys cause right proofs?" in outcome.out
    for test in ("association", "necessity", "sufficiency", "mediation"):
        assert test in outcome.out
    written = {path.name for path in Path("found").iterdir()}
    assert written <= FILES
    assert FILES - written <= {"doses.png", "doses.parquet"}
    summary = json.loads(Path("found/summary.json").read_text())
    assert summary["tests"]["necessity"]["verdict"] == "supported"
    assert summary["heads"]["chosen"] == ["L1H0"]
    tests = pq.read_table("found/tests.parquet").to_pandas()
    assert set(tests["test"]) <= set(summary["tests"])
    manifest = json.loads(Path("found/manifest.json").read_text())
    assert manifest["rules"]["minimum"]["nats"] == 0.1
    assert manifest["rules"]["control"]["necessity"] == "random_keys"
    page = Path("found/report.html").read_text()
    assert "Four tests, four verdicts" in page
    assert "What could not be tested, and why" in page


@pytest.mark.parametrize(("recipient", "expected"), [(FAILING, "supported"), (BROKEN_VALUES, "contradicted")])
def test_a_donor_s_patterns_have_a_line_of_their_own(
    run: Run, words: tuple[str, ...], recipient: Circuit, expected: str
) -> None:
    for name, circuit in (("lookup", recipient), ("donor", SOUND)):
        lookup_gpt2(circuit).save_pretrained(name)
        lookup_tokenizer().save_pretrained(name)
    outcome = run(*words, "--out", "found", "--heads", str(READER), "--donor", "donor", "--no-answers")
    assert (outcome.code, outcome.err) == (0, "")
    (line,) = (line for line in outcome.out.splitlines() if line.strip().startswith("donor"))
    assert expected in line


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("--heads", "best"), "--heads 'best': expected aligned, strongest, all, or heads such as L1H2,L0H1."),
        (("--preset", "slow"), "--preset 'slow': expected one of quick, full."),
        (("--dose", "0.3"), "dose 0.3: expected one of the doses, 0.25, 0.5, 0.75."),
        (("--no-answers", "--correctness", "strict"), "--correctness with --no-answers: no proof is written"),
        (("--heads", "all", "--margin", "0.2"), "--margin acts where heads are chosen"),
        (("--margin", "2"), "margin 2.0: expected a share of attention mass in (0, 1)."),
        (("--min-auroc", "0.4"), "minimum AUROC 0.4: expected a number above .5 and below 1."),
    ],
)
def test_what_has_no_meaning_is_answered_by_one_line(run: Run, given: tuple[str, ...], message: str) -> None:
    assert message in run("verdict", *given).error
