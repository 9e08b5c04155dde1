"""Every mistake of a user is answered by one clear line and exit code 2."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from attnprobe.cli import patch_run
from attnprobe.models import checkpoint
from attnprobe.models.model import Model
from tests.cli.conftest import Run

GOOD = {"id": "a", "prompt": "w1 w2 w3 w4 w5", "gold": " w6", "sources": [{"gold": [1, 3], "keys": [[3, 5]]}]}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    def to_file(*lines: object) -> str:
        path = tmp_path / "task.jsonl"
        path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
        return str(path)

    return to_file


@pytest.fixture
def on_file(run: Run, loaded: Model, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Call `attnprobe patch` on the tiny model and a file of our own format, with further words."""
    monkeypatch.setattr(patch_run, "load_model", lambda source, **options: loaded)
    return lambda path, *words: run("patch", "--task", "jsonl", "--task-file", path, *words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--backend", "tensorflow"],
            "--backend 'tensorflow': expected one of auto, native, transformer_lens, nnsight.",
        ),
        (["--task", "csqa"], "--task 'csqa': expected one of prontoqa, jsonl, csv, upstream."),
        (
            ["--rule", "modus_tollens"],
            "--rule 'modus_tollens': expected one of implication_elimination, conjunction_introduction, "
            "conjunction_elimination, disjunction_introduction, disjunction_elimination, proof_by_contradiction, "
            "composed.",
        ),
        (["--distractors", "some"], "--distractors 'some': expected one of none, relevant, irrelevant."),
        (["--hops", "two"], "--hops 'two': expected a whole number, at least 1."),
        (["--hops", "0"], "--hops '0': expected a whole number, at least 1."),
        (["--shots", "-1"], "--shots '-1': expected a whole number, at least 0."),
        (["-n", "0"], "-n '0': expected a whole number, at least 1."),
        (["-n", "1.5"], "-n '1.5': expected a whole number, at least 1."),
        (
            ["--intervention", "delete"],
            "--intervention 'delete': expected one of mask, force, ablate, patch, scale, transplant.",
        ),
        (["--empty-row", "skip"], "--empty-row 'skip': expected one of raise, self, zero."),
        (["--ablation", "noise"], "--ablation 'noise': expected one of zero, mean, resample."),
        (["--direction", "up"], "--direction 'up': expected one of clean_to_corrupted, corrupted_to_clean."),
        (["--metric", "bleu"], "--metric 'bleu': expected one of gold_logprob, logit_diff, recovery, kl."),
        (
            ["--control", "placebo"],
            "--control 'placebo': expected one of random_keys, distance, mass, other_example, other_head, none.",
        ),
        (["--dtype", "int8"], "--dtype 'int8': expected one of auto, float32, float64, bfloat16, float16."),
        (
            ["--intervention", "force", "--doses", "0.1,half"],
            "--doses '0.1,half': expected masses in [0, 1], ascending, such as 0.1,0.5,1.",
        ),
        (["--intervention", "force", "--mass", "2"], "mass 2.0: expected a number in [0, 1]"),
        (["--intervention", "force", "--step", "-1"], "--step '-1': expected a whole number, at least 0."),
        (["--intervention", "force", "--control", "mass"], "control mass does not apply to force: every control is"),
        (
            ["--intervention", "transplant"],
            "--intervention transplant takes attention from another model; name it with --donor, such as",
        ),
        (["--donor", "zoo:pronto-35k"], "--donor acts with --intervention transplant alone, and this one is mask;"),
        (["--mass", "0.5"], "--mass acts with --intervention force alone, and this one is mask;"),
        (["--strength", "nan"], "--strength 'nan': expected a number, such as 0.5."),
        (["--strength", "1.5"], "strength 1.5: expected a number in (0, 1]; 1 removes the keys, 0 would do nothing."),
        (["--seed", "x"], "--seed 'x': expected a whole number, at least 0."),
        (["--batch-size", "0"], "--batch-size '0': expected a whole number, at least 1."),
        (["--heads", "5.2"], "head '5.2': expected a layer and a head counted from 0, such as L5H3."),
        (["--heads", ""], "head '': expected a layer and a head counted from 0, such as L5H3."),
        (["--heads", "L0H1,,L0H2"], "head '': expected a layer and a head counted from 0, such as L5H3."),
        (["--site", "logits", "--intervention", "patch"], "--site 'logits': expected one of resid, q, k, v,"),
        (["--no-such-option"], "No such option: --no-such-option"),
        (["--hops"], "Option '--hops' requires an argument."),
        (["extra"], "Got unexpected extra argument"),
    ],
)
def test_a_value_that_does_not_exist_is_answered_by_those_that_do(run: Run, words: list[str], message: str) -> None:
    assert run("patch", *words).error.startswith(message)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--intervention", "ablate", "--strength", "1"],
            "--strength acts with --intervention mask alone, and this one is ablate; "
            "leave it out, or use --intervention mask.",
        ),
        (["--factor", "0.5"], "--factor acts with --intervention scale alone, and this one is mask;"),
        (["--site", "z"], "--site acts with --intervention patch or transplant alone, and this one is mask;"),
        (["--ablation", "mean"], "--ablation acts with --intervention ablate alone, and this one is mask;"),
        (["--intervention", "scale", "--keys", "premise"], "--keys acts with --intervention mask or force alone,"),
        (
            ["--intervention", "ablate", "--control", "distance"],
            "control distance does not apply to ablate: single heads have no matched keys;",
        ),
        (
            ["--metric", "recovery"],
            "metric recovery needs two runs, clean and corrupted or donor and recipient: use --intervention patch",
        ),
        (["--task", "jsonl"], "--task jsonl needs a file; give it with --task-file."),
        (["--task-file", "x.jsonl"], "--task-file with --task prontoqa: it is generated;"),
        (
            ["--task", "jsonl", "--task-file", "x.jsonl", "--hops", "2", "--rule", "implication_elimination"],
            "--rule, --hops with --task jsonl: these shape generated tasks alone; leave them out.",
        ),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(run: Run, words: list[str], message: str) -> None:
    assert run("patch", *words).error.startswith(message)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--hops", "9"], "implication_elimination at 9 hops: this rule is defined for 1 to 5 hops."),
        (
            ["--rule", "disjunction_elimination"],
            "disjunction_elimination at 2 hops: this rule is defined for 1 hop only.",
        ),
        (["--shots", "9"], "9 shots: expected 0 to 8."),
    ],
)
def test_a_task_that_cannot_be_generated_is_refused(run: Run, words: list[str], message: str) -> None:
    assert run("patch", *words).error == message


def test_a_command_that_does_not_exist_is_answered_by_the_nearest(run: Run) -> None:
    assert run("ptch").error == "No such command 'ptch'. Did you mean 'patch'?"


def test_an_unknown_model_of_the_zoo_is_answered_by_those_there_are(run: Run) -> None:
    assert run("patch", "-n", "1", "--model", "zoo:goliath").error.startswith(
        "no model 'goliath' in the zoo; expected one of "
    )


def test_a_directory_without_a_model_is_told(run: Run, tmp_path: Path) -> None:
    assert "expected a directory there" in run("patch", "-n", "1", "--model", str(tmp_path / "absent")).error
    (tmp_path / "hollow").mkdir()
    assert "config.json" in run("patch", "-n", "1", "--model", str(tmp_path / "hollow")).error


def test_a_hub_name_without_a_network_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "_is_reachable", lambda host: False)
    message = run("patch", "-n", "1", "--model", "someone/some-model").error

    assert "cannot be reached" in message
    assert "Give a local directory instead, or a model that ships with attnprobe: zoo:" in message


def test_a_device_that_is_not_there_is_told(run: Run, model_directory: str) -> None:
    words = ("patch", "--model", model_directory, "-n", "1", "--device")

    assert "expected cpu, cuda, cuda:N, mps or auto." in run(*words, "tpu").error
    assert "CUDA devices here; try cpu." in run(*words, "cuda:99").error


@pytest.mark.parametrize(("option", "message"), [("--keys", "'nowhere'"), ("--queries", "'nowhere'")])
def test_a_span_that_does_not_exist_is_named(patch: Run, option: str, message: str) -> None:
    error = patch(option, "nowhere").error

    assert message in error
    assert "middle" in error


def test_a_head_that_does_not_exist_is_named_with_those_there_are(patch: Run) -> None:
    assert patch("--heads", "L2H1,L3H0").error == (
        "head L3H0 does not exist at site attn_logits: the model has layers 0 to 2 with 4 heads each; "
        "name heads from 0, such as L0H0."
    )


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["{not json"], "line 1: "),
        ([GOOD, "[1, 2]"], "line 2: "),
        ([GOOD, {"id": "b", "prompt": "w1"}], "line 2: field 'gold' is missing"),
        ([GOOD, GOOD | {"id": "b", "spans": {"fact": [[0, 99]]}}], "line 2: spans.fact[0]"),
        ([GOOD, GOOD], "line 2: id 'a' is also that of line 1"),
    ],
)
def test_a_line_of_a_task_file_that_is_wrong_is_named_by_its_number(
    on_file: Run, write: Callable[..., str], lines: list[object], message: str
) -> None:
    assert message in on_file(write(*lines)).error


def test_an_empty_or_missing_task_file_is_told(on_file: Run, write: Callable[..., str]) -> None:
    assert "the file holds no example; expected at least one." in on_file(write()).error
    assert "absent.jsonl: cannot be read (No such file or directory)" in on_file("absent.jsonl").error


def test_more_examples_than_the_file_holds_are_refused_with_their_number(patch: Run) -> None:
    assert patch("-n", "11").error == (
        "-n 11: made-up.jsonl holds 10 examples; ask for at most that many, or leave -n out."
    )


def test_a_prompt_longer_than_the_models_context_is_named(on_file: Run, write: Callable[..., str]) -> None:
    long = GOOD | {"id": "long", "prompt": " ".join(["w1"] * 40)}
    error = on_file(write(GOOD, long)).error

    assert "example 'long' has 41 tokens" in error
    assert "context of 32" in error


def test_a_mask_that_would_leave_a_row_without_keys_is_refused_and_says_what_to_choose(
    on_file: Run, write: Callable[..., str]
) -> None:
    bare = {"id": "bare", "prompt": "w1", "gold": " w2 w3", "sources": [{"gold": [1, 3], "keys": [[0, 2]]}]}

    assert "choose empty_row 'self' or 'zero'" in on_file(write(bare)).error
    assert on_file(write(bare), "--empty-row", "zero", "--heads", "L0H0").code == 0


def test_a_file_or_a_strangers_directory_in_the_way_of_results_is_refused_before_any_work(
    run: Run, tmp_path: Path
) -> None:
    """The model does not exist either: had it been looked for, that would be the error."""
    (tmp_path / "file").write_text("x")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "main.tex").write_text("x")

    assert "is a file; expected a directory for results" in run("patch", "--model", "./no", "--out", "file").error
    assert "not a run of attnprobe: it holds 'main.tex'" in run("patch", "--model", "./no", "--out", "thesis").error


def test_a_directory_of_another_configuration_is_refused_and_kept(patch: Run, tmp_path: Path) -> None:
    assert patch("--out", "results", "--heads", "L0H0", "-n", "2").code == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "results").iterdir()}

    assert patch("--out", "results", "--heads", "L0H0", "-n", "2", "--seed", "1").error == (
        "results holds another configuration: patch.seed is 0 there and 1 here. Choose another directory with --out, "
        "or leave --out away to have one named by the configuration."
    )
    assert {path.name: path.read_bytes() for path in (tmp_path / "results").iterdir()} == before


def test_a_mistake_found_while_measuring_leaves_no_directory(patch: Run, tmp_path: Path) -> None:
    assert patch("--keys", "nowhere").code == 2
    assert list(tmp_path.iterdir()) == []
