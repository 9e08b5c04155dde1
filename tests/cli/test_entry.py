"""Where the command line begins: help at once, errors in a line, defects with their traceback."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from attnprobe.cli import entry
from attnprobe.errors import SpecError
from attnprobe.version import VERSION
from tests.cli.conftest import Run

SOURCE = Path(__file__).resolve().parents[2] / "src"
HEAVY = {
    "torch",
    "transformers",
    "transformer_lens",
    "nnsight",
    "matplotlib",
    "pandas",
    "scipy",
    "numpy",
    "attnprobe.plan",
}


def loaded_by(words: list[str]) -> set[str]:
    """The modules that a fresh process has loaded after a command line."""
    code = (
        f"import sys; sys.path.insert(0, {str(SOURCE)!r}); from attnprobe.cli import main; "
        f"code = main({words!r}); sys.stderr.write(' '.join(sys.modules)); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stderr.split())


@pytest.mark.parametrize("words", [["--help"], ["patch", "--help"], ["score", "--help"], ["--version"], []])
def test_help_loads_nothing_that_takes_time(words: list[str]) -> None:
    assert HEAVY.isdisjoint(loaded_by(words))


def test_the_check_above_sees_what_is_loaded() -> None:
    """A meta-test: where the command's own module is loaded, the check must find torch."""
    code = f"import sys; sys.path.insert(0, {str(SOURCE)!r}); import attnprobe.cli.patch_run; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)

    assert {"torch", "attnprobe.plan"} <= set(done.stdout.split())


def test_the_version_is_told(run: Run) -> None:
    assert run("--version").out == f"attnprobe {VERSION}\n"


@pytest.mark.parametrize("words", [(), ("--help",), ("-h",)])
def test_help_begins_with_the_question_and_has_an_example(run: Run, words: tuple[str, ...]) -> None:
    outcome = run(*words)

    assert outcome.code == 0
    assert "Does a model's attention cause its chain of thought to be right?" in outcome.out
    assert re.search(r"^\s*attnprobe patch\s*$", outcome.out, re.MULTILINE)


def test_an_error_is_one_line_whatever_its_text(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise SpecError("head 'L\nH': expected\n  another;\tmend it 🙂.")

    monkeypatch.setattr(entry, "app", fail)
    outcome = run("patch")

    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == "error: head 'L H': expected another; mend it 🙂.\n"


def test_a_defect_of_ours_keeps_its_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(entry, "app", fail)
    with pytest.raises(ZeroDivisionError):
        run("patch")


def test_an_interrupt_ends_quietly_with_the_code_that_shells_expect(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from attnprobe.cli import patch_run

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(patch_run, "run_patch", interrupt)
    outcome = run("patch")

    assert (outcome.code, outcome.out, outcome.err) == (130, "", "interrupted\n")


def test_without_a_terminal_there_are_no_colours(run: Run) -> None:
    assert "\x1b" not in run("patch", "--help").out
