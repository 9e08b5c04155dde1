"""Attention calls of models that call `F.scaled_dot_product_attention` themselves, outside transformers' interface.

In: that call, met by a torch function mode; the layer is told by the module that is running. Out: each call as an
`AttentionCall`, to the pass that watches. Such models often expand keys and values to query heads before the call;
where that was seen at load, the pass gets them back unexpanded.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from threading import get_ident
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from attnprobe.errors import PlanError
from attnprobe.models.attention_call import AttentionCall, AttentionPass, Heads, KvHeads
from attnprobe.models.blockwise_attention import expand_heads
from attnprobe.shapes import HeadVectors


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Arguments:
    query: Heads
    key: KvHeads
    value: KvHeads
    attn_mask: Tensor | None = None
    dropout_p: float = 0.0
    is_causal: bool = False
    scale: float | None = None
    enable_gqa: bool = False


class _SdpaMode(TorchFunctionMode):
    def __init__(self, watcher: AttentionPass, running: Sequence[nn.Module], repeats: Mapping[nn.Module, int]) -> None:
        super().__init__()
        self._watcher = watcher
        self._running = running
        self._repeats = repeats

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is not F.scaled_dot_product_attention or not self._running:
            return func(*args, **kwargs)
        names = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal")
        return self._answer(_Arguments(**dict(zip(names, args, strict=False)), **kwargs))

    def _answer(self, given: _Arguments) -> Heads:
        caller = self._running[-1]
        n_repeats = self._repeats.get(caller, 1)
        call = AttentionCall(
            query=given.query,
            key=_compressed(given.key, n_repeats, caller),
            value=_compressed(given.value, n_repeats, caller),
            mask=given.attn_mask,
            is_causal=given.is_causal,
            scaling=given.query.shape[-1] ** -0.5 if given.scale is None else given.scale,
        )

        def plain(q: Heads, k: KvHeads, v: KvHeads) -> HeadVectors:
            z = F.scaled_dot_product_attention(
                q,
                expand_heads(k, n_repeats),
                expand_heads(v, n_repeats),
                attn_mask=given.attn_mask,
                is_causal=given.is_causal,
                scale=given.scale,
                enable_gqa=given.enable_gqa,
            )
            return rearrange(z, "batch head pos d_head -> batch pos head d_head")

        z = self._watcher.attend(caller, call, plain)
        return rearrange(z, "batch pos head d_head -> batch head pos d_head")


@contextmanager
def watch_direct(
    modules: Sequence[nn.Module], watcher: AttentionPass, repeats: Mapping[nn.Module, int]
) -> Generator[None]:
    """Send calls of `F.scaled_dot_product_attention` made while one of the modules runs to a pass.

    Args:
        modules: whose calls are meant; the innermost one that runs is named as the caller.
        watcher: gets the calls of this thread.
        repeats: how often each caller repeats its keys and values before the call, where more than once.
    """
    running: list[nn.Module] = []
    owner = get_ident()

    def enter(module: nn.Module, *_: Any) -> None:
        # the same modules may run in another thread, outside this pass
        if get_ident() == owner:
            running.append(module)

    def leave(*_: Any) -> None:
        if get_ident() == owner:
            running.pop()

    with ExitStack() as stack:
        for module in modules:
            stack.callback(module.register_forward_pre_hook(enter).remove)
            stack.callback(module.register_forward_hook(leave, always_call=True).remove)
        stack.enter_context(_SdpaMode(watcher, running, repeats))
        yield


def count_repeats(heads: Heads) -> int:
    """How many neighbouring heads are the same, in every group alike: the factor by which they were expanded."""
    n_heads = heads.shape[1]
    return max(size for size in range(1, n_heads + 1) if n_heads % size == 0 and _is_repeated(heads, size))


def _is_repeated(heads: Heads, size: int) -> bool:
    # a NaN equals nothing, but is no reason to take heads for different ones
    return torch.equal(expand_heads(heads[:, ::size], size).nan_to_num(), heads.nan_to_num())


def _compressed(heads: Heads, n_repeats: int, caller: nn.Module) -> KvHeads:
    if not _is_repeated(heads, n_repeats):
        raise PlanError(
            f"{type(caller).__name__} repeated its key and value heads {n_repeats} times when the model was loaded, "
            "and now does not; its heads cannot be told apart."
        )
    return heads[:, ::n_repeats]
