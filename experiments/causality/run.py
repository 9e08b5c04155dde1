"""The causality experiment: does attention on the gold source keys cause right proofs?

    python -m experiments.causality.run [--small] [--models NAME ...] [--rows DIR] [--out DIR]

Asks the zoo's models into results/rows, going on where an earlier run stopped, unless --rows has the rows already
(`--rows experiments/causality/results/rows` for those that are committed), and makes results/tables from them.
"""

import argparse
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from attnprobe.errors import AttnprobeError
from experiments.causality.measure import measure
from experiments.causality.problems import small

HERE = Path(__file__).parent


def main(words: Sequence[str] | None = None) -> int:
    """Do it; the exit code is that of the command line of attnprobe."""
    parser = argparse.ArgumentParser(prog="python -m experiments.causality.run", description=__doc__)
    parser.add_argument("--config", type=Path, default=HERE / "config.toml")
    parser.add_argument("--small", action="store_true", help="a third of the problems")
    parser.add_argument(
        "--models", nargs="+", default=(), help="measure these alone; several processes may share a place"
    )
    parser.add_argument("--rows", type=Path, help="rows that are there already")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="for rows/ and tables/")
    asked = parser.parse_args(words)
    config = tomllib.loads(asked.config.read_text())
    if asked.small:
        config = small(config)
    try:
        rows = asked.rows or asked.out / "rows"
        if asked.rows is None:
            measure(config, rows, models=asked.models, say=lambda stem: print(stem, flush=True))
    except AttnprobeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
