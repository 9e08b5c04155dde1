"""The causality experiment: does attention on the gold source keys cause right proofs?

    python -m experiments.causality.run [--small] [--models NAME ...] [--rows DIR] [--out DIR]

Asks the zoo's models into results/rows, going on where an earlier run stopped, unless --rows has the rows already
(`--rows experiments/causality/results/rows` for those that are committed), and makes results/tables from them.
"""

import argparse
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from attnprobe.errors import AttnprobeError
from attnprobe.evaluation.verdict.rules import rules_record
from attnprobe.report.canvas import png_bytes
from attnprobe.runs import Manifest, RunDirectory, json_bytes, parquet_bytes, plain
from experiments.causality.figure import necessity_figure
from experiments.causality.measure import is_measured, measure, settings_of, stored_record
from experiments.causality.problems import small
from experiments.causality.tables import records_of, transplant_records
from experiments.causality.transplant import STEM
from experiments.causality.words import markdown

HERE = Path(__file__).parent


def tabulate(config: Mapping[str, Any], rows: Path, out: Path) -> str:
    """Make every result from stored rows; the tables are returned as they are written."""
    manifest = Manifest(
        command="experiment",
        configuration={"experiment": "causality/tables", **{key: plain(value) for key, value in config.items()}},
        rules=rules_record(settings_of(config["asked"][0])),
        repeat="python -m experiments.causality.run --rows experiments/causality/results/rows",
    )
    with RunDirectory.claim(out, manifest) as directory:
        directory.finish(files := results_of(config, rows))
    return files["table.md"].decode()


def results_of(config: Mapping[str, Any], rows: Path) -> dict[str, bytes]:
    """The content of every file of results, by name; of what was measured, if a run was stopped."""
    there = [
        (model, asked)
        for asked in config["asked"]
        for model in config["models"]["names"]
        if is_measured(rows, f"{model}_{asked['name']}")
    ]
    records = [record for model, asked in there for record in records_of(rows, model, asked)]
    said = [stored_record(rows, model, asked["name"]) for model, asked in there]
    pair = rows / f"{STEM}.parquet"
    settings = settings_of(config["asked"][0])
    transplants = list(transplant_records(pd.read_parquet(pair), settings)) if pair.is_file() else []
    titles = {
        asked["name"]: asked["says"] for asked in config["asked"] if asked["name"] in {row["asked"] for row in said}
    }
    return {
        "summary.json": json_bytes(plain({"asked": said, "contrasts": records, "transplants": transplants})),
        "contrasts.parquet": parquet_bytes(pd.DataFrame(records)),
        "table.md": markdown(config, records, said, transplants).encode(),
        "necessity.png": png_bytes(necessity_figure(records, titles)),
    }


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
        if not asked.models:
            print(tabulate(config, rows, asked.out / "tables"))
    except AttnprobeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
