"""Attention rollout: attention followed down through the layers, for chosen query positions.

In: a model, a batch, query positions. Out: for each query the share of every token, at each layer asked for. Layer by
layer the heads' mean pattern is mixed half and half with the residual connection, and the layers are multiplied. Only
rows of the product are wanted, so it is taken from the top, by row vectors that go down through the layers, and no
pattern exists. Going down needs all layers at once: queries and keys of every layer are kept, O(layers x T x width),
the size of a KV cache, against O(layers x heads x T x T) for the patterns.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from einops import rearrange, reduce
from jaxtyping import Float
from torch import Tensor

from attnprobe.errors import SpecError
from attnprobe.kernels import Attention, Impl, StoredPattern, weighted_queries
from attnprobe.models.model import Model
from attnprobe.plan import LayerAttention, Plan, Stream, Tokens

Rows = Float[Tensor, "batch q_pos column"]


def rollout_rows(
    model: Model,
    tokens: Tokens,
    queries: Sequence[Sequence[int]],
    layers: Sequence[int] | None = None,
    *,
    impl: Impl = Impl.AUTO,
) -> tuple[Float[Tensor, "layer query k_pos"], ...]:
    """Roll attention out from query positions down to the tokens.

    Args:
        model: any backend.
        tokens: the batch.
        queries: for each sequence, the positions that attention is followed from.
        layers: from which layers it is followed, sorted; None for the last alone. A layer stands for itself and all
            below it.
        impl: which kernels.

    Returns:
        For each sequence, how much of each query at each layer comes from each token: [layer, query, k_pos] over the
        sequence's own tokens. A row sums to 1, less what sinks take on the way.

    Raises:
        SpecError: a layer or position does not exist, or no query is given.

    Source: Abnar and Zuidema 2020, "Quantifying Attention Flow in Transformers", section 3.1 (A = 0.5 W + 0.5 I, the
    mean over heads); taking it by rows from the top, without a product of matrices, is ours.
    """
    last = model.dims.n_layers - 1
    tops = (last,) if layers is None else tuple(layers)
    if not tops or list(tops) != sorted(set(tops)) or not (tops[0] >= 0 and tops[-1] <= last):
        raise SpecError(f"rollout from layers {list(tops)}: expected some of 0 to {last}, sorted, none twice.")
    rows = _chosen_rows(tokens, queries)
    streams = tuple(Stream(layer=layer, statistic=_kept) for layer in range(tops[-1] + 1))
    sources = model.forward(tokens, Plan(streams=streams, last_logits=0)).streamed
    found = _roll_down(sources, rows, tops, impl)
    return tuple(
        rearrange(found[row, tokens.padding(row) :, :, : len(chosen)], "k_pos layer query -> layer query k_pos")
        for row, chosen in enumerate(queries)
    )


def _roll_down(
    sources: Sequence[Attention | StoredPattern], rows: Rows, tops: Sequence[int], impl: Impl
) -> Float[Tensor, "batch k_pos layer query"]:
    """Row vectors of each top layer, followed down together: one pass over a layer serves all tops above it."""
    active: Rows | None = None
    for layer in reversed(range(len(sources))):
        source = sources[layer]
        if layer in tops:
            own = rows.to(source.pattern.device if isinstance(source, StoredPattern) else source.query.device)
            active = own if active is None else torch.cat([own, active.to(own.device)], dim=-1)
        assert active is not None, "the highest source is the highest top"
        heads = weighted_queries(source, rearrange(active, "batch q_pos column -> batch 1 q_pos column"), impl=impl)
        attended = reduce(heads, "batch head k_pos column -> batch k_pos column", "mean")
        active = 0.5 * attended + 0.5 * active.to(attended)
    assert active is not None
    return rearrange(active, "batch k_pos (layer query) -> batch k_pos layer query", layer=len(tops))


def _kept(seen: LayerAttention) -> Attention | StoredPattern:
    source = seen.source
    if isinstance(source, StoredPattern):
        # the library computed it whole; of the heads only the mean is wanted
        mean = reduce(source.pattern, "batch head q_pos k_pos -> batch 1 q_pos k_pos", "mean")
        return replace(source, pattern=mean)
    return replace(source, query=source.query.clone(), key=source.key.clone())


def _chosen_rows(tokens: Tokens, queries: Sequence[Sequence[int]]) -> Rows:
    """For each query a column that is 1 at its row; sequences with fewer queries have columns of zeros."""
    if len(queries) != len(tokens.lengths) or not all(queries):
        raise SpecError(
            f"rollout: queries for {len(queries)} sequences of {len(tokens.lengths)}; expected at least one for each."
        )
    rows = torch.zeros(len(queries), tokens.width, max(map(len, queries)))
    for row, (positions, length) in enumerate(zip(queries, tokens.lengths, strict=True)):
        if not all(0 <= position < length for position in positions):
            raise SpecError(f"rollout: query positions {list(positions)} of a sequence of {length} tokens.")
        columns = torch.tensor(positions) + tokens.padding(row)
        rows[row, columns, torch.arange(len(positions))] = 1.0
    return rows
