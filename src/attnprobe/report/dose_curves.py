"""The dose curve of a force: a figure for the page and a table for the terminal.

In: a `PatchResult` of a force. Out: a matplotlib `Figure`, a rich table, records for `summary.json`. The curve is that
of the strongest head of the sweep; the other heads stand behind it, and all their numbers in the files.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from rich.table import Table

from attnprobe.causal.force_curve import DoseRow, ForceCurve
from attnprobe.causal.result import PatchResult
from attnprobe.report.canvas import FONT, LABEL_SIZE, LINE_IN, Frame, blank, plain_ticks, title_lines, write_title
from attnprobe.report.numbers import decimals_for, interval, number
from attnprobe.report.palette import LIGHT, Theme
from attnprobe.report.phrases import phrases_for

_WIDTH_IN, _HEIGHT_IN = 4.3, 2.3


def strongest_curve(result: PatchResult) -> tuple[DoseRow, ...]:
    """The rows of the sweep's strongest head, by ascending mass; none where nothing was forced."""
    if result.curve is None:
        return ()
    name = result.strongest_first()[0].head
    return tuple(row for row in result.curve.rows() if row.head == name)


def dose_curve_plot(result: PatchResult, *, title: str = "", theme: Theme = LIGHT) -> Figure:
    """Draw what each mass does: the strongest head with its interval, its control, and the other heads behind.

    Args:
        result: of a force.
        title: above the plot.
        theme: light or dark.
    """
    assert result.curve is not None
    lines = title_lines(title, _WIDTH_IN + 0.8)
    frame = Frame(
        width=_WIDTH_IN, height=_HEIGHT_IN, left=0.72, right=0.22, bottom=0.56, top=0.38 + LINE_IN * len(lines)
    )
    figure, axes = blank(frame, theme)
    axes.axhline(0, color=theme.faint, lw=0.8, zorder=1)
    rows, doses = result.curve.rows(), result.curve.doses
    shown = strongest_curve(result)
    for unit in map(str, result.curve.units):
        if unit != shown[0].head:
            effects = [row.effect for row in rows if row.head == unit]
            axes.plot(doses, effects, color=theme.faint, alpha=0.45, lw=0.8, zorder=2)
    bounds = [(row.mass, row.low, row.high) for row in shown if row.low is not None and row.high is not None]
    if bounds:
        masses, low, high = (np.array(part, dtype=float) for part in zip(*bounds, strict=True))
        axes.fill_between(masses, low, high, color=theme.above[1], alpha=0.18, lw=0, zorder=2)
    effects = [row.effect for row in shown]
    axes.plot(doses, effects, color=theme.above[1], lw=1.6, marker="o", markersize=4.5, zorder=4, label=shown[0].head)
    control = [(row.mass, row.control) for row in shown if row.control is not None]
    if control:
        axes.plot(
            *zip(*control, strict=True),
            color=theme.control,
            lw=1.2,
            marker="o",
            markersize=4.5,
            markerfacecolor=theme.paper,
            zorder=3,
            label=f"its control, {shown[0].control_kind.value}",
        )
    if shown[0].clean_mass is not None:
        axes.axvline(shown[0].clean_mass, color=theme.ink, lw=0.8, ls=(0, (2, 3)), zorder=1, label="mass it has")
    axes.set_xlabel("attention mass forced onto the keys", fontsize=LABEL_SIZE, color=theme.ink, family=FONT)
    label = f"change of {phrases_for(result.settings).metric}, {result.unit}"
    axes.set_ylabel(label, fontsize=LABEL_SIZE, color=theme.ink, family=FONT)
    axes.set_xlim(-0.03, 1.03)
    plain_ticks(axes, theme)
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.02, 1.0),
        ncols=3,
        frameon=False,
        labelcolor=theme.ink,
        prop={"family": FONT, "size": LABEL_SIZE},
        columnspacing=1.4,
        borderaxespad=0.2,
    )
    write_title(figure, frame, lines, theme)
    return figure


def dose_curve_table(rows: Sequence[DoseRow]) -> Table:
    """Lay out one head's doses, effect beside control and mirror, within 80 columns.

    Args:
        rows: of one head, at least one.
    """
    decimals = decimals_for(value for row in rows for value in (row.effect, row.control, row.difference))
    table = Table(box=None, pad_edge=False)
    for name in ("Mass", "Effect", "95% interval", "Control", "Difference", "95% interval", "Foil"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            f"{row.mass:g}",
            number(row.effect, decimals),
            interval(row.low, row.high, decimals),
            number(row.control, decimals),
            number(row.difference, decimals),
            interval(row.difference_low, row.difference_high, decimals),
            number(row.mirror, decimals),
        )
    return table


def dose_frame(curve: ForceCurve) -> pd.DataFrame:
    """One row for each example, head and mass: what `ForceCurve` holds, null where there is nothing to compare."""
    columns = {"control": curve.control, "mirror": curve.mirror, "mirror_gold": curve.mirror_gold}
    records = [
        {
            "example": example,
            "head": str(unit),
            "mass": mass,
            "clean": float(curve.clean[at]),
            "clean_mass": _known(curve.clean_mass[at, place]),
            "effect": float(curve.effect[at, place, dose]),
            **{name: _known(values[at, place, dose]) for name, values in columns.items()},
        }
        for at, example in enumerate(curve.examples)
        for place, unit in enumerate(curve.units)
        for dose, mass in enumerate(curve.doses)
    ]
    return pd.DataFrame(records)


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
