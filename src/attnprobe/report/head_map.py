"""The layer by head map: where in the model the effects are.

In: a `PatchResult` and a theme. Out: a matplotlib `Figure`.
"""

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from attnprobe.causal.result import PatchResult, leading
from attnprobe.causal.rows import HeadResult
from attnprobe.report.canvas import FONT, LABEL_SIZE, LINE_IN, Frame, blank, plain_ticks, title_lines, write_title
from attnprobe.report.finding import ALPHA, MINIMUM, is_large
from attnprobe.report.numbers import decimals_for, number
from attnprobe.report.palette import LIGHT, Theme
from attnprobe.report.phrases import phrases_for

_CELL_IN = 0.52
_SMALLEST_PRINTED_IN = 0.42
_WIDEST_IN = 9.0
_NARROWEST_IN = 2.6
_MOST_TICKS = 16
_LIGHT_ABOVE = 0.45
_TINY = 1e-12

Grid = Float[np.ndarray, "layer column"]


def head_map(result: PatchResult, *, title: str = "", theme: Theme = LIGHT) -> Figure:
    """Draw a map of what heads are judged by, 0 in the middle of the scale.

    Args:
        result: of a sweep.
        title: above the map.
        theme: light or dark.

    Returns:
        A figure; heads that stand out are outlined, values are printed where they fit.
    """
    grid = _grid(result)
    noun = phrases_for(result.settings).unit_noun
    cell = min(_CELL_IN, _WIDEST_IN / grid.shape[1])
    map_width, map_height = grid.shape[1] * cell, grid.shape[0] * cell
    lines = title_lines(title, max(map_width, _NARROWEST_IN) + 1.3)
    frame = Frame(
        width=max(map_width, _NARROWEST_IN),
        height=map_height,
        left=0.62,
        right=0.95,
        bottom=0.78,
        top=0.16 + LINE_IN * len(lines),
    )
    figure, axes = blank(frame, theme)
    peak = max(float(np.nanmax(np.abs(grid))), _TINY)
    norm = Normalize(-peak, peak)
    mesh = axes.pcolormesh(grid, cmap=theme.diverging, norm=norm, edgecolors=theme.paper, linewidth=min(2.0, cell * 4))
    axes.set_aspect("equal", anchor="NW")
    _label(axes, grid, noun, theme)
    if cell >= _SMALLEST_PRINTED_IN:
        _print_values(axes, grid, theme, norm)
    outlined = [head for head in result.heads if is_large(head, result.unit)]
    for head in outlined:
        _outline(axes, head, _ink_on(theme, norm(leading(head))), width=max(0.7, min(1.4, cell * 2.8)))
    bar_height = min(map_height, 2.6)
    place = frame.box(frame.left + map_width + 0.14, frame.bottom + map_height - bar_height, 0.13, bar_height)
    bar = figure.colorbar(mesh, cax=figure.add_axes(place), ticks=MaxNLocator(nbins=5, symmetric=True))
    bar.set_label(_quantity(result), color=theme.ink, fontsize=LABEL_SIZE, family=FONT)
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]  the stub takes the outline for a dict of spines
    plain_ticks(bar.ax, theme)
    rule = f"q < {ALPHA:g} and at least {MINIMUM[result.unit]:g} {result.unit}"
    note = f"outlined: {rule}" if outlined else f"no {noun} has {rule}"
    x, y = frame.point(frame.left, 0.14)
    figure.text(x, y, note, fontsize=LABEL_SIZE, color=theme.faint, family=FONT)
    write_title(figure, frame, lines, theme)
    return figure


def _grid(result: PatchResult) -> Grid:
    n_layers = max(head.layer for head in result.heads) + 1
    n_columns = max((head.index or 0) for head in result.heads) + 1
    # what was not swept, or is not there in layers with fewer heads, stays empty
    grid = np.full((n_layers, n_columns), np.nan)
    for head in result.heads:
        grid[head.layer, head.index or 0] = leading(head)
    return grid


def _quantity(result: PatchResult) -> str:
    has_control = any(head.difference is not None for head in result.heads)
    return f"{'effect − control' if has_control else 'effect'}, {result.unit}"


def _label(axes: Axes, grid: Grid, noun: str, theme: Theme) -> None:
    n_layers, n_columns = grid.shape
    layers, columns = range(0, n_layers, _step(n_layers)), range(0, n_columns, _step(n_columns))
    axes.set_ylabel("layer", fontsize=LABEL_SIZE, color=theme.ink, family=FONT)
    axes.set_yticks([layer + 0.5 for layer in layers], [str(layer) for layer in layers])
    if noun == "head":
        axes.set_xlabel("head", fontsize=LABEL_SIZE, color=theme.ink, family=FONT)
        axes.set_xticks([column + 0.5 for column in columns], [str(column) for column in columns])
    else:
        axes.set_xticks([])
    plain_ticks(axes, theme)


def _step(count: int) -> int:
    step = 1
    while count / step > _MOST_TICKS:
        step *= 2
    return step


def _print_values(axes: Axes, grid: Grid, theme: Theme, norm: Normalize) -> None:
    decimals = decimals_for(float(value) for value in grid.flat if not np.isnan(value))
    for (layer, column), value in np.ndenumerate(grid):
        if np.isnan(value):
            continue
        axes.text(
            column + 0.5,
            layer + 0.5,
            number(float(value), decimals),
            ha="center",
            va="center_baseline",
            fontsize=6.5,
            family=FONT,
            color=_ink_on(theme, norm(float(value))),
        )


def _outline(axes: Axes, head: HeadResult, colour: str, *, width: float) -> None:
    corner = ((head.index or 0) + 0.08, head.layer + 0.08)
    axes.add_patch(Rectangle(corner, 0.84, 0.84, fill=False, edgecolor=colour, lw=width))


def _ink_on(theme: Theme, place: float) -> str:
    """The text colour that can be read on a place of the scale, from 0 to 1."""
    red, green, blue, _ = theme.diverging(float(place))
    is_light = 0.2126 * red + 0.7152 * green + 0.0722 * blue > _LIGHT_ABOVE
    return LIGHT.ink if is_light else LIGHT.paper
