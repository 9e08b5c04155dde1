"""Where measured rows are kept: one JSON file a benchmark, in a folder a device.

In: rows, each with an `id`, as they are measured. Out: `results/DEVICE/NAME.json`, written whole after every row, so
that a run that was cut short loses one row and goes on where it stopped.
"""

import json
import platform
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from benchmarks.harness import UnequalError, load_average

RESULTS = Path(__file__).parent / "results"

Row = dict[str, Any]


def machine() -> dict[str, str | int]:
    """Where and with what a number was measured; no host names, no paths."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    return {
        "device": device,
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "transformers", "transformer-lens", "nnsight", "attnprobe")},
    }


def commit() -> dict[str, str | bool]:
    """Which state of the code is measured."""
    head = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    changed = subprocess.run(
        ["git", "status", "--porcelain", "--", "src", "benchmarks/*.py"], capture_output=True, text=True, check=False
    )
    return {"commit": head.stdout.strip(), "dirty": bool(changed.stdout.strip())}


def folder_of(device: str) -> Path:
    """The folder that a device's results lie in."""
    return RESULTS / device.lower().replace(" ", "-")


def store(name: str, rows: Iterable[Row], *, folder: Path | None = None) -> None:
    """Replace a benchmark's rows, and print them."""
    here = machine()
    folder = folder or folder_of(str(here["device"]))
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"benchmark": name, "machine": here | commit(), "rows": list(rows)}, indent=1)
    (folder / f"{name}.json").write_text(text + "\n")
    sys.stdout.write(text + "\n")


def load(name: str, folder: Path) -> dict[str, Row]:
    """A benchmark's stored rows by id; none if it never ran."""
    path = folder / f"{name}.json"
    return {row["id"]: row for row in json.loads(path.read_text())["rows"]} if path.exists() else {}


def load_machine(name: str, folder: Path) -> dict[str, Any]:
    """Where a benchmark's rows were measured; empty if it never ran."""
    path = folder / f"{name}.json"
    return json.loads(path.read_text())["machine"] if path.exists() else {}


def measure_rows(
    name: str,
    measurements: Mapping[str, Callable[[], Row]],
    *,
    only: str = "",
    missing: bool = False,
    folder: Path | None = None,
) -> list[str]:
    """Measure rows one by one and keep each as it comes, beside what is stored already.

    Args:
        name: of the benchmark.
        measurements: how each row is measured, by its id; the order is that of the table.
        only: measure the rows whose id, or benchmark and id, holds this text.
        missing: leave rows alone that are stored already.
        folder: where; None for the device's own.

    Returns:
        Ids of rows whose outputs were not equal to the reference: they have no times, and what was stored of them is
        taken out.
    """
    folder = folder or folder_of(str(machine()["device"]))
    unequal: list[str] = []
    for key, measure in measurements.items():
        stored = load(name, folder)
        if only not in f"{name} {key}" or (missing and key in stored):
            continue
        sys.stdout.write(f"{name} {key} ... ")
        sys.stdout.flush()
        before = load_average()
        try:
            row = measure()
        except UnequalError as error:
            unequal.append(key)
            stored.pop(key, None)
            sys.stdout.write(f"{error}\n")
        else:
            stored[key] = {"id": key, **row, "load_average": [before, load_average()], **commit()}
            sys.stdout.write(f"{row.get('says', 'done')}\n")
        known = [stored[one] for one in measurements if one in stored]
        gone = [row for one, row in stored.items() if one not in measurements]
        _write(name, folder, [*known, *gone])
    return unequal


def finish(unequal: Sequence[str]) -> None:
    """End a run that found unequal outputs with an error."""
    if unequal:
        raise SystemExit(f"not equal to the reference, so no numbers: {', '.join(unequal)}.")


def _write(name: str, folder: Path, rows: list[Row]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    here = {key: value for key, value in machine().items() if key != "threads"}
    text = json.dumps({"benchmark": name, "machine": here, "rows": rows}, indent=1)
    path = folder / f"{name}.json"
    part = path.with_suffix(".part")
    part.write_text(text + "\n")
    part.replace(path)


def _processor() -> str:
    """The processor's name where the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores" if names else platform.machine()
