"""`attnprobe attribute` end to end on a tiny model: what it prints, writes and promises."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from attnprobe.cli import attribute_run
from attnprobe.models.model import Model
from attnprobe.report.attribution_words import rules_record
from tests.cli.conftest import Run

SHARED = {"report.html", "summary.json", "manifest.json"}


@pytest.fixture
def attribute(run: Run, loaded: Model, model_directory: str, task_file: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Call `attnprobe attribute` on the tiny model and two made-up examples, with further words."""
    monkeypatch.setattr(attribute_run, "load_model", lambda source, **options: loaded)
    words = ("--model", model_directory, "--task", "jsonl", "--task-file", task_file)
    return lambda *more: run("attribute", *words, "--metric", "gold_logprob", "-n", "2", *more)


@pytest.mark.parametrize(
    ("words", "files", "said"),
    [
        ((), {"rows.parquet", "heads.png", "scatter.png"}, "Can first-order scores of heads be read as their effects"),
        (
            ("--target", "edges", "--top", "3", "--confirm", "2"),
            {"edges.parquet", "heads.png", "scatter.png"},
            "Can first-order scores of attention edges be read as their effects here?",
        ),
        (
            ("--target", "paths", "--sender", "L0H1", "--receiver", "L1H0,L2H3"),
            {"paths.parquet", "paths.png"},
            "By which path does ablating a head act on",
        ),
    ],
    ids=["heads", "edges", "paths"],
)
def test_each_target_prints_its_answer_and_leaves_its_files(
    attribute: Run, tmp_path: Path, words: tuple[str, ...], files: set[str], said: str
) -> None:
    outcome = attribute("--out", "results", *words)

    assert (outcome.code, outcome.err) == (0, "")
    assert said in " ".join(outcome.out.split())
    assert {path.name for path in (tmp_path / "results").iterdir()} == SHARED | files
    summary = json.loads((tmp_path / "results" / "summary.json").read_text())
    manifest = json.loads((tmp_path / "results" / "manifest.json").read_text())
    page = (tmp_path / "results" / "report.html").read_text()
    assert summary["command"] == manifest["command"] == "attribute"
    assert manifest["rules"] == rules_record()
    assert summary["finding"]["question"] in page
    assert str(tmp_path) not in page + json.dumps(manifest) + json.dumps(summary)


def test_files_agree_with_each_other(attribute: Run, tmp_path: Path) -> None:
    assert attribute("--out", "heads").code == 0
    summary = json.loads((tmp_path / "heads" / "summary.json").read_text())
    rows = pq.read_table(tmp_path / "heads" / "rows.parquet").to_pandas()
    assert len(rows) == 2 * len(summary["heads"]) == 2 * 12
    for head in summary["heads"]:
        own = rows[rows["head"] == head["head"]]
        assert head["score"] == pytest.approx(own["score"].mean())
        assert head["exact"] == pytest.approx(own["exact"].mean())
    assert summary["settings"] == {
        "target": "heads",
        "intervention": "mask",
        "keys": "source_word",
        "queries": "predicting",
        "heads": "all",
        "strength": 1.0,
        "empty_row": "raise",
        "metric": "gold_logprob",
        "seed": 0,
        "sweep": "auto",
        "batch_size": 64,
        "approximation": "secant",
        "integrated": 0,
        "confirm": 32,
    }


def test_json_is_the_summary_and_quiet_the_answer(attribute: Run, tmp_path: Path) -> None:
    outcome = attribute("--json", "--out", "results", "--confirm", "0")
    assert outcome.out == (tmp_path / "results" / "summary.json").read_text()
    assert json.loads(outcome.out)["finding"]["trust"] == "undetermined"
    assert attribute("--quiet", "--confirm", "0").out.startswith("Can first-order scores")


def test_the_same_configuration_gives_the_same_bytes_again(attribute: Run, tmp_path: Path) -> None:
    for place in ("one", "other"):
        assert attribute("--target", "edges", "--top", "4", "--confirm", "0", "--out", place).code == 0
    for name in ("summary.json", "edges.parquet", "heads.png"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes(), name


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--target", "circuits"], "--target 'circuits': expected one of heads, edges, paths."),
        (["--metric", "kl"], "metric kl: attribution needs a metric with a first order;"),
        (["--integrated", "-1"], "--integrated '-1': expected a whole number, at least 0."),
        (["--top", "0", "--target", "edges"], "--top '0': expected a whole number, at least 1."),
        (["--confirm", "some"], "--confirm 'some': expected a whole number, at least 0."),
        (["--sender", "L0H0"], "--sender acts with --target paths alone, and this one is heads;"),
        (["--target", "edges", "--heads", "L0H0"], "--heads acts with --target heads alone, and this one is edges;"),
        (["--target", "paths", "--integrated", "4"], "--integrated acts with --target heads or edges alone,"),
        (["--target", "paths", "--inputs", "q,resid"], "--inputs 'resid': expected one of q, k, v, logits."),
        (["--target", "paths", "--sender", "0.1"], "head '0.1': expected a layer and a head counted from 0,"),
        (["--target", "paths", "--sender", "L9H0"], "sender L9H0 does not exist: the model has layers 0 to 2,"),
        (["--target", "paths", "--mlps", "gone"], "--mlps 'gone': expected one of recomputed, frozen."),
        (["--target", "edges", "--intervention", "ablate"], "target edges: an edge is masked, it cannot be ablate;"),
        (["--intervention", "ablate", "--keys", "premise"], "--keys acts with --intervention mask alone,"),
        (["--approximation", "tangent"], "--approximation 'tangent': expected one of secant, derivative."),
        (["--metric", "logit_diff"], "none of its 2 examples can be measured with --intervention mask"),
    ],
)
def test_a_mistake_is_answered_by_one_line(attribute: Run, words: list[str], message: str, tmp_path: Path) -> None:
    assert message in attribute(*words).error
    assert list(tmp_path.iterdir()) == []
