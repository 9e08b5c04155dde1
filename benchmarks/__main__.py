"""`python -m benchmarks`: every benchmark of scoring in turn, then the tables and the figures made of them.

In: which rows. Out: `results/DEVICE/`, row by row. `make bench` runs what takes some minutes, `make bench-full`
everything.
"""

import argparse
import sys

import torch

from benchmarks import kernels, large, lengths, memory, plots, scores, sweep, tables
from benchmarks.records import finish, folder_of, machine, measure_rows

_BENCHMARKS = {
    "kernels": kernels,
    "scores": scores,
    "memory": memory,
    "lengths": lengths,
    "large": large,
    "sweep": sweep,
}


def main() -> None:
    """Run the benchmarks."""
    options = parser().parse_args()
    torch.set_num_threads(1)
    unequal: list[str] = []
    for name, benchmark in _BENCHMARKS.items():
        rows = benchmark.measurements(full=options.full, repeats=options.repeats)
        unequal += measure_rows(name, rows, only=options.only, missing=options.missing)
    folder = folder_of(str(machine()["device"]))
    plots.draw(folder)
    tables.write(folder)
    sys.stdout.write(f"tables and figures: {folder / 'README.md'}\n")
    finish(unequal)


def parser() -> argparse.ArgumentParser:
    """What `python -m benchmarks` understands."""
    found = argparse.ArgumentParser(prog="python -m benchmarks", description="Every benchmark of scoring.")
    found.add_argument("--repeats", type=int, default=5, help="timed rounds (default 5)")
    found.add_argument("--only", default="", help="rows whose benchmark and id hold this text")
    found.add_argument("--missing", action="store_true", help="only rows that are not stored yet")
    found.add_argument("--full", action="store_true", help="every row, not just those of a few minutes")
    return found


if __name__ == "__main__":
    main()
