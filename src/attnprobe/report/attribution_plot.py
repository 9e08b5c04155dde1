"""The figures of an attribution: score against exact effect, and where in the model scores or paths are.

In: an `AttributionResult` and a theme. Out: matplotlib `Figure`s.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from attnprobe.causal.attribution.result import AttributionResult, PathResult
from attnprobe.causal.attribution.settings import Target
from attnprobe.plan import HeadId
from attnprobe.report.canvas import FONT, LABEL_SIZE, LINE_IN, Frame, blank, plain_ticks, title_lines, write_title
from attnprobe.report.grid_map import GridMap, grid_map
from attnprobe.report.palette import LIGHT, Theme

_SIDE_IN = 3.2
_MOST_SENDERS, _MOST_COLUMNS = 24, 40
_NAMED = 5
_FAR = 0.1
_MARGIN = 1.12

Numbers = Float[np.ndarray, " case"]


def scatter_plot(result: AttributionResult, *, title: str = "", theme: Theme = LIGHT) -> Figure:
    """Draw scores against exact effects, case by case, with the line on which they are equal.

    Args:
        result: of heads or edges, some of them confirmed.
        title: above the plot.
        theme: light or dark.
    """
    score, exact, is_drawn, names = _cases(result)
    lines = title_lines(title, _SIDE_IN + 0.9)
    frame = Frame(width=_SIDE_IN, height=_SIDE_IN, left=0.7, right=0.25, bottom=0.72, top=0.14 + LINE_IN * len(lines))
    figure, axes = blank(frame, theme)
    reach = _MARGIN * max(float(np.abs([score, exact]).max(initial=0.0)), 1e-9)
    axes.plot([-reach, reach], [-reach, reach], color=theme.faint, lw=0.9, linestyle=(0, (4, 2)), zorder=1)
    axes.axhline(0, color=theme.faint, lw=0.5, zorder=0)
    axes.axvline(0, color=theme.faint, lw=0.5, zorder=0)
    _points(axes, score[~is_drawn], exact[~is_drawn], theme.paper, theme)
    _points(axes, score[is_drawn], exact[is_drawn], theme.above[1], theme)
    # names of dots in a heap at 0 would only hide each other
    largest = np.argsort(-np.abs(exact), kind="stable")[:_NAMED] if names else ()
    for place in (int(place) for place in largest if _is_far(float(exact[place]), reach)):
        axes.annotate(
            names[place],
            (score[place], exact[place]),
            xytext=(4, 3),
            textcoords="offset points",
            fontsize=LABEL_SIZE - 1,
            color=theme.ink,
            family=FONT,
        )
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-reach, reach)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(nbins=5))
    axes.set_xlabel(f"score, {result.unit}", fontsize=LABEL_SIZE, color=theme.ink, family=FONT)
    axes.set_ylabel(f"exact effect, {result.unit}", fontsize=LABEL_SIZE, color=theme.ink, family=FONT)
    plain_ticks(axes, theme)
    note = "filled: not chosen by score; dashed: equal"
    figure.text(*frame.point(0.12, 0.14), note, fontsize=LABEL_SIZE, color=theme.faint, family=FONT)
    write_title(figure, frame, lines, theme)
    return figure


def _is_far(value: float, reach: float) -> bool:
    return abs(value) > _FAR * reach


def _points(axes: Axes, score: Numbers, exact: Numbers, face: str, theme: Theme) -> None:
    axes.plot(
        score,
        exact,
        linestyle="none",
        marker="o",
        markersize=4.0,
        markerfacecolor=face,
        markeredgecolor=theme.above[1],
        markeredgewidth=0.9,
        alpha=0.85,
        zorder=3,
    )


def _cases(result: AttributionResult) -> tuple[Numbers, Numbers, np.ndarray, tuple[str, ...]]:
    """Scores, exact effects, which were not chosen by score, and names, of everything confirmed."""
    if result.settings.target is Target.HEADS:
        known = [head for head in result.heads if head.exact is not None]
        exact = np.array([head.exact or 0.0 for head in known])
        is_drawn = np.array([head.is_drawn for head in known], dtype=bool)
        return np.array([head.score for head in known]), exact, is_drawn, tuple(head.head for head in known)
    exact = result.edges["exact"].to_numpy(dtype=float)
    is_known = np.isfinite(exact)
    score = result.edges["score"].to_numpy(dtype=float)
    is_drawn = result.edges["is_drawn"].to_numpy(dtype=bool)
    return score[is_known], exact[is_known], is_drawn[is_known], ()


def score_map(result: AttributionResult, *, title: str = "", theme: Theme = LIGHT) -> Figure:
    """Draw scores by layer and head; for edges the sums of the kept ones' scores over all examples."""
    if result.settings.target is Target.HEADS:
        cells = {(head.layer, head.index): head.score for head in result.heads}
        quantity = f"score, {result.unit}"
    else:
        top, cells = result.strongest_edges(), dict[tuple[int, int], float]()
        for edge in top.to_dict("records"):
            cell = int(edge["layer"]), int(edge["head"])
            cells[cell] = cells.get(cell, 0.0) + float(edge["score"]) / result.n
        quantity = f"strongest edges' scores, {result.unit} an example"
    shape = (max(layer for layer, _ in cells) + 1, max(head for _, head in cells) + 1)
    grid = np.full(shape, np.nan)
    for cell, value in cells.items():
        grid[cell] = value
    return grid_map(GridMap(grid=grid, quantity=quantity), title=title, theme=theme)


def path_map(result: AttributionResult, *, title: str = "", theme: Theme = LIGHT) -> Figure:
    """Draw effects of paths, senders by receivers' inputs; of many the strongest senders and inputs alone."""
    paths = [path for path in result.paths if path.input is not None]
    senders = _strongest(paths, [path.sender for path in paths], _MOST_SENDERS)
    columns = _strongest(paths, [_end(path) for path in paths], _MOST_COLUMNS)
    grid = np.full((len(senders), len(columns)), np.nan)
    for path in paths:
        if path.sender in senders and _end(path) in columns:
            grid[senders.index(path.sender), columns.index(_end(path))] = path.effect
    shown = GridMap(
        grid=grid,
        quantity=f"effect, {result.unit}",
        rows=tuple(senders),
        columns=tuple(columns),
        row_title="sender",
        column_title="receiver and its input",
    )
    return grid_map(shown, title=title, theme=theme)


def _end(path: PathResult) -> str:
    return path.path.partition("→")[2]


def _strongest(paths: Sequence[PathResult], names: Sequence[str], count: int) -> list[str]:
    """The names with the largest effects, in model order."""
    sizes: dict[str, float] = {}
    for path, name in zip(paths, names, strict=True):
        sizes[name] = max(sizes.get(name, 0.0), abs(path.effect))
    kept = set(sorted(sizes, key=lambda name: -sizes[name])[:count])
    return sorted((name for name in sizes if name in kept), key=_order)


def _order(name: str) -> tuple[bool, HeadId | None, str]:
    head, _, entry = name.partition(".")
    return (True, HeadId.parse(head), entry) if head.startswith("L") else (False, None, name)
