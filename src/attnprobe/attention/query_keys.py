"""Mass from single queries to keys of their own: a set of keys for each query, where no few groups would do.

In: a layer's attention and, for some queries, a set of keys each. Out: the mass of each query on its set. A block of
queries is one kernel call with as many value columns as queries, of which each query reads its own: memory stays
O(T x block) and no pattern is held.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float

from attnprobe.kernels import Attention, Impl, StoredPattern, weighted_values
from attnprobe.plan import LayerAttention

BLOCK = 64
"""Queries in one call."""


def own_mass(
    attention: LayerAttention, keys: Sequence[Mapping[int, Sequence[int]]], impl: Impl, *, block: int = BLOCK
) -> tuple[Float[np.ndarray, "head _"], ...]:
    """The mass of queries on keys of their own.

    Args:
        attention: of the layer.
        keys: for each sequence, by position of the query in ascending order, positions of its keys.
        impl: which kernels.
        block: queries in one call.

    Returns:
        For each sequence one column for each of its queries, in order.
    """
    tokens, source = attention.tokens, attention.source
    n_heads = (source.query if isinstance(source, Attention) else source.pattern).shape[1]
    found = tuple(np.zeros((n_heads, len(one))) for one in keys)
    places = [
        (tokens.padding(row) + query, row, index, tokens.padding(row) + np.array(own, dtype=np.int64))
        for row, one in enumerate(keys)
        for index, (query, own) in enumerate(one.items())
    ]
    for start in range(0, tokens.width, block):
        stop = min(start + block, tokens.width)
        inside = [place for place in places if start <= place[0] < stop]
        if not inside:
            continue
        values = np.zeros((len(keys), 1, stop, stop - start), dtype=np.float32)
        for column, row, _, own in inside:
            values[row, 0, own, column - start] = 1.0
        part = _block(source, start, stop)
        device = part.query.device if isinstance(part, Attention) else part.pattern.device
        mass = weighted_values(part, torch.from_numpy(values).to(device), impl=impl)
        each = torch.diagonal(mass, dim1=2, dim2=3).double().cpu().numpy()
        for column, row, index, _ in inside:
            found[row][:, index] = each[row, :, column - start]
    return found


def _block(source: Attention | StoredPattern, start: int, stop: int) -> Attention | StoredPattern:
    """The same attention for the queries of some columns alone, with the keys that they may see."""
    # a sequence that begins after the block has no query in it; it is given one column so that it is well formed
    starts = tuple(min(first, stop - 1) for first in source.first_columns)
    stops = tuple(min(end, stop) for end in source.end_columns)
    if isinstance(source, StoredPattern):
        return replace(source, pattern=source.pattern[:, :, start:stop, :stop], starts=starts, stops=stops)
    removed = None if source.removed is None else source.removed[..., :stop]
    return replace(
        source,
        query=source.query[:, :, start:stop],
        key=source.key[:, :, :stop],
        starts=starts,
        stops=stops,
        removed=removed,
    )
