"""How often a model in training writes the gold proof, character for character.

In: a network and held-out examples. Out: a `Score` for each kind of example.
"""

from collections.abc import Iterable
from itertools import islice

import torch
from scipy.stats import binomtest
from transformers import PreTrainedTokenizerFast

from attnprobe.training.network import Network
from attnprobe.training.pieces import EOS, token_id
from attnprobe.training.stream import Kind, examples
from attnprobe.zoo.card import Score

EVALUATION_SEED = "evaluation"
# longer than any gold proof of five hops
MOST_NEW_TOKENS = 160
_BATCH_SIZE = 64


def score_kinds(
    network: Network, tokenizer: PreTrainedTokenizerFast, kinds: Iterable[Kind], *, n: int, seed: str = EVALUATION_SEED
) -> tuple[Score, ...]:
    """Greedy answers to held-out examples, compared with their golds.

    Args:
        network: the model.
        tokenizer: its tokenizer.
        kinds: what to ask.
        n: how many of each kind.
        seed: which held-out examples.
    """
    scores: list[Score] = []
    for kind in kinds:
        asked = list(islice(examples(kind, seed, held_out=True), n))
        right = sum(
            answer == gold
            for start in range(0, n, _BATCH_SIZE)
            for answer, (_, gold) in zip(
                answers(network, tokenizer, [prompt for prompt, _ in asked[start : start + _BATCH_SIZE]]),
                asked[start : start + _BATCH_SIZE],
                strict=True,
            )
        )
        scores.append(score(kind, right, n))
    return tuple(scores)


def score(kind: Kind, right: int, n: int) -> Score:
    """A count with its proportion and the exact (Clopper-Pearson) 95% interval of it."""
    interval = binomtest(right, n).proportion_ci(confidence_level=0.95, method="exact")
    return Score(
        hops=kind.hops,
        distractors=kind.distractors.value,
        n=n,
        right=right,
        accuracy=right / n,
        low=float(interval.low),
        high=float(interval.high),
    )


@torch.no_grad()
def answers(network: Network, tokenizer: PreTrainedTokenizerFast, prompts: list[str]) -> list[str]:
    """What the network writes after each prompt."""
    ids = tokenizer(prompts)["input_ids"]
    written = network.continue_greedily(ids, eos=token_id(tokenizer, EOS), limit=MOST_NEW_TOKENS)
    return [str(tokenizer.decode(answer)) for answer in written]
