"""The figure of sets of heads: what each does, or keeps, by its size, beside random sets of as many heads.

In: a `SetResult` and a theme. Out: a matplotlib `Figure`.
"""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from attnprobe.causal.set_result import SetResult, SetRow
from attnprobe.causal.set_settings import GivenSets
from attnprobe.report.canvas import FONT, LABEL_SIZE, LINE_IN, Frame, blank, plain_ticks, title_lines, write_title
from attnprobe.report.palette import LIGHT, Theme
from attnprobe.report.phrases import phrases_for
from attnprobe.report.texts import printable

MOST_SETS = 16
_NAME_LENGTH = 14
_WIDTH_IN, _HEIGHT_IN = 4.3, 2.5
Point = tuple[float | None, float | None, float | None]


def sets_plot(result: SetResult, *, title: str = "", theme: Theme = LIGHT) -> Figure:
    """Draw each set with its interval, its random sets, and what editing all heads does.

    Args:
        result: of sets.
        title: above the plot.
        theme: light or dark.
    """
    shown = result.sets[:MOST_SETS]
    lines = title_lines(title, _WIDTH_IN + 0.9)
    top = 0.38 + LINE_IN * len(lines)
    frame = Frame(width=_WIDTH_IN, height=_HEIGHT_IN, left=0.72, right=0.22, bottom=0.56, top=top)
    figure, axes = blank(frame, theme)
    axes.axhline(0, color=theme.faint, lw=0.8, zorder=1)
    if not result.settings.all_but:
        _everything(axes, result, theme)
    for at, row in enumerate(shown):
        _draw(axes, at, row, result, theme)
    values = [_value(row, result)[0] for row in shown]
    if not isinstance(result.choice, GivenSets):
        known = [(at, value) for at, value in enumerate(values) if value is not None]
        axes.plot([at for at, _ in known], [value for _, value in known], color=theme.ink, lw=0.9, zorder=2)
    _labels(axes, shown, result, theme)
    _legend(axes, result, theme)
    write_title(figure, frame, lines, theme)
    return figure


def _value(row: SetRow, result: SetResult) -> Point:
    if result.settings.all_but:
        share = row.faithfulness
        return (None, None, None) if share is None else (share.value, share.low, share.high)
    return row.against.effect, row.against.low, row.against.high


def _draw(axes: Axes, at: int, row: SetRow, result: SetResult, theme: Theme) -> None:
    value, low, high = _value(row, result)
    random = row.random.faithfulness if result.settings.all_but else row.random.effects
    drawn = [found for found in random if found is not None]
    axes.add_line(_random_marks(theme, [at + 0.16] * len(drawn), drawn))
    if low is not None and high is not None:
        axes.plot([at, at], [low, high], color=theme.ink, lw=1.3, solid_capstyle="round", zorder=3)
    if value is not None:
        axes.add_line(_set_marks(theme, [float(at)], [value]))
    control = row.against.control
    if control is not None and not result.settings.all_but:
        axes.add_line(_control_marks(theme, [at - 0.16], [control]))


def _everything(axes: Axes, result: SetResult, theme: Theme) -> None:
    if result.everything.value is not None:
        axes.axhline(result.everything.value, color=theme.faint, lw=1.1, linestyle=(0, (4, 2)), zorder=1)


def _labels(axes: Axes, shown: tuple[SetRow, ...], result: SetResult, theme: Theme) -> None:
    if isinstance(result.choice, GivenSets):
        names = [printable(row.name) for row in shown]
        ticks = [name if len(name) <= _NAME_LENGTH else f"{name[: _NAME_LENGTH - 1]}…" for name in names]
    else:
        ticks = [str(len(row.heads.heads)) for row in shown]
        axes.set_xlabel("heads in the set", fontsize=LABEL_SIZE, color=theme.ink, family=FONT)
    axes.set_xticks(range(len(shown)), ticks)
    axes.set_xlim(-0.6, len(shown) - 0.4)
    metric = phrases_for(result.settings.edit).metric
    label = "share kept by the set alone" if result.settings.all_but else f"change of {metric}, {result.unit}"
    axes.set_ylabel(label, fontsize=LABEL_SIZE, color=theme.ink, family=FONT)
    axes.autoscale_view(scalex=False)
    axes.margins(y=0.08)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6))
    axes.grid(axis="y", color=theme.faint, alpha=0.18, lw=0.6)
    axes.set_axisbelow(True)
    plain_ticks(axes, theme)


def _set_marks(theme: Theme, x: list[float], y: list[float]) -> Line2D:
    return Line2D(x, y, color=theme.ink, marker="o", markersize=5, linestyle="none", zorder=4, label="set")


def _random_marks(theme: Theme, x: list[float], y: list[float]) -> Line2D:
    label = "random sets"
    return Line2D(x, y, color=theme.control, marker="_", markersize=7, linestyle="none", zorder=3, label=label)


def _control_marks(theme: Theme, x: list[float], y: list[float]) -> Line2D:
    return Line2D(
        x,
        y,
        color=theme.control,
        marker="o",
        markersize=4.5,
        markerfacecolor=theme.paper,
        linestyle="none",
        zorder=3,
        label="control",
    )


def _legend(axes: Axes, result: SetResult, theme: Theme) -> None:
    handles = [_set_marks(theme, [], []), _random_marks(theme, [], [])]
    if not result.settings.all_but:
        handles.append(_control_marks(theme, [], []))
        handles.append(Line2D([], [], color=theme.faint, lw=1.1, linestyle=(0, (4, 2)), label="all heads"))
    axes.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(-0.02, 1.0),
        ncols=4,
        frameon=False,
        labelcolor=theme.ink,
        prop={"family": FONT, "size": LABEL_SIZE},
        handletextpad=0.3,
        columnspacing=1.3,
        borderaxespad=0.2,
    )
