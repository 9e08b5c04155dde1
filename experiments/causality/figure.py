"""Necessity by size: what hiding the keys does, beside its control, for each question that was put.

In: records of `tables`. Out: a matplotlib `Figure`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from attnprobe.report.canvas import DOTS_PER_INCH, FONT, LABEL_SIZE
from attnprobe.report.palette import LIGHT

_PANEL_IN = (2.3, 2.2)
_PARTS = (("nats", "log p(gold), nats"), ("proofs", "right proofs"))
_COLOURS = {"difference": "#0072B2", "effect": "#D55E00"}
_LABELS = {"effect": "keys hidden", "difference": "less as many random keys"}


def necessity_figure(records: Sequence[Mapping[str, Any]], titles: Mapping[str, str]) -> Figure:
    """One row for nats and one for proofs, one column a question; 95% intervals.

    Args:
        records: over all rules and rule by rule; the former are drawn.
        titles: by question.
    """
    figure = Figure(
        figsize=(_PANEL_IN[0] * len(titles) + 0.5, _PANEL_IN[1] * 2 + 0.5),
        dpi=DOTS_PER_INCH,
        layout="constrained",
        facecolor="w",
    )
    FigureCanvasAgg(figure)
    grid = figure.subplots(2, len(titles), sharex=True, sharey="row", squeeze=False)
    chosen = [row for row in records if row["scope"] == "all" and row["test"] == "necessity"]
    names = list(dict.fromkeys(row["model"] for row in chosen))
    for line, (part, label) in zip(grid, _PARTS, strict=True):
        for axes, (asked, title) in zip(line, titles.items(), strict=True):
            rows = {row["model"]: row for row in chosen if (row["asked"], row["contrast"]) == (asked, part)}
            _panel(axes, [rows.get(name) for name in names])
            if part == _PARTS[0][0]:
                axes.set_title(title, fontsize=LABEL_SIZE, family=FONT, color=LIGHT.ink)
        line[0].set_ylabel(label, fontsize=LABEL_SIZE, family=FONT)
    for axes in grid[-1]:
        ticks = [name.removeprefix("pronto-") for name in names]
        axes.set_xticks(range(len(names)), ticks, rotation=45, fontsize=LABEL_SIZE - 1)
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2, frameon=False, fontsize=7)
    return figure


def _panel(axes: Axes, rows: Sequence[Mapping[str, Any] | None]) -> None:
    axes.axhline(0.0, color=LIGHT.ink, lw=0.8)
    for step, (quantity, low, high) in enumerate(
        (("effect", "effect_low", "effect_high"), ("difference", "low", "high"))
    ):
        label: str | None = _LABELS[quantity]
        for place, row in enumerate(rows):
            if row is None or row[quantity] is None or row[low] is None:
                continue
            at, colour = place + 0.2 * (step - 0.5), _COLOURS[quantity]
            axes.plot([at, at], [row[low], row[high]], color=colour, lw=1.0)
            axes.plot([at], [row[quantity]], color=colour, marker="os"[step], markersize=3.5, label=label)
            label = None
    axes.tick_params(labelsize=LABEL_SIZE - 1, colors=LIGHT.ink)
    axes.grid(axis="y", color=LIGHT.faint, alpha=0.18, lw=0.6)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
