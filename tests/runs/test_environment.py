"""What runs is described by versions and a commit, and by nothing personal."""

import getpass
import json
import platform
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from attnprobe.runs import environment
from attnprobe.runs.environment import environment_record, git_state
from attnprobe.version import VERSION

ROOT = Path(__file__).resolve().parents[2]


def git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=someone", "-c", "user.email=someone@example.org"]
    return subprocess.run(
        ["git", "-C", str(root), *identity, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "checkout"
    (root / "src" / "attnprobe").mkdir(parents=True)
    (root / "src" / "attnprobe" / "a.py").write_text("A = 1\n")
    (root / "pyproject.toml").write_text("[project]\n")
    git(tmp_path, "init", "-q", str(root))
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "start")
    return root


def test_a_clean_checkout_tells_its_commit(checkout: Path) -> None:
    assert git_state(checkout) == {"commit": git(checkout, "rev-parse", "HEAD"), "dirty": False}


def test_a_changed_or_added_source_makes_it_dirty_and_results_beside_it_do_not(checkout: Path) -> None:
    (checkout / "notes.txt").write_text("x")
    assert git_state(checkout)["dirty"] is False

    (checkout / "src" / "attnprobe" / "b.py").write_text("B = 1\n")
    assert git_state(checkout)["dirty"] is True

    (checkout / "src" / "attnprobe" / "b.py").unlink()
    (checkout / "src" / "attnprobe" / "a.py").write_text("A = 2\n")
    assert git_state(checkout)["dirty"] is True


def test_a_directory_that_is_no_checkout_tells_nothing(tmp_path: Path) -> None:
    assert git_state(tmp_path / "absent") == {}


def test_git_variables_of_a_hook_do_not_lead_to_another_repository(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))

    assert git_state(checkout)["dirty"] is False


def test_a_package_installed_inside_another_project_does_not_take_its_commit(checkout: Path) -> None:
    """The commit of whatever repository happens to hold the virtual environment says nothing about attnprobe."""
    installed = checkout / "env" / "site-packages" / "attnprobe"
    installed.mkdir(parents=True)

    assert environment._checkout(checkout / "src" / "attnprobe")["dirty"] is False
    assert environment._checkout(installed) == {}


def test_the_record_names_versions_and_no_person_or_machine() -> None:
    record = environment_record()
    text = json.dumps(record)

    assert record["python"] == platform.python_version()
    assert re.fullmatch(r"\d+\.\d+.*", str(record["packages"]["numpy"]))  # type: ignore[index]
    assert record["attnprobe"]["version"] == VERSION  # type: ignore[index]
    assert platform.node() not in text
    assert str(Path.home()) not in text
    assert not re.search(rf"\b{re.escape(getpass.getuser())}\b", text)


def test_a_package_that_is_not_there_has_no_version() -> None:
    assert environment._installed_version("attnprobe-no-such-package") is None


def test_the_version_is_the_one_that_is_packaged() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    assert declared == VERSION
