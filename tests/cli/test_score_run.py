"""`attnprobe score` end to end on a tiny model, and once on the model that ships with the package."""

import csv
import hashlib
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from attnprobe.cli import score_run
from attnprobe.cli.console import quiet_libraries
from attnprobe.errors import RunError
from attnprobe.models.language_model import LanguageModel, load_language_model
from attnprobe.report.score_finding import score_rules_record
from attnprobe.runs import Manifest, default_place
from tests.cli.conftest import Finished, Outcome, Run, carry_out

FILES = {
    "report.html", "scores.png", "differences.png", "pattern.png", "links.png", "text.png", "summary.json",
    "rows.parquet", "tokens.parquet", "keys.parquet", "manifest.json",
}  # fmt: skip
ASSOCIATION = {"correctness.png", "association.parquet", "association_heads.parquet"}
CATEGORIES = {
    "categories.png", "next_category.png", "categories.parquet", "category_rows.parquet", "next_rows.parquet",
    "spans.png", "spans.parquet", "span_rows.parquet", "sentences.parquet", "sentence_rows.parquet",
    "licensing_rows.parquet",
}  # fmt: skip


@pytest.fixture(scope="module")
def finished_score(model_directory: str, task_file: str, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """One run of the whole command, nothing replaced."""
    words = ("score", "--model", model_directory, "--task", "jsonl", "--task-file", task_file, "--seed", "3")
    return carry_out(words, tmp_path_factory.mktemp("scored"))


@pytest.fixture(scope="session")
def language_model(model_directory: str) -> LanguageModel:
    with quiet_libraries():
        return load_language_model(model_directory)


@pytest.fixture
def score(
    run: Run, language_model: LanguageModel, model_directory: str, task_file: str, monkeypatch: pytest.MonkeyPatch
) -> Run:
    """Call `attnprobe score` on the tiny model and the made-up task, with further words."""
    monkeypatch.setattr(score_run, "load_language_model", lambda source, **options: language_model)

    def call(*words: str) -> Outcome:
        return run("score", "--model", model_directory, "--task", "jsonl", "--task-file", task_file, *words)

    return call


def names(place: Path) -> set[str]:
    return {path.name for path in place.iterdir()}


def test_a_run_prints_table_answer_and_where_its_files_are(finished_score: Finished) -> None:
    out = finished_score.outcome.out

    assert (finished_score.outcome.code, finished_score.outcome.err) == (0, "")
    assert out.startswith("score · PATH/TO/tiny-llama · n = 10")
    assert "Is there more attention on the gold source words than chance puts there?" in out
    assert f"Report: attnprobe-runs/{finished_score.results.name}/report.html\n" in out
    assert names(finished_score.results) == FILES
    assert all(name in out for name in FILES)


def test_files_agree_with_each_other(finished_score: Finished) -> None:
    results = finished_score.results
    summary = json.loads((results / "summary.json").read_text())
    rows = pq.read_table(results / "rows.parquet").to_pandas()
    manifest = json.loads((results / "manifest.json").read_text())

    assert [row["label"] for row in summary["heads"]] == [f"L{layer}H{head}" for layer in range(3) for head in range(4)]
    for row in summary["heads"]:
        scores = rows.loc[rows["head"] == row["label"], "score"]
        assert len(scores) == summary["n"] == 10
        assert row["score"]["value"] == pytest.approx(scores.mean())
    assert summary["overall"]["score"]["value"] == pytest.approx(rows.groupby("head")["score"].mean().mean())
    assert manifest["files"].keys() == FILES - {"manifest.json"}
    for name, digest in manifest["files"].items():
        assert hashlib.sha256((results / name).read_bytes()).hexdigest() == digest
    assert manifest["rules"] == score_rules_record()
    assert manifest["configuration"]["score"] == summary["settings"]
    assert manifest["repeat"].startswith("attnprobe score --model PATH/TO/tiny-llama")


def test_the_same_configuration_gives_the_same_bytes_again(finished_score: Finished, run: Run, tmp_path: Path) -> None:
    assert run(*finished_score.words, "--out", "other").code == 0
    first = {path.name: path.read_bytes() for path in finished_score.results.iterdir()}
    again = {path.name: path.read_bytes() for path in (tmp_path / "other").iterdir()}

    # times stand in the manifest, and the command, which names the directory, on the page too
    kept = FILES - {"manifest.json", "report.html"}
    assert again.keys() == first.keys()
    assert {name: again[name] for name in kept} == {name: first[name] for name in kept}


def test_results_name_no_directory_of_the_machine(finished_score: Finished, model_directory: str) -> None:
    places = [str(place).encode() for place in (finished_score.place, Path(model_directory).parent)]

    for path in finished_score.results.iterdir():
        assert not any(place in path.read_bytes() for place in places), path.name


def test_json_is_the_summary_and_nothing_else(score: Run, tmp_path: Path) -> None:
    outcome = score("--json", "--out", "results", "-n", "2", "--layers", "last", "--normalise", "samrank")
    summary = json.loads(outcome.out)

    assert outcome.err == ""
    assert outcome.out == (tmp_path / "results" / "summary.json").read_text()
    assert summary["settings"]["layers"] == [2]
    assert summary["settings"]["first_key"] == "first_token"
    assert {row["layer"] for row in summary["heads"]} == {2}


def test_quiet_is_the_answer_alone(score: Run) -> None:
    outcome = score("--quiet", "-n", "2")

    assert outcome.out.startswith("Is there more attention on")
    assert "Report:" not in outcome.out


def test_everything_that_can_be_asked_beside_leaves_its_files(score: Run, tmp_path: Path) -> None:
    outcome = score("--categories", "textblob", "--correctness", "exact", "--out", "results", "--keys", "middle")
    summary = json.loads((tmp_path / "results" / "summary.json").read_text())

    assert outcome.err == ""
    assert names(tmp_path / "results") >= FILES | ASSOCIATION | CATEGORIES
    assert summary["association"]["n_correct"] == 0
    assert "All 10 answers are wrong (exact)" in " ".join(outcome.out.split())
    assert summary["categories"]["tagger"]
    assert summary["spans"]["spans"]
    manifest = json.loads((tmp_path / "results" / "manifest.json").read_text())
    assert manifest["configuration"]["score"]["correctness"] == "exact"
    assert manifest["rules"]["association"]["minimum_auroc"] == 0.55
    assert manifest["arguments"]["resolved"]["categories"] == summary["categories"]["tagger"]


def test_the_papers_protocol_on_a_csv_has_mean_std_and_n_at_the_top(
    run: Run, language_model: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(score_run, "load_language_model", lambda source, **options: language_model)
    with (tmp_path / "rows.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["input", "label"])
        writer.writerows([[f"Q: w1 w{k} w3 Prove: w4\nA:", f" w{k} w3"] for k in range(5, 9)])
    outcome = run(
        "score", "--task", "csv", "--task-file", "rows.csv", "--protocol", "paper", "--out", "results", "--json"
    )
    summary = json.loads(outcome.out)
    rows = pq.read_table(tmp_path / "results" / "rows.parquet").to_pandas()

    assert names(tmp_path / "results") == {
        "report.html", "scores.png", "summary.json", "rows.parquet", "tokens.parquet", "manifest.json",
    }  # fmt: skip
    assert summary["n"] == len(rows) == 4
    assert summary["mean"] == pytest.approx(rows["score"].mean())
    assert summary["std"] == pytest.approx(rows["score"].std(ddof=0))


def test_whatever_changes_results_changes_the_directory(score: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    places: list[Path] = []

    def note(manifest: Manifest) -> Path:
        places.append(default_place(manifest))
        raise RunError("far enough")

    monkeypatch.setattr(score_run, "default_place", note)
    for words in (
        [],
        ["--seed", "1"],
        ["--keys", "premise"],
        ["-n", "9"],
        ["--normalise", "rank"],
        ["--layers", "0"],
        ["--protocol", "paper"],
        ["--categories", "textblob"],
        ["--correctness", "exact"],
    ):
        assert score(*words).error == "far enough"
    assert len(set(places)) == 9

    for words in (["--layers", "all", "--keys", "source_word", "--impl", "auto"], ["--json"], ["--quiet"]):
        assert score(*words).error == "far enough"
    assert places[9:] == [places[0]] * 3


def test_mistakes_that_only_the_model_or_the_task_show_leave_nothing_behind(score: Run, tmp_path: Path) -> None:
    assert "there is no 7" in score("--layers", "7").error
    assert "'nowhere'" in score("--keys", "nowhere").error
    assert "not made of proofs" in score("--correctness", "strict").error
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_while_scoring_leaves_nothing_behind(
    score: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(score_run, "score_gold_tokens", interrupt)

    assert score("--out", "results").code == 130
    assert list(tmp_path.iterdir()) == []


def test_with_no_options_the_model_that_ships_is_scored_and_asked(run: Run, tmp_path: Path) -> None:
    outcome = run("score", "-n", "12", "--out", "results", "--categories", "auto")
    summary = json.loads((tmp_path / "results" / "summary.json").read_text())

    assert outcome.code == 0
    assert names(tmp_path / "results") == FILES | ASSOCIATION | CATEGORIES | {"licensing.png"}
    assert "L1H2" in summary["standing_out"]
    # it is named for being right on some and wrong on others
    assert 0 < summary["association"]["n_correct"] < 12
    assert summary["categories"]["tagger"].startswith("grammar")
    assert summary["spans"]["licensing_overall"] is not None
