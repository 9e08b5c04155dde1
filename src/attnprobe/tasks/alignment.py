"""From characters to tokens: an example as one tokenizer sees it.

In: an `Example` and a tokenizer. Out: an `AlignedExample`.

Prompt and gold are cut in one piece, never prefix by prefix: a prefix can be cut in another way than the whole. A token
belongs to the span that it shares a character with, white space at its ends not counted; a gold token is a piece of the
word that holds its first such character (`us.` is a piece of `impus`), and a lone space is a piece of the word behind
it. Other blank tokens, the line breaks between two paragraphs, are pieces of no word.

Keys of a gold token, all before it: `token_match` every earlier token equal to it; `premise` and
`source_word` the tokens of the spans that the example names; `premise_rest` those of the first but not of the
second. Tokens of unlicensed words have none, under any definition. Where the example knows no words (readers of
foreign text), every token is of kind `other` and has `token_match` alone.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from attnprobe.errors import AlignmentError
from attnprobe.tasks.aligned import AlignedExample, Target
from attnprobe.tasks.example import Example, GoldWord, KeyDefinition, Span, WordKind
from attnprobe.tasks.foil_keys import SaidBefore
from attnprobe.tasks.swaps import FoundFoil, first_lined_up, foil_token
from attnprobe.tasks.tokens import TextTokenizer, TokenizedText, tokenize
from attnprobe.tasks.uneven import first_uneven


def align(example: Example, tokenizer: TextTokenizer) -> AlignedExample:
    """Token ids of prompt and gold, and for each gold token its keys and its foil.

    Args:
        example: the text, with what is known about it.
        tokenizer: a transformers tokenizer, fast or (where its decoding gives the text back) slow.

    Returns:
        The example in token positions; `corruption` is the first that lines up, or None; then `uneven` is the first
        of which at least the answer is comparable, or None.

    Raises:
        AlignmentError: a token straddles prompt and gold; a word or a named span has no token; a gold token
            is unknown to the tokenizer; the tokenizer does not tell which characters its tokens cover.

    Source: ours; `token_match` after arXiv 2502.15120, which scores every gold token, function words too.
    """
    tokens = tokenize(tokenizer, example.text)
    first = _first_gold_token(example, tokens)
    _check_known(example, tokens, first, tokenizer)
    piece_of = _words_of_tokens(example, tokens, first)
    foils: dict[int, FoundFoil] = {}
    for index, word in enumerate(example.words):
        pieces = [position for position, owner in piece_of.items() if owner == index]
        found = foil_token(example, tokens, word, pieces, tokenizer)
        if found is not None:
            foils[found.position] = found
    corruption = first_lined_up(example, tokens, first, piece_of, tokenizer)
    return AlignedExample(
        example=example,
        ids=tokens.ids,
        prompt_length=first,
        special=tuple(range(tokens.n_special)),
        targets=_targets(example, tokens, piece_of, foils),
        spans=MappingProxyType(
            {name: _covered(example, tokens, spans, f"span {name!r}") for name, spans in example.spans.items()}
        ),
        corruption=corruption,
        uneven=None if corruption else first_uneven(example, tokens, first, piece_of, tokenizer),
    )


def _first_gold_token(example: Example, tokens: TokenizedText) -> int:
    boundary = len(example.prompt)
    straddling = tokens.straddling(boundary)
    if straddling is not None:
        start, end = tokens.ranges[straddling]
        raise AlignmentError(
            f"example {example.id!r}: one token, {example.text[start:end]!r}, holds the end of the prompt "
            "and the start of the gold; expected a token border between them. Move the border: begin the "
            "gold with the space, or end the prompt elsewhere."
        )
    first = tokens.first_from(boundary)
    if first == len(tokens.ids):
        raise AlignmentError(
            f"example {example.id!r}: the gold {example.gold!r} has no token; give a gold that holds words."
        )
    if first == 0:
        raise AlignmentError(
            f"example {example.id!r}: the prompt {example.prompt!r} has no token, so that nothing predicts "
            "the gold; give a longer prompt."
        )
    return first


def _check_known(example: Example, tokens: TokenizedText, first: int, tokenizer: TextTokenizer) -> None:
    unknown = tokenizer.unk_token_id
    for position in range(first, len(tokens.ids)):
        if unknown is not None and tokens.ids[position] == unknown:
            start, end = tokens.core(position)
            raise AlignmentError(
                f"example {example.id!r}: the tokenizer does not know {example.text[start:end]!r} in the "
                "gold; expected a vocabulary that holds every gold word. Use a tokenizer made for this text."
            )


def _words_of_tokens(example: Example, tokens: TokenizedText, first: int) -> dict[int, int | None]:
    """For the position of each gold token, in order, the index of the word that it is a piece of."""
    shift = len(example.prompt)
    in_text = [Span(shift + word.span.start, shift + word.span.end) for word in example.words]
    for index, span in enumerate(in_text):
        if not tokens.covering(span):
            raise AlignmentError(
                f"example {example.id!r}: the tokenizer gives gold word {index}, "
                f"{example.text[span.start : span.end]!r}, no token; use a tokenizer that drops no words."
            )
    starts = [span.start for span in in_text]

    def word_at(position: int) -> int | None:
        start, _ = tokens.core(position)
        index = bisect_right(starts, start) - 1
        is_inside = index >= 0 and start < in_text[index].end
        return index if is_inside and not tokens.is_blank(position) else None

    return {position: word_at(position) for position in range(first, len(tokens.ids))}


def _targets(
    example: Example,
    tokens: TokenizedText,
    piece_of: Mapping[int, int | None],
    foils: Mapping[int, FoundFoil],
) -> tuple[Target, ...]:
    said = SaidBefore(example, tokens)
    seen_at: defaultdict[int, list[int]] = defaultdict(list)
    for position in range(min(piece_of)):
        seen_at[tokens.ids[position]].append(position)
    targets: list[Target] = []
    for position, index in piece_of.items():
        token = tokens.ids[position]
        word = None if index is None else example.words[index]
        goes_on = index is not None and piece_of.get(position - 1) == index
        keys = _keys(example, tokens, word, position, tuple(seen_at[token]))
        foil = foils.get(position)
        foil_keys = said.keys(foil, keys, tuple(seen_at[foil.token])) if foil is not None else {}
        targets.append(
            Target(
                position=position,
                token=token,
                kind=word.kind if word else WordKind.UNLICENSED if example.words else WordKind.OTHER,
                word=index,
                piece=targets[-1].piece + 1 if goes_on else 0,
                keys=keys,
                foil=None if foil is None else foil.token,
                foil_keys=MappingProxyType(foil_keys),
            )
        )
        seen_at[token].append(position)
    return tuple(targets)


def _keys(
    example: Example, tokens: TokenizedText, word: GoldWord | None, position: int, equal: tuple[int, ...]
) -> Mapping[KeyDefinition, tuple[int, ...]]:
    """The keys of one gold token: for each definition that the example knows, positions before it."""
    if not example.words:
        return MappingProxyType({KeyDefinition.TOKEN_MATCH: equal})
    if word is None or word.kind is WordKind.UNLICENSED:
        return MappingProxyType(dict.fromkeys(example.definitions, ()))
    keys = {KeyDefinition.TOKEN_MATCH: equal}
    if word.premise is not None and word.source_word is not None:
        premise = _before(position, _covered(example, tokens, word.premise, "premise"))
        source = _before(position, _covered(example, tokens, word.source_word, "source word"))
        keys[KeyDefinition.PREMISE], keys[KeyDefinition.SOURCE_WORD] = premise, source
        keys[KeyDefinition.PREMISE_REST] = tuple(key for key in premise if key not in source)
    return MappingProxyType(keys)


def _before(position: int, keys: Iterable[int]) -> tuple[int, ...]:
    return tuple(key for key in keys if key < position)


def _covered(example: Example, tokens: TokenizedText, spans: Sequence[Span], what: str) -> tuple[int, ...]:
    """All positions that spans cover, sorted."""
    positions: set[int] = set()
    for span in spans:
        covering = tokens.covering(span)
        if not covering:
            raise AlignmentError(
                f"example {example.id!r}: {what} [{span.start}, {span.end}), "
                f"{example.text[span.start : span.end]!r}, has no token under this tokenizer; move it to "
                "words that the tokenizer keeps."
            )
        positions.update(covering)
    return tuple(sorted(positions))
