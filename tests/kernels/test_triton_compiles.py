"""Every kernel compiles to machine code for an H100 or H200, fits its shared memory and spills no register.

Triton brings its own compiler, so this needs no GPU. It says nothing of speed, nor of results.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("triton")

ROOT = Path(__file__).parent.parent.parent
MOST_SHARED = 227 * 1024


def compiled(wanted: str, cache: Path) -> list[dict[str, object]]:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", "TRITON_CACHE_DIR": str(cache)}
    environment["TRITON_INTERPRET"] = "0"
    command = [sys.executable, "-m", "tests.kernels.compiled_for_h200", wanted]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("wanted", ["few", pytest.param("all", marks=pytest.mark.slow)])
def test_kernels_compile_without_spilling_and_multiply_16_bits_on_tensor_cores(wanted: str, tmp_path: Path) -> None:
    rows = compiled(wanted, tmp_path)
    assert {row["kernel"] for row in rows} == {"row_normalisers", "key_columns", "kept_columns", "query_rows"}
    assert [row for row in rows if int(str(row["shared"])) > MOST_SHARED] == []
    for row in rows:
        precision = str(row["call"]).split()[0]
        # a few bytes are of no account where float32 is multiplied without tensor cores
        assert int(str(row["spilled"])) <= (64 if "32" in precision else 0), row
        is_half = "16" in precision and row["kernel"] != "kept_columns"
        assert bool(row["tensor_core_products"]) == is_half, row
