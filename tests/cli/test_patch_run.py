"""`attnprobe patch` end to end on a tiny model: what it prints, writes and promises."""

import getpass
import hashlib
import io
import json
import platform
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from attnprobe.report.finding import rules_record
from attnprobe.version import VERSION
from tests.cli.conftest import Run

FILES = {
    "report.html", "heads.png", "intervals.png", "summary.json", "rows.parquet", "tokens.parquet", "controls.parquet",
    "manifest.json",
}  # fmt: skip


def only_run(directory: Path) -> Path:
    (found,) = (directory / "attnprobe-runs").iterdir()
    return found


def test_a_run_prints_table_answer_and_where_its_files_are(patch: Run, tmp_path: Path) -> None:
    outcome = patch()
    results = only_run(tmp_path)

    assert outcome.code == 0
    assert outcome.err == ""
    assert outcome.out.startswith("mask · PATH/TO/tiny-llama · jsonl/made-up · n = 10")
    assert "Does masking one head's attention to the gold source words lower log p(gold)" in outcome.out
    assert f"Report: attnprobe-runs/{results.name}/report.html\n" in outcome.out
    assert {path.name for path in results.iterdir()} == FILES
    assert all(name in outcome.out for name in FILES)


def test_files_agree_with_each_other(patch: Run, tmp_path: Path) -> None:
    patch("--out", "results")
    results = tmp_path / "results"
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
    outcome = patch("--json")

    assert outcome.err == ""
    assert outcome.out == (only_run(tmp_path) / "summary.json").read_text()
    assert json.loads(outcome.out)["command"] == "patch"


def test_quiet_is_the_answer_alone(patch: Run) -> None:
    outcome = patch("--quiet")

    assert "Head" not in outcome.out.split()
    assert outcome.out.startswith("Does masking")


def test_the_same_configuration_gives_the_same_bytes_again(patch: Run, tmp_path: Path) -> None:
    """Everything but the manifest, whose times tell when it ran; into its own directory and into another."""
    patch()
    results = only_run(tmp_path)
    first = {path.name: path.read_bytes() for path in results.iterdir()}
    patch()
    patch("--out", "other")
    again = {path.name: path.read_bytes() for path in results.iterdir()}
    other = {path.name: path.read_bytes() for path in (tmp_path / "other").iterdir()}

    own = {"manifest.json"}
    assert {name: data for name, data in again.items() if name not in own} == {
        name: data for name, data in first.items() if name not in own
    }
    # the page shows the command, which names the directory
    own |= {"report.html"}
    assert {name: data for name, data in other.items() if name not in own} == {
        name: data for name, data in first.items() if name not in own
    }


def test_whatever_changes_results_changes_the_directory(patch: Run, tmp_path: Path) -> None:
    for words in (
        [],
        ["--seed", "1"],
        ["--keys", "premise"],
        ["-n", "9"],
        ["--strength", "0.5"],
        ["--batch-size", "8"],
    ):
        assert patch("--heads", "L0H0", *words).code == 0
    # an option set to its default is the same configuration
    assert patch("--heads", "L0H0", "--strength", "1.0").code == 0

    assert len(list((tmp_path / "attnprobe-runs").iterdir())) == 6


def test_the_manifest_tells_everything_but_who_and_where(
    patch: Run, tmp_path: Path, model_directory: str, task_file: str
) -> None:
    patch("--heads", "L1H2", "--strength", "0.5", "--out", str(tmp_path / "results"))
    text = (tmp_path / "results" / "manifest.json").read_text()
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
    assert configuration["patch"]["heads"] == ["L1H2"]
    assert manifest["arguments"]["given"] == {
        "--heads": "L1H2",
        "--model": "PATH/TO/tiny-llama",
        "--out": "results",
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
        "attnprobe patch --model PATH/TO/tiny-llama --task jsonl --task-file PATH/TO/made-up.jsonl "
        "--heads L1H2 --strength 0.5 --out results"
    )
    assert manifest["rules"] == rules_record()
    personal = (str(tmp_path), str(Path(model_directory).parent), str(Path(task_file).parent), platform.node())
    assert not any(word in text for word in personal)
    assert f'"{getpass.getuser()}"' not in text


def test_results_name_no_directory_of_the_machine(patch: Run, tmp_path: Path, model_directory: str) -> None:
    patch("--out", str(tmp_path / "results"))

    for path in (tmp_path / "results").iterdir():
        assert str(tmp_path).encode() not in path.read_bytes()
        assert str(Path(model_directory).parent).encode() not in path.read_bytes()


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
    outcome = patch(*words, "--out", "results", "--heads", "L0H0,L2H3")

    assert outcome.err == ""
    assert outcome.code == 0
    assert {path.name for path in (tmp_path / "results").iterdir()} == FILES


def test_an_interrupt_while_measuring_leaves_nothing_behind(
    patch: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from attnprobe.cli import patch_run

    def interrupt(*_: object, **__: object) -> None:
        assert (tmp_path / "results" / "manifest.json").exists()
        raise KeyboardInterrupt

    monkeypatch.setattr(patch_run, "patch_heads", interrupt)

    assert patch("--out", "results").code == 130
    assert list(tmp_path.iterdir()) == []


def test_a_terminal_that_knows_no_minus_sign_does_not_end_the_run(patch: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", narrow)
    outcome = patch("--heads", "L0H0")

    narrow.flush()
    assert outcome.code == 0
    assert b"L0H0" in narrow.buffer.getvalue()  # type: ignore[attr-defined]
