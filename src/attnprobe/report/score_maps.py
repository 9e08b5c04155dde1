"""Layer by head maps of attention scores: the score itself, and how far it exceeds its closest null.

In: a `ScoreResult` and a theme. Out: matplotlib `Figure`s.
"""

from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

from attnprobe.attention.result import Scored, ScoreResult
from attnprobe.attention.strongest import closest_null
from attnprobe.report.finding import ALPHA
from attnprobe.report.grid_map import Grid, GridMap, grid_map
from attnprobe.report.palette import LIGHT, Theme
from attnprobe.report.score_finding import SMALLEST, noun_of, quantity, stands_out


def score_map(result: ScoreResult, *, title: str = "", theme: Theme = LIGHT) -> Figure:
    """Draw the score of each head, 0 at the beginning of the scale.

    Args:
        result: of scoring.
        title: above the map.
        theme: light or dark.
    """
    shown = GridMap(
        grid=_grid(result, lambda head: head.score.value),
        quantity=quantity(result.settings.normalise),
        noun=noun_of(result.settings),
        layers=_layers(result),
        is_signed=False,
    )
    return grid_map(shown, title=title, theme=theme)


def margin_map(result: ScoreResult, *, title: str = "", theme: Theme = LIGHT) -> Figure:
    """Draw by how much each head's score exceeds its closest null, 0 in the middle of the scale.

    Args:
        result: of scoring.
        title: above the map.
        theme: light or dark.

    Returns:
        A figure; heads that exceed every null by the rules are outlined.
    """
    layers = _layers(result)
    outlined = [(layers.index(head.layer or 0), head.index or 0) for head in result.heads if stands_out(head)]
    rule = f"q < {ALPHA:g} and at least {SMALLEST:g} against every null"
    shown = GridMap(
        grid=_grid(result, _margin),
        quantity="score − closest null",
        noun=noun_of(result.settings),
        layers=layers,
        outlined=outlined,
        note=f"outlined: {rule}" if outlined else f"no {noun_of(result.settings)} has {rule}",
    )
    return grid_map(shown, title=title, theme=theme)


def _margin(head: Scored) -> float | None:
    closest = closest_null(head)
    return None if closest is None else closest.difference.value


def _layers(result: ScoreResult) -> tuple[int, ...]:
    return tuple(sorted({head.layer for head in result.heads if head.layer is not None}))


def _grid(result: ScoreResult, value: Callable[[Scored], float | None]) -> Grid:
    layers = _layers(result)
    n_columns = max((head.index or 0) for head in result.heads) + 1
    # layers that were not scored are left out; heads that are not there in layers with fewer stay empty
    grid = np.full((len(layers), n_columns), np.nan)
    for head in result.heads:
        found = value(head)
        if found is not None:
            grid[layers.index(head.layer or 0), head.index or 0] = found
    return grid
