"""Gold-token scores by our algebra: streamed by attnprobe, and on whole patterns for the libraries that have those.

In: a sequence with gold tokens and a model, or the pattern of one layer. Out: [head, gold], SAMRank's score of each
gold token's best match. Patterns are scored as fast as we know how, one forward pass for all gold tokens, so that what
a race shows is the library and not a slow loop around it.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from attnprobe.kernels import Impl, KeyScores, key_scores
from attnprobe.models.model import Model
from attnprobe.plan import LayerAttention, Plan, Stream, Tokens
from benchmarks.inputs import Gold

Statistic = Callable[[LayerAttention], Tensor]


def best_matches(scores: KeyScores, matches: Tensor, valid: Tensor) -> Tensor:
    """[head, gold] from what keys received and gave: the largest match over the largest of all, the least being 0."""
    total = (scores.received[0] + scores.given[0]).masked_fill_(~valid, 0.0)
    largest = total.amax(1)
    return total.masked_fill_(~matches, 0.0).amax(1) / largest


def gold_statistic(gold: Gold, *, impl: Impl = Impl.AUTO, device: str = "cpu") -> Statistic:
    """What rides along on one layer's attention."""
    prefixes, matches = gold.prefixes.to(device), gold.matches.to(device)
    columns = torch.arange(len(gold.seen), device=device)
    first, valid = (columns == 0)[None, None], columns[:, None] < prefixes[0]

    def statistic(seen: LayerAttention) -> Tensor:
        return best_matches(key_scores(seen.source, prefixes, excluded=first, impl=impl), matches, valid)

    return statistic


def streamed(
    model: Model, gold: Gold, layers: Sequence[int], *, impl: Impl = Impl.AUTO, device: str = "cpu"
) -> Callable[[], Tensor]:
    """Ours: one forward pass without logits, scores taken layer by layer in passing. Returns [layer, head, gold]."""
    tokens = Tokens.of([gold.seen])
    statistic = gold_statistic(gold, impl=impl, device=device)
    plan = Plan(streams=tuple(Stream(layer=layer, statistic=statistic) for layer in layers), last_logits=0)
    return lambda: torch.stack(model.forward(tokens, plan).streamed)


class PatternScorer:
    """The same scores from the whole pattern of a layer; all but its arguments is made once."""

    def __init__(self, gold: Gold) -> None:
        self._first = int(gold.prefixes[0, 0])
        self._n_gold = gold.n_gold
        columns = torch.arange(len(gold.seen))
        self._invalid = columns[:, None] >= gold.prefixes[0]
        self._no_match = ~gold.matches

    def __call__(self, pattern: Tensor) -> Tensor:
        """[head, gold] from [head, q_pos, k_pos]."""
        received = pattern[:, : self._first].sum(1)[..., None].repeat(1, 1, self._n_gold)
        later = pattern[:, self._first :].cumsum(1)
        received[..., 1:] += later.movedim(1, 2)
        received[:, 0] = 0
        inverse = torch.where(received > 0, 1 / received, 0.0)
        total = torch.baddbmm(received, pattern, inverse).masked_fill_(self._invalid, 0.0)
        largest = total.amax(1)
        return total.masked_fill_(self._no_match, 0.0).amax(1) / largest
