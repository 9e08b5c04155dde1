"""A tiny model in a directory, a task in a file, and the command line called as a user calls it."""

import contextlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from transformers.utils import logging as transformers_logging

from attnprobe.cli import main, patch_run
from attnprobe.cli.console import quiet_libraries
from attnprobe.models.load import load_model
from attnprobe.models.model import Backend, Model
from attnprobe.tasks.example import Example
from tests.causal.conftest import made_up_task
from tests.models.architectures import Architecture, build_model, build_tokenizer


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a command left: its exit code, and what it wrote where."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line on standard error, after a user's mistake; anything else fails the test."""
        assert (self.code, self.out) == (2, "")
        (line,) = self.err.splitlines()
        assert line.startswith("error: ")
        return line.removeprefix("error: ")


Run = Callable[..., Outcome]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Call `attnprobe` with words, in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def call(*words: str) -> Outcome:
        capsys.readouterr()
        code = main(words)
        captured = capsys.readouterr()
        return Outcome(code=code, out=captured.out, err=captured.err)

    return call


@pytest.fixture(scope="session")
def model_directory(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Llama of three layers of four heads, with a tokenizer that knows `w0` to `w57` and a context of 32 tokens."""
    directory = tmp_path_factory.mktemp("models") / "tiny-llama"
    transformers_logging.disable_progress_bar()
    try:
        build_model(Architecture.LLAMA).save_pretrained(directory)
    finally:
        transformers_logging.enable_progress_bar()
    build_tokenizer().save_pretrained(directory)
    return str(directory)


def as_line(example: Example) -> str:
    """An example as a line of our own format."""
    return json.dumps(
        {
            "id": example.id,
            "prompt": example.prompt,
            "gold": example.gold,
            "spans": {name: [[s.start, s.end] for s in spans] for name, spans in example.spans.items()},
            "sources": [
                {"gold": [word.span.start, word.span.end], "keys": [[s.start, s.end] for s in word.source_word or ()]}
                for word in example.words
                if word.source_word
            ],
        }
    )


@pytest.fixture(scope="session")
def task_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Ten made-up examples with source words, in our own format."""
    path = tmp_path_factory.mktemp("tasks") / "made-up.jsonl"
    path.write_text("".join(as_line(example) + "\n" for example in made_up_task(10).examples))
    return str(path)


@pytest.fixture(scope="session")
def loaded(model_directory: str) -> Model:
    """The tiny model, loaded as the command loads it, once for all tests that are not about loading."""
    with quiet_libraries():
        return load_model(model_directory, backend=Backend.AUTO, device=None, dtype=None)


@pytest.fixture
def patch(run: Run, loaded: Model, model_directory: str, task_file: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Call `attnprobe patch` on the tiny model and the made-up task, with further words."""
    monkeypatch.setattr(patch_run, "load_model", lambda source, **options: loaded)

    def call(*words: str) -> Outcome:
        return run("patch", "--model", model_directory, "--task", "jsonl", "--task-file", task_file, *words)

    return call


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A run that is done: what it said and what it left."""

    outcome: Outcome
    words: tuple[str, ...]
    place: Path

    @property
    def results(self) -> Path:
        """Its directory, named by its configuration."""
        (found,) = (self.place / "attnprobe-runs").iterdir()
        return found


@pytest.fixture(scope="session")
def finished(model_directory: str, task_file: str, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """One run of the whole command, nothing replaced, for all tests that only look at what it left."""
    words = ("patch", "--model", model_directory, "--task", "jsonl", "--task-file", task_file, "--strength", "0.5")
    return carry_out(words, tmp_path_factory.mktemp("finished"))


def carry_out(words: tuple[str, ...], place: Path) -> Finished:
    """Run a whole command, nothing replaced, in a working directory."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.chdir(place), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    return Finished(outcome=Outcome(code=code, out=out.getvalue(), err=err.getvalue()), words=words, place=place)
