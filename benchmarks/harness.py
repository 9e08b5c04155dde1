"""How every benchmark measures: interleaved repeats, process CPU time, medians, and a gate of equal outputs.

In: named functions of no argument and a check of their outputs. Out: one JSON row, printed and stored by device.
Wall time of a shared machine says little; ratios of process CPU time, taken in turns in one run, say much.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Process CPU seconds of one contestant: median and 20% and 80% quantiles over repeats."""

    median: float
    low: float
    high: float
    n: int


def machine() -> dict[str, str | int]:
    """Where and with what a number was measured; no host names, no paths."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    dirty = subprocess.run(["git", "status", "--porcelain"], capture_output=True, text=True, check=False)
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    return {
        "device": device,
        "processor": platform.machine(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "transformers", "transformer-lens", "attnprobe")},
        "commit": commit.stdout.strip(),
        "dirty": bool(dirty.stdout.strip()),
    }


def race(contestants: Mapping[str, Callable[[], object]], *, repeats: int) -> dict[str, Timing]:
    """Time functions in turns, after one untimed round."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for repeat in range(repeats + 1):
        for name, run in contestants.items():
            start = time.process_time()
            run()
            if repeat:
                seconds[name].append(time.process_time() - start)
    return {name: _timing(taken) for name, taken in seconds.items()}


def _timing(taken: list[float]) -> Timing:
    ordered = sorted(taken)
    last = len(ordered) - 1
    return Timing(
        median=statistics.median(ordered),
        low=ordered[round(0.2 * last)],
        high=ordered[round(0.8 * last)],
        n=len(ordered),
    )


def store(name: str, rows: list[dict[str, Any]]) -> None:
    """Print the rows and keep them as JSON under the device's name."""
    here = machine()
    folder = RESULTS / str(here["device"]).lower().replace(" ", "-")
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"benchmark": name, "machine": here, "rows": rows}, indent=1)
    (folder / f"{name}.json").write_text(text + "\n")
    sys.stdout.write(text + "\n")


def arguments(description: str) -> argparse.Namespace:
    """The options that every benchmark takes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--repeats", type=int, default=5, help="timed rounds (default 5)")
    parser.add_argument("--threads", type=int, default=1, help="torch threads (default 1)")
    return parser.parse_args()
