"""The dose curve of sufficiency: what forced attention does to the wrong word, by how much is forced and onto what.

In: the doses of a `VerdictResult` and a theme. Out: a matplotlib `Figure`.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from attnprobe.report.canvas import FONT, LABEL_SIZE, LINE_IN, Frame, blank, plain_ticks, title_lines, write_title
from attnprobe.report.palette import LIGHT, Theme
from attnprobe.statistics.estimates import bootstrap_interval

_WIDTH_IN, _HEIGHT_IN = 4.2, 2.2
ARM_NAMES: Mapping[str, str] = {
    "gold": "premise without the source word",
    "random_keys": "random keys",
    "distance": "keys about as far back",
    "source_word": "the source word itself",
    "mirror": "the foil's keys, read as log p(foil)",
}


def dose_table(doses: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Mean and interval of every arm at every dose: columns arm, dose, value, low, high, n."""
    rows: list[tuple[str, float, float | None, float | None, float | None, int]] = []
    for arm in ARM_NAMES:
        of_arm = doses.loc[doses["arm"] == arm]
        for dose in sorted(set(of_arm["dose"].tolist())):
            values = of_arm.loc[of_arm["dose"] == dose, "value"].to_numpy(dtype=float)
            found = bootstrap_interval(values, seed)
            rows.append((arm, dose, found.value, found.low, found.high, found.n))
    return pd.DataFrame(rows, columns=["arm", "dose", "value", "low", "high", "n"])


def dose_plot(table: pd.DataFrame, *, title: str = "", theme: Theme = LIGHT) -> Figure:
    """Draw every arm over dose.

    Args:
        table: from `dose_table`.
        title: above the plot.
        theme: light or dark.
    """
    lines = title_lines(title, _WIDTH_IN + 2.6)
    frame = Frame(
        width=_WIDTH_IN, height=_HEIGHT_IN, left=0.62, right=3.05, bottom=0.5, top=0.12 + LINE_IN * len(lines)
    )
    figure, axes = blank(frame, theme)
    axes.axhline(0, color=theme.faint, lw=0.8, zorder=1)
    colours = dict(
        zip(ARM_NAMES, (theme.above[1], theme.control, theme.above[0], theme.ink, theme.below[0]), strict=True)
    )
    marks = dict(zip(ARM_NAMES, "DosP^", strict=True))
    for arm, name in ARM_NAMES.items():
        rows = table.loc[table["arm"] == arm]
        if rows.empty:
            continue
        dose, value, low, high, n = (
            rows[column].to_numpy(dtype=float) for column in ("dose", "value", "low", "high", "n")
        )
        label = f"{name} (n = {int(n.max())})"
        axes.plot(dose, value, color=colours[arm], marker=marks[arm], markersize=4, lw=1.2, label=label)
        if np.isfinite(low).all():
            axes.vlines(dose, low, high, color=colours[arm], lw=1.0, alpha=0.55)
    axes.set_xlabel("attention mass forced onto the keys", fontsize=LABEL_SIZE, color=theme.ink, family=FONT)
    axes.set_ylabel("change of log p, nats", fontsize=LABEL_SIZE, color=theme.ink, family=FONT)
    axes.set_xticks(sorted(set(table["dose"])))
    axes.grid(axis="y", color=theme.faint, alpha=0.18, lw=0.6)
    axes.set_axisbelow(True)
    plain_ticks(axes, theme)
    axes.legend(
        loc="upper left",
        bbox_to_anchor=(1.01, 1.02),
        frameon=False,
        labelcolor=theme.ink,
        prop={"family": FONT, "size": LABEL_SIZE},
        borderaxespad=0.2,
    )
    write_title(figure, frame, lines, theme)
    return figure
