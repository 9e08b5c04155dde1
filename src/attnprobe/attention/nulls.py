"""The key sets that gold keys are held against, drawn so that the two could change places.

In: an example, the gold keys of a token, a generator. Out: as many keys of something that is not gold, or None where
the example has nothing to offer. All lie within the token's prefix; special tokens and the first position are never
keys, gold or not, since a sink would win by being one.

Each draw is symmetric within a pool: had the keys drawn been gold, the gold ones would have been drawn as often. If
gold keys are nothing special in that pool, differences are symmetric about 0 and sign-flip tests of them exact
(docs/decisions/0004-controls.md, docs/decisions/0013-scores.md).
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from attnprobe.attention.partners import draw_partner
from attnprobe.attention.units import TextUnits, TextWord, lemma_of
from attnprobe.statistics.matching import folded_neighbours
from attnprobe.tasks import AlignedExample, KeyDefinition, Target
from attnprobe.tasks.aligned import SINK_POSITION

Drawn = tuple[int, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What nulls are drawn from.

    Attributes:
        aligned: the example.
        units: its words and sentences.
        spec: the key definition, or the name of a span.
    """

    aligned: AlignedExample
    units: TextUnits
    spec: str

    @property
    def barred(self) -> frozenset[int]:
        """Positions that are never keys."""
        return frozenset({SINK_POSITION, *self.aligned.special})


def position_keys(around: Surroundings, gold: Sequence[int], target: Target, rng: np.random.Generator) -> Drawn:
    """As many keys that are not gold, about as far back.

    Keys are laid out by distance on a folded ring, on which each gold key takes the next free one to either side.

    Source: ours; the control `distance` of `causal.controls`, within the prefix.
    """
    outwards = [key for key in range(target.predicting, -1, -1) if key not in around.barred]
    return _neighbours(outwards, gold, ahead=bool(rng.integers(2)))


def _neighbours(ordered: Sequence[int], gold: Collection[int], *, ahead: bool) -> Drawn:
    places = folded_neighbours([key in set(gold) for key in ordered], ahead=ahead)
    return tuple(sorted(ordered[place] for place in places)) if len(places) == len(gold) else None


def wrong_keys(around: Surroundings, gold: Sequence[int], target: Target, rng: np.random.Generator) -> Drawn:
    """Keys of something else that looks alike: a token, a word or a sentence, as the gold keys are.

    Args:
        around: what there is to draw from.
        gold: keys of the token.
        target: the gold token.
        rng: of this draw.

    Returns:
        `token_match`: all occurrences of another token that occurs as often, else nearly. `source_word`: as many
        occurrences of another word, of the same kind and number of pieces where there is one. `premise`, and spans made
        of whole sentences: as many other sentences, nearest in length. None where there is none, and for other spans.
    """
    match around.spec:
        case KeyDefinition.TOKEN_MATCH:
            return _wrong_token(around, gold, target, rng)
        case KeyDefinition.SOURCE_WORD:
            return _wrong_word(around, gold, target, rng)
        case _:
            return _wrong_sentences(around, gold, target, rng)


def _wrong_token(around: Surroundings, gold: Sequence[int], target: Target, rng: np.random.Generator) -> Drawn:
    ids = around.aligned.ids
    places: defaultdict[int, list[int]] = defaultdict(list)
    special = {ids[position] for position in around.aligned.special}
    for position in range(target.position):
        if position not in around.barred and ids[position] not in special:
            places[ids[position]].append(position)
    types = sorted(places)
    own = ids[gold[0]]
    if own not in places:
        return None
    found = draw_partner([""] * len(types), [len(places[kind]) for kind in types], types.index(own), rng)
    return None if found is None else tuple(places[types[found]])


@dataclass(frozen=True, slots=True)
class _Unit:
    """Occurrences of one word, as many as the gold ones."""

    keys: tuple[int, ...]
    kind: str


def _wrong_word(around: Surroundings, gold: Sequence[int], target: Target, rng: np.random.Generator) -> Drawn:
    words = [word for word in around.units.words if word.positions[-1] < target.position]
    own = [word for word in words if set(word.positions) <= set(gold)]
    if sum(len(word.positions) for word in own) != len(gold):
        return None  # keys that are not whole words
    lemmas = {word.lemma for word in own} | _lemma(around.aligned, target)
    units = [_Unit(tuple(gold), Counter(word.kind for word in own).most_common(1)[0][0])]
    by_lemma: defaultdict[str, list[TextWord]] = defaultdict(list)
    for word in words:
        if word.lemma not in lemmas:
            by_lemma[word.lemma].append(word)
    for lemma in sorted(by_lemma):
        if len(by_lemma[lemma]) >= len(own):
            chosen = rng.choice(len(by_lemma[lemma]), size=len(own), replace=False)
            pieces = chain.from_iterable(by_lemma[lemma][place].positions for place in chosen.tolist())
            units.append(_Unit(tuple(sorted(pieces)), by_lemma[lemma][0].kind))
    found = draw_partner([unit.kind for unit in units], [len(unit.keys) for unit in units], 0, rng)
    return None if found is None else units[found].keys


def _lemma(aligned: AlignedExample, target: Target) -> set[str]:
    """What the gold word is a form of, so that no form of it is the wrong word."""
    if target.word is None:
        return set()
    span = aligned.example.words[target.word].span
    return {lemma_of(aligned.example.gold[span.start : span.end])}


def _wrong_sentences(around: Surroundings, gold: Sequence[int], target: Target, rng: np.random.Generator) -> Drawn:
    sentences = [sentence for sentence in around.units.sentences if sentence[-1] < target.position]
    held = [tuple(key for key in sentence if key in set(gold)) for sentence in sentences]
    if sum(map(len, held)) != len(gold):
        return None  # keys outside every sentence, or in one that is not finished
    is_whole = all(not part or part == sentence for part, sentence in zip(held, sentences, strict=True))
    if around.spec != KeyDefinition.PREMISE and not is_whole:
        return None
    units = [part or sentence for part, sentence in zip(held, sentences, strict=True)]
    ties, ahead = rng.random(len(units)), bool(rng.integers(2))
    order = sorted(range(len(units)), key=lambda unit: (len(units[unit]), ties[unit]))
    places = folded_neighbours([bool(held[unit]) for unit in order], ahead=ahead)
    if len(places) < sum(map(bool, held)):
        return None
    return tuple(sorted(chain.from_iterable(units[order[place]] for place in places)))
