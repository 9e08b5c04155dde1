"""The interval plot: how sure of the strongest heads we are, effect beside control.

In: a `PatchResult` and a theme. Out: a matplotlib `Figure`.
"""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from attnprobe.causal.result import PatchResult
from attnprobe.causal.rows import HeadResult
from attnprobe.report.canvas import FONT, LABEL_SIZE, LINE_IN, Frame, blank, plain_ticks, title_lines, write_title
from attnprobe.report.palette import LIGHT, Theme
from attnprobe.report.phrases import phrases_for

MOST_HEADS = 10
_WIDTH_IN = 4.3
_ROW_IN = 0.38


def interval_plot(result: PatchResult, *, title: str = "", theme: Theme = LIGHT, heads: int = MOST_HEADS) -> Figure:
    """Draw the strongest heads with intervals: effect, control, and the difference between them.

    Args:
        result: of a sweep.
        title: above the plot.
        theme: light or dark.
        heads: how many at most, strongest on top.
    """
    shown = result.strongest_first()[:heads]
    has_control = any(head.difference is not None for head in shown)
    lines = title_lines(title, _WIDTH_IN + 0.8)
    frame = Frame(
        width=_WIDTH_IN,
        height=_ROW_IN * len(shown) + 0.15,
        left=0.72,
        right=0.22,
        bottom=0.56,
        top=0.12 + LINE_IN * len(lines) + (0.26 if has_control else 0.0),
    )
    figure, axes = blank(frame, theme)
    axes.axvline(0, color=theme.faint, lw=0.8, zorder=1)
    for row, head in enumerate(reversed(shown)):
        _draw(axes, row, head, theme)
    axes.autoscale_view(scaley=False)
    axes.set_yticks(range(len(shown)), [head.head for head in reversed(shown)])
    axes.set_ylim(-0.6, len(shown) - 0.4)
    label = f"change of {phrases_for(result.settings).metric}, {result.unit} (95% intervals)"
    axes.set_xlabel(label, fontsize=LABEL_SIZE, color=theme.ink, family=FONT)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6))
    axes.grid(axis="x", color=theme.faint, alpha=0.18, lw=0.6)
    axes.set_axisbelow(True)
    plain_ticks(axes, theme)
    if has_control:
        _legend(axes, theme)
    write_title(figure, frame, lines, theme)
    return figure


def _draw(axes: Axes, row: int, head: HeadResult, theme: Theme) -> None:
    above = row + (0.0 if head.difference is None else 0.16)
    if head.low is not None and head.high is not None:
        axes.plot([head.low, head.high], [above, above], color=theme.ink, lw=1.2, solid_capstyle="round", zorder=2)
    if head.control is not None:
        axes.add_line(_control(theme, [head.control], [above]))
    axes.add_line(_effect(theme, [head.effect], [above]))
    if head.difference is None:
        return
    below, colour = row - 0.17, theme.below[0] if head.difference < 0 else theme.above[1]
    if head.difference_low is not None and head.difference_high is not None:
        ends = [head.difference_low, head.difference_high]
        axes.plot(ends, [below, below], color=colour, lw=1.8, solid_capstyle="round", zorder=2)
    axes.add_line(_difference(colour, [head.difference], [below]))


def _effect(theme: Theme, x: Sequence[float] = (), y: Sequence[float] = ()) -> Line2D:
    return Line2D(x, y, color=theme.ink, marker="o", markersize=4.5, linestyle="none", zorder=4, label="effect")


def _control(theme: Theme, x: Sequence[float] = (), y: Sequence[float] = ()) -> Line2D:
    return Line2D(
        x,
        y,
        color=theme.control,
        marker="o",
        markersize=4.5,
        markeredgewidth=1.2,
        markerfacecolor=theme.paper,
        linestyle="none",
        zorder=3,
        label="control",
    )


def _difference(colour: str, x: Sequence[float] = (), y: Sequence[float] = ()) -> Line2D:
    return Line2D(x, y, color=colour, marker="D", markersize=4.0, linestyle="none", zorder=4, label="difference")


def _legend(axes: Axes, theme: Theme) -> None:
    axes.legend(
        handles=[_effect(theme), _control(theme), _difference(theme.below[0])],
        loc="lower left",
        bbox_to_anchor=(-0.02, 1.0),
        ncols=3,
        frameon=False,
        labelcolor=theme.ink,
        prop={"family": FONT, "size": LABEL_SIZE},
        handletextpad=0.2,
        columnspacing=1.4,
        borderaxespad=0.2,
    )
