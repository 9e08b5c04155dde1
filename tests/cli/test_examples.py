"""What the help shows as an example runs, on the model that ships with the package."""

import re
import shlex
from pathlib import Path

import pytest

from tests.cli.conftest import Run


@pytest.mark.parametrize("command", ["patch", "score", "attribute"])
def test_every_example_of_the_help_runs_and_leaves_a_report(
    run: Run, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    told = re.sub(r"\\\s*\n\s*", " ", run(command, "--help").out)
    examples = re.findall(rf"^\s*attnprobe ({command} .*?)\s*$", told, re.MULTILINE)

    assert len(examples) >= 3
    for number, example in enumerate(examples, start=1):
        # on fewer texts than they name, to be quick: the last number given counts
        outcome = run(*shlex.split(example), "-n", "6")

        assert outcome.err == "", example
        assert outcome.code == 0, example
        assert f"Report: attnprobe-runs/{command}-" in outcome.out
        assert len(list((tmp_path / "attnprobe-runs").glob("*/report.html"))) == number
