"""The heat map of one example's attention under one head, tokens on both axes.

In: a `Showcase` and a theme. Out: a matplotlib `Figure`.
"""

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from attnprobe.attention.showcase import Showcase
from attnprobe.report.canvas import FONT, LABEL_SIZE, LINE_IN, Frame, blank, plain_ticks, title_lines, write_title
from attnprobe.report.palette import LIGHT, Theme
from attnprobe.report.token_labels import token_label, window_note

_CELL_IN = 0.102
_LARGEST_CELL_IN = 0.2
_SIDE_IN = 4.2
_LETTER_IN = 0.05
_TOKEN_SIZE = 5.5
_TINY = 1e-12


def pattern_map(shown: Showcase, *, title: str = "", theme: Theme = LIGHT) -> Figure:
    """Draw the pattern as a map, queries from top to bottom, keys from left to right.

    Args:
        shown: what is drawn.
        title: above the map.
        theme: light or dark.

    Returns:
        A figure; where a gold token's predicting position meets its keys, cells are outlined. The first key takes no
        part in the scale of colours: where it is a sink it would leave nothing for the others.
    """
    window = shown.window
    part = shown.pattern[:, window.start :]
    cell = min(_LARGEST_CELL_IN, max(_CELL_IN, _SIDE_IN / len(window)))
    side = cell * len(window)
    labels = [token_label(shown.tokens[position]) for position in window]
    size = min(LABEL_SIZE, _TOKEN_SIZE * cell / _CELL_IN)
    margin = 0.12 + _LETTER_IN * max(map(len, labels)) * size / _TOKEN_SIZE
    lines = title_lines(title, side + margin)
    frame = Frame(
        width=side, height=side, left=margin, right=0.85, bottom=0.42, top=0.14 + LINE_IN * len(lines) + margin
    )
    figure, axes = blank(frame, theme)
    seen = part[:, 1:] if window.start == 0 and len(window) > 1 else part
    norm = Normalize(0.0, max(float(seen.max()), _TINY), clip=True)
    visible = np.where(np.tri(len(window), dtype=bool), part, np.nan)
    mesh = axes.pcolormesh(visible, cmap=theme.sequential, norm=norm)
    axes.set_xlim(0, len(window))
    axes.set_ylim(len(window), 0)
    for link in shown.links:
        for key in link.keys:
            if link.position - 1 in window and key in window:
                corner = (key - window.start, link.position - 1 - window.start)
                axes.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=theme.below[0], lw=0.7))
    places = [index + 0.5 for index in range(len(window))]
    axes.xaxis.tick_top()
    axes.set_xticks(places, labels, rotation=90, parse_math=False)
    axes.set_yticks(places, labels, parse_math=False)
    axes.tick_params(length=0, pad=1.5, colors=theme.ink, labelsize=size, labelfontfamily=FONT)
    bar_height = min(side, 1.8)
    place = frame.box(frame.left + side + 0.14, frame.bottom + side - bar_height, 0.12, bar_height)
    bar = figure.colorbar(mesh, cax=figure.add_axes(place), ticks=MaxNLocator(nbins=4))
    bar.set_label("attention", color=theme.ink, fontsize=LABEL_SIZE, family=FONT)
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]  the stub takes the outline for a dict of spines
    plain_ticks(bar.ax, theme)
    notes = ["rows attend to columns", window_note(shown)]
    x, y = frame.point(0.08, 0.12)
    note = "; ".join(note for note in notes if note)
    figure.text(x, y, note, fontsize=LABEL_SIZE - 1, color=theme.faint, family=FONT)
    write_title(figure, frame, lines, theme)
    return figure
