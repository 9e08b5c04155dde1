"""What is shown of a command line names no machine and no user."""

from pathlib import Path

import pytest

from attnprobe.runs.portable import portable, repeat_command


@pytest.mark.parametrize("text", ["zoo:demo", "org/model", "data/task.jsonl", "../task.jsonl", "", "L2H3,L0H1", "0.5"])
def test_what_is_no_absolute_path_stays_as_it_is(text: str) -> None:
    assert portable(text) == text


def test_a_path_below_the_working_directory_becomes_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert portable(str(tmp_path / "data" / "task.jsonl")) == "data/task.jsonl"
    assert portable(str(tmp_path)) == "."


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/someone/models/tiny", "PATH/TO/tiny"),
        ("/home/someone/models/tiny/", "PATH/TO/tiny"),
        ("/", "PATH/TO"),
        ("~/models/tiny", "PATH/TO/tiny"),
        (r"C:\Users\someone\tiny", "PATH/TO/tiny"),
    ],
)
def test_of_any_other_absolute_path_only_the_last_part_is_told(
    text: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/someone")

    assert portable(text) == shown


def test_a_command_is_quoted_for_the_shell_and_cleaned_word_by_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["attnprobe", "patch", "--model=/home/someone/my model", "--keys", "the rule", "--out", "/home/x/runs"]

    assert repeat_command(words) == ("attnprobe patch '--model=PATH/TO/my model' --keys 'the rule' --out PATH/TO/runs")
