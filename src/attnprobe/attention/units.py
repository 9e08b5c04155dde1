"""The words and sentences of an example in token positions: what a wrong word or a wrong sentence is drawn from.

In: an aligned example and its tokenizer. Out: `TextUnits`. Exemplars are left out: their words and sentences are not
about the question, so that any look at the question would beat them.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

from attnprobe.tasks import AlignedExample, Span, TextTokenizer, WordKind
from attnprobe.tasks.aligned import SINK_POSITION
from attnprobe.tasks.prontoqa.vocabulary import CONCEPTS, IRRELEVANT_CONCEPTS, plural
from attnprobe.tasks.segments import kind_by_vocabulary, segments
from attnprobe.tasks.tokens import tokenize

# a sentence ends at its mark or at the end of its line
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]*")
_SINGULAR: Mapping[str, str] = MappingProxyType({plural(noun): noun for noun in (*CONCEPTS, *IRRELEVANT_CONCEPTS)})


@dataclass(frozen=True, slots=True, kw_only=True)
class TextWord:
    """One occurrence of a content word: where its pieces stand, what it is a form of, and its kind."""

    positions: tuple[int, ...]
    lemma: str
    kind: WordKind


@dataclass(frozen=True, slots=True, kw_only=True)
class TextUnits:
    """What an example's text is made of, outside its exemplars.

    Attributes:
        words: content words in order; none touches a special token or the first position.
        sentences: positions of each sentence of two words or more.
    """

    words: tuple[TextWord, ...]
    sentences: tuple[tuple[int, ...], ...]


def lemma_of(word: str) -> str:
    """What a word is a form of: lower case, and the singular of a concept of PrOntoQA-OOD."""
    lowered = word.lower()
    return _SINGULAR.get(lowered, lowered)


def text_units(aligned: AlignedExample, tokenizer: TextTokenizer) -> TextUnits:
    """Words and sentences of prompt and gold, as this tokenizer cuts them.

    Args:
        aligned: the example.
        tokenizer: that it was aligned with.

    Source: ours.
    """
    example = aligned.example
    tokens = tokenize(tokenizer, example.text)
    barred = {SINK_POSITION, *aligned.special}
    exemplars = example.spans.get("exemplars", ())
    words: list[TextWord] = []
    for span in segments(example.text, (len(example.prompt),)):
        word = example.text[span.start : span.end]
        kind = kind_by_vocabulary(word)
        if kind is WordKind.UNLICENSED or _overlaps(span, exemplars):
            continue
        positions = tokens.covering(span)
        if positions and not barred & set(positions):
            words.append(TextWord(positions=positions, lemma=lemma_of(word), kind=kind))
    sentences = [
        tuple(position for position in tokens.covering(span) if position not in barred)
        for span in _sentences(aligned)
        if not _overlaps(span, exemplars) and len(re.findall(r"\w+", example.text[span.start : span.end])) > 1
    ]
    return TextUnits(words=tuple(words), sentences=tuple(found for found in sentences if found))


def _sentences(aligned: AlignedExample) -> Iterator[Span]:
    """Sentences of the text, also cut where prompt and gold or two named spans meet."""
    example = aligned.example
    borders = {len(example.prompt)}
    for name in ("question", "query", "exemplars"):
        for span in example.spans.get(name, ()):
            borders |= {span.start, span.end}
    for match in _SENTENCE.finditer(example.text):
        edges = sorted({match.start(), match.end(), *(cut for cut in borders if match.start() < cut < match.end())})
        for start, end in pairwise(edges):
            if example.text[start:end].strip():
                yield Span(start, end)


def _overlaps(span: Span, others: tuple[Span, ...]) -> bool:
    return any(span.start < other.end and other.start < span.end for other in others)
