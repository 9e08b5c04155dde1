"""What the help shows as an example runs, on the model that ships with the package."""

import re
import shlex
from pathlib import Path

import pytest

from tests.cli.conftest import Run


@pytest.fixture
def examples(run: Run, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands that `attnprobe patch --help` shows."""
    monkeypatch.setenv("COLUMNS", "200")
    return re.findall(r"^\s*attnprobe (patch .*?)\s*$", run("patch", "--help").out, re.MULTILINE)


def test_every_example_of_the_help_runs_and_leaves_a_report(run: Run, examples: list[str], tmp_path: Path) -> None:
    assert len(examples) >= 3
    for number, example in enumerate(examples, start=1):
        outcome = run(*shlex.split(example))

        assert outcome.err == "", example
        assert outcome.code == 0, example
        assert "Report: attnprobe-runs/patch-" in outcome.out
        assert len(list((tmp_path / "attnprobe-runs").glob("*/report.html"))) == number
