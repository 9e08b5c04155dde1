"""The pattern's rows of a few chosen queries, whole: what there is to read where rows are few and keys are many.

In: an attention call or a stored pattern, and query columns. Out: those rows, O(rows x T), never T x T.
"""

import torch
from einops import einsum, rearrange, repeat
from jaxtyping import Float, Int
from torch import Tensor

from attnprobe.errors import KernelError
from attnprobe.kernels.attention import Attention, StoredPattern, accumulator


def pattern_rows(
    source: Attention | StoredPattern, columns: Int[Tensor, "batch row"]
) -> Float[Tensor, "batch head row k_pos"]:
    """The attention of chosen queries to every key, in float32 or finer.

    Args:
        source: what to look at.
        columns: for each sequence, columns of queries.

    Raises:
        KernelError: there is no query at a column.
    """
    n_keys = source.pattern.shape[3] if isinstance(source, StoredPattern) else source.key.shape[2]
    if int(columns.min()) < source.first_query or int(columns.max()) >= n_keys:
        raise KernelError(f"query columns {columns.tolist()}: expected columns of {source.first_query}..{n_keys - 1}.")
    if isinstance(source, StoredPattern):
        chosen = _rows(source.pattern, columns.to(source.pattern.device) - source.first_query)
        return chosen.to(accumulator(source.pattern))
    columns, dtype = columns.to(source.query.device), accumulator(source.query)
    query = _rows(source.query, columns - source.first_query).to(dtype)
    group = query.shape[1] // source.key.shape[1]
    query = rearrange(query, "batch (kv_head group) row d -> batch kv_head group row d", group=group)
    logits = einsum(query, source.key.to(dtype), "batch kv group row d, batch kv k_pos d -> batch kv group row k_pos")
    logits = rearrange(logits, "batch kv group row k_pos -> batch (kv group) row k_pos") * source.scaling
    if source.softcap is not None:
        logits = torch.tanh(logits / source.softcap) * source.softcap
    logits = logits.masked_fill(~_visible(source, columns), float("-inf"))
    if source.sinks is not None:
        sink = repeat(source.sinks.to(dtype), "head -> batch head row 1", batch=logits.shape[0], row=logits.shape[2])
        logits = torch.cat([logits, sink], dim=-1)
    # a row without keys has no softmax; it is all zero
    return logits.softmax(-1)[..., :n_keys].masked_fill((logits == float("-inf")).all(-1, keepdim=True), 0.0)


def _rows(tensor: Float[Tensor, "batch head q_pos d"], places: Int[Tensor, "batch row"]) -> Tensor:
    sequences = torch.arange(len(places), device=places.device)
    found = tensor[rearrange(sequences, "batch -> batch 1"), :, places]
    return rearrange(found, "batch row head d -> batch head row d")


def _visible(source: Attention, columns: Int[Tensor, "batch row"]) -> Tensor:
    """[batch, 1 or head, row, k_pos]"""
    device, n_keys = columns.device, source.key.shape[2]
    query = rearrange(columns, "batch row -> batch 1 row 1")
    key = torch.arange(n_keys, device=device)
    starts, stops = (
        rearrange(torch.tensor(edges, device=device), "batch -> batch 1 1 1")
        for edges in (source.first_columns, source.end_columns)
    )
    distance = query - key
    visible = (distance >= 0) & (distance < (n_keys if source.window is None else source.window))
    visible = visible & (key >= starts) & (key < stops) & (query >= starts) & (query < stops)
    if source.removed is not None:
        visible = visible & ~rearrange(source.removed, "batch head k_pos -> batch head 1 k_pos")
    return visible
