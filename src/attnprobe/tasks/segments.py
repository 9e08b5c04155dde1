"""A gold text cut into words, where nothing but the text is known.

In: text. Out: the spans of its words and marks, and (for text of PrOntoQA-OOD) the kind of each.
"""

import re
from collections.abc import Iterable
from itertools import pairwise

from attnprobe.tasks.example import Span, WordKind
from attnprobe.tasks.prontoqa.vocabulary import CONCEPTS, FAMILY_OF, IRRELEVANT_CONCEPTS, NAMES, plural

FUNCTION_WORDS = frozenset(
    [
        "a",
        "all",
        "an",
        "and",
        "are",
        "as",
        "assume",
        "because",
        "contradicts",
        "each",
        "every",
        "everything",
        "fact",
        "however",
        "is",
        "no",
        "not",
        "or",
        "since",
        "so",
        "that",
        "the",
        "therefore",
        "this",
        "with",
    ]
)
_KINDS = {
    **{name.lower(): WordKind.NAME for name in NAMES},
    **{adjective: WordKind.ADJECTIVE for adjective in FAMILY_OF},
    **{form: WordKind.NOUN for noun in (*CONCEPTS, *IRRELEVANT_CONCEPTS) for form in (noun, plural(noun))},
}


def segments(text: str, cuts: Iterable[int] = ()) -> tuple[Span, ...]:
    """Words and single marks, white space left out; also cut at the given characters."""
    borders = sorted(set(cuts))
    spans: list[Span] = []
    for match in re.finditer(r"\w+|[^\w\s]", text):
        inner = [cut for cut in borders if match.start() < cut < match.end()]
        edges = [match.start(), *inner, match.end()]
        spans.extend(Span(start, end) for start, end in pairwise(edges))
    return tuple(spans)


def kind_by_vocabulary(word: str) -> WordKind:
    """The kind of a word of PrOntoQA-OOD: function words and marks unlicensed, unknown words `other`."""
    lowered = word.lower()
    if lowered in FUNCTION_WORDS or not word[0].isalnum():
        return WordKind.UNLICENSED
    return _KINDS.get(lowered, WordKind.OTHER)
