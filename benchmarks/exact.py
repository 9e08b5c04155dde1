"""What outputs are held against: the same sums in float64, a few rows of queries at a time.

`attnprobe.kernels.reference` is the law; it holds the whole pattern, which at 2,048 tokens and in float64 is 400 MB a
layer. This is the same formula by blocks of queries, in benchmarks alone, held to the law by the tests.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from attnprobe.kernels import Attention, reference
from attnprobe.models.model import Model
from attnprobe.plan import Plan, Point, Read, Run, Tokens
from benchmarks.inputs import Gold

_ROWS = 512
# bytes of pattern that are kept between its two uses
_KEPT = 1 << 29

Blocks = list[tuple[slice, Tensor]]


def heads_of(attention: Attention, heads: Sequence[int]) -> Attention:
    """The same attention of some heads alone, each with its own key head."""
    group = attention.query.shape[1] // attention.key.shape[1]
    return Attention(
        query=attention.query[:, list(heads)],
        key=attention.key[:, [head // group for head in heads]],
        scaling=attention.scaling,
        softcap=attention.softcap,
        window=attention.window,
    )


def pattern_rows(attention: Attention) -> Iterator[tuple[slice, Tensor]]:
    """The pattern in float64 by blocks of queries; columns after a block's last query are left out."""
    query, key = attention.query.double(), attention.key.double()
    for start in range(0, query.shape[2], _ROWS):
        stop = min(start + _ROWS, query.shape[2])
        block = Attention(
            query=query[:, :, start:stop],
            key=key[:, :, : attention.first_query + stop],
            scaling=attention.scaling,
            softcap=attention.softcap,
            window=attention.window,
        )
        yield slice(start, stop), reference.pattern_of(block)


def column_sums(attention: Attention, prefixes: Tensor, blocks: Blocks | None = None) -> Tensor:
    """[head, k_pos, prefix] of the first sequence, in float64; `blocks` if the pattern's rows are at hand."""
    _, n_heads, n_queries, _ = attention.query.shape
    columns = torch.arange(attention.first_query, attention.first_query + n_queries, device=prefixes.device)
    inside = (columns[:, None] < prefixes[0]).double().to(attention.query.device)
    sums = inside.new_zeros(n_heads, attention.key.shape[2], prefixes.shape[1])
    for rows, pattern in blocks or pattern_rows(attention):
        sums[:, : pattern.shape[3]] += torch.einsum("hqk,qn->hkn", pattern[0], inside[rows])
    return sums


def weighted_values(attention: Attention, values: Tensor, blocks: Blocks | None = None) -> Tensor:
    """[head, q_pos, column] of the first sequence, in float64; values are [head or 1, k_pos, column]."""
    rows = blocks or pattern_rows(attention)
    return torch.cat([pattern[0] @ values[:, : pattern.shape[3]].double() for _, pattern in rows], 1)


def samrank(attention: Attention, prefixes: Tensor) -> Tensor:
    """[head, k_pos, prefix]: SAMRank's min-max scores with the first token at zero, in float64."""
    n_heads, n_queries = attention.query.shape[1:3]
    fits = 8 * n_heads * n_queries * attention.key.shape[2] <= _KEPT
    blocks = list(pattern_rows(attention)) if fits else None
    received = column_sums(attention, prefixes, blocks)
    received[:, 0] = 0
    inverse = torch.where(received > 0, 1 / received, 0.0)
    total = received
    total[:, attention.first_query :] += weighted_values(attention, inverse, blocks)
    columns = torch.arange(total.shape[1], device=total.device)
    # the least score is always 0, that of the first token
    total = total.masked_fill(columns[:, None] >= prefixes[0].to(total.device), 0.0)
    return total / total.amax(1, keepdim=True)


def gold_scores(attention: Attention, gold: Gold) -> Tensor:
    """[head, gold]: the best match of each gold token, in float64."""
    matches = gold.matches.to(attention.query.device)
    return samrank(attention, gold.prefixes).masked_fill(~matches, 0.0).amax(1)


def entropy(attention: Attention) -> float:
    """Mean entropy in nats of the rows in the second half of the sequence."""
    half = attention.query.shape[2] // 2
    last = Attention(
        query=attention.query[:, :, half:],
        key=attention.key,
        scaling=attention.scaling,
        softcap=attention.softcap,
        window=attention.window,
    )
    taken = [-(rows * rows.clamp_min(1e-30).log()).sum(-1).mean(-1) for _, rows in pattern_rows(last)]
    return float(torch.cat(taken, -1).mean())


def model_reference(model: Model, hf: Any, gold: Gold, *, heads_at_once: int = 3) -> tuple[Tensor, tuple[float, float]]:
    """Scores of every layer and head from a float64 model, and the range of entropies over its layers.

    Args:
        model: in float64, on the native backend.
        hf: the transformers model under it.
        gold: the sequence.
        heads_at_once: how many heads' patterns are held.

    Returns:
        [layer, head, gold], and the least and largest mean entropy of a layer.
    """
    found: list[Tensor] = []
    entropies: list[float] = []
    for attention in model_attention(model, hf, gold):
        n_heads = attention.query.shape[1]
        groups = [range(start, min(start + heads_at_once, n_heads)) for start in range(0, n_heads, heads_at_once)]
        parts = [heads_of(attention, group) for group in groups]
        found.append(torch.cat([gold_scores(part, gold) for part in parts]))
        entropies.append(entropy(heads_of(attention, [0])))
    return torch.stack(found), (min(entropies), max(entropies))


def model_mass(model: Model, hf: Any, gold: Gold, indicators: Tensor, heads: Sequence[int]) -> Tensor:
    """Mean mass from each query category to each key category: [layer, head, q_category, k_category] of some heads."""
    indicators = indicators.double().to(model.device)
    by_query = (indicators / indicators.sum(0).clamp_min(1)).T
    parts = [heads_of(attention, heads) for attention in model_attention(model, hf, gold)]
    return torch.stack([by_query @ weighted_values(part, indicators[None]) for part in parts])


def model_attention(model: Model, hf: Any, gold: Gold) -> Iterator[Attention]:
    """The attention of every layer, from queries and keys that the model is asked for."""
    layers = range(len(model.dims.n_heads))
    reads = tuple(Read(point=point, layer=layer) for layer in layers for point in (Point.Q, Point.K))
    run = model.forward(Tokens.of([gold.seen]), Plan(reads=reads, last_logits=1))
    for layer in layers:
        yield _attention_of(model, hf, run, layer)


def _attention_of(model: Model, hf: Any, run: Run, layer: int) -> Attention:
    """A layer's attention from queries and keys that were read; what else shapes it from the model's config."""
    query, key = (run.read(point, layer, 0).movedim(0, 1)[None] for point in (Point.Q, Point.K))
    scaled_by = getattr(hf.config, "query_pre_attn_scalar", query.shape[-1])
    return Attention(
        query=query,
        key=key,
        scaling=scaled_by**-0.5,
        softcap=getattr(hf.config, "attn_logit_softcapping", None),
        window=model.dims.windows[layer],
    )
