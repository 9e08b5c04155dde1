"""Attention calls of models that go through transformers' attention interface.

In: the functions that transformers calls under the implementation name `attnprobe`, one for attention and one for the
masks (without the second, models silently pass no mask and see the future). Out: each call as an `AttentionCall`, to
whichever pass watches the current context; without one, the model's plain attention.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, PretrainedConfig, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from attnprobe.errors import ModelError
from attnprobe.models.attention_call import (
    AttentionCall,
    AttentionPass,
    Heads,
    KvHeads,
    UnmadeMask,
    explicit_attention,
)
from attnprobe.models.unmade_masks import is_marker, mask_or_marker, window_of
from attnprobe.shapes import HeadVectors

IMPLEMENTATION = "attnprobe"
# a context variable, not a global: passes in other threads do not see it
_WATCHER: ContextVar[AttentionPass | None] = ContextVar("attnprobe_attention_pass", default=None)
_IS_EAGER: ContextVar[bool] = ContextVar("attnprobe_is_eager", default=False)
_LEAVES_MASKS: ContextVar[bool] = ContextVar("attnprobe_leaves_masks", default=False)


@contextmanager
def watch_interface(model: PreTrainedModel, watcher: AttentionPass, *, leaves_masks: bool = False) -> Generator[None]:
    """Send the model's attention calls to a pass; its own implementation is back afterwards, come what may.

    Args:
        model: one whose attention goes through the interface.
        watcher: gets the calls made in this context, not those of other threads.
        leaves_masks: make no mask of size T x T; calls that would have one, or that the model would answer step by
            step, come with an `UnmadeMask`, which the watcher must answer itself.
    """
    configs = _configs(model)
    found = [config._attn_implementation for config in configs]
    tokens = _WATCHER.set(watcher), _IS_EAGER.set(_is_eager(found)), _LEAVES_MASKS.set(leaves_masks)
    try:
        for config in configs:
            config._attn_implementation_internal = IMPLEMENTATION
        yield
    finally:
        for config, implementation in zip(configs, found, strict=True):
            config._attn_implementation_internal = implementation
        _WATCHER.reset(tokens[0])
        _IS_EAGER.reset(tokens[1])
        _LEAVES_MASKS.reset(tokens[2])


def _is_eager(found: Sequence[str]) -> bool:
    # inside another pass on the same model its own implementation is what that pass found
    return "eager" in found or (IMPLEMENTATION in found and _IS_EAGER.get())


def _configs(model: PreTrainedModel) -> list[Any]:
    # typed Any: the implementation's name is a protected attribute, and set_attn_implementation checks and warns.
    # Modules look their implementation up in their own config, which may be a part of the model's
    found = (getattr(module, "config", None) for module in model.modules())
    return list({id(config): config for config in found if isinstance(config, PretrainedConfig)}.values())


def _attention(
    module: nn.Module,
    query: Heads,
    key: KvHeads,
    value: KvHeads,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    softcap: float | None = None,
    s_aux: Tensor | None = None,
    is_causal: bool | None = None,
    dropout: float = 0.0,
    **options: Any,
) -> tuple[HeadVectors, None]:
    """What transformers calls in place of its own attention; passes run in evaluation mode, so dropout is 0."""
    if options.get("position_bias") is not None:
        raise ModelError(f"{type(module).__name__} adds a learned position bias to its attention; that is not served.")
    is_stepwise = _IS_EAGER.get() or softcap is not None or s_aux is not None
    call = AttentionCall(
        query=query,
        key=key,
        value=value,
        mask=_mask_of(attention_mask, is_stepwise=is_stepwise),
        is_causal=bool(getattr(module, "is_causal", True) if is_causal is None else is_causal),
        scaling=query.shape[-1] ** -0.5 if scaling is None else scaling,
        softcap=softcap,
        sinks=s_aux,
    )

    def plain(q: Heads, k: KvHeads, v: KvHeads) -> HeadVectors:
        if is_stepwise:
            changed = AttentionCall(
                query=q,
                key=k,
                value=v,
                mask=call.mask,
                is_causal=call.is_causal,
                scaling=call.scaling,
                softcap=softcap,
                sinks=s_aux,
            )
            return explicit_attention(changed)
        z, _ = sdpa_attention_forward(module, q, k, v, attention_mask, scaling=scaling, is_causal=is_causal)
        return z

    watcher = _WATCHER.get()
    return (plain(query, key, value) if watcher is None else watcher.attend(module, call, plain)), None


def _mask_of(mask: Tensor | None, *, is_stepwise: bool) -> Tensor | UnmadeMask | None:
    if not _LEAVES_MASKS.get():
        return mask
    if mask is not None and is_marker(mask):
        return UnmadeMask(window=window_of(mask))
    # without a mask the step-by-step way is the one that would make something of size T x T
    return UnmadeMask(window=None) if mask is None and is_stepwise else mask


def _masks(*args: Any, **options: Any) -> Tensor | None:
    return mask_or_marker(*args, **options) if _LEAVES_MASKS.get() else sdpa_mask(*args, **options)


AttentionInterface.register(IMPLEMENTATION, _attention)
AttentionMaskInterface.register(IMPLEMENTATION, _masks)
