"""`attnprobe steer` end to end: what it prints and writes, and what it refuses."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

QUICK = ("--hops", "1", "--distractors", "none", "-n", "2")


def test_a_run_prints_tables_answer_and_where_its_files_are(run: Run, tmp_path: Path) -> None:
    outcome = run("steer", *QUICK, "--out", "results")

    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith("steer · zoo:elimination-144k\n")
    assert "edited − random keys" in outcome.out
    assert "With attention of L1H2 to source_word masked" in outcome.out
    assert {path.name for path in (tmp_path / "results").iterdir()} == {
        "report.html", "steer.png", "summary.json", "items.parquet", "manifest.json",
    }  # fmt: skip
    manifest = json.loads((tmp_path / "results" / "manifest.json").read_text())
    assert manifest["command"] == "steer"
    assert "--heads" not in manifest["repeat"]
    assert "hold" in run("steer", *QUICK, "--seed", "1", "--out", "results").error


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--intervention", "transplant"), "needs a donor"),
        (("--intervention", "ablate", "--mass", "0.5"), "--mass acts with --intervention force alone"),
        (("--intervention", "scale", "--static"), "--dynamic acts with --intervention mask or force alone"),
        (("--steps", "first"), "whole numbers"),
        (("--heads", "x"), "such as L5H3"),
        (("--heads", "L9H9", *QUICK), "do not exist"),
        (("--keys", "nothing", *QUICK), "no such span"),
        (("--intervention", "mend"), "expected one of mask, force"),
    ],
)
def test_mistakes_cost_one_line(run: Run, words: tuple[str, ...], message: str) -> None:
    assert message in run("steer", *words).error
