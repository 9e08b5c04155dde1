"""Scores by the paper's protocol: every example, and mean and standard deviation of each group.

In: a `PaperResult` and a theme. Out: a matplotlib `Figure`.
"""

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from attnprobe.attention.result import PaperResult
from attnprobe.report.canvas import FONT, LABEL_SIZE, LINE_IN, Frame, blank, plain_ticks, title_lines, write_title
from attnprobe.report.palette import LIGHT, Theme
from attnprobe.report.token_labels import drawable

MOST_GROUPS = 30
_WIDTH_IN = 4.0
_ROW_IN = 0.4
_LETTER_IN = 0.066
_LONGEST = 28


def paper_plot(result: PaperResult, *, title: str = "", theme: Theme = LIGHT, groups: int = MOST_GROUPS) -> Figure:
    """Draw each example's score as a tick, group by group, with mean and standard deviation.

    Args:
        result: of the paper's protocol.
        title: above the plot.
        theme: light or dark.
        groups: how many at most, before the whole set.
    """
    named = [(name, mean, std) for name, (mean, std, _) in list(result.by_group.items())[:groups]]
    shown = [*(named if len(result.by_group) > 1 else ()), ("all", result.mean, result.std)]
    labels = [_short(name) for name, _, _ in shown]
    lines = title_lines(title, _WIDTH_IN + 1.0)
    frame = Frame(
        width=_WIDTH_IN,
        height=_ROW_IN * len(shown) + 0.1,
        left=0.3 + _LETTER_IN * max(map(len, labels)),
        right=0.25,
        bottom=0.56,
        top=0.14 + LINE_IN * len(lines),
    )
    figure, axes = blank(frame, theme)
    for row, (name, mean, std) in enumerate(reversed(shown)):
        scores = _scores(result, None if row == 0 else name)
        axes.vlines(scores, row - 0.3, row + 0.3, color=theme.above[0], lw=0.9, alpha=0.7, zorder=2)
        if np.isfinite(mean):
            axes.plot([mean - std, mean + std], [row, row], color=theme.ink, lw=1.4, solid_capstyle="round", zorder=3)
            axes.plot([mean], [row], color=theme.ink, marker="o", markersize=4.5, linestyle="none", zorder=4)
    axes.set_yticks(range(len(shown)), labels[::-1], parse_math=False)
    axes.set_ylim(-0.6, len(shown) - 0.4)
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel("score (mean and standard deviation)", fontsize=LABEL_SIZE, color=theme.ink, family=FONT)
    axes.grid(axis="x", color=theme.faint, alpha=0.18, lw=0.6)
    axes.set_axisbelow(True)
    plain_ticks(axes, theme)
    write_title(figure, frame, lines, theme)
    return figure


def _scores(result: PaperResult, group: str | None) -> Float[np.ndarray, " example"]:
    pairs = zip(result.rows["group"].tolist(), result.rows["score"].tolist(), strict=True)
    scores = np.array([score for name, score in pairs if group is None or name == group], dtype=float)
    return scores[np.isfinite(scores)]


def _short(name: str) -> str:
    shown = drawable(name).replace("\n", " ")
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"
