"""Layer by head maps of attention scores: the score itself, and how far it exceeds its closest null.

In: `Scored` heads and a theme. Out: matplotlib `Figure`s.
"""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.figure import Figure

from attnprobe.attention.result import Scored
from attnprobe.attention.strongest import closest_null
from attnprobe.report.finding import ALPHA
from attnprobe.report.grid_map import Grid, GridMap, grid_map
from attnprobe.report.palette import LIGHT, Theme
from attnprobe.report.score_finding import SMALLEST, stands_out


def score_map(heads: Sequence[Scored], *, quantity: str, title: str = "", theme: Theme = LIGHT) -> Figure:
    """Draw the score of each head, 0 at the beginning of the scale.

    Args:
        heads: all that were scored; layers, where a score has no heads.
        quantity: what a score is.
        title: above the map.
        theme: light or dark.
    """
    shown = GridMap(
        grid=_grid(heads, lambda head: head.score.value),
        quantity=quantity,
        rows=_names(heads),
        column_title=_column_title(heads),
        is_signed=False,
    )
    return grid_map(shown, title=title, theme=theme)


def margin_map(heads: Sequence[Scored], *, title: str = "", theme: Theme = LIGHT) -> Figure:
    """Draw by how much each head's score exceeds its closest null, 0 in the middle of the scale.

    Args:
        heads: all that were scored; layers, where a score has no heads.
        title: above the map.
        theme: light or dark.

    Returns:
        A figure; heads that exceed every null by the rules are outlined.
    """
    layers = _layers(heads)
    outlined = [(layers.index(head.layer or 0), head.index or 0) for head in heads if stands_out(head)]
    rule = f"q < {ALPHA:g} and at least {SMALLEST:g} against every null"
    shown = GridMap(
        grid=_grid(heads, margin_of),
        quantity="score − closest null",
        rows=_names(heads),
        column_title=_column_title(heads),
        outlined=outlined,
        note=f"outlined: {rule}" if outlined else f"none has {rule}",
    )
    return grid_map(shown, title=title, theme=theme)


def margin_of(head: Scored) -> float | None:
    """How far a score exceeds its closest null; None where it has none."""
    closest = closest_null(head)
    return None if closest is None else closest.difference.value


def _column_title(heads: Sequence[Scored]) -> str:
    return "" if any(head.index is None for head in heads) else "head"


def _names(heads: Sequence[Scored]) -> tuple[str, ...]:
    return tuple(map(str, _layers(heads)))


def _layers(heads: Sequence[Scored]) -> tuple[int, ...]:
    return tuple(sorted({head.layer for head in heads if head.layer is not None}))


def _grid(heads: Sequence[Scored], value: Callable[[Scored], float | None]) -> Grid:
    layers = _layers(heads)
    n_columns = max((head.index or 0) for head in heads) + 1
    # layers that were not scored are left out; heads that are not there in layers with fewer stay empty
    grid = np.full((len(layers), n_columns), np.nan)
    for head in heads:
        found = value(head)
        if found is not None:
            grid[layers.index(head.layer or 0), head.index or 0] = found
    return grid
