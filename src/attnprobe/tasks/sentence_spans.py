"""A text cut into sentences by a rule that says when it is right.

In: text. Out: spans of its sentences.

A sentence ends at a full stop, question or exclamation mark (closing quotes and brackets included) before white space
or the end of the text, and at a line break. No end is a full stop after one capital letter (`J. Smith`), after an
abbreviation of the list, or before a lower-case letter. The layout marks `Q:`, `A:` and `Prove:` are part of no
sentence.

Right for PrOntoQA and plain prose; it is wrong where an abbreviation outside the list is followed by a capital, and
where a sentence begins in lower case. Source: ours.
"""

import re

from attnprobe.tasks.example import Span

_ABBREVIATIONS = frozenset(
    {"mr", "mrs", "ms", "dr", "prof", "st", "vs", "etc", "e.g", "i.e", "cf", "fig", "no", "approx", "jr", "sr", "inc"}
)
_END = re.compile(r"[.!?]+[\"'”’)\]]*(?=\s|$)|\n+")
LAYOUT_MARK = re.compile(r"\b(?:Q|A|Prove):")
"""What stands before a question, an answer and a goal, and is part of none."""
_LAST_WORD = re.compile(r"[\w.]*$")


def sentence_spans(text: str, *, in_lower_case: bool = False) -> tuple[Span, ...]:
    """Where the sentences of a text stand, in order, without white space and layout marks around them.

    Args:
        text: the text.
        in_lower_case: sentences may begin so; a full stop before a lower-case letter is an end then.
    """
    spans: list[Span] = []
    start = 0
    for match in _END.finditer(text):
        if _ends_here(text, match, in_lower_case=in_lower_case):
            spans.extend(_trimmed(text, start, match.end()))
            start = match.end()
    spans.extend(_trimmed(text, start, len(text)))
    return tuple(spans)


def _ends_here(text: str, end: re.Match[str], *, in_lower_case: bool) -> bool:
    if "." not in end.group():
        return True
    following = text[end.end() :].lstrip(" \t")
    if following[:1].islower() and not in_lower_case:
        return False
    if end.group() != ".":
        return True
    last = _LAST_WORD.search(text[max(0, end.start() - 12) : end.start()])
    word = last.group() if last else ""
    # the mark `A:` is no initial, and a lone `A.` or `I.` of a list is rarer than a name
    is_initial = len(word) == 1 and word.isupper()
    return not (is_initial or word.lower() in _ABBREVIATIONS) or not following


def _trimmed(text: str, start: int, end: int) -> list[Span]:
    """A stretch without white space at its ends and without the marks in front; nothing if nothing is left."""
    while True:
        piece = text[start:end]
        start += len(piece) - len(piece.lstrip())
        mark = LAYOUT_MARK.match(text, start, end)
        if mark is None:
            break
        start = mark.end()
    end = start + len(text[start:end].rstrip())
    return [Span(start, end)] if start < end else []
