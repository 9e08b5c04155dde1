"""A map of layers by heads: one number a cell, 0 always on the scale.

In: numbers by layer and head, what they are, a theme. Out: a matplotlib `Figure`.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from attnprobe.report.canvas import FONT, LABEL_SIZE, LINE_IN, Frame, blank, plain_ticks, title_lines, write_title
from attnprobe.report.numbers import decimals_for, number
from attnprobe.report.palette import LIGHT, Theme

_CELL_IN = 0.52
_SMALLEST_PRINTED_IN = 0.42
_WIDEST_IN = 9.0
_TALLEST_IN = 9.0
_NARROWEST_IN = 2.6
_MOST_TICKS = 16
_LIGHT_ABOVE = 0.45
_LETTER_IN = 0.073
_TINY = 1e-12

Grid = Float[np.ndarray, "layer column"]
Cell = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GridMap:
    """What a map shows.

    Attributes:
        grid: the numbers; NaN where there is no such head, or none was looked at.
        quantity: what they are, beside the scale.
        outlined: (row, column) of the cells that stand out.
        note: below the map.
        rows: names of the rows, from below; None: layers from 0.
        columns: names of the columns; None: heads from 0.
        row_title: what rows are.
        column_title: what columns are; "" where a row is one cell.
        is_signed: whether numbers lie on both sides of 0, which is in the middle of the scale then; else at its end.
    """

    grid: Grid
    quantity: str
    outlined: Collection[Cell] = ()
    note: str = ""
    rows: tuple[str, ...] | None = None
    columns: tuple[str, ...] | None = None
    row_title: str = "layer"
    column_title: str = "head"
    is_signed: bool = True


def grid_map(shown: GridMap, *, title: str = "", theme: Theme = LIGHT) -> Figure:
    """Draw a map.

    Args:
        shown: what it shows.
        title: above the map.
        theme: light or dark.

    Returns:
        A figure; cells that stand out are outlined, values are printed where they fit.
    """
    grid = shown.grid
    cell = min(_CELL_IN, _WIDEST_IN / grid.shape[1], _TALLEST_IN / grid.shape[0])
    map_width, map_height = grid.shape[1] * cell, grid.shape[0] * cell
    lines = title_lines(title, max(map_width, _NARROWEST_IN) + 1.3)
    frame = Frame(
        width=max(map_width, _NARROWEST_IN),
        height=map_height,
        left=0.4 + _LETTER_IN * max(3.0, *(len(name) for name in shown.rows or ("",))),
        right=0.95,
        bottom=(0.78 if shown.note else 0.5) + _names_in(shown),
        top=0.16 + LINE_IN * len(lines),
    )
    figure, axes = blank(frame, theme)
    peak = max(float(np.nanmax(np.abs(grid), initial=0.0)), _TINY)
    norm = Normalize(-peak if shown.is_signed else 0.0, peak)
    colours = theme.diverging if shown.is_signed else theme.sequential
    mesh = axes.pcolormesh(grid, cmap=colours, norm=norm, edgecolors=theme.paper, linewidth=min(2.0, cell * 4))
    axes.set_aspect("equal", anchor="NW")
    _label(axes, shown, theme)
    if cell >= _SMALLEST_PRINTED_IN:
        _print_values(axes, grid, colours, norm)
    for row, column in sorted(shown.outlined):
        ink = ink_on(colours, norm(float(grid[row, column])))
        _outline(axes, row, column, ink, width=max(0.7, min(1.4, cell * 2.8)))
    bar_height = min(map_height, 2.6)
    place = frame.box(frame.left + map_width + 0.14, frame.bottom + map_height - bar_height, 0.13, bar_height)
    ticks = MaxNLocator(nbins=5, symmetric=shown.is_signed)
    bar = figure.colorbar(mesh, cax=figure.add_axes(place), ticks=ticks)
    bar.set_label(shown.quantity, color=theme.ink, fontsize=LABEL_SIZE, family=FONT)
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]  the stub takes the outline for a dict of spines
    plain_ticks(bar.ax, theme)
    x, y = frame.point(frame.left, 0.14)
    figure.text(x, y, shown.note, fontsize=LABEL_SIZE, color=theme.faint, family=FONT)
    write_title(figure, frame, lines, theme)
    return figure


def _label(axes: Axes, shown: GridMap, theme: Theme) -> None:
    n_rows, n_columns = shown.grid.shape
    rows, columns = range(0, n_rows, _step(n_rows)), range(0, n_columns, _step(n_columns))
    row_names = shown.rows or tuple(map(str, range(n_rows)))
    names = shown.columns or tuple(map(str, range(n_columns)))
    axes.set_ylabel(shown.row_title, fontsize=LABEL_SIZE, color=theme.ink, family=FONT)
    axes.set_yticks([row + 0.5 for row in rows], [row_names[row] for row in rows], parse_math=False)
    if shown.column_title:
        axes.set_xlabel(shown.column_title, fontsize=LABEL_SIZE, color=theme.ink, family=FONT)
        turned = 90 if shown.columns else 0
        places = [column + 0.5 for column in columns]
        axes.set_xticks(places, [names[column] for column in columns], rotation=turned, parse_math=False)
    else:
        axes.set_xticks([])
    plain_ticks(axes, theme)


def _names_in(shown: GridMap) -> float:
    """How much room the names of columns take below the map, beyond that of a number."""
    return _LETTER_IN * max(0.0, *(len(name) - 1.5 for name in shown.columns or ("",)))


def _step(count: int) -> int:
    step = 1
    while count / step > _MOST_TICKS:
        step *= 2
    return step


def _print_values(axes: Axes, grid: Grid, colours: Colormap, norm: Normalize) -> None:
    decimals = decimals_for(float(value) for value in grid.flat if not np.isnan(value))
    for (row, column), value in np.ndenumerate(grid):
        if np.isnan(value):
            continue
        axes.text(
            column + 0.5,
            row + 0.5,
            number(float(value), decimals),
            ha="center",
            va="center_baseline",
            fontsize=6.5,
            family=FONT,
            color=ink_on(colours, norm(float(value))),
        )


def _outline(axes: Axes, row: int, column: int, colour: str, *, width: float) -> None:
    axes.add_patch(Rectangle((column + 0.08, row + 0.08), 0.84, 0.84, fill=False, edgecolor=colour, lw=width))


def ink_on(colours: Colormap, place: float) -> str:
    """The text colour that can be read on a place of a scale, from 0 to 1."""
    red, green, blue, _ = colours(float(place))
    is_light = 0.2126 * red + 0.7152 * green + 0.0722 * blue > _LIGHT_ABOVE
    return LIGHT.ink if is_light else LIGHT.paper
