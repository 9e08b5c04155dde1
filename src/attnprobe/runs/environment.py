"""What a run was run by: attnprobe's version and commit, the packages that compute, the interpreter.

In: nothing but what is installed. Out: a record for the manifest, without paths or names of machines and people.
"""

import os
import platform
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from attnprobe.runs.json_text import JsonValue
from attnprobe.version import VERSION

PACKAGES = (
    "torch",
    "transformers",
    "transformer-lens",
    "nnsight",
    "triton",
    "tokenizers",
    "safetensors",
    "einops",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "matplotlib",
    "jinja2",
)
_GIT_TIMEOUT_S = 10
# what a checkout's behaviour depends on; results and notes lying beside it do not make it dirty
_SOURCES = ("src", "pyproject.toml")


def environment_record() -> Mapping[str, JsonValue]:
    """Describe what runs: attnprobe, packages (null where not installed), Python, the kind of machine."""
    checkout = _checkout(Path(__file__).resolve().parents[1])
    return {
        "attnprobe": {"version": VERSION, "commit": None, "dirty": None, **checkout},
        "packages": {name: _installed_version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def git_state(root: Path) -> Mapping[str, JsonValue]:
    """Tell the commit of a git checkout and whether its sources differ from it.

    Args:
        root: the top of the checkout.

    Returns:
        `commit` and `dirty`; empty where git is absent or refuses.
    """
    commit = _git(root, "rev-parse", "HEAD")
    status = _git(root, "status", "--porcelain", "--untracked-files=all", "--", *_SOURCES)
    if commit is None or status is None:
        return {}
    return {"commit": commit.strip(), "dirty": bool(status.strip())}


def _checkout(package: Path) -> Mapping[str, JsonValue]:
    root = package.parents[1]
    # an installed package may lie inside the checkout of some other project, whose commit would be a false witness
    is_own = package == root / "src" / "attnprobe" and (root / ".git").exists()
    return git_state(root) if is_own else {}


def _git(root: Path, *arguments: str) -> str | None:
    # hooks set GIT_DIR and its kin, which would point at another repository
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments],
            capture_output=True,
            check=True,
            text=True,
            timeout=_GIT_TIMEOUT_S,
            env=clean,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def _installed_version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
