"""The layer by head map of a sweep: where in the model the effects are.

In: a `PatchResult` and a theme. Out: a matplotlib `Figure`.
"""

import numpy as np
from matplotlib.figure import Figure

from attnprobe.causal.result import PatchResult, leading
from attnprobe.report.finding import ALPHA, MINIMUM, is_large
from attnprobe.report.grid_map import Grid, GridMap, grid_map
from attnprobe.report.palette import LIGHT, Theme
from attnprobe.report.phrases import phrases_for


def head_map(result: PatchResult, *, title: str = "", theme: Theme = LIGHT) -> Figure:
    """Draw a map of what heads are judged by, 0 in the middle of the scale.

    Args:
        result: of a sweep.
        title: above the map.
        theme: light or dark.

    Returns:
        A figure; heads that stand out are outlined, values are printed where they fit.
    """
    noun = phrases_for(result.settings).unit_noun
    outlined = [(head.layer, head.index or 0) for head in result.heads if is_large(head, result.unit)]
    rule = f"q < {ALPHA:g} and at least {MINIMUM[result.unit]:g} {result.unit}"
    shown = GridMap(
        grid=_grid(result),
        quantity=_quantity(result),
        column_title="head" if noun == "head" else "",
        outlined=outlined,
        note=f"outlined: {rule}" if outlined else f"no {noun} has {rule}",
    )
    return grid_map(shown, title=title, theme=theme)


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
