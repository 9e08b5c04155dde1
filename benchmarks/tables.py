"""`python -m benchmarks.tables`: stored rows as tables, `results/DEVICE/README.md`. `--check` only compares.

In: the JSON of a device. Out: Markdown, and nothing in it that is not in the JSON; a test holds the committed page to
that.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.contestants import AUTHORS, Who
from benchmarks.goals import goals
from benchmarks.records import RESULTS, Row, load, load_machine

NAMES = ("kernels", "scores", "memory", "lengths", "sweep")
_WITH_GOALS = ("scores", "kernels", "sweep")
Cells = Sequence[str]


def main() -> None:
    """Write or check the page of every device that has results."""
    parser = argparse.ArgumentParser(description="Stored rows as tables.")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail where a page is not what its JSON gives"
    )
    options = parser.parse_args()
    for folder in sorted(path for path in RESULTS.iterdir() if path.is_dir()):
        if not options.check:
            write(folder)
        elif (folder / "README.md").read_text() != page(folder):
            raise SystemExit(f"{folder.name}/README.md is not what its JSON gives; run python -m benchmarks.tables.")
        sys.stdout.write(f"{folder.name}: {'checked' if options.check else 'written'}\n")


def write(folder: Path) -> None:
    """Write a device's page."""
    (folder / "README.md").write_text(page(folder))


def page(folder: Path) -> str:
    """A device's page as text."""
    stored = {name: load(name, folder) for name in NAMES}
    sections = [_head(folder), *_goals(folder)] if any(stored[name] for name in _WITH_GOALS) else [_head(folder)]
    if stored["scores"]:
        sections += _scores(stored["scores"])
    if stored["kernels"]:
        sections += _kernels(stored["kernels"])
    if stored["memory"]:
        sections += _memory(stored["memory"])
    if stored["lengths"]:
        sections += _lengths(stored["lengths"])
    if stored["sweep"]:
        sections += _sweeps(stored["sweep"])
    return "\n\n".join(sections) + "\n"


def _head(folder: Path) -> str:
    known = {name: load_machine(name, folder) for name in NAMES}
    here = next((machine for machine in known.values() if machine), {})
    words = [f"{key} {value}" for key, value in here.items() if key not in ("device", "processor")]
    commits = sorted({row["commit"] for name in NAMES for row in load(name, folder).values()})
    return (
        f"# Results: {folder.name}\n\nMade by `python -m benchmarks.tables` from the JSON beside it; what is measured, "
        f"and how to read it, is in [the README of the benchmarks](../../README.md).\n\n"
        f"{here.get('processor', 'unknown processor')}; {', '.join(words)}; "
        f"measured at {', '.join(commits) or 'no commit'}."
    )


def _goals(folder: Path) -> Iterator[str]:
    rows = [
        [
            goal.what,
            f"{'≥' if goal.at_least else '≤'} {goal.goal:g}{goal.unit}",
            f"{goal.gate:.3g}{goal.unit}",
            "—" if goal.measured is None else f"{goal.measured:.3g}{goal.unit}",
            goal.verdict,
            "—" if goal.load is None else f"{goal.load[0]:.1f}–{goal.load[1]:.1f}",
        ]
        for goal in goals(folder)
    ]
    yield "## Goals"
    yield (
        "GPT-2 small's shape, float32, one thread, process CPU time, medians of interleaved repeats. The gate is 85% "
        "of the goal's ratio. The last column is the load average before and after."
    )
    yield table(["what", "goal", "gate", "measured", "reached", "load"], rows)


def _scores(rows: Mapping[str, Row]) -> Iterator[str]:
    races = {key: row for key, row in rows.items() if Who.OURS_ALL.value in row["seconds"]}
    one_thread = {key: row for key, row in races.items() if row["threads"] == 1}
    yield "## Gold scores end to end"
    yield (
        "Seconds of process CPU time, one thread: median (20% to 80%). Every contestant but the authors scores all "
        "layers; the authors' loop is the mean of three of its turns times the number of gold tokens, last layer only."
    )
    yield table(["", *one_thread], list(_seconds(list(one_thread.values()))))
    yield "Ratios of the medians."
    yield table(["", *one_thread], _by_key([row["ratios"] for row in one_thread.values()], "{:.2f}x"))
    yield "Largest difference from float64 (allowed: 5e-6, or twice the authors' own float32 error if that is more)."
    differences = [
        {name: f"{gate['difference']:.1e} ({gate['allowed']:.1e})" for name, gate in row["differences"].items()}
        for row in one_thread.values()
    ]
    yield table(["", *one_thread], _by_key(differences, "{}"))
    yield _about(one_thread)
    two = {key: row for key, row in races.items() if row["threads"] > 1}
    if two:
        yield "On two threads, ratios of wall time."
        yield table(["", *two], _by_key([row["ratios"] for row in two.values()], "{:.2f}x"))
        yield _about(two)
    others = [[key, row["says"], _gate(row), _loads(row)] for key, row in rows.items() if key not in races]
    if others:
        yield table(["", "measured", "largest difference (allowed)", "load"], others)


def _seconds(rows: Sequence[Row]) -> Iterator[Cells]:
    for who in Who:
        if who not in AUTHORS and any(who.value in row["seconds"] for row in rows):
            yield [who.value, *(_spread(row["seconds"].get(who.value)) for row in rows)]
    loops = [[row["seconds"].get(who.value) for who in AUTHORS] for row in rows]
    if any(all(turns) for turns in loops):
        means = [
            f"{row['gold_tokens'] * sum(turn['median'] for turn in turns if turn) / len(turns):.4g}"
            if all(turns)
            else "—"
            for row, turns in zip(rows, loops, strict=True)
        ]
        yield ["authors' loop (last layer)", *means]


def _kernels(rows: Mapping[str, Row]) -> Iterator[str]:
    yield "## Kernels, one layer"
    yield (
        "Process CPU seconds over those of one fused causal attention call of the same shape (of one eager call where "
        "logits are capped, which fused attention cannot)."
    )
    for shape in dict.fromkeys(row["shape"] for row in rows.values()):
        some = {key: row for key, row in rows.items() if row["shape"] == shape}
        first = next(iter(some.values()))
        words = f"{first['heads']} heads on {first['kv_heads']} key heads of {first['d_head']}"
        words += f", softcap {first['softcap']:g}" if first["softcap"] else ""
        words += f", window {first['window']}" if first["window"] else ""
        yield f"### {shape}: {words}, {first['dtype']}"
        heads = [
            key.removeprefix(f"{shape} ") + (" (wall)" if row["clock"] == "wall" else "") for key, row in some.items()
        ]
        floors = ["seconds of " + first["over"], *(_floor(row) for row in some.values())]
        body = _by_key([row["ratios"] for row in some.values()], "{:.2f}x")
        worst = ["largest difference (allowed)", *(_gate(row) for row in some.values())]
        load = ["load", *(_loads(row) for row in some.values())]
        yield table(["T", *heads], [floors, *body, worst, load])
    yield "![cost against length](cost_against_length.png)"


def _floor(row: Row) -> str:
    taken = row["seconds"].get(row["over"])
    return "—" if taken is None else f"{taken['wall' if row['clock'] == 'wall' else 'median']:.4g}"


def _memory(rows: Mapping[str, Row]) -> Iterator[str]:
    yield "## Peak memory over the resident model, MB"
    yield (
        "One fresh process a cell. Freed memory is given back at once, so that a peak is what is held at one time; the "
        "second table has some of them with glibc's malloc as it comes, which keeps freed blocks in its heap."
    )
    peaks = [
        {name: f"{peak:.0f} ({row['extra_megabytes'][name]:+.1f})" for name, peak in row["megabytes"].items()}
        for row in rows.values()
    ]
    yield table(["peak (over the bare forward)", *rows], _by_key(peaks, "{}"))
    yield table(
        ["as malloc keeps", *rows], _by_key([row["megabytes_as_malloc_keeps"] for row in rows.values()], "{:.0f}")
    )


def _lengths(rows: Mapping[str, Row]) -> Iterator[str]:
    yield "## Long sequences"
    body = [
        [
            row["what"],
            name,
            f"{taken['cpu_seconds']:.1f}",
            f"{taken['wall_seconds']:.1f}",
            f"{taken['extra_megabytes']:.0f}",
            f"{row['one_t_by_t_megabytes']:,}",
            _gate(row),
            _loads(row),
        ]
        for row in rows.values()
        for name, taken in row["taken"].items()
    ]
    columns = [
        "what",
        "who",
        "CPU s",
        "wall s",
        "peak MB",
        "T x T of all heads, MB",
        "largest difference (allowed)",
        "load",
    ]
    yield table(columns, body)


def _sweeps(rows: Mapping[str, Row]) -> Iterator[str]:
    yield "## Sweeps over heads"
    yield (
        "Process CPU time, one thread, ratios of medians of interleaved repeats; both source runs are part of ours. "
        "`patch`: z of every head, the two prompts differing in all tokens, the last half, the last 8, the last. "
        "TransformerLens' loop is one whole forward a head, a sample of heads scaled up. `grow`: prompts that differ "
        "in the last 8 tokens."
    )
    body = [
        [key, f"{name}", f"{value:.3g}", _gate(row), _loads(row)]
        for key, row in rows.items()
        for name, value in (row["ratios"] | row.get("extra_megabytes", {})).items()
    ]
    yield table(["row", "ratio, or MB", "measured", "largest difference (allowed)", "load"], body)
    if any("grows" in row for row in rows.values()):
        yield "![how the cost of a sweep grows](sweep_growth.png)"


def _about(rows: Mapping[str, Row]) -> str:
    loads = "; ".join(f"{key}: {_loads(row)}" for key, row in rows.items())
    entropies = "; ".join(
        f"{key}: {low:g} to {high:g}" for key, row in rows.items() for low, high in [row["entropy_nats"]]
    )
    return f"Load average: {loads}. Entropy of attention in nats, least and most of a layer: {entropies}."


def _by_key(columns: Sequence[Mapping[str, Any]], form: str) -> list[Cells]:
    """One line a key, one cell a column; a dash where a column has no such key."""
    keys = dict.fromkeys(key for column in columns for key in column)
    return [[key, *(form.format(column[key]) if key in column else "—" for column in columns)] for key in keys]


def _spread(taken: Mapping[str, float] | None) -> str:
    return "—" if taken is None else f"{taken['median']:.3g} ({taken['low']:.3g} to {taken['high']:.3g})"


def _gate(row: Row) -> str:
    worst = max(row["differences"].values(), key=lambda gate: gate["difference"] / gate["allowed"])
    return f"{worst['difference']:.1e} ({worst['allowed']:.1e})"


def _loads(row: Row) -> str:
    return f"{row['load_average'][0]:.1f}–{row['load_average'][1]:.1f}"


def table(columns: Cells, rows: Sequence[Cells]) -> str:
    """A Markdown table; the first column is text, the others numbers."""
    rule = ["---", *["---:"] * (len(columns) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (columns, rule, *rows))


if __name__ == "__main__":
    main()
