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
    """The same scores from the whole pattern of a layer; all but the pattern's own sums is made once.

    Args:
        n_keys: of the pattern.
        prefixes: [1, gold], each one longer than the one before.
        matches: [k_pos, gold], what is looked for; None where only sums are asked for.
    """

    def __init__(self, n_keys: int, prefixes: Tensor, matches: Tensor | None = None) -> None:
        self._first = int(prefixes[0, 0])
        self._n_gold = prefixes.shape[1]
        self._invalid = torch.arange(n_keys, device=prefixes.device)[:, None] >= prefixes[0]
        self._no_match = None if matches is None else ~matches

    @classmethod
    def of(cls, gold: Gold, device: torch.device) -> "PatternScorer":
        """A scorer of one sequence's gold tokens, on the device that the patterns are on."""
        return cls(len(gold.seen), gold.prefixes.to(device), gold.matches.to(device))

    def sums(self, pattern: Tensor) -> Tensor:
        """Received + given, [head, k_pos, gold] from [head, q_pos, k_pos]."""
        received = pattern[:, : self._first].sum(1)[..., None].repeat(1, 1, self._n_gold)
        received[..., 1:] += pattern[:, self._first :].cumsum(1).movedim(1, 2)
        received[:, 0] = 0
        inverse = torch.where(received > 0, 1 / received, 0.0)
        return torch.baddbmm(received, pattern, inverse).masked_fill_(self._invalid, 0.0)

    def __call__(self, pattern: Tensor) -> Tensor:
        """Best matches, [head, gold]."""
        assert self._no_match is not None, "no matches were given"
        total = self.sums(pattern)
        largest = total.amax(1)
        return total.masked_fill_(self._no_match, 0.0).amax(1) / largest
