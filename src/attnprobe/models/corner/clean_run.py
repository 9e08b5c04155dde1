"""The unedited run of a sequence: what edited runs share with it, and start from.

In: a model, a sequence, and what is needed of which layers. Out: `CleanRun`. One pass, left once the last layer's
attention is known; no logits are made.
"""

from collections.abc import Collection, Generator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from threading import get_ident
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from attnprobe.models.attention_call import AttentionCall, Plain
from attnprobe.models.blockwise_attention import blockwise_attention
from attnprobe.models.corner.parts import ModelParts, NotInPart, is_close
from attnprobe.models.corner.shared_prefix import Prefix
from attnprobe.models.mask_check import check_visible
from attnprobe.models.passes import PassIsOver
from attnprobe.plan import Tokens
from attnprobe.shapes import HeadVectors, Residual


@dataclass(slots=True, kw_only=True, eq=False)
class CleanLayer:
    """What was kept of one layer, of one sequence.

    Attributes:
        key, value: of all columns [kv_head, k_pos, d_head].
        call: what shapes the layer's softmax; its queries, keys and values are those of the kept columns.
        resid: into the block, of the kept columns, where edits begin; None elsewhere.
        z: the heads' outputs, likewise.
        attn_out: what the attention module returned, likewise; None where there is no such module.
    """

    key: Float[Tensor, "kv_head k_pos d_head"]
    value: Float[Tensor, "kv_head k_pos d_head"]
    call: AttentionCall
    resid: Residual | None = None
    z: HeadVectors | None = None
    attn_out: Residual | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CleanRun:
    """The unedited run.

    Attributes:
        kept: columns from this one on are kept; keys and values from the first on.
        layers: by index; layers below the lowest that was asked for are missing.
        projected: layers at which edited runs begin, and whose attention module returns what their output projection
            makes of the heads' outputs.
    """

    kept: int
    layers: dict[int, CleanLayer]
    projected: frozenset[int]

    def prefix(self, layer: int, first: int) -> Prefix:
        """Keys and values of a layer before a column."""
        found = self.layers[layer]
        return Prefix(key=found.key[:, :first], value=found.value[:, :first])

    def resid(self, layer: int, first: int) -> Residual:
        """Into a block, from a column on."""
        found = self.layers[layer].resid
        assert found is not None
        return found[:, first - self.kept :]


def run_clean(parts: ModelParts, tokens: Tokens, *, lowest: int, joined: Collection[int], first: int) -> CleanRun:
    """Run a sequence unedited and keep what edited runs need.

    Args:
        parts: of the model.
        tokens: one sequence.
        lowest: first layer that is needed.
        joined: layers at which edited runs begin.
        first: first column at which one begins.

    Raises:
        ModelError: the masks of the model are not what its config says.
    """
    recorder = _Recorder(parts, tokens, lowest=lowest, joined=frozenset(joined), kept=first)
    with ExitStack() as stack:
        stack.enter_context(recorder.hooked())
        stack.enter_context(parts.watch(recorder))
        with suppress(PassIsOver):
            parts.run(tokens.ids, range(tokens.width))
    projected = frozenset(layer for layer in joined if _is_projected(parts, layer, recorder.layers[layer]))
    return CleanRun(kept=first, layers=recorder.layers, projected=projected)


def _is_projected(parts: ModelParts, layer: int, clean: CleanLayer) -> bool:
    """Whether the attention module returned what the output projection makes of the heads' outputs."""
    projection = parts.projection(layer)
    if projection is None or clean.attn_out is None or clean.z is None:
        return False
    expected = projection(rearrange(clean.z[:, -1:], "1 1 head d_head -> 1 1 (head d_head)"))
    return is_close(clean.attn_out[:, -1:], expected)


def _refuse_bias(call: AttentionCall) -> None:
    """A float mask that does more than hide keys: edited runs make their masks from positions and windows alone.

    Raises:
        NotInPart: it does.
    """
    mask = call.mask
    if isinstance(mask, Tensor) and mask.is_floating_point():
        hides = mask <= torch.finfo(mask.dtype).min / 2
        if bool((mask.masked_fill(hides, 0) != 0).any()):
            raise NotInPart("its attention adds a bias to what queries and keys say")


class _Recorder:
    """Notes what passes by in one unedited pass over one sequence."""

    def __init__(self, parts: ModelParts, tokens: Tokens, *, lowest: int, joined: frozenset[int], kept: int) -> None:
        self.layers: dict[int, CleanLayer] = {}
        self._parts = parts
        self._tokens = tokens
        self._lowest = lowest
        self._joined = joined
        self._kept = kept
        self._resid: dict[int, Residual] = {}

    def attend(self, caller: nn.Module, call: AttentionCall, plain: Plain) -> HeadVectors:
        layer = self._parts.layer_of(caller)
        if layer is None:
            return plain(call.query, call.key, call.value)
        window = self._parts.dims.windows[layer]
        _refuse_bias(call)
        check_visible(self._tokens, window, layer, call)
        is_last = layer == self._parts.dims.n_layers - 1
        is_joined = layer in self._joined
        z = None
        if is_joined or not is_last:
            z = blockwise_attention(call.attention(self._tokens.starts, window), call.value)
        if layer >= self._lowest:
            self._note(layer, call, z if is_joined else None)
        if z is None or (is_last and self._parts.layers[layer].attention is None):
            raise PassIsOver
        return z

    def _note(self, layer: int, call: AttentionCall, z: HeadVectors | None) -> None:
        kept = slice(self._kept, None)
        own = replace(
            call,
            query=call.query[:, :, kept].clone() if z is not None else call.query[:, :, :0],
            key=call.key[:, :, :0],
            value=call.value[:, :, :0],
            mask=None,
        )
        self.layers[layer] = CleanLayer(
            key=call.key[0].contiguous(),
            value=call.value[0].contiguous(),
            call=own,
            resid=self._resid.pop(layer, None),
            z=None if z is None else z[:, kept].clone(),
        )

    @contextmanager
    def hooked(self) -> Generator[None]:
        """Hooks on blocks and attention modules of layers where edited runs begin; always removed."""
        with ExitStack() as stack:
            for index in sorted(self._joined):
                layer = self._parts.layers[index]
                stack.callback(layer.block.register_forward_pre_hook(self._before(index), with_kwargs=True).remove)
                if layer.attention is not None:
                    stack.callback(layer.attention.register_forward_hook(self._after(index)).remove)
            yield

    def _before(self, layer: int) -> Any:
        owner = get_ident()

        def hook(block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            if get_ident() == owner:
                resid: Tensor = args[0] if args else kwargs["hidden_states"]
                self._resid[layer] = resid[:, self._kept :].clone()

        return hook

    def _after(self, layer: int) -> Any:
        owner = get_ident()

        def hook(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
            if get_ident() != owner:
                return
            out: Tensor = output[0] if isinstance(output, tuple) else output
            self.layers[layer].attn_out = out[:, self._kept :].clone()
            if layer == self._parts.dims.n_layers - 1:
                raise PassIsOver

        return hook
