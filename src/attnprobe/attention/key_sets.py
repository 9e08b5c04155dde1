"""The key sets that one example is scored on: gold ones and, for each, those that it is held against.

In: an aligned example and what counts as a key. Out: `ExampleKeys`. Everything here is drawn by seed from the example
and its tokens alone, so that layers, heads and batches change nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from attnprobe.attention.nulls import Drawn, Surroundings, position_keys, wrong_keys
from attnprobe.attention.settings import Null, ScoreSettings
from attnprobe.attention.units import text_units
from attnprobe.statistics.seeds import generator
from attnprobe.tasks import AlignedExample, TextTokenizer, WordKind, keys_for
from attnprobe.tasks.aligned import SINK_POSITION

DRAWN = (Null.WRONG_TOKEN, Null.POSITION)
"""The nulls that are one key set each; PERMUTED is all other gold sets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySet:
    """Gold keys that one or more gold tokens share, and the key sets drawn against them.

    Attributes:
        gold: positions, sorted; neither special tokens nor `SINK_POSITION`.
        drawn: for each of `DRAWN` its positions, sorted, within the prefix of the first token; None where there is
            nothing to draw from.
        first: position of the first gold token that has these keys.
    """

    gold: tuple[int, ...]
    drawn: Mapping[Null, Drawn]
    first: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleKeys:
    """What one example is scored on.

    Attributes:
        aligned: the example.
        sets: in order of their first token.
        tokens: the scored gold tokens, as indices into `aligned.targets`.
        owners: for each scored token the index of its key set.
        n_unlicensed: gold tokens of words that nothing licenses.
        n_sink_only: gold tokens whose only keys are special tokens or the first position.
    """

    aligned: AlignedExample
    sets: tuple[KeySet, ...]
    tokens: tuple[int, ...]
    owners: tuple[int, ...]
    n_unlicensed: int
    n_sink_only: int

    @property
    def positions(self) -> tuple[int, ...]:
        """Where the scored tokens stand."""
        return tuple(self.aligned.targets[index].position for index in self.tokens)

    def exchangeable(self) -> Bool[np.ndarray, "group group"]:
        """Whether key set s, by column, lies within the prefix of the first token that has set g, by row."""
        last = np.array([keys.gold[-1] for keys in self.sets])
        return last[None, :] < np.array([keys.first for keys in self.sets])[:, None]


def key_sets(aligned: AlignedExample, settings: ScoreSettings, tokenizer: TextTokenizer) -> ExampleKeys:
    """Settle the key sets of one example.

    Tokens with exactly equal keys, the pieces of one word, share what is drawn against them: drawn for each, the nulls
    would average out within an example while the gold score does not, and their difference would be skewed.

    Args:
        aligned: the example.
        settings: keys and seed.
        tokenizer: that it was aligned with.

    Raises:
        SpecError: neither a key definition nor a span.
        TaskError: the task does not know its keys under this definition.

    Source: ours, docs/decisions/0013-scores.md.
    """
    barred = {SINK_POSITION, *aligned.special}
    found = keys_for(aligned, settings.keys)
    kept = [tuple(key for key in keys if key not in barred) for keys in found]
    scored = tuple(index for index, keys in enumerate(kept) if keys)
    firsts: dict[tuple[int, ...], int] = {}
    for index in scored:
        firsts.setdefault(kept[index], index)
    surroundings = Surroundings(aligned=aligned, units=text_units(aligned, tokenizer), spec=settings.keys)
    order = list(firsts)
    return ExampleKeys(
        aligned=aligned,
        sets=tuple(_drawn(surroundings, keys, index, settings.seed) for keys, index in firsts.items()),
        tokens=scored,
        owners=tuple(order.index(kept[index]) for index in scored),
        n_unlicensed=sum(target.kind is WordKind.UNLICENSED for target in aligned.targets),
        n_sink_only=sum(bool(given) and not keys for given, keys in zip(found, kept, strict=True)),
    )


def _drawn(surroundings: Surroundings, gold: tuple[int, ...], index: int, seed: int) -> KeySet:
    target = surroundings.aligned.targets[index]
    example_id = surroundings.aligned.example.id

    def rng(null: Null) -> np.random.Generator:
        return generator(seed, example_id, "", f"score/{null}/{target.position}")

    return KeySet(
        gold=gold,
        drawn={
            Null.WRONG_TOKEN: wrong_keys(surroundings, gold, target, rng(Null.WRONG_TOKEN)),
            Null.POSITION: position_keys(surroundings, gold, target, rng(Null.POSITION)),
        },
        first=target.position,
    )
