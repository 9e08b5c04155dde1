"""Tokens as figures write them: short, visible, in characters that the font has, and only as many as can be read.

In: the text of tokens. Out: labels, and the stretch of a long text that a figure shows.
"""

from functools import cache

from matplotlib.font_manager import FontProperties, findfont, get_font

from attnprobe.attention.showcase import Showcase
from attnprobe.report.canvas import FONT
from attnprobe.report.texts import printable

_LONGEST = 14
_MARKS = {"\n": "⏎", "\t": "⇥", " ": "␣"}
_LACKING = "□"


def drawable(text: str) -> str:
    """Text in characters that figures' font has; others become a box."""
    return "".join(character if _has(character) else _LACKING for character in printable(text))


def token_label(text: str, longest: int = _LONGEST) -> str:
    """A token as one short word: white space at its ends cut, or marked where there is nothing else.

    Args:
        text: of the token.
        longest: how many characters at most.
    """
    inner = text.strip()
    shown = drawable(inner) if inner else "".join(_MARKS.get(character, _LACKING) for character in text)
    shown = "".join(_MARKS.get(character, character) for character in shown)
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def window_note(shown: Showcase) -> str:
    """What a figure of the pattern leaves out, or "" where it shows everything before the focus."""
    window = shown.window
    if not window.start:
        return ""
    return f"tokens {window.start} to {window.stop - 1} of {len(shown.tokens)}; earlier ones are not drawn"


@cache
def _has(character: str) -> bool:
    font = get_font(findfont(FontProperties(family=FONT)))
    return character in "\n\t" or font.get_char_index(ord(character)) != 0
