"""`python -m benchmarks`: every benchmark of scoring in turn, then the tables and the figures made of them.

In: which rows. Out: `results/DEVICE/`, row by row. `make bench` runs what takes some minutes, `make bench-full`
everything.
"""

import sys

import torch

from benchmarks import kernels, large, lengths, memory, plots, scores, tables
from benchmarks.harness import arguments
from benchmarks.records import finish, folder_of, machine, measure_rows, row_options

_BENCHMARKS = {"kernels": kernels, "scores": scores, "memory": memory, "lengths": lengths, "large": large}


def main() -> None:
    """Run the benchmarks."""
    options = row_options(arguments("Every benchmark of scoring.")).parse_args()
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


if __name__ == "__main__":
    main()
