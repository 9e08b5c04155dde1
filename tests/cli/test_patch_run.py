"""`attnprobe patch` end to end on a tiny model: what it prints, writes and promises."""

import getpass
import hashlib
import io
import json
import platform
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from attnprobe.cli import patch_run
from attnprobe.errors import RunError
from attnprobe.report.finding import rules_record
from attnprobe.runs import Manifest, default_place
from attnprobe.version import VERSION
from tests.cli.conftest import Finished, Run

FILES = {
    "report.html", "heads.png", "intervals.png", "summary.json", "rows.parquet", "tokens.parquet", "controls.parquet",
    "manifest.json",
}  # fmt: skip
QUICK = ("--heads", "L0H0", "-n", "2")


def test_a_run_prints_table_answer_and_where_its_files_are(finished: Finished) -> None:
    out = finished.outcome.out

    assert (finished.outcome.code, finished.outcome.err) == (0, "")
    assert out.startswith("mask · PATH/TO/tiny-llama · n = 10")
    assert "Does masking (strength 0.5) one head's attention to the gold source words" in out
    assert f"Report: attnprobe-runs/{finished.results.name}/report.html\n" in out
    assert {path.name for path in finished.results.iterdir()} == FILES
    assert all(name in out for name in FILES)


def test_files_agree_with_each_other(finished: Finished) -> None:
    results = finished.results
    summary = json.loads((results / "summary.json").read_text())
    rows = pq.read_table(results / "rows.parquet").to_pandas()
    tokens = pq.read_table(results / "tokens.parquet").to_pandas()
    manifest = json.loads((results / "manifest.json").read_text())

    assert [row["head"] for row in summary["heads"]] == [f"L{layer}H{head}" for layer in range(3) for head in range(4)]
    for row in summary["heads"]:
        effects = rows.loc[rows["head"] == row["head"], "effect"]
        assert len(effects) == summary["n"] == 10
        assert row["effect"] == pytest.approx(effects.mean())
    # three of the six gold words of each example have sources
    assert tokens["scored"].sum() == 3 * 10
    assert summary["clean"]["value"] == pytest.approx(
        tokens.loc[tokens["scored"]].groupby("example")["clean"].mean().mean()
    )
    assert manifest["files"].keys() == FILES - {"manifest.json"}
    for name, digest in manifest["files"].items():
        assert hashlib.sha256((results / name).read_bytes()).hexdigest() == digest


def test_json_is_the_summary_and_nothing_else(patch: Run, tmp_path: Path) -> None:
    outcome = patch("--json", "--out", "results", *QUICK)

    assert outcome.err == ""
    assert outcome.out == (tmp_path / "results" / "summary.json").read_text()
    assert json.loads(outcome.out)["command"] == "patch"


def test_quiet_is_the_answer_alone(patch: Run) -> None:
    outcome = patch("--quiet", *QUICK)

    assert "Head" not in outcome.out.split()
    assert outcome.out.startswith("Does masking")


def test_the_same_configuration_gives_the_same_bytes_again(finished: Finished, run: Run, tmp_path: Path) -> None:
    """Here and now, by a model loaded anew, into another directory."""
    assert run(*finished.words, "--out", "other").code == 0
    first = {path.name: path.read_bytes() for path in finished.results.iterdir()}
    again = {path.name: path.read_bytes() for path in (tmp_path / "other").iterdir()}

    # times stand in the manifest, and the command, which names the directory, on the page too
    changing = {"manifest.json", "report.html"}
    assert again.keys() == first.keys() == FILES
    assert {name: again[name] for name in FILES - changing} == {name: first[name] for name in FILES - changing}


def test_the_same_configuration_may_run_again_in_its_place(patch: Run, tmp_path: Path) -> None:
    for _ in range(2):
        assert patch("--out", "results", *QUICK).code == 0

    assert {path.name for path in (tmp_path / "results").iterdir()} == FILES


def test_whatever_changes_results_changes_the_directory(patch: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    places: list[Path] = []

    def note(manifest: Manifest) -> Path:
        places.append(default_place(manifest))
        raise RunError("far enough")

    monkeypatch.setattr(patch_run, "default_place", note)
    for words in (
        [],
        ["--seed", "1"],
        ["--keys", "premise"],
        ["-n", "9"],
        ["--strength", "0.5"],
        ["--batch-size", "8"],
    ):
        assert patch(*words).error == "far enough"
    assert len(set(places)) == 6

    # an option set to its default is the same configuration, and so are options about what is shown
    for words in (["--strength", "1.0", "--keys", "source_word", "--heads", "all"], ["--json"], ["--quiet"]):
        assert patch(*words).error == "far enough"
    assert places[6:] == [places[0]] * 3


def test_the_manifest_tells_everything_but_who_and_where(finished: Finished) -> None:
    text = (finished.results / "manifest.json").read_text()
    manifest = json.loads(text)
    configuration, resolved = manifest["configuration"], manifest["arguments"]["resolved"]

    assert manifest["state"] == "finished"
    assert manifest["environment"]["attnprobe"]["version"] == VERSION
    assert configuration["model"]["name"] == "PATH/TO/tiny-llama"
    assert configuration["model"]["revision"].startswith("sha256:")
    assert configuration["model"]["architecture"] == "LlamaForCausalLM"
    assert configuration["model"]["backend"] == "native"
    assert configuration["model"]["settings"]["dtype"] == "float32"
    assert configuration["task"]["examples"] == 10
    assert configuration["patch"]["strength"] == 0.5
    assert manifest["arguments"]["given"] == {
        "--model": "PATH/TO/tiny-llama",
        "--strength": "0.5",
        "--task": "jsonl",
        "--task-file": "PATH/TO/made-up.jsonl",
    }
    assert {name: resolved[name] for name in ("backend", "dtype", "device", "queries", "control", "seed", "n")} == {
        "backend": "native",
        "dtype": "float32",
        "device": "cpu",
        "queries": "predicting",
        "control": "random_keys",
        "seed": 0,
        "n": 10,
    }
    assert manifest["repeat"] == (
        "attnprobe patch --model PATH/TO/tiny-llama --task jsonl --task-file PATH/TO/made-up.jsonl --strength 0.5"
    )
    assert manifest["rules"] == rules_record()
    assert platform.node() not in text
    assert f'"{getpass.getuser()}"' not in text


def test_results_name_no_directory_of_the_machine(finished: Finished, model_directory: str, task_file: str) -> None:
    places = [str(place).encode() for place in (finished.place, Path(model_directory).parent, Path(task_file).parent)]

    for path in finished.results.iterdir():
        assert not any(place in path.read_bytes() for place in places), path.name


def test_a_place_below_the_working_directory_is_told_from_there(patch: Run, tmp_path: Path) -> None:
    outcome = patch("--out", str(tmp_path / "deep" / "results"), *QUICK)

    assert "Report: deep/results/report.html\n" in outcome.out
    manifest = json.loads((tmp_path / "deep" / "results" / "manifest.json").read_text())
    assert manifest["arguments"]["given"]["--out"] == "deep/results"


@pytest.mark.parametrize(
    "words",
    [
        ("--intervention", "ablate", "--ablation", "mean"),
        ("--intervention", "ablate", "--ablation", "resample", "--metric", "kl"),
        ("--intervention", "scale", "--factor", "0.5", "--queries", "middle"),
        ("--keys", "middle", "--queries", "all", "--control", "none"),
        ("--keys", "token_match", "--control", "distance"),
        ("--control", "mass", "--strength", "0.9"),
    ],
)
def test_other_interventions_run_to_the_end(patch: Run, tmp_path: Path, words: tuple[str, ...]) -> None:
    outcome = patch(*words, "--out", "results", "--heads", "L0H0,L2H3", "-n", "8")

    assert outcome.err == ""
    assert outcome.code == 0
    assert {path.name for path in (tmp_path / "results").iterdir()} == FILES


def test_an_interrupt_while_measuring_leaves_nothing_behind(
    patch: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        assert (tmp_path / "results" / "manifest.json").exists()
        raise KeyboardInterrupt

    monkeypatch.setattr(patch_run, "patch_heads", interrupt)

    assert patch("--out", "results").code == 130
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("words", "shown"), [((), b"L0H0"), (("--json",), b'"L0H0"')])
def test_a_terminal_that_knows_no_minus_sign_does_not_end_the_run(
    patch: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: tuple[str, ...], shown: bytes
) -> None:
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", narrow)
    outcome = patch("--out", "results", *QUICK, *words)

    narrow.flush()
    printed = narrow.buffer.getvalue()  # type: ignore[attr-defined]
    assert outcome.code == 0
    assert shown in printed
    if words:
        assert json.loads(printed) == json.loads((tmp_path / "results" / "summary.json").read_text())
