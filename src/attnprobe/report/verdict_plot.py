"""The four tests on one axis: each deciding contrast in units of its own minimum, predictions to the right.

In: a `VerdictResult` and a theme. Out: a matplotlib `Figure`.
"""

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from attnprobe.evaluation.association.result import Verdict
from attnprobe.evaluation.verdict.contrasts import Contrast
from attnprobe.evaluation.verdict.result import VerdictResult
from attnprobe.evaluation.verdict.transplant import DONOR
from attnprobe.report.canvas import FONT, LABEL_SIZE, LINE_IN, Frame, blank, plain_ticks, title_lines, write_title
from attnprobe.report.palette import LIGHT, Theme
from attnprobe.report.verdict_words import amount

_WIDTH_IN = 3.2
_ROW_IN = 0.3
_TICKS = (-50, -10, -3, -1, 0, 1, 3, 10, 50)
_LIMIT = 60.0
SHORT_NAMES: Mapping[str, str] = {
    "score": "score",
    "wrong_token": "− wrong token",
    "position": "− position",
    "gold/random_keys": "log p(gold)",
    "proofs/random_keys": "proofs",
    "forced_word/random_keys": "forced word",
    "z/random_heads": "head output",
    DONOR: "its pattern",
}


def verdict_plot(result: VerdictResult, *, title: str = "", theme: Theme = LIGHT) -> Figure:
    """Draw every contrast that decides.

    Args:
        result: of the four tests.
        title: above the plot.
        theme: light or dark.
    """
    rows: list[tuple[str, Contrast | None]] = []
    for test in result.tests:
        label = test.question.value
        rows += [(f"{label}: {short_name(contrast)}", contrast) for contrast in test.deciding] or [(label, None)]
    lines = title_lines(title, _WIDTH_IN + 3.6)
    frame = Frame(
        width=_WIDTH_IN,
        height=_ROW_IN * len(rows) + 0.1,
        left=2.05,
        right=2.0,
        bottom=0.56,
        top=0.12 + LINE_IN * len(lines),
    )
    figure, axes = blank(frame, theme)
    axes.set_xscale("symlog", linthresh=1.0, linscale=0.8)
    axes.set_xlim(-_LIMIT, _LIMIT)
    axes.axvspan(-1, 1, color=theme.faint, alpha=0.12, lw=0, zorder=0)
    axes.axvline(0, color=theme.faint, lw=0.8, zorder=1)
    for end in (-1, 1):
        axes.axvline(end, color=theme.faint, lw=0.8, ls=(0, (3, 2)), zorder=1)
    for row, (_, contrast) in enumerate(reversed(rows)):
        _draw(axes, row, contrast, theme)
    axes.set_yticks(range(len(rows)), [label for label, _ in reversed(rows)])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.xaxis.set_major_locator(FixedLocator(_TICKS))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([str(tick).replace("-", "−") for tick in _TICKS])
    axes.set_xlabel("difference, in minimums (1 = the smallest that counts)", fontsize=LABEL_SIZE, color=theme.ink)
    plain_ticks(axes, theme)
    write_title(figure, frame, lines, theme)
    return figure


def short_name(contrast: Contrast) -> str:
    """What a contrast is called where there is little room."""
    return SHORT_NAMES.get(contrast.asked.name, contrast.asked.name)


def _draw(axes: Axes, row: int, contrast: Contrast | None, theme: Theme) -> None:
    found = None if contrast is None else contrast.difference
    if contrast is None or found is None or found.value is None:
        text = "not tested"
    else:
        text = amount(contrast)
        colour = {
            Verdict.SUPPORTED: theme.above[1],
            Verdict.CONTRADICTED: theme.below[0],
            Verdict.UNDETERMINED: theme.faint,
        }[contrast.verdict]
        scale = contrast.asked.direction / contrast.asked.minimum
        if found.low is not None and found.high is not None:
            ends = [_within(found.low * scale), _within(found.high * scale)]
            axes.plot(ends, [row, row], color=colour, lw=1.8, solid_capstyle="round", zorder=2)
        axes.plot([_within(found.value * scale)], [row], color=colour, marker="D", markersize=4.2, zorder=3)
    axes.annotate(
        text,
        (1.0, row),
        xycoords=("axes fraction", "data"),
        xytext=(8, 0),
        textcoords="offset points",
        va="center",
        fontsize=LABEL_SIZE,
        family=FONT,
        color=theme.ink,
    )


def _within(value: float) -> float:
    return max(-_LIMIT, min(_LIMIT, value))
