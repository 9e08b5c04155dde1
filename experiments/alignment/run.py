"""The alignment experiment: is attention on the right keys higher where the proof is right?

    python -m experiments.alignment.run [--rows DIR] [--out DIR]

Asks and scores six models of the zoo into results/rows, unless --rows has them already (`--rows
experiments/alignment/results/rows` for those that are committed), and makes results/tables from the rows.
"""

import argparse
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attnprobe.errors import AttnprobeError
from attnprobe.evaluation.association.verdict import rules_record
from attnprobe.report.canvas import png_bytes
from attnprobe.runs import Manifest, RunDirectory, json_bytes, parquet_bytes, plain
from experiments.alignment.figure import size_figure
from experiments.alignment.measure import measure, settings_of
from experiments.alignment.tables import across_models, associations_of, heads_frame, record_of
from experiments.alignment.words import markdown

HERE = Path(__file__).parent


def tabulate(config: Mapping[str, Any], rows: Path, out: Path) -> str:
    """Make every result from stored rows; the tables are returned as they are written."""
    manifest = Manifest(
        command="experiment",
        configuration={"experiment": "alignment/tables", **{key: plain(value) for key, value in config.items()}},
        rules=rules_record(settings_of(config)),
        repeat="python -m experiments.alignment.run --rows experiments/alignment/results/rows",
    )
    with RunDirectory.claim(out, manifest) as directory:
        directory.finish(files := results_of(config, rows))
    return files["table.md"].decode()


def results_of(config: Mapping[str, Any], rows: Path) -> dict[str, bytes]:
    """The content of every file of results, by name."""
    every = list(associations_of(config, rows))
    records, across = [record_of(found) for found in every], across_models(every)
    titles = {scoring["name"]: scoring["name"].replace("_", " ") for scoring in config["scoring"]}
    figure = size_figure(records, titles, config["association"]["minimum_auroc"])
    return {
        "summary.json": json_bytes(plain({"associations": records, "across_models": across})),
        "heads.parquet": parquet_bytes(heads_frame(every)),
        "table.md": markdown(config, records, across).encode(),
        "association.png": png_bytes(figure),
    }


def main(words: Sequence[str] | None = None) -> int:
    """Do it; the exit code is that of the command line of attnprobe."""
    parser = argparse.ArgumentParser(prog="python -m experiments.alignment.run", description=__doc__)
    parser.add_argument("--config", type=Path, default=HERE / "config.toml")
    parser.add_argument("--rows", type=Path, help="rows that are there already")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="for rows/ and tables/")
    asked = parser.parse_args(words)
    config = tomllib.loads(asked.config.read_text())
    try:
        rows = asked.rows or asked.out / "rows"
        if asked.rows is None:
            measure(config, rows)
        print(tabulate(config, rows, asked.out / "tables"))
    except AttnprobeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
