"""Other words in a text's place, cut into tokens again: foils and corruptions as token ids.

In: an example, its tokens, and what could stand there instead. Out: the id that a foil has where it first
differs from the gold word; the ids of a corrupted text that lines up with the clean one.

A text with another word is tokenised whole: what a word is cut into can depend on what stands around it.
"""

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from attnprobe.tasks.aligned import AlignedCorruption
from attnprobe.tasks.example import Corruption, Example, GoldWord
from attnprobe.tasks.tokens import TextTokenizer, TokenizedText, token_ids, tokenize


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFoil:
    """A foil under one tokenizer.

    Attributes:
        position: where the gold word and it first differ.
        token: its id there.
        word: as it is written.
    """

    position: int
    token: int
    word: str


def foil_token(
    example: Example, tokens: TokenizedText, word: GoldWord, pieces: Sequence[int], tokenizer: TextTokenizer
) -> FoundFoil | None:
    """Where a gold word and its foil first differ, and the foil's token id there.

    The first foil with as many pieces as the word is taken; if there is none, the first that parts from the
    word within both. The tokens around the word must stay as they are.

    Args:
        example: the example.
        tokens: its tokens.
        word: one of its gold words.
        pieces: the positions of the word's tokens.
        tokenizer: what cut them.

    Returns:
        The foil, or None if none serves.
    """
    uneven: FoundFoil | None = None
    if not pieces:
        return None
    start, stop, after = pieces[0], pieces[-1] + 1, len(tokens.ids) - pieces[-1] - 1
    at = len(example.prompt) + word.span.start
    rest = example.text[len(example.prompt) + word.span.end :]
    for foil in word.foils:
        ids = token_ids(tokenizer, example.text[:at] + foil + rest)
        foil_stop = len(ids) - after
        is_same_around = ids[:start] == tokens.ids[:start] and ids[foil_stop:] == tokens.ids[stop:]
        parted = next((here for here in range(start, min(stop, foil_stop)) if ids[here] != tokens.ids[here]), None)
        if not is_same_around or parted is None or ids[parted] == tokenizer.unk_token_id:
            continue
        found = FoundFoil(position=parted, token=ids[parted], word=foil)
        if foil_stop == stop:
            return found
        uneven = uneven or found
    return uneven


def first_lined_up(
    example: Example,
    tokens: TokenizedText,
    first_gold: int,
    piece_of: Mapping[int, int | None],
    tokenizer: TextTokenizer,
) -> AlignedCorruption | None:
    """The first corruption that has as many tokens as the clean text, word for word.

    Args:
        example: the example.
        tokens: its tokens.
        first_gold: position of the first gold token.
        piece_of: for each gold token's position, the index of its word.
        tokenizer: what cut them.
    """
    lined_up = (_lined_up(example, tokens, first_gold, piece_of, each, tokenizer) for each in example.corruptions)
    return next(filter(None, lined_up), None)


def _lined_up(
    example: Example,
    tokens: TokenizedText,
    first_gold: int,
    piece_of: Mapping[int, int | None],
    corruption: Corruption,
    tokenizer: TextTokenizer,
) -> AlignedCorruption | None:
    other = tokenize(tokenizer, corruption.prompt + corruption.gold)
    boundary = len(corruption.prompt)
    if len(other.ids) != len(tokens.ids) or other.straddling(boundary) is not None:
        return None
    if other.first_from(boundary) != first_gold or not _has_same_shape(tokens, other):
        return None
    parted = next((here for here in piece_of if other.ids[here] != tokens.ids[here]), None)
    if parted is None or piece_of[parted] != corruption.word or other.ids[parted] == tokenizer.unk_token_id:
        return None
    return AlignedCorruption(ids=other.ids, position=parted, gold=tokens.ids[parted], foil=other.ids[parted])


def _has_same_shape(one: TokenizedText, other: TokenizedText) -> bool:
    """Whether token by token two texts are at the same word; texts of unequal word counts are not compared.

    Equal lengths alone would let a word that grew hide behind one that shrank.
    """
    ours, theirs = _word_numbers(one), _word_numbers(other)
    return ours == theirs or ours[-1] != theirs[-1]


def _word_numbers(tokens: TokenizedText) -> list[int]:
    """For each token how many words, between white space, have begun where it begins."""
    starts = [match.start() for match in re.finditer(r"\S+", tokens.text)]
    return [bisect_right(starts, tokens.core(position)[0]) for position in range(len(tokens.ids))]
