"""What attention by part of speech, by span and by sentence found, as parts of a report.

In: a `CategoryResult`, a `SpanResult`. Out: `Part`s.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from attnprobe.attention.category_result import CategoryResult
from attnprobe.attention.result import Scored
from attnprobe.attention.span_result import SpanResult
from attnprobe.attention.strongest import closest_null, sorted_by_margin
from attnprobe.report.finding import ALPHA
from attnprobe.report.grid_map import GridMap, grid_map
from attnprobe.report.numbers import MISSING, counted, number, q_value, with_interval
from attnprobe.report.palette import Theme
from attnprobe.report.score_finding import DECIMALS, NULL_NAMES, can_tell, head_q, is_more, stands_out
from attnprobe.report.score_maps import margin_map
from attnprobe.report.score_part import Part, PartFigure, PartTable
from attnprobe.report.score_summary import scored_record
from attnprobe.report.texts import printable
from attnprobe.runs import JsonValue, plain
from attnprobe.statistics.sign_flips import MIN_EXAMPLES

_HEADS_SHOWN = 8
_LONGEST_NAME = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mass:
    """Attention from one group of tokens to another: what it gets, what even attention would give, the difference."""

    query: str
    key: str
    mass: float
    base_rate: float
    difference: float


def categories_part(result: CategoryResult) -> Part:
    """Put attention by part of speech into words."""
    names = [category.value for category in result.categories]
    said = _beyond(result.next_overall, "the part of speech that comes next", "other parts of speech")
    figures = (
        PartFigure(
            file="categories.png",
            draw=lambda title, theme: mass_map(result.table, "category", names, title=title, theme=theme),
            alt="Map of attention between parts of speech, less what even attention would give, mean over heads.",
            caption="Attention from words of one part of speech to those of another, less what even attention over all "
            "visible tokens would give, mean over heads.",
        ),
        PartFigure(
            file="next_category.png",
            draw=lambda title, theme: margin_map(result.next_heads, title=title, theme=theme),
            alt="Map of heads: attention on the part of speech that comes next, less its closest null.",
            caption="Attention on words of the part of speech that comes next, less its closest null, by head.",
        ),
    )
    by_category = [(scored, name) for name, scored in result.next_by_category.items()]
    return Part(
        key="categories",
        title="Does attention find the part of speech that comes next?",
        paragraphs=(
            f"{said} {_count(result.next_heads)}",
            f"Words were tagged by {printable(result.tagger)}; positions that look: {result.queries.value}.",
        ),
        record={
            "tagger": result.tagger,
            "queries": result.queries.value,
            "n": result.n,
            "categories": names,
            "next_overall": scored_record(result.next_overall),
            "next_by_category": {name: scored_record(found) for name, found in result.next_by_category.items()},
            "next_heads": [scored_record(head) for head in result.next_heads],
            "mass": mass_records(result.table, "category"),
            "counts": dict(result.counts),
        },
        figures=figures,
        tables=(
            scored_table("Heads that find it most", result.next_heads, result.next_overall),
            _named_table("Mean over heads, by the part of speech that comes next", by_category),
        ),
        frames={
            "categories.parquet": result.table,
            "category_rows.parquet": result.rows,
            "next_rows.parquet": result.next_rows,
        },
    )


def spans_part(result: SpanResult) -> Part:
    """Put attention by span and by sentence into words."""
    overall = result.licensing_overall
    said = ["The task does not say which sentences license which: masses of spans and sentences stand without a test."]
    tables: list[PartTable] = []
    figures = [
        PartFigure(
            file="spans.png",
            draw=lambda title, theme: mass_map(result.table, "span", result.spans, title=title, theme=theme),
            alt="Map of attention between named spans, less what even attention would give, mean over heads.",
            caption="Attention from tokens of one span to those of another, less what even attention over all visible "
            "tokens would give, mean over heads. Spans may overlap.",
        )
    ]
    if overall is not None:
        sentences = "the sentences that license a step"
        said = [f"{_beyond(overall, sentences, 'other sentences')} {_count(result.licensing_heads)}"]
        tables.append(scored_table("Heads that find the licensing sentences most", result.licensing_heads, overall))
        figures.append(
            PartFigure(
                file="licensing.png",
                draw=lambda title, theme: margin_map(result.licensing_heads, title=title, theme=theme),
                alt="Map of heads: attention on licensing sentences, less its closest null.",
                caption="Attention of an answer's sentence on the sentences that license it, less its closest null, by "
                "head.",
            )
        )
    return Part(
        key="spans",
        title="Does attention find the sentences that a step rests on?",
        paragraphs=said,
        record={
            "n": result.n,
            "spans": list(result.spans),
            "licensing_overall": None if overall is None else scored_record(overall),
            "licensing_heads": [scored_record(head) for head in result.licensing_heads],
            "mass": mass_records(result.table, "span"),
            "counts": dict(result.counts),
        },
        figures=figures,
        tables=tables,
        frames={
            "spans.parquet": result.table,
            "span_rows.parquet": result.rows,
            "sentences.parquet": result.sentences,
            "sentence_rows.parquet": result.sentence_rows,
            "licensing_rows.parquet": result.licensing_rows,
        },
    )


def mass_map(table: pd.DataFrame, what: str, names: Sequence[str], *, title: str, theme: Theme) -> Figure:
    """Draw masses between groups of tokens less what even attention would give, mean over heads.

    Args:
        table: of a `CategoryResult` or a `SpanResult`.
        what: `category` or `span`.
        names: of the groups, in the order in which they stand, from above and from the left.
        title: above the map.
        theme: light or dark.
    """
    means = _means(table, what)
    queries = [name for name in reversed(names) if any(one.query == name for one in means)]
    keys = [name for name in names if any(one.key == name for one in means)]
    grid = np.full((len(queries), len(keys)), np.nan)
    for one in means:
        grid[queries.index(one.query), keys.index(one.key)] = one.difference
    shown = GridMap(
        grid=grid,
        quantity="mass − even attention",
        rows=tuple(map(_short, queries)),
        columns=tuple(map(_short, keys)),
        row_title="attends",
        column_title="attended to",
    )
    return grid_map(shown, title=title, theme=theme)


def mass_records(table: pd.DataFrame, what: str) -> list[JsonValue]:
    """Mass between groups of tokens, mean over heads, as plain JSON."""
    return [plain(one) for one in _means(table, what)]


def scored_table(title: str, heads: Sequence[Scored], overall: Scored) -> PartTable:
    """The heads that exceed their closest null by most, and the mean over all."""
    shown = [(head, head.label) for head in sorted_by_margin(heads)[:_HEADS_SHOWN]]
    return _named_table(title, [*shown, (overall, "all")])


def _named_table(title: str, named: Sequence[tuple[Scored, str]]) -> PartTable:
    nulls = list(named[0][0].nulls) if named else []
    rows: list[Sequence[str]] = []
    for scored, name in named:
        closest = closest_null(scored)
        margin = None if closest is None else closest.difference
        rows.append(
            (
                printable(name),
                number(scored.score.value, DECIMALS),
                *(number(scored.nulls[null].value, DECIMALS) if null in scored.nulls else MISSING for null in nulls),
                MISSING if margin is None else with_interval(margin.value, margin.low, margin.high, DECIMALS),
                q_value(head_q(scored)),
            )
        )
    columns = ("", "Mass", *(NULL_NAMES[null].capitalize() for null in nulls), "Difference", "q")
    return PartTable(title=title, columns=columns, rows=rows)


def _beyond(overall: Scored, what: str, others: str) -> str:
    """Whether a mass exceeds its nulls, mean over heads, with the closest."""
    score = with_interval(overall.score.value, overall.score.low, overall.score.high, DECIMALS)
    closest = closest_null(overall)
    if closest is None:
        return f"{what[0].upper()}{what[1:]} gets {score} of the attention, mean over heads; no null could be drawn."
    margin = closest.difference
    differences = [found.difference for found in overall.nulls.values()]
    opening = "Yes" if all(map(is_more, differences)) else "Not beyond every null"
    if not all(map(can_tell, differences)):
        opening = f"Undetermined, with fewer than {MIN_EXAMPLES} examples for some null"
    return (
        f"Does attention find {what}, more than {others}? {opening}: it gets {score} of the attention, mean over "
        f"heads; less its closest null, {NULL_NAMES[closest.null]}, that is "
        f"{with_interval(margin.value, margin.low, margin.high, DECIMALS)}."
    )


def _count(heads: Sequence[Scored]) -> str:
    outstanding = [head.label for head in sorted_by_margin(heads) if stands_out(head)]
    named = f": {', '.join(outstanding[:3])}" if outstanding else ""
    verb = "exceeds" if len(outstanding) == 1 else "exceed"
    return f"{len(outstanding)} of {counted(len(heads), 'head')} {verb} every null (q < {ALPHA:g}){named}."


def _means(table: pd.DataFrame, what: str) -> list[_Mass]:
    """Each pair of groups with its means over heads, in the order in which pairs first occur."""
    found: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
    columns = (table[name].tolist() for name in (f"query_{what}", f"key_{what}", "mass", "base_rate", "difference"))
    for query, key, *values in zip(*columns, strict=True):
        mass, base_rate, difference = map(float, values)
        found.setdefault((str(query), str(key)), []).append((mass, base_rate, difference))
    means = {pair: np.array(values).mean(axis=0).tolist() for pair, values in found.items()}
    return [
        _Mass(query=query, key=key, mass=mass, base_rate=base_rate, difference=difference)
        for (query, key), (mass, base_rate, difference) in means.items()
    ]


def _short(name: str) -> str:
    shown = printable(name)
    return shown if len(shown) <= _LONGEST_NAME else shown[: _LONGEST_NAME - 1] + "…"
