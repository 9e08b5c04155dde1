"""What the README shows is what runs: its example, its commands, its links."""

import contextlib
import io
import math
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
# shown with two decimals; other processors round the last bits otherwise, and a digit may turn over
_TOLERANCE = 0.02


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def assert_same_output(shown: str, printed: str) -> None:
    """The same words and marks; numbers within the tolerance, p and q within a factor of two."""
    assert _NUMBER.sub("#", printed).split() == _NUMBER.sub("#", shown).split()
    for was, now in zip(_NUMBER.findall(shown), _NUMBER.findall(printed), strict=True):
        close = math.isclose(float(was), float(now), abs_tol=_TOLERANCE, rel_tol=_TOLERANCE)
        assert close or 0.5 < float(now) / float(was) < 2, (was, now)


def test_the_example_prints_what_is_shown() -> None:
    code, shown = blocks("python")[0], blocks("text")[0]
    assert len(code.strip().splitlines()) <= 12
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), {})
    assert_same_output(shown, printed.getvalue())


def test_the_comparison_of_outputs_can_fail() -> None:
    assert_same_output("L1H0 -0.14 q 0.001", "L1H0 -0.15 q 0.0012")
    with pytest.raises(AssertionError):
        assert_same_output("L1H0 -0.14", "L2H0 -0.14")
    with pytest.raises(AssertionError):
        assert_same_output("L1H0 -0.14", "L1H0 -0.34")
    with pytest.raises(AssertionError):
        assert_same_output("L1H0 -0.14", "L1H0 +0.14")


def test_the_example_stands_on_the_first_screen() -> None:
    assert README.splitlines().index("```python") < 12


def test_every_file_that_is_linked_exists() -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_option_that_a_command_shows_exists() -> None:
    from typer.main import get_command

    from attnprobe.cli import app

    command = get_command(app)
    patch = command.commands["patch"] if hasattr(command, "commands") else command
    known = {option for parameter in patch.params for option in parameter.opts}
    shown = {
        option
        for line in "\n".join(blocks("sh")).splitlines()
        if line.startswith("attnprobe patch")
        for option in re.findall(r"(?<=\s)--?[a-z][a-z-]*", line)
    }
    assert shown
    assert shown <= known
