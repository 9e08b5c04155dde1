"""Scores of examples that the model answers rightly beside those of examples that it does not.

In: an `AssociationResult` and a theme. Out: a matplotlib `Figure`.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from attnprobe.attention.settings import Null
from attnprobe.evaluation.association.result import SCORE, AssociationResult
from attnprobe.report.canvas import FONT, LABEL_SIZE, LINE_IN, Frame, blank, plain_ticks, title_lines, write_title
from attnprobe.report.numbers import with_interval
from attnprobe.report.palette import LIGHT, Theme
from attnprobe.report.score_finding import DECIMALS, NULL_NAMES
from attnprobe.statistics.ranks import Separation
from attnprobe.statistics.seeds import generator

_WIDTH_IN = 3.6
_ROW_IN = 0.62
_SPREAD = 0.13


def quantity_name(quantity: str) -> str:
    """What a compared quantity is called."""
    return "score" if quantity == SCORE else f"score − {NULL_NAMES[Null(quantity)]}"


def auroc_text(found: Separation) -> str:
    """An AUROC with its interval, or why there is none."""
    if found.auroc is None:
        return "no AUROC"
    return with_interval(found.auroc, found.low, found.high, DECIMALS)


def association_plot(result: AssociationResult, *, title: str = "", theme: Theme = LIGHT) -> Figure:
    """Draw each example's score and its difference from each null, right and wrong ones apart.

    Args:
        result: of the association test.
        title: above the plot.
        theme: light or dark.

    Returns:
        A figure: a mark for each example, a bar for each median, and the AUROC within strata beside each pair.
    """
    quantities = list(result.overall.contrasts)
    lines = title_lines(title, _WIDTH_IN + 2.4)
    frame = Frame(
        width=_WIDTH_IN,
        height=_ROW_IN * len(quantities) + 0.1,
        left=1.35,
        right=1.75,
        bottom=0.56,
        top=0.14 + LINE_IN * len(lines) + 0.3,
    )
    figure, axes = blank(frame, theme)
    correct = result.examples["correct"].to_numpy(dtype=bool)
    for row, quantity in enumerate(reversed(quantities)):
        name = SCORE if quantity == SCORE else f"{quantity}_difference"
        values = result.examples[name].to_numpy(dtype=float)
        _draw(axes, values[correct], row + 0.2, theme.above[1])
        _draw(axes, values[~correct], row - 0.2, theme.below[0])
        found = auroc_text(result.overall.contrasts[quantity].within)
        axes.annotate(
            found,
            (1.0, row),
            xycoords=("axes fraction", "data"),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            fontsize=LABEL_SIZE,
            family=FONT,
            color=theme.ink,
        )
    axes.axvline(0, color=theme.faint, lw=0.8, zorder=1)
    axes.set_yticks(range(len(quantities)), [quantity_name(name) for name in reversed(quantities)])
    axes.set_ylim(-0.5, len(quantities) - 0.5)
    axes.set_xlabel("mean over heads, one mark an example", fontsize=LABEL_SIZE, color=theme.ink, family=FONT)
    axes.grid(axis="x", color=theme.faint, alpha=0.18, lw=0.6)
    axes.set_axisbelow(True)
    plain_ticks(axes, theme)
    _legend(figure, axes, frame, result, theme)
    write_title(figure, frame, lines, theme)
    return figure


def _draw(axes: Axes, values: Float[np.ndarray, " example"], row: float, colour: str) -> None:
    known = values[np.isfinite(values)]
    if not len(known):
        return
    # side by side, so that equal scores do not hide each other; the same every time
    places = row + generator(0, "strip", "", f"{len(known)}").uniform(-_SPREAD, _SPREAD, len(known))
    axes.scatter(known, places, s=7, linewidths=0, alpha=0.6, color=colour, zorder=2)
    median = float(np.median(known))
    axes.plot([median, median], [row - 0.19, row + 0.19], color=colour, lw=2.2, solid_capstyle="butt", zorder=3)


def _legend(figure: Figure, axes: Axes, frame: Frame, result: AssociationResult, theme: Theme) -> None:
    counts = (("right", result.n_correct, theme.above[1]), ("wrong", result.n - result.n_correct, theme.below[0]))
    handles: Sequence[Line2D] = [
        Line2D([], [], color=colour, marker="o", markersize=4, linestyle="none", label=f"{name} (n = {n})")
        for name, n, colour in counts
    ]
    axes.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(-0.02, 1.0),
        ncols=2,
        frameon=False,
        labelcolor=theme.ink,
        prop={"family": FONT, "size": LABEL_SIZE},
        handletextpad=0.2,
        columnspacing=1.2,
        borderaxespad=0.2,
    )
    x, y = frame.point(frame.left + frame.width + 0.11, frame.bottom + frame.height + 0.07)
    figure.text(x, y, "AUROC within strata", fontsize=LABEL_SIZE, color=theme.faint, family=FONT)
