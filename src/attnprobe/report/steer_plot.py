"""The figure of answers under edits: how often each arm is right, with its interval.

In: a `SteerResult` and a theme. Out: a matplotlib `Figure`.
"""

from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from attnprobe.causal.steering import Arm
from attnprobe.evaluation.under_plan.result import CORRECT, SteerResult
from attnprobe.report.canvas import FONT, LABEL_SIZE, LINE_IN, Frame, blank, plain_ticks, title_lines, write_title
from attnprobe.report.palette import LIGHT, Theme
from attnprobe.report.steer_words import ARM_NAMES

_WIDTH_IN = 4.3
_ROW_IN = 0.38


def steer_plot(result: SteerResult, *, title: str = "", theme: Theme = LIGHT) -> Figure:
    """Draw the share of right answers of every arm with its exact 95% interval; a cross for those off the gold text.

    Args:
        result: of answers under edits.
        title: above the plot.
        theme: light or dark.
    """
    arms, lines = list(reversed(result.arms)), title_lines(title, _WIDTH_IN + 1.2)
    frame = Frame(
        width=_WIDTH_IN,
        height=_ROW_IN * len(arms) + 0.15,
        left=1.1,
        right=0.22,
        bottom=0.56,
        top=0.12 + LINE_IN * len(lines),
    )
    figure, axes = blank(frame, theme)
    for row, arm in enumerate(arms):
        colour = theme.below[0] if arm is Arm.EDITED else theme.ink if arm is Arm.CLEAN else theme.control
        for share in result.shares:
            if (share.arm, share.measure) != (arm, CORRECT) or share.value is None:
                continue
            if share.text == "all" and share.low is not None and share.high is not None:
                axes.plot([share.low, share.high], [row, row], color=colour, lw=1.8, solid_capstyle="round", zorder=2)
                axes.plot([share.value], [row], color=colour, marker="o", markersize=5, linestyle="none", zorder=3)
            elif share.text == "off_gold":
                axes.plot(
                    [share.value], [row - 0.2], color=colour, marker="x", markersize=4, linestyle="none", zorder=3
                )
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.6, len(arms) - 0.4)
    axes.set_yticks(range(len(arms)), [ARM_NAMES[arm] for arm in arms])
    axes.xaxis.set_major_locator(MultipleLocator(0.25))
    label = "share of right answers (95% intervals; × of those that left the gold text)"
    axes.set_xlabel(label, fontsize=LABEL_SIZE, color=theme.ink, family=FONT)
    axes.grid(axis="x", color=theme.faint, alpha=0.18, lw=0.6)
    axes.set_axisbelow(True)
    plain_ticks(axes, theme)
    write_title(figure, frame, lines, theme)
    return figure
