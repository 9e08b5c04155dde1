"""The alignment experiment: committed results are what its code makes of committed rows; a tiny run from the start."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from attnprobe.runs import json_bytes, plain
from attnprobe.tasks.prontoqa import examples
from experiments.alignment.measure import problems_of, stored
from experiments.alignment.run import main
from experiments.alignment.tables import Found, of_model, record_of
from experiments.alignment.words import markdown

HERE = Path(__file__).parents[2] / "experiments" / "alignment"
ROWS, TABLES = HERE / "results" / "rows", HERE / "results" / "tables"
CONFIG: dict[str, Any] = tomllib.loads((HERE / "config.toml").read_text())

pytestmark = pytest.mark.usefixtures("without_shape_checks", "without_foils")


@pytest.fixture
def without_foils(monkeypatch: pytest.MonkeyPatch) -> None:
    """Problems without foils and corruptions: no score looks at them, and drawing them is most of the time."""
    monkeypatch.setattr(examples, "corruptions_of", lambda *_: ())
    monkeypatch.setattr(examples, "foils_of", lambda *_: ())


def config_of(*, models: int, scorings: tuple[str, ...], **problems: Any) -> dict[str, Any]:
    """The configuration with fewer models and scorings, and other problems."""
    return {
        **CONFIG,
        "problems": {**CONFIG["problems"], **problems},
        "models": {"names": CONFIG["models"]["names"][:models]},
        "scoring": [scoring for scoring in CONFIG["scoring"] if scoring["name"] in scorings],
    }


def test_no_problem_is_given_to_two_models_and_every_kind_is_there() -> None:
    config = config_of(models=2, scorings=(), questions=1)
    tasks = [problems_of(config, name) for name in config["models"]["names"]]
    assert [len(task.examples) for task in tasks] == [28, 28]
    assert len({example.id for task in tasks for example in task.examples}) == 56
    first, second = ({(example.prompt, example.gold) for example in task.examples} for task in tasks)
    # some kinds of problem are few; hardly any is drawn twice
    assert len(first & second) <= 3


def test_committed_records_of_models_are_what_the_rows_give() -> None:
    config = config_of(models=1, scorings=("direct_source_word", "paper"))
    name, scorings = config["models"]["names"][0], [scoring["name"] for scoring in config["scoring"]]
    task = problems_of(config, name)
    results = {scoring: of_model(config, ROWS, scoring, name, task) for scoring in scorings}
    found = [
        record_of(Found(scoring=scoring, scope="model", name=name, result=result))
        for scoring, result in results.items()
    ]
    summary = json.loads((TABLES / "summary.json").read_text())
    kept = {(row["scoring"], row["scope"], row["name"]): row for row in summary["associations"]}
    assert [row["scoring"] for row in found] == ["direct_source_word", "paper"]
    for row in json.loads(json_bytes(plain(found))):
        assert kept[row["scoring"], row["scope"], row["name"]] == row


def test_committed_tables_are_the_words_of_the_committed_records() -> None:
    summary = json.loads((TABLES / "summary.json").read_text())
    table = markdown(CONFIG, summary["associations"], summary["across_models"])
    assert (TABLES / "table.md").read_text() == table
    heads = pd.read_parquet(TABLES / "heads.parquet")
    assert set(heads["model"]) == set(CONFIG["models"]["names"])
    assert set(heads["scoring"]) == {scoring["name"] for scoring in CONFIG["scoring"]}


def test_the_readme_s_verdict_is_that_of_the_records() -> None:
    summary = json.loads((TABLES / "summary.json").read_text())
    first = next(row for row in summary["associations"] if row["scope"] == "all")
    assert first["scoring"] == CONFIG["scoring"][0]["name"]
    assert f"**Verdict: {first['verdict']}.**" in (HERE / "README.md").read_text()


def test_a_tiny_run_measures_and_tabulates_with_one_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "config.toml"
    path.write_text(
        """
[problems]
questions = 2
hops = [1]
distractors = ["none"]
side = "test"
seed = 3
[models]
names = ["pronto-35k", "pronto-65k"]
[association]
measure = "contain"
minimum_auroc = 0.6
[[scoring]]
name = "direct_source_word"
says = "mass on the source word"
[[scoring]]
name = "paper"
says = "the paper's own"
protocol = "paper"
"""
    )
    words = ["--config", str(path), "--out", str(tmp_path / "out")]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "mass on the source word" in printed
    rows = tmp_path / "out" / "rows"
    assert len(stored(rows, "pronto-35k", "answers")) == 12
    before = {path.name: path.read_bytes() for path in (tmp_path / "out" / "tables").iterdir()}
    assert set(before) == {"manifest.json", "summary.json", "heads.parquet", "table.md", "association.png"}
    assert main([*words, "--rows", str(rows)]) == 0
    for name in ("summary.json", "heads.parquet", "table.md"):
        assert (tmp_path / "out" / "tables" / name).read_bytes() == before[name]


def test_a_directory_of_another_configuration_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "mine.txt").write_text("not a run")
    assert main(["--out", str(tmp_path)]) == 2
    assert "is not empty and not a run of attnprobe" in capsys.readouterr().err
