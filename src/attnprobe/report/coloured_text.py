"""A text coloured by the score of each token, gold keys outlined.

In: a `Showcase` and a theme. Out: a matplotlib `Figure`; the same text as marked pieces for a page.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from attnprobe.attention.showcase import Showcase
from attnprobe.report.canvas import (
    DOTS_PER_INCH,
    FONT,
    LABEL_SIZE,
    LINE_IN,
    Frame,
    blank,
    plain_ticks,
    title_lines,
    write_title,
)
from attnprobe.report.grid_map import ink_on
from attnprobe.report.numbers import number
from attnprobe.report.palette import LIGHT, Theme
from attnprobe.report.score_finding import quantity
from attnprobe.report.texts import Piece, printable
from attnprobe.report.token_labels import drawable

LONGEST_TEXT = 1_500
LEVELS = 6
_MONO = "DejaVu Sans Mono"
_SIZE = 8
# how far this font's letters advance at this size, in whole dots
_LETTER_IN = int(0.602 * _SIZE / 72 * DOTS_PER_INCH) / DOTS_PER_INCH
_ROW_IN = 0.2
_COLUMNS = 88
_TINY = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed:
    """A stretch of one token on one line; long tokens and line breaks are cut into several."""

    token: int
    text: str
    row: int
    column: int


def coloured_text(shown: Showcase, *, title: str = "", theme: Theme = LIGHT) -> Figure:
    """Draw the text before the focus, each token on the colour of its score.

    Args:
        shown: what is drawn.
        title: above the text.
        theme: light or dark.

    Returns:
        A figure; gold keys are outlined, and the gold token that the scores belong to stands at the end, underlined.
    """
    first = first_shown(shown)
    placed = _place(shown, first)
    n_rows = placed[-1].row + 1
    width, height = _COLUMNS * _LETTER_IN, n_rows * _ROW_IN
    lines = title_lines(title, width)
    frame = Frame(
        width=width, height=height, left=0.12, right=0.12, bottom=0.62, top=0.16 + LINE_IN * len(lines) + 0.06
    )
    figure, axes = blank(frame, theme)
    axes.set_xlim(0, _COLUMNS)
    axes.set_ylim(n_rows, 0)
    axes.set_xticks([])
    axes.set_yticks([])
    norm = Normalize(0.0, top_score(shown), clip=True)
    for piece in placed:
        _draw(axes, shown, piece, norm, theme)
    place = frame.box(0.24, 0.4, 1.6, 0.1)
    bar_axes = figure.add_axes(place)
    scale = ScalarMappable(norm=norm, cmap=theme.sequential)
    bar = figure.colorbar(scale, cax=bar_axes, orientation="horizontal", ticks=MaxNLocator(nbins=4))
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]  the stub takes the outline for a dict of spines
    plain_ticks(bar_axes, theme)
    note = f"{quantity(shown.quantity)}; outlined: gold keys; underlined: the gold token"
    if first:
        note += f"; {first} earlier tokens are not drawn"
    x, y = frame.point(2.05, 0.4)
    figure.text(x, y, note, fontsize=LABEL_SIZE - 1, color=theme.faint, family=FONT)
    write_title(figure, frame, lines, theme)
    return figure


def text_pieces(shown: Showcase) -> tuple[Piece, ...]:
    """The same text for a page: each token with its score as a note and the score's level, `s0` to `s5`, as a mark.

    Args:
        shown: what is shown.
    """
    top = top_score(shown)
    pieces: list[Piece] = []
    for token in range(first_shown(shown), shown.focus.position + 1):
        if token == shown.focus.position:
            pieces.append(Piece(printable(shown.tokens[token]), ("focus",), "the gold token"))
            continue
        score = float(shown.scores[token])
        level = min(LEVELS - 1, max(0, int(score / top * LEVELS)))
        marks = (f"s{level}", "golden") if token in shown.focus.keys else (f"s{level}",)
        note = number(score, 3) + (", gold key" if token in shown.focus.keys else "")
        pieces.append(Piece(printable(shown.tokens[token]), marks, note))
    return tuple(pieces)


def first_shown(shown: Showcase) -> int:
    """The first token that is shown, so that the text does not grow too long."""
    length, first = 0, shown.focus.position
    while first > 0 and length + len(shown.tokens[first - 1]) <= LONGEST_TEXT:
        first -= 1
        length += len(shown.tokens[first])
    return first


def top_score(shown: Showcase) -> float:
    """The end of the scale: the largest score."""
    return max(float(shown.scores.max()), _TINY)


def _place(shown: Showcase, first: int) -> list[_Placed]:
    """Cut tokens into lines, as a typewriter would."""
    placed: list[_Placed] = []
    row = column = 0
    texts = [drawable(text).replace("\t", " ") for text in shown.tokens[first : shown.focus.position + 1]]
    for token, text in enumerate(texts, start=first):
        for index, line in enumerate(text.split("\n")):
            if index:
                row, column = row + 1, 0
            rest, begins = line, line.startswith(" ") or index > 0
            while rest:
                needed = len(rest.rstrip()) + (_glued(texts[token - first + 1 :]) if begins else 0)
                if column and (begins or len(rest) > _COLUMNS - column) and needed > _COLUMNS - column:
                    row, column = row + 1, 0
                begins = False
                # a line does not begin with the space that would have joined it to the one before
                rest = rest if column else rest.lstrip(" ")
                piece, rest = rest[: _COLUMNS - column], rest[_COLUMNS - column :]
                placed.append(_Placed(token=token, text=piece, row=row, column=column))
                column += len(piece)
    return placed or [_Placed(token=first, text="", row=0, column=0)]


def _glued(following: Sequence[str]) -> int:
    """How many characters belong to the word that the token before begins."""
    length = 0
    for text in following:
        head = re.split(r"\s", text, maxsplit=1)[0]
        length += len(head)
        if len(head) < len(text) or length > _COLUMNS:
            break
    return length


def _draw(axes: Axes, shown: Showcase, piece: _Placed, norm: Normalize, theme: Theme) -> None:
    is_focus = piece.token == shown.focus.position
    space = len(piece.text) - len(piece.text.lstrip(" "))
    left, width = piece.column + space, len(piece.text) - space
    colour = theme.ink
    if not is_focus:
        level = norm(float(shown.scores[piece.token]))
        colour = ink_on(theme.sequential, level)
        face = theme.sequential(level)
        axes.add_patch(Rectangle((left, piece.row + 0.08), width, 0.84, facecolor=face, lw=0))
        if piece.token in shown.focus.keys:
            box = Rectangle(
                (left, piece.row + 0.08), width, 0.84, fill=False, edgecolor=theme.below[0], lw=1.3, zorder=3
            )
            axes.add_patch(box)
    axes.text(
        left,
        piece.row + 0.52,
        piece.text[space:],
        ha="left",
        va="center_baseline",
        fontsize=_SIZE,
        family=_MONO,
        color=colour,
        weight="bold" if is_focus else "normal",
        parse_math=False,
        zorder=4,
    )
    if is_focus:
        axes.plot([left, left + width], [piece.row + 0.95] * 2, color=theme.below[0], lw=1.5, zorder=4)
