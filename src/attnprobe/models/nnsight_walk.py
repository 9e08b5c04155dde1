"""The walk that stands in an nnsight trace: from layer to layer, each point in the order in which the model comes by.

In: the envoys of a model's layers and an `Execution`. Out: edits on the tensors that pass, reads in the execution, the
logits. Where attention happens is read off the modules' own source, so that no label is fixed: the call of the
attention function, and in the eager function the softmax, whose input are the attention logits, and the product with V,
whose input is the pattern.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from einops import rearrange
from torch import Tensor

from attnprobe.errors import ModelError, PlanError
from attnprobe.kernels import Attention
from attnprobe.models.part_passes import Part
from attnprobe.models.passes import visible_keys
from attnprobe.plan import Execution, ModelDims, Point, Tokens
from attnprobe.shapes import Logits, Visible

# nnsight's own types, an Envoy around a module and a SourceEnvoy around a call in its source; both serve values by
# attribute and are annotated no further there
Envoy = Any
Operation = Any

_QKV = (Point.Q, Point.K, Point.V)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Where the tensors of one layer pass; `attention` and `mlp` as in `anatomy.Layer`, `call` within its forward."""

    block: Envoy
    attention: Envoy | None
    call: Operation
    mlp: Envoy | None


class Walk:
    """What stands in the trace: along the layers, each point in the order in which the model reaches it.

    An attribute of an envoy or an operation waits until the model has come there; what is assigned to it the model
    goes on with.
    """

    def __init__(
        self,
        envoy: Envoy,
        blocks: tuple[Block, ...],
        execution: Execution,
        dims: ModelDims,
        tokens: Tokens,
        part: Part | None = None,
    ) -> None:
        self._envoy = envoy
        self._blocks = blocks
        self._execution = execution
        self._dims = dims
        self._tokens = tokens
        self._part = part
        self._visible: dict[int | None, Visible] = {}
        self.logits: Logits | None = None
        self.outputs: list[Any] = []
        for layer, block in enumerate(blocks):
            for point, module in ((Point.ATTN_OUT, block.attention), (Point.MLP_OUT, block.mlp)):
                if module is None and execution.touches(layer, point):
                    raise PlanError(f"{point} of layer {layer}: no one module returns it; choose resid or z.")

    def run(self) -> None:
        """Walk from the first layer to the logits, or until nothing is still to come."""
        for layer, block in enumerate(self._blocks):
            if self._part is not None and layer < self._part.first_layer:
                block.block.skip(self._part.output_of(layer))
                continue
            self._residual(Point.RESID, layer, block.block, "input")
            self._attend(layer, block.call)
            self._residual(Point.ATTN_OUT, layer, block.attention, "output")
            self._residual(Point.MLP_OUT, layer, block.mlp, "output")
            if self._execution.is_over:
                return
        self.logits = self._envoy.output.logits

    def run_clean(self) -> None:
        """Walk past the layers and keep what each returns."""
        for block in self._blocks:
            self.outputs.append(block.block.output)
        self.logits = self._envoy.output.logits

    def _residual(self, point: Point, layer: int, envoy: Envoy, side: str) -> None:
        def change(tensor: Tensor) -> Tensor:
            if tensor.ndim != 3 or tensor.shape[-1] != self._dims.d_model:
                raise PlanError(
                    f"{point} of layer {layer} has the shape {list(tensor.shape)}; "
                    f"expected [batch, pos, {self._dims.d_model}]. This model has no plain residual stream."
                )
            return self._execution.vectors(point, layer, tensor)

        if self._execution.touches(layer, point):
            _exchange(envoy, side, change)

    def _attend(self, layer: int, call: Operation) -> None:
        execution = self._execution
        if execution.touches(layer, *_QKV) or execution.needs_pattern(layer) or execution.has_streams(layer):
            self._enter_attention(layer, call)
        if execution.touches(layer, Point.Z):
            _exchange(call, "output", lambda z: execution.vectors(Point.Z, layer, z))

    def _enter_attention(self, layer: int, call: Operation) -> None:
        args, kwargs = call.inputs
        if len(args) < 5:
            raise cannot(f"layer {layer} calls attention with {len(args)} positional arguments; expected 5")
        module, query, key, value, mask, *rest = args
        # where each query head has its own key, what it sees is the key itself
        expands = self._execution.needs_per_query_head(layer) and key.shape[1] != query.shape[1]
        passed = [
            self._heads(point, layer, heads, with_copies=point.has_kv_heads and not expands)
            for point, heads in zip(_QKV, (query, key, value), strict=True)
        ]
        if any(new is not old for new, old in zip(passed, (query, key, value), strict=True)):
            call.inputs = ((module, *passed, mask, *rest), kwargs)
        if not (expands or self._execution.needs_pattern(layer)):
            if self._execution.has_streams(layer):
                self._check_visible(layer, mask)
                self._stream(layer, passed, kwargs)
            return
        operations, value = Operations.of(call.source), passed[2]
        if expands:
            value = self._expand(layer, operations, passed[1], passed[2])
        if self._execution.needs_pattern(layer) or self._execution.has_streams(layer):
            self._pattern(layer, operations, self._check_visible(layer, mask).to(query.device), value)

    def _stream(self, layer: int, passed: Sequence[Tensor], options: Mapping[str, Any]) -> None:
        """Let statistics look at what the attention function got; what it makes of it, they make themselves."""
        query, key, value = passed
        scaling = options.get("scaling")
        attention = Attention(
            query=query,
            key=key,
            scaling=query.shape[-1] ** -0.5 if scaling is None else scaling,
            softcap=options.get("softcap"),
            window=self._dims.windows[layer],
            sinks=options.get("s_aux"),
            starts=self._tokens.starts,
        )
        self._execution.stream(layer, attention, value)

    def _heads(self, point: Point, layer: int, heads: Tensor, *, with_copies: bool) -> Tensor:
        vectors = rearrange(heads, "batch head pos d_head -> batch pos head d_head")
        edited = self._execution.vectors(point, layer, vectors)
        if with_copies:
            edited = self._execution.vectors(point, layer, edited, per_query_head=True)
        return heads if edited is vectors else rearrange(edited, "batch pos head d_head -> batch head pos d_head")

    def _expand(self, layer: int, operations: "Operations", key: Tensor, value: Tensor) -> Tensor:
        """Edit the copies of k and v that query heads see; those of v are returned."""
        copies: Tensor = value
        if len(operations.expansions) != 2:
            raise _refused(layer, f"k and v are expanded to query heads in {len(operations.expansions)} calls, not 2")
        for operation, point, heads in zip(operations.expansions, (Point.K, Point.V), (key, value), strict=True):
            if operation.input is not heads:
                raise _refused(layer, f"{operation.name} does not expand {point} to query heads")
            vectors = rearrange(operation.output, "batch head pos d_head -> batch pos head d_head")
            edited = self._execution.vectors(point, layer, vectors, per_query_head=True)
            copies = rearrange(edited, "batch pos head d_head -> batch head pos d_head")
            operation.output = copies
        return copies

    def _pattern(self, layer: int, operations: "Operations", visible: Visible, value: Tensor) -> None:
        def change(logits: Tensor) -> Tensor:
            if logits.shape[-1] != visible.shape[-1]:
                raise _refused(layer, "attn_logits stand beside a sink in the softmax")
            return self._execution.attn_logits(layer, logits, visible)

        def change_pattern(pattern: Tensor) -> Tensor:
            edited = self._execution.pattern(layer, pattern, visible)
            self._execution.stream_pattern(layer, edited, visible, value)
            return edited

        if self._execution.touches(layer, Point.ATTN_LOGITS):
            _exchange(operations.softmax, "input", change)
        _exchange(operations.product, "input", change_pattern)

    def _check_visible(self, layer: int, mask: Tensor | None) -> Visible:
        """What a query may see by the model's configuration, proven on the mask that its attention got."""
        window = self._dims.windows[layer]
        n_queries = self._tokens.width - self._tokens.cached
        is_token = self._tokens.attention_mask().bool()[:, -n_queries:]
        if window not in self._visible:
            self._visible[window] = visible_keys(self._tokens, window)[..., -n_queries:, :]
        visible = self._visible[window]
        shown = visible if mask is None else (mask > torch.finfo(mask.dtype).min / 2).to(visible.device)
        differs = (shown != visible) & rearrange(is_token, "batch q_pos -> batch 1 q_pos 1")
        if mask is None or differs.any():
            raise ModelError(
                f"layer {layer}: the mask that the model passes to its attention is not causal with a window of "
                f"{window} tokens, as its config says; this model cannot be served."
            )
        return visible


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    """The operations of an eager attention function that matter here.

    Attributes:
        expansions: of k, then of v, to query heads; none where each query head has its own.
        softmax: its first argument are the attention logits.
        product: its first argument is the pattern, cast and past the dropout.
    """

    expansions: tuple[Operation, ...]
    softmax: Operation
    product: Operation

    @classmethod
    def of(cls, source: Any) -> "Operations":
        """Find them by name in the source of the function that runs.

        Raises:
            ModelError: there is not one softmax with a product after it.
        """
        names: list[str] = list(source.names)
        softmaxes = [name for name in names if "softmax" in name]
        products = [name for name in names[names.index(softmaxes[0]) :] if "matmul" in name] if softmaxes else []
        if len(softmaxes) != 1 or not products:
            raise cannot(f"its attention function holds {len(softmaxes)} softmaxes, {len(products)} products after one")
        return cls(
            expansions=tuple(getattr(source, name) for name in names if name.startswith("repeat_kv_")),
            softmax=getattr(source, softmaxes[0]),
            product=getattr(source, products[0]),
        )


def find_call(attention: Envoy) -> Operation:
    """The call of the attention function in the source of an attention module.

    Raises:
        ModelError: there is none.
    """
    names = [name for name in attention.source.names if name.startswith("attention_interface_")]
    if not names:
        raise cannot(f"{type(attention._module).__name__} does not call transformers' attention interface by that name")
    # the function is bound to the name before it is called by it, on one counter
    return getattr(attention.source, names[-1])


def cannot(reason: str) -> ModelError:
    """The error for a model that nnsight does not reach, and who does."""
    return ModelError(f"nnsight backend: {reason}. Use backend 'native'.")


def _refused(layer: int, reason: str) -> PlanError:
    return PlanError(f"layer {layer}: {reason}; nnsight does not reach that. Use backend 'native'.")


def _exchange(where: Any, side: str, change: Callable[[Tensor], Tensor]) -> None:
    """Take the tensor at `input` or `output` (the first of a tuple), and put in its place what it is changed to."""
    value = getattr(where, side)
    tensor = value[0] if isinstance(value, tuple) else value
    changed = change(tensor)
    if changed is not tensor:
        setattr(where, side, (changed, *value[1:]) if isinstance(value, tuple) else changed)
