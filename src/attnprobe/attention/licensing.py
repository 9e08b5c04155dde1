"""Does a sentence of the answer attend to the sentences that license it, more than to others?

In: the sentences of an example, and the mass of each answer sentence on each earlier one. Out: for each answer sentence
with a licence its score and its nulls.

The score is the mass on the licensing sentences. Others to compare with are the earlier sentences of question, query
and answer that do not license it; exemplars and the sentence itself are neither. The nulls:
- WRONG_TOKEN: as many other sentences, nearest in length, their mass scaled to the same number of tokens.
- POSITION: as many other sentences, nearest in order, scaled likewise.
- PERMUTED: the licensing sentences of the example's other answer sentences, where all of them stand before it; the mean
  over these, each scaled likewise.
Where fewer others than licensing sentences stand before a sentence, the first two are all of them, scaled likewise;
where none does, there is neither.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from attnprobe.attention.sentences import EXEMPLARS, Sentence
from attnprobe.attention.settings import Null
from attnprobe.statistics.matching import folded_neighbours
from attnprobe.statistics.seeds import generator

KeyWeights = Float[np.ndarray, "q_sentence k_sentence"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Licences:
    """What is compared in one example.

    Attributes:
        queries: index of each answer sentence that has a licensing sentence.
        gold: 1 at its licensing sentences.
        nulls: for each null the weights of the sentences that stand in for them; NaN rows where there is none.
    """

    queries: tuple[int, ...]
    gold: KeyWeights
    nulls: Mapping[Null, KeyWeights]


def licences_of(sentences: Sequence[Sentence], *, seed: int, example_id: str) -> Licences:
    """Settle which sentences each answer sentence is scored on.

    Args:
        sentences: of the example.
        seed: of the run.
        example_id: of the example.
    """
    queries = tuple(index for index, sentence in enumerate(sentences) if sentence.licensed_by)
    lengths = np.array([len(sentence.positions) for sentence in sentences], dtype=np.float64)
    shape = (len(queries), len(sentences))
    gold = np.zeros(shape)
    nulls = {null: np.full(shape, np.nan) for null in Null}
    rng = generator(seed, example_id, "", "licensing")
    ties, coins = rng.random(len(sentences)), rng.integers(2, size=2).astype(bool)
    for row, query in enumerate(queries):
        own = sentences[query].licensed_by or ()
        gold[row, list(own)] = 1.0
        pool = [index for index in range(query) if sentences[index].role != EXEMPLARS]
        by_length = sorted(pool, key=lambda index: (lengths[index], ties[index]))
        for null, order, coin in zip((Null.WRONG_TOKEN, Null.POSITION), (by_length, pool), coins, strict=True):
            places = folded_neighbours([index in own for index in order], ahead=bool(coin))
            if places:
                nulls[null][row] = _weights([order[place] for place in places], own, lengths)
        others = [sentences[other].licensed_by or () for other in queries if other != query]
        before = [_weights(other, own, lengths) for other in others if max(other) < query and other != own]
        if before:
            nulls[Null.PERMUTED][row] = np.mean(before, axis=0)
    return Licences(queries=queries, gold=gold, nulls=nulls)


def _weights(chosen: Sequence[int], gold: Sequence[int], lengths: np.ndarray) -> np.ndarray:
    """Weights that make the chosen sentences count as many tokens as the gold ones."""
    weights = np.zeros(len(lengths))
    weights[list(chosen)] = lengths[list(gold)].sum() / lengths[list(chosen)].sum()
    return weights
