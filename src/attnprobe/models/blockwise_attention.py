"""Attention without a mask: what a model's own attention gives, from padding and a window as two numbers.

In: an attention call as kernels take it, and its values. Out: the heads' outputs, zero at padding. Fused attention does
the work, on the tokens of each sequence alone and, under a window, on blocks of queries with the keys they reach;
softcaps and sinks, which it does not know, go through the kernels. Nothing is of size T x T.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from einops import rearrange, repeat
from jaxtyping import Float
from torch import Tensor

from attnprobe.kernels import Attention, weighted_values
from attnprobe.shapes import HeadKeys, HeadVectors

_QUERIES = 256


def blockwise_attention(attention: Attention, value: HeadKeys) -> HeadVectors:
    """The pattern times the values, in the dtype of the values.

    Args:
        attention: queries for every column; padding on the left only.
        value: not expanded to query heads.
    """
    if attention.softcap is not None or attention.sinks is not None:
        z = weighted_values(attention, value).to(value.dtype)
        return rearrange(z, "batch head pos d_head -> batch pos head d_head").contiguous()
    batch, n_heads, length, _ = attention.query.shape
    z = value.new_zeros(batch, length, n_heads, value.shape[-1])
    starts = attention.first_columns
    for start in sorted(set(starts)):
        rows = [row for row in range(batch) if starts[row] == start]
        chosen = slice(None) if len(rows) == batch else rows
        query, key, values = (tensor[chosen][:, :, start:] for tensor in (attention.query, attention.key, value))
        for first, block in _blocks(query, key, values, attention):
            placed = rearrange(block, "batch head pos d_head -> batch pos head d_head")
            z[chosen, start + first : start + first + block.shape[2]] = placed
    return z


def _blocks(query: Tensor, key: Tensor, value: Tensor, attention: Attention) -> Iterator[tuple[int, Tensor]]:
    """Outputs of blocks of queries of sequences without padding, each with its first query."""
    length, window, n_repeats = query.shape[2], attention.window, query.shape[1] // key.shape[1]
    if window is None or window >= length:
        yield (
            0,
            F.scaled_dot_product_attention(
                query, key, value, is_causal=True, scale=attention.scaling, enable_gqa=n_repeats > 1
            ),
        )
        return
    columns = torch.arange(length, device=query.device)
    for first in range(0, length, _QUERIES):
        last, lowest = min(first + _QUERIES, length), max(0, first - window + 1)
        distance = rearrange(columns[first:last], "q_pos -> q_pos 1") - columns[lowest:last]
        yield (
            first,
            F.scaled_dot_product_attention(
                query[:, :, first:last],
                expand_heads(key[:, :, lowest:last], n_repeats),
                expand_heads(value[:, :, lowest:last], n_repeats),
                attn_mask=(distance >= 0) & (distance < window),
                scale=attention.scaling,
            ),
        )


def expand_heads(heads: HeadKeys, n_repeats: int) -> Float[Tensor, "batch head k_pos d_head"]:
    """Each key or value head once for every query head that it serves."""
    if n_repeats == 1:
        return heads
    return repeat(heads, "batch head pos d_head -> batch (head n_repeats) pos d_head", n_repeats=n_repeats)
