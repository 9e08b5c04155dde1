"""The law of the kernels: the whole pattern and a sum, as it stands in the formulas, in whatever precision is asked.

In: `Attention` or `StoredPattern`. Out: what every other implementation must give. It holds q_pos x k_pos entries for
each head, so it is for tests, small inputs and patterns that exist anyway.
"""

import torch
from einops import einsum, rearrange, repeat
from jaxtyping import Bool, Float, Int
from torch import Tensor

from attnprobe.kernels.attention import Attention, KeyFlags, StoredPattern, accumulator

Visibility = Bool[Tensor, "batch #head q_pos k_pos"]
Pattern = Float[Tensor, "batch head q_pos k_pos"]


def visible_to(attention: Attention) -> Visibility:
    """Where each query may look."""
    n_queries, n_keys = attention.query.shape[2], attention.key.shape[2]
    device = attention.query.device
    q_column = rearrange(torch.arange(n_keys - n_queries, n_keys, device=device), "q_pos -> q_pos 1")
    k_column = rearrange(torch.arange(n_keys, device=device), "k_pos -> 1 k_pos")
    distance = q_column - k_column
    near = (distance >= 0) & (distance < (n_keys if attention.window is None else attention.window))
    starts = rearrange(torch.tensor(attention.first_columns, device=device), "batch -> batch 1 1 1")
    stops = rearrange(torch.tensor(attention.end_columns, device=device), "batch -> batch 1 1 1")
    is_key = (k_column >= starts) & (k_column < stops) & (q_column >= starts) & (q_column < stops)
    visible = near & is_key
    if attention.removed is not None:
        visible = visible & ~rearrange(attention.removed, "batch head k_pos -> batch head 1 k_pos")
    return visible


def pattern_of(source: Attention | StoredPattern, dtype: torch.dtype | None = None) -> Pattern:
    """The attention pattern itself.

    Args:
        source: what to look at.
        dtype: precision of every step; that of the input, but float32 or finer, if None.
    """
    if isinstance(source, StoredPattern):
        return source.pattern.to(dtype or accumulator(source.pattern))
    dtype = dtype or accumulator(source.query)
    n_repeats = source.query.shape[1] // source.key.shape[1]
    key = repeat(source.key.to(dtype), "batch kv_head k_pos d -> batch (kv_head repeat) k_pos d", repeat=n_repeats)
    logits = einsum(source.query.to(dtype), key, "batch head q_pos d, batch head k_pos d -> batch head q_pos k_pos")
    logits = logits * source.scaling
    if source.softcap is not None:
        logits = torch.tanh(logits / source.softcap) * source.softcap
    visible = visible_to(source)
    logits = logits.masked_fill(~visible, float("-inf"))
    if source.sinks is not None:
        batch, _, n_queries, _ = logits.shape
        sink = repeat(source.sinks.to(dtype), "head -> batch head q_pos 1", batch=batch, q_pos=n_queries)
        logits = torch.cat([logits, sink], dim=-1)
    pattern = logits.softmax(-1)[..., : source.key.shape[2]]
    # a row of minus infinities has no softmax: it attends to nothing. A NaN that the model made stays
    return pattern.masked_fill(~visible, 0.0)


def column_sums(
    source: Attention | StoredPattern, prefixes: Int[Tensor, "batch prefix"], dtype: torch.dtype | None = None
) -> Float[Tensor, "batch head k_pos prefix"]:
    """`ops.column_sums`, as a product with the indicator of each prefix."""
    pattern = pattern_of(source, dtype)
    columns = torch.arange(source.first_query, pattern.shape[3], device=pattern.device)
    prefixes = prefixes.to(pattern.device)
    inside = rearrange(columns, "q_pos -> 1 q_pos 1") < rearrange(prefixes, "batch prefix -> batch 1 prefix")
    return einsum(pattern, inside.to(pattern), "batch head q_pos k_pos, batch q_pos prefix -> batch head k_pos prefix")


def weighted_values(
    source: Attention | StoredPattern,
    values: Float[Tensor, "#batch value_head k_pos column"],
    dtype: torch.dtype | None = None,
) -> Float[Tensor, "batch head q_pos column"]:
    """`ops.weighted_values`: pattern @ values."""
    pattern = pattern_of(source, dtype)
    values = _without_padding(values.to(pattern), source, first_column=0)
    if values.shape[1] > 1:
        n_repeats = pattern.shape[1] // values.shape[1]
        values = repeat(values, "batch head k_pos column -> batch (head repeat) k_pos column", repeat=n_repeats)
    return torch.matmul(pattern, values)


def weighted_queries(
    source: Attention | StoredPattern,
    weights: Float[Tensor, "#batch #head q_pos column"],
    dtype: torch.dtype | None = None,
) -> Float[Tensor, "batch head k_pos column"]:
    """`ops.weighted_queries`: the pattern's transpose @ weights."""
    pattern = rearrange(pattern_of(source, dtype), "batch head q_pos k_pos -> batch head k_pos q_pos")
    return torch.matmul(pattern, _without_padding(weights.to(pattern), source, first_column=source.first_query))


def _without_padding(numbers: Tensor, source: Attention | StoredPattern, *, first_column: int) -> Tensor:
    """[#batch, #head, pos, column] with 0 at padding, where a model may have left anything."""
    columns = rearrange(torch.arange(numbers.shape[2], device=numbers.device) + first_column, "pos -> pos 1")
    starts = rearrange(torch.tensor(source.first_columns, device=numbers.device), "batch -> batch 1 1 1")
    stops = rearrange(torch.tensor(source.end_columns, device=numbers.device), "batch -> batch 1 1 1")
    return torch.where((columns >= starts) & (columns < stops), numbers, 0.0)


def key_scores(
    source: Attention | StoredPattern,
    prefixes: Int[Tensor, "batch prefix"],
    excluded: KeyFlags | None = None,
    sink_share: float | None = None,
    dtype: torch.dtype | None = None,
) -> tuple[Float[Tensor, "batch head k_pos prefix"], Float[Tensor, "batch head k_pos prefix"]]:
    """`ops.key_scores`: (received, given)."""
    received = column_sums(source, prefixes, dtype)
    device = received.device
    # what is no larger than the smallest normal number has no finite inverse: it counts as nothing received
    dropped = received <= torch.finfo(received.dtype).tiny
    if excluded is not None:
        dropped = dropped | rearrange(excluded.to(device), "batch head k_pos -> batch head k_pos 1")
    if sink_share is not None:
        firsts = torch.tensor([max(start, source.first_query) for start in source.first_columns], device=device)
        ends = torch.minimum(prefixes.to(device), torch.tensor(source.end_columns, device=device)[:, None])
        n_queries = rearrange((ends - firsts[:, None]).clamp(min=0), "batch prefix -> batch 1 1 prefix")
        dropped = dropped | (received > sink_share * n_queries)
    # neither comparison holds for a NaN, which stays one
    received = received.masked_fill(dropped, 0.0)
    inverse = torch.where(dropped, 0.0, 1 / received.masked_fill(dropped, 1.0))
    given = weighted_values(source, inverse, dtype)
    skipped = received.shape[2] - given.shape[2]
    given = torch.nn.functional.pad(given, (0, 0, skipped, 0))
    columns = rearrange(torch.arange(received.shape[2], device=given.device), "k_pos -> 1 1 k_pos 1")
    ends = rearrange(prefixes.to(device), "batch prefix -> batch 1 1 prefix")
    return received, given.masked_fill(columns >= ends, 0.0)
