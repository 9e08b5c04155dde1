"""One attention call of a model, and its exact computation under a plan.

In: queries, keys and values as a model hands them to its attention (after rotary embedding), with everything that
shapes its softmax. Out: the heads' outputs, and what statistics make of the attention. Nothing here knows how the call
was caught; `attention_interface` and `direct_attention` do that.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import torch
from einops import rearrange, repeat
from jaxtyping import Float
from torch import Tensor, nn

from attnprobe.errors import ModelError
from attnprobe.kernels import Attention
from attnprobe.models.blockwise_attention import blockwise_attention, expand_heads
from attnprobe.models.passes import PassIsOver, visible_keys
from attnprobe.plan import Execution, Point
from attnprobe.shapes import HeadVectors, Visible

Heads = Float[Tensor, "batch head pos d_head"]
KvHeads = Float[Tensor, "batch kv_head k_pos d_head"]
Plain = Callable[[Heads, KvHeads, KvHeads], HeadVectors]
"""The model's own way from q, k, v to z; what untouched layers run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmadeMask:
    """What stands where a mask of size T x T would: it would be causal, leave out padding, and hold this window.

    Attributes:
        window: in tokens, the querying one included; None for none.
    """

    window: int | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AttentionCall:
    """What a model hands to its attention.

    Attributes:
        query: after rotary embedding.
        key: after rotary embedding, heads not expanded to query heads.
        value: heads not expanded.
        mask: where to attend (bool) or what to add to the logits (float), [batch, 1 or head, q_pos, k_pos]; None for
            none beyond `is_causal`; unmade where the pass is to look without one.
        is_causal: whether a missing mask stands for a causal one.
        scaling: factor on the products of queries and keys.
        softcap: bound of the logits, by tanh; None for none.
        sinks: one logit a head that takes part in the softmax and attends to nothing; None for none.
    """

    query: Heads
    key: KvHeads
    value: KvHeads
    mask: Tensor | UnmadeMask | None
    is_causal: bool
    scaling: float
    softcap: float | None = None
    sinks: Float[Tensor, " head"] | None = None

    def visible(self) -> Visible:
        """Where each query may attend, read off the mask that the model itself made.

        Raises:
            ModelError: the mask differs by head.
        """
        batch, _, n_queries, _ = self.query.shape
        n_keys = self.key.shape[2]
        assert not isinstance(self.mask, UnmadeMask), "a mask is made before it is looked at"
        if self.mask is None:
            visible = torch.ones(n_queries, n_keys, dtype=torch.bool, device=self.query.device)
            visible = visible.tril(n_keys - n_queries) if self.is_causal else visible
            return visible.expand(batch, 1, n_queries, n_keys)
        mask = self.mask[..., :n_keys]
        visible = mask if mask.dtype is torch.bool else mask > torch.finfo(mask.dtype).min / 2
        if visible.shape[1] > 1 and not torch.equal(visible, visible[:, :1].expand_as(visible)):
            raise ModelError("an attention mask that differs by head: expected one mask for all heads of a layer.")
        return visible[:, :1].expand(batch, 1, n_queries, n_keys)

    def masked(
        self, logits: Float[Tensor, "batch head q_pos k_pos"], visible: Visible
    ) -> Float[Tensor, "batch head q_pos k_pos"]:
        """Logits with the model's mask, as eager attention adds it.

        Args:
            logits: scaled and softcapped.
            visible: from `visible`.
        """
        if isinstance(self.mask, Tensor) and self.mask.dtype is not torch.bool:
            return logits + self.mask[..., : self.key.shape[2]]
        return logits.masked_fill(~visible, torch.finfo(logits.dtype).min)

    def attention(self, starts: tuple[int, ...], window: int | None) -> Attention:
        """The call as kernels take it, whose mask is made of two numbers.

        Args:
            starts: for each sequence, the column of its first token.
            window: of the layer.
        """
        return Attention(
            query=self.query,
            key=self.key,
            scaling=self.scaling,
            softcap=self.softcap,
            window=window,
            sinks=self.sinks,
            starts=starts,
        )


@runtime_checkable
class AttentionPass(Protocol):
    """Whoever watches the attention calls of one forward pass."""

    def attend(self, caller: nn.Module, call: AttentionCall, plain: Plain) -> HeadVectors:
        """Answer one call made while `caller` ran."""
        ...


def explicit_attention(call: AttentionCall, execution: Execution | None = None, layer: int = 0) -> HeadVectors:
    """Attention step by step, edited between the steps; without an execution it equals a model's eager attention.

    Source: ours; the order scale, softcap, mask, softmax in float32 or finer is that of transformers' eager functions.
    """
    n_repeats = call.query.shape[1] // call.key.shape[1]
    key, value = expand_heads(call.key, n_repeats), expand_heads(call.value, n_repeats)
    logits = (
        torch.matmul(call.query, rearrange(key, "batch head k_pos d_head -> batch head d_head k_pos")) * call.scaling
    )
    if call.softcap is not None:
        logits = torch.tanh(logits / call.softcap) * call.softcap
    visible = call.visible()
    logits = call.masked(logits, visible)
    if execution is not None:
        logits = execution.attn_logits(layer, logits, visible, sinks=call.sinks)
    pattern = _softmax(logits, call.sinks)
    if execution is not None:
        pattern = execution.pattern(layer, pattern, visible)
        execution.stream_pattern(layer, pattern, visible, call.value)
    return rearrange(torch.matmul(pattern, value), "batch head pos d_head -> batch pos head d_head").contiguous()


def attend_under_plan(call: AttentionCall, plain: Plain, execution: Execution, layer: int) -> HeadVectors:
    """Answer a call under a plan: the model's own attention where the pattern is not needed, step by step where it is.

    Args:
        call: what the model asked.
        plain: the model's own attention.
        execution: of the pass.
        layer: which layer asks.
    """
    for point, name in ((Point.Q, "query"), (Point.K, "key"), (Point.V, "value")):
        if execution.touches(layer, point):
            vectors = execution.vectors(point, layer, _by_position(getattr(call, name)))
            call = replace(call, **{name: _by_head(vectors)})
    if execution.needs_per_query_head(layer):
        n_repeats = call.query.shape[1] // call.key.shape[1]
        copies: dict[str, KvHeads] = {}
        for point, name in ((Point.K, "key"), (Point.V, "value")):
            expanded = _by_position(expand_heads(getattr(call, name), n_repeats))
            copies[name] = _by_head(execution.vectors(point, layer, expanded, per_query_head=True))
        call = replace(call, **copies)
    if execution.needs_pattern(layer) or execution.needs_per_query_head(layer):
        if isinstance(call.mask, UnmadeMask):
            call = replace(call, mask=visible_keys(execution.tokens, call.mask.window).to(call.query.device))
        z = explicit_attention(call, execution, layer)
    else:
        if execution.has_streams(layer):
            attention = call.attention(execution.tokens.starts, execution.dims.windows[layer])
            execution.stream(layer, attention, call.value)
        if execution.is_over:
            raise PassIsOver
        if isinstance(call.mask, UnmadeMask):
            z = blockwise_attention(call.attention(execution.tokens.starts, call.mask.window), call.value)
        else:
            z = plain(call.query, call.key, call.value)
    z = execution.vectors(Point.Z, layer, z) if execution.touches(layer, Point.Z) else z
    if execution.is_over:
        raise PassIsOver
    return z


def _softmax(
    logits: Float[Tensor, "batch head q_pos k_pos"], sinks: Float[Tensor, " head"] | None
) -> Float[Tensor, "batch head q_pos k_pos"]:
    dtype = torch.promote_types(logits.dtype, torch.float32)
    if sinks is None:
        return logits.softmax(-1, dtype=dtype).to(logits.dtype)
    batch, _, n_queries, _ = logits.shape
    column = repeat(sinks.to(logits.dtype), "head -> batch head q_pos 1", batch=batch, q_pos=n_queries)
    return torch.cat([logits, column], dim=-1).softmax(-1, dtype=dtype)[..., :-1].to(logits.dtype)


def _by_position(heads: Heads) -> HeadVectors:
    return rearrange(heads, "batch head pos d_head -> batch pos head d_head")


def _by_head(vectors: HeadVectors) -> Heads:
    return rearrange(vectors, "batch pos head d_head -> batch head pos d_head")
