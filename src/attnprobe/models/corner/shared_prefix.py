"""Attention of many edited runs that share the keys and values before a column.

In: queries, keys and values of the runs from that column on, and one copy of what comes before. Out: the heads'
outputs. The shared part costs one matrix product for all runs together, and is nowhere copied a run; one softmax goes
over both parts. Where nothing is shared and nothing special is asked for, torch's fused attention does it.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange, repeat
from jaxtyping import Bool, Float
from torch import Tensor

from attnprobe.models.attention_call import AttentionCall
from attnprobe.models.blockwise_attention import expand_heads
from attnprobe.models.corner.columns import Columns
from attnprobe.shapes import HeadVectors

# above so many logits a head and run, fused attention, which keeps none of them, is the better choice
_MAX_LOGITS = 1 << 16

SharedHeads = Float[Tensor, "kv_head k_pos d_head"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prefix:
    """Keys and values before the first column that runs.

    Attributes:
        key: after rotary embedding.
        value: as heads mix them.
    """

    key: SharedHeads
    value: SharedHeads

    @property
    def width(self) -> int:
        """How many columns."""
        return self.key.shape[1]


def visible_to(columns: Columns, window: int | None, device: torch.device) -> Bool[Tensor, "q_pos k_pos"]:
    """What the running columns may attend to, of all keys of the sequence."""
    queries = torch.tensor(columns.positions, device=device)
    distance = rearrange(queries, "q_pos -> q_pos 1") - torch.arange(columns.width, device=device)
    return (distance >= 0) & (distance < (columns.width if window is None else window))


def attend_with_prefix(call: AttentionCall, prefix: Prefix, columns: Columns, window: int | None) -> HeadVectors:
    """The plain attention of many runs.

    Args:
        call: queries of the running columns; keys and values of all columns from the first on.
        prefix: what all runs share before that.
        columns: what runs.
        window: of the layer.
    """
    is_fusable = call.softcap is None and call.sinks is None
    is_windowed = window is not None and window < columns.width
    n_logits = call.query.shape[2] * columns.width
    if is_fusable and columns.first == 0 and columns.chosen is None and not is_windowed:
        z = _fused(call, call.key, call.value, None)
    elif is_fusable and n_logits > _MAX_LOGITS:
        visible = visible_to(columns, window, call.query.device)
        key, value = _joined(prefix.key, call.key), _joined(prefix.value, call.value)
        z = _fused(call, key, value, visible)
    else:
        return _explicit(call, prefix, visible_to(columns, window, call.query.device))
    return rearrange(z, "batch head pos d_head -> batch pos head d_head").contiguous()


def _joined(shared: SharedHeads, own: Tensor) -> Tensor:
    return torch.cat([shared.expand(own.shape[0], -1, -1, -1), own], dim=2)


def _fused(call: AttentionCall, key: Tensor, value: Tensor, visible: Tensor | None) -> Tensor:
    n_repeats = call.query.shape[1] // key.shape[1]
    return F.scaled_dot_product_attention(
        call.query,
        expand_heads(key, n_repeats),
        expand_heads(value, n_repeats),
        attn_mask=visible,
        is_causal=visible is None,
        scale=call.scaling,
    )


def _explicit(call: AttentionCall, prefix: Prefix, visible: Bool[Tensor, "q_pos k_pos"]) -> HeadVectors:
    """Both parts step by step; the order scale, softcap, mask, softmax is that of `explicit_attention`."""
    batch, n_heads, n_queries, _ = call.query.shape
    n_kv, n_shared = call.key.shape[1], prefix.width
    size = {"batch": batch, "kv": n_kv, "group": n_heads // n_kv, "pos": n_queries}
    # queries of all runs side by side for the shared keys, of one run for its own
    for_shared = rearrange(call.query, "batch (kv group) pos d -> kv (batch group pos) d", kv=n_kv)
    for_own = rearrange(call.query, "batch (kv group) pos d -> batch kv (group pos) d", kv=n_kv)
    shared = torch.bmm(for_shared, rearrange(prefix.key, "kv k d -> kv d k"))
    own = torch.matmul(for_own, rearrange(call.key, "batch kv k d -> batch kv d k"))
    logits = torch.cat(
        [
            rearrange(shared, "kv (batch group pos) k -> batch kv group pos k", **size),
            rearrange(own, "batch kv (group pos) k -> batch kv group pos k", **size),
        ],
        dim=-1,
    )
    logits *= call.scaling
    if call.softcap is not None:
        logits = torch.tanh(logits / call.softcap) * call.softcap
    logits.masked_fill_(~visible, float("-inf"))
    pattern = _softmax(logits, call.sinks, size)
    of_shared = rearrange(pattern[..., :n_shared], "batch kv group pos k -> kv (batch group pos) k")
    of_own = rearrange(pattern[..., n_shared:], "batch kv group pos k -> batch kv (group pos) k")
    z = rearrange(torch.bmm(of_shared, prefix.value), "kv (batch group pos) d -> batch pos kv group d", **size)
    z = z + rearrange(torch.matmul(of_own, call.value), "batch kv (group pos) d -> batch pos kv group d", **size)
    return rearrange(z, "batch pos kv group d -> batch pos (kv group) d")


def _softmax(logits: Tensor, sinks: Float[Tensor, " head"] | None, size: dict[str, int]) -> Tensor:
    dtype = torch.promote_types(logits.dtype, torch.float32)
    if sinks is None:
        return logits.softmax(-1, dtype=dtype).to(logits.dtype)
    column = repeat(sinks.to(logits.dtype), "(kv group) -> batch kv group pos 1", **size)
    return torch.cat([logits, column], dim=-1).softmax(-1, dtype=dtype)[..., :-1].to(logits.dtype)
