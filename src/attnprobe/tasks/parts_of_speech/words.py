"""A text of any kind cut into words as taggers of English expect them, and what a mark is.

In: text. Out: spans of its words and marks; the category of a mark.

Cut as in the Penn Treebank: `isn't` is `is` and `n't`, `Ann's` is `Ann` and `'s`; numbers, abbreviations with inner
full stops and words with hyphens are whole, and so are the layout marks `Q:`, `A:` and `Prove:`. Letters of any script
are letters, and marks that combine with a letter stay with it.
"""

import re
import unicodedata

from attnprobe.tasks.example import Span
from attnprobe.tasks.parts_of_speech.categories import Category
from attnprobe.tasks.sentence_spans import LAYOUT_MARK

_ELISION = r"(?i:n['’]t|['’](?:s|re|ve|ll|d|m))"
_LETTERS = r"[^\W\d_]+"
_WORD = re.compile(
    rf"""
    {LAYOUT_MARK.pattern}                                 # Q:
  | \d+(?:[.,:]\d+)*                                      # 3.5, 1,000, 14:24
  | (?:[^\W\d_]\.){{2,}}                                  # U.S.
  | {_ELISION}\b                                          # the end of a word that was cut here
  | \w+?(?={_ELISION}\b)                                  # is|n't, Ann|'s
  | \w+(?:[-‐‑]{_LETTERS})+                               # well-known
  | \w+
  | [^\w\s]
    """,
    re.VERBOSE,
)
# no letter, and no punctuation to the guidelines of Universal Dependencies, though Unicode calls it so
_SYMBOLS = frozenset("%&#@§‰")
_JOINER = "\u200d"


def word_spans(text: str) -> tuple[Span, ...]:
    """Where the words and marks of a text stand, in order; white space is left out."""
    spans: list[Span] = []
    for match in _WORD.finditer(text):
        span = Span(match.start(), match.end())
        joins = spans and spans[-1].end == span.start and _combines(text[span.start - 1], text[span.start])
        if joins:
            spans[-1] = Span(spans[-1].start, span.end)
        else:
            spans.append(span)
    return tuple(spans)


def mark_category(word: str) -> Category | None:
    """Punctuation or symbol, where a word has neither letter nor digit; else None."""
    if any(character.isalnum() for character in word):
        return None
    first = word[0]
    is_punctuation = unicodedata.category(first).startswith("P") and first not in _SYMBOLS
    return Category.PUNCT if is_punctuation else Category.SYM


def _combines(before: str, after: str) -> bool:
    """Whether two neighbouring characters are written as one: an accent on its letter, a letter after its accent."""
    return (
        after == _JOINER
        or before == _JOINER
        or unicodedata.category(after).startswith("M")
        or (unicodedata.category(before).startswith("M") and after.isalnum())
    )
