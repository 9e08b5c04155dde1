"""Lines between the pairs of tokens that attend to each other most, under one head.

In: a `Showcase` and a theme. Out: a matplotlib `Figure`.
"""

from dataclasses import dataclass

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from attnprobe.attention.showcase import Showcase
from attnprobe.report.canvas import FONT, LABEL_SIZE, LINE_IN, Frame, blank, title_lines, write_title
from attnprobe.report.palette import LIGHT, Theme
from attnprobe.report.token_labels import token_label, window_note

MOST_PAIRS = 50
_ROW_IN = 0.128
_TOKEN_SIZE = 6.5
_BETWEEN_IN = 3.2
_WIDEST, _THINNEST = 2.8, 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A query, a key, and the attention between them; gold if a gold token is predicted here from its key."""

    query: int
    key: int
    weight: float
    is_gold: bool


def strongest_pairs(shown: Showcase, most: int = MOST_PAIRS) -> tuple[Pair, ...]:
    """The pairs with the most attention, strongest first.

    Args:
        shown: where they are looked for, among positions that have a query. The first key of all is left out: it is
            where attention goes that has nowhere else to go.
        most: how many.
    """
    window = shown.window
    weights = {
        (query, key): float(shown.pattern[query - window.start, key])
        for query in window
        for key in window
        if key <= query
    }
    gold = {(link.position - 1, key) for link in shown.links for key in link.keys}
    pairs = [
        Pair(query=query, key=key, weight=weight, is_gold=(query, key) in gold)
        for (query, key), weight in weights.items()
        if key > 0 and weight > 0
    ]
    # of equal ones the earlier, whatever the sorting
    return tuple(sorted(pairs, key=lambda pair: (-pair.weight, pair.query, pair.key))[:most])


def pattern_links(shown: Showcase, *, title: str = "", theme: Theme = LIGHT, pairs: int = MOST_PAIRS) -> Figure:
    """Draw keys on the left, queries on the right, and a line for each of the strongest pairs, as wide as its weight.

    Args:
        shown: what is drawn.
        title: above the drawing.
        theme: light or dark.
        pairs: how many lines at most.
    """
    window, found = shown.window, strongest_pairs(shown, pairs)
    lines = title_lines(title, _BETWEEN_IN + 1.8)
    height = _ROW_IN * len(window)
    frame = Frame(
        width=_BETWEEN_IN, height=height, left=0.95, right=0.95, bottom=0.42, top=0.34 + LINE_IN * (len(lines) + 1)
    )
    figure, axes = blank(frame, theme)
    axes.set_xlim(0, 1)
    axes.set_ylim(len(window), 0)
    axes.set_xticks([])
    axes.set_yticks([])
    peak = max((pair.weight for pair in found), default=1.0)
    # gold lines on top: they are what the picture is about
    for pair in sorted(found, key=lambda pair: (pair.is_gold, pair.weight)):
        ends = [pair.key - window.start + 0.5, pair.query - window.start + 0.5]
        width = max(_THINNEST, _WIDEST * pair.weight / peak)
        colour = theme.above[1] if pair.is_gold else theme.control
        axes.add_line(Line2D([0, 1], ends, lw=width, color=colour, alpha=0.85 if pair.is_gold else 0.5))
    for row, position in enumerate(window):
        label = token_label(shown.tokens[position])
        for x, side in ((-0.02, "right"), (1.02, "left")):
            axes.text(
                x,
                row + 0.5,
                label,
                ha=side,
                va="center",
                fontsize=_TOKEN_SIZE,
                family=FONT,
                color=theme.ink,
                parse_math=False,
            )
    _captions(figure, frame, theme)
    notes = [f"{len(found)} strongest pairs, the first key left out", window_note(shown)]
    for row, note in enumerate(reversed([note for note in notes if note])):
        x, y = frame.point(0.08, 0.08 + row * 0.14)
        figure.text(x, y, note, fontsize=LABEL_SIZE - 1, color=theme.faint, family=FONT)
    write_title(figure, frame, lines, theme)
    return figure


def _captions(figure: Figure, frame: Frame, theme: Theme) -> None:
    above = frame.bottom + frame.height + 0.08
    for inches, text, side in ((frame.left, "keys", "right"), (frame.left + frame.width, "queries", "left")):
        x, y = frame.point(inches, above)
        figure.text(x, y, text, ha=side, fontsize=LABEL_SIZE, color=theme.faint, family=FONT)
    legend = [
        Line2D([], [], color=theme.above[1], lw=2.5, label="to a gold key"),
        Line2D([], [], color=theme.control, lw=2.5, alpha=0.5, label="to any other"),
    ]
    figure.legend(
        handles=legend,
        loc="lower center",
        bbox_to_anchor=frame.point(frame.left + frame.width / 2, above + 0.12),
        ncols=2,
        frameon=False,
        labelcolor=theme.ink,
        prop={"family": FONT, "size": LABEL_SIZE},
        borderaxespad=0.0,
        handlelength=1.4,
        columnspacing=1.2,
    )
