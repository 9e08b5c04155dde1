"""A corrupted text whose tokens do not line up with the clean ones, and which parts of it are the same all the same.

In: an example and its tokens. Out: `UnevenCorruption`, made where no corruption lines up (`swaps`).

Parts are the stretches of named spans, first with first, second with second. Where two overlap, the shorter is taken
and the other left out: its parts speak for it. A stretch that has other tokens in number but as many words is taken
word by word. Beside them the token that predicts the target, the gold before the target, and special tokens. What to do
with a part of unequal length is not settled here.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile

from attnprobe.tasks.aligned import Stretch, UnevenCorruption
from attnprobe.tasks.example import Corruption, Example, Span
from attnprobe.tasks.tokens import TextTokenizer, TokenizedText, tokenize

Pieces = Sequence[tuple[str, Span, Span]]
"""Name, where it stands in the clean text, where in the corrupted."""


def first_uneven(
    example: Example,
    tokens: TokenizedText,
    first_gold: int,
    piece_of: Mapping[int, int | None],
    tokenizer: TextTokenizer,
) -> UnevenCorruption | None:
    """The first corruption whose gold parts from the clean one at a piece of the target word.

    Args:
        example: the example.
        tokens: its tokens.
        first_gold: position of the first gold token.
        piece_of: for each gold token's position, the index of its word.
        tokenizer: what cut them.
    """
    found = (_uneven(example, tokens, first_gold, piece_of, each, tokenizer) for each in example.corruptions)
    return next(filter(None, found), None)


def _uneven(
    example: Example,
    tokens: TokenizedText,
    first_gold: int,
    piece_of: Mapping[int, int | None],
    corruption: Corruption,
    tokenizer: TextTokenizer,
) -> UnevenCorruption | None:
    other = tokenize(tokenizer, corruption.prompt + corruption.gold)
    boundary = len(corruption.prompt)
    first_other = other.first_from(boundary)
    if first_other == 0 or first_other == len(other.ids) or other.straddling(boundary) is not None:
        return None
    both = zip(tokens.ids[first_gold:], other.ids[first_other:], strict=False)
    n_same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], both))
    position, place = first_gold + n_same, first_other + n_same
    if position >= len(tokens.ids) or place >= len(other.ids):
        return None
    if piece_of[position] != corruption.word or other.ids[place] == tokenizer.unk_token_id:
        return None
    return UnevenCorruption(
        ids=other.ids,
        position=position,
        corrupted_position=place,
        gold=tokens.ids[position],
        foil=other.ids[place],
        stretches=tuple(_distinct(_stretches(example, tokens, corruption, other, position, place, n_same))),
    )


def _stretches(
    example: Example,
    tokens: TokenizedText,
    corruption: Corruption,
    other: TokenizedText,
    position: int,
    place: int,
    n_same: int,
) -> Iterator[Stretch]:
    yield Stretch(name="predicting", clean=(position - 1,), corrupted=(place - 1,))
    if n_same > 1:
        own, others = tuple(range(position - n_same, position - 1)), tuple(range(place - n_same, place - 1))
        yield Stretch(name="gold", clean=own, corrupted=others)
    if tokens.n_special and tokens.ids[: tokens.n_special] == other.ids[: other.n_special]:
        special = tuple(range(tokens.n_special))
        yield Stretch(name="special", clean=special, corrupted=special)
    for name, one, two in _innermost(_pieces(example, corruption)):
        for here, there in _parts(tokens, other, one, two):
            clean, corrupted = tokens.covering(here), other.covering(there)
            if clean and corrupted:
                yield Stretch(name=name, clean=clean, corrupted=corrupted)


def _pieces(example: Example, corruption: Corruption) -> Pieces:
    if corruption.spans is not None:
        return [
            (name, one, two)
            for name, spans in corruption.spans.items()
            for one, two in zip(example.spans[name], spans, strict=True)
        ]
    words, others = _words(example.prompt), _words(corruption.prompt)
    if len(words) != len(others):
        return []
    own = [(name, one) for name, spans in example.spans.items() for one in spans if one.end <= len(example.prompt)]
    found = ((name, one, _by_words(one, words, others)) for name, one in own)
    return [(name, one, two) for name, one, two in found if two is not None]


def _words(text: str, start: int = 0, end: int | None = None) -> list[Span]:
    stop = len(text) if end is None else end
    return [Span(match.start(), match.end()) for match in re.compile(r"\S+").finditer(text, start, stop)]


def _by_words(span: Span, words: Sequence[Span], others: Sequence[Span]) -> Span | None:
    """The same words of another text; a span keeps its distance from the start of its first and the end of its last."""
    inside = [place for place, word in enumerate(words) if word.start < span.end and span.start < word.end]
    if not inside:
        return None
    start = others[inside[0]].start + max(0, span.start - words[inside[0]].start)
    end = others[inside[-1]].end - max(0, words[inside[-1]].end - span.end)
    return Span(start, end) if start < end else None


def _innermost(pieces: Pieces) -> Pieces:
    """Those that hold no shorter one and overlap none, in the order of the clean text."""
    kept: list[tuple[str, Span, Span]] = []
    for name, one, two in sorted(pieces, key=lambda piece: (piece[1].end - piece[1].start, piece[1], piece[0])):
        if not any(_overlap(one, own) or _overlap(two, other) for _, own, other in kept):
            kept.append((name, one, two))
    return sorted(kept, key=lambda piece: piece[1])


def _overlap(one: Span, two: Span) -> bool:
    return one.start < two.end and two.start < one.end


def _parts(tokens: TokenizedText, other: TokenizedText, one: Span, two: Span) -> Iterator[tuple[Span, Span]]:
    words, others = _words(tokens.text, one.start, one.end), _words(other.text, two.start, two.end)
    is_even = len(tokens.covering(one)) == len(other.covering(two))
    if is_even and [len(tokens.covering(word)) for word in words] == [len(other.covering(word)) for word in others]:
        yield one, two
    elif len(words) == len(others) > 1:
        yield from zip(words, others, strict=True)
    else:
        yield one, two


def _distinct(stretches: Iterator[Stretch]) -> Iterator[Stretch]:
    """Without tokens that an earlier stretch has; one of unequal lengths is left out whole, its end is matched then."""
    clean: set[int] = set()
    corrupted: set[int] = set()
    for stretch in stretches:
        is_even = len(stretch.clean) == len(stretch.corrupted)
        if not is_even and (clean & set(stretch.clean) or corrupted & set(stretch.corrupted)):
            continue
        pairs = list(zip(stretch.clean, stretch.corrupted, strict=False))
        free = [(one, two) for one, two in pairs if one not in clean and two not in corrupted]
        own = tuple(one for one, _ in free) if is_even else stretch.clean
        others = tuple(two for _, two in free) if is_even else stretch.corrupted
        if own:
            clean.update(own)
            corrupted.update(others)
            yield Stretch(name=stretch.name, clean=own, corrupted=others)
