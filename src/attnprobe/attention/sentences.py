"""The sentences of an example in token positions, and which sentences license which.

In: an aligned example and its tokenizer. Out: `Sentence`s.

A sentence licenses a later one if it holds a part of the premise of some word of it: the sentences of the question that
the step rests on, the query where an assumption is taken from it, and earlier sentences of the answer. Exemplars are
sentences too, but license nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from attnprobe.tasks import AlignedExample, Example, Span, TextTokenizer
from attnprobe.tasks.sentence_spans import sentence_spans
from attnprobe.tasks.tokens import tokenize

EXEMPLARS, QUESTION, QUERY, GOLD, OTHER = "exemplars", "question", "query", "gold", "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """One sentence.

    Attributes:
        span: where it stands, in text offsets.
        role: the named span that it is in: `exemplars`, `question`, `query`, `gold`, or else `other`.
        positions: of its tokens, without special tokens.
        licensed_by: indices of the earlier sentences that license it; None where the task does not know.
    """

    span: Span
    role: str
    positions: tuple[int, ...]
    licensed_by: tuple[int, ...] | None = None


def sentences_of(aligned: AlignedExample, tokenizer: TextTokenizer) -> tuple[Sentence, ...]:
    """The sentences of prompt and gold, in order; a token over two sentences is a token of both.

    Args:
        aligned: the example.
        tokenizer: that it was aligned with.
    """
    example = aligned.example
    tokens = tokenize(tokenizer, example.text)
    found: list[Sentence] = []
    for span in _cut_at_gold(example):
        positions = tuple(position for position in tokens.covering(span) if position not in aligned.special)
        if positions:
            found.append(Sentence(span=span, role=_role(example, span), positions=positions))
    return tuple(
        sentence if sentence.role != GOLD else _licensed(example, found, index) for index, sentence in enumerate(found)
    )


def _cut_at_gold(example: Example) -> Iterator[Span]:
    border = len(example.prompt)
    yield from sentence_spans(example.prompt)
    for span in sentence_spans(example.gold):
        yield Span(border + span.start, border + span.end)


def _role(example: Example, span: Span) -> str:
    if span.start >= len(example.prompt):
        return GOLD
    for name in (EXEMPLARS, QUERY, QUESTION):
        if any(_overlap(span, named) for named in example.spans.get(name, ())):
            return name
    return OTHER


def _licensed(example: Example, sentences: list[Sentence], index: int) -> Sentence:
    own = sentences[index]
    shift = len(example.prompt)
    words = [word for word in example.words if _overlap(Span(shift + word.span.start, shift + word.span.end), own.span)]
    if not words or any(word.premise is None for word in words):
        return own
    premises = [span for word in words for span in word.premise or ()]
    licensing = tuple(
        earlier
        for earlier, sentence in enumerate(sentences[:index])
        if sentence.role != EXEMPLARS and any(_overlap(sentence.span, span) for span in premises)
    )
    return Sentence(span=own.span, role=own.role, positions=own.positions, licensed_by=licensing)


def _overlap(span: Span, other: Span) -> bool:
    return span.start < other.end and other.start < span.end
