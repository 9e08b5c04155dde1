"""The causality experiment: committed results are what its code makes of committed rows; a tiny run from the start."""

import json
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from attnprobe.runs import json_bytes, plain
from attnprobe.tasks.prontoqa.asked import SIX_RULES
from experiments.causality.measure import settings_of, stored_record
from experiments.causality.problems import problems_of, rule_of, small
from experiments.causality.run import main
from experiments.causality.tables import Frames, contrasts_of, records_of, verdict_of
from experiments.causality.words import markdown

HERE = Path(__file__).parents[2] / "experiments" / "causality"
ROWS, TABLES = HERE / "results" / "rows", HERE / "results" / "tables"
CONFIG: dict[str, Any] = tomllib.loads((HERE / "config.toml").read_text())

pytestmark = pytest.mark.usefixtures("without_shape_checks")


def test_every_rule_has_as_many_problems_and_none_is_there_twice() -> None:
    examples = problems_of(small(CONFIG)).examples
    assert Counter(rule_of(example.id) for example in examples) == dict.fromkeys(SIX_RULES, 12)
    assert len({example.id for example in examples}) == len(examples)


def test_committed_contrasts_of_a_model_are_what_the_rows_give() -> None:
    summary = json.loads((TABLES / "summary.json").read_text())
    asked = CONFIG["asked"][-1]
    model = CONFIG["models"]["names"][1]
    kept = [row for row in summary["contrasts"] if (row["model"], row["asked"]) == (model, asked["name"])]
    assert json.loads(json_bytes(plain(list(records_of(ROWS, model, asked))))) == kept


@pytest.mark.parametrize("asked", CONFIG["asked"], ids=lambda asked: asked["name"])
def test_what_the_rows_give_is_what_the_verdict_said(asked: dict[str, Any]) -> None:
    model = CONFIG["models"]["names"][2]
    said = stored_record(ROWS, model, asked["name"])["verdicts"]
    found = contrasts_of(Frames.of(ROWS, f"{model}_{asked['name']}"), settings_of(asked))
    for question, contrasts in found.items():
        assert verdict_of(question, contrasts).value == said[question.value]


def test_committed_tables_are_the_words_of_the_committed_records() -> None:
    summary = json.loads((TABLES / "summary.json").read_text())
    table = markdown(CONFIG, summary["contrasts"], summary["asked"], summary["transplants"])
    assert (TABLES / "table.md").read_text() == table


def test_the_readme_s_verdicts_on_necessity_are_those_of_the_records() -> None:
    summary = json.loads((TABLES / "summary.json").read_text())
    lines = (HERE / "README.md").read_text().splitlines()
    for model in CONFIG["models"]["names"]:
        line = next(line for line in lines if line.startswith(f"| {model.removeprefix('pronto-')} |"))
        # `\|` stands between the two numbers of a cell
        cells = line.replace(r"\|", "/").split("|")[2:-1]
        for cell, asked in zip(cells, CONFIG["asked"], strict=True):
            (row,) = (row for row in summary["asked"] if (row["model"], row["asked"]) == (model, asked["name"]))
            assert row["verdicts"]["necessity"] in cell, (model, asked["name"])


@pytest.mark.slow
def test_a_tiny_run_measures_goes_on_and_tabulates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "config.toml"
    path.write_text(
        """
[problems]
each_rule = 6
hops = [1]
distractors = ["none"]
side = "test"
seed = 3
[models]
names = ["pronto-35k"]
[[asked]]
name = "aligned_premise"
says = "heads aligned with the premise"
choice = "aligned"
keys = "premise"
[transplant]
base = "pronto-144k-untaught"
donor = "pronto-144k-taught"
rules = ["proof_by_contradiction"]
n = 2
"""
    )
    words = ["--config", str(path), "--out", str(tmp_path / "out")]
    assert main([*words, "--models", "pronto-35k"]) == 0
    record = (tmp_path / "out" / "rows" / "pronto-35k_aligned_premise.json").read_bytes()
    assert main(words) == 0
    assert "proof by contradiction | repair" in capsys.readouterr().out
    assert (tmp_path / "out" / "rows" / "pronto-35k_aligned_premise.json").read_bytes() == record
    assert {path.name for path in (tmp_path / "out" / "tables").iterdir()} == {
        "manifest.json",
        "summary.json",
        "contrasts.parquet",
        "table.md",
        "necessity.png",
    }


def test_a_directory_of_another_configuration_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "mine.txt").write_text("not a run")
    assert main(["--out", str(tmp_path)]) == 2
    assert "is not empty and not a run of attnprobe" in capsys.readouterr().err
