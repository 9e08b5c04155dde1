"""Importing attnprobe, or any of its rooms, loads none of the libraries that only some of its users need."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src"
HEAVY = ("transformer_lens", "nnsight", "triton", "matplotlib", "ray", "spacy")
# the package, its rooms, and the modules that stand for a heavy library
LIGHT = [
    "attnprobe",
    *sorted(f"attnprobe.{path.parent.name}" for path in (SOURCE / "attnprobe").glob("*/__init__.py")),
    *("attnprobe.models.nnsight", "attnprobe.models.transformer_lens"),
]
PROGRAM = """
import importlib, sys
# transformers has torch import triton where it is installed: here it is not
sys.modules["triton"] = None
for name in sys.argv[2:]:
    importlib.import_module(name)
    loaded = set(sys.argv[1].split(",")) & {name for name, module in sys.modules.items() if module}
    if loaded:
        sys.exit(f"importing {name} loads {', '.join(sorted(loaded))}")
"""


def complaint(*names: str) -> str:
    """What a fresh process says to importing these modules in turn; nothing if none loads a heavy library."""
    command = [sys.executable, "-c", PROGRAM, ",".join(HEAVY), *names]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(SOURCE)}
    )
    return done.stderr.strip()


def test_importing_attnprobe_and_its_rooms_loads_no_heavy_library() -> None:
    assert complaint(*LIGHT) == ""


@pytest.mark.parametrize("heavy", ["matplotlib", "nnsight"])
def test_the_check_sees_a_heavy_library(heavy: str) -> None:
    assert complaint("json", heavy) == f"importing {heavy} loads {heavy}"
