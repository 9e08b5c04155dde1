"""One pass with gradients: what the metric owes to every head's output, and the attention that made that output.

In: a model, a sequence, a measure of its logits. Out: `GradientRun`: for every layer queries, keys and values as its
attention takes them, the heads' outputs z, and the derivative of the measure with respect to each of them. The model's
own attention runs and nothing of size T x T is kept by us. Derivatives are taken with respect to z alone, so no
parameter gets a gradient, and none of their flags is touched.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import torch
from einops import einsum, repeat
from jaxtyping import Float
from torch import Tensor, nn
from transformers import PreTrainedModel

from attnprobe.errors import PlanError, SpecError
from attnprobe.kernels import Attention
from attnprobe.kernels.rows import pattern_rows
from attnprobe.models.anatomy import Anatomy
from attnprobe.models.attention_call import AttentionCall, Plain
from attnprobe.models.model import Model
from attnprobe.models.passes import evaluating, model_inputs, options_of
from attnprobe.plan import Measure, ModelDims, Plan, Tokens, Unembedding
from attnprobe.shapes import HeadKeys, HeadVectors, Logits

# relative to the largest output; another softmax is off by far more
_TOLERANCE = {torch.float64: 1e-6, torch.float32: 1e-3}
_TOLERANCE_HALF = 6e-2

ReplacedZ = Mapping[int, HeadVectors]
"""By layer, what stands in for the heads' outputs [batch, pos, head, d_head]: one run of the sequence for each."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LayerGradient:
    """One layer of a pass with gradients; nothing here requires a gradient itself.

    Attributes:
        attention: queries, keys and what shapes their softmax.
        value: what the heads mix, not expanded to query heads.
        z: the heads' outputs that the model went on with.
        gradient: derivative of the measure, averaged over its tokens, with respect to z, by all ways downstream.
    """

    attention: Attention
    value: HeadKeys
    z: HeadVectors
    gradient: HeadVectors


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GradientRun:
    """What a pass with gradients gave.

    Attributes:
        values: of the measure, for each run of the batch and each of its tokens.
        layers: from the first on.
    """

    values: Float[Tensor, "batch token"]
    layers: tuple[LayerGradient, ...]


@runtime_checkable
class Differentiable(Protocol):
    """A model that can give gradients."""

    def gradients(
        self, ids: Sequence[int], unembedding: Unembedding, measure: Measure, replaced: ReplacedZ | None = None
    ) -> GradientRun:
        """See `gradients_of`."""
        ...


def gradients_of(
    model: Model,
    ids: Sequence[int],
    unembedding: Unembedding,
    measure: Measure,
    replaced: ReplacedZ | None = None,
) -> GradientRun:
    """Derivatives of a measure with respect to every head's output.

    Args:
        model: on a backend that can.
        ids: the sequence.
        unembedding: which logits the measure needs.
        measure: from those logits to one number a token; differentiable. The derivative is that of their mean.
        replaced: what stands in for the outputs of some layers; the batch has as many runs as it has entries. Without
            it one run, unedited.

    Returns:
        Values and, layer by layer, z and its derivative; of each run of the batch by itself.

    Raises:
        PlanError: the backend gives no gradients, or none reached a layer.
        SpecError: the sequence or a replacement does not fit the model.
    """
    if not isinstance(model, Differentiable):
        raise PlanError(
            f"gradients: backend {model.backend} gives none, because its library puts other modules in the "
            "model's place; load the model with backend 'native'."
        )
    return model.gradients(ids, unembedding, measure, replaced)


def run_with_gradients(
    model: PreTrainedModel,
    anatomy: Anatomy,
    ids: Sequence[int],
    unembedding: Unembedding,
    measure: Measure,
    replaced: ReplacedZ | None,
) -> GradientRun:
    """The pass itself, on a transformers model; arguments and errors as for `gradients_of`.

    The model is in evaluation mode meanwhile, and afterwards as it was found.
    """
    tokens = _repeated(ids, anatomy.dims, replaced)
    plan = Plan(last_logits=len(ids) - unembedding.positions[0])
    plan.check(anatomy.dims, tokens)
    watcher = _GradientPass(anatomy, tokens, replaced)
    with ExitStack() as stack:
        # tensors of inference mode can have no gradient, whoever switched it on
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(evaluating(model))
        stack.enter_context(anatomy.watch(model, watcher))
        logits: Logits = model(**model_inputs(model, options_of(model), tokens, plan)).logits
        return watcher.finish(logits, unembedding, measure)


class _GradientPass:
    """Answers the attention calls of one pass, and keeps what derivatives are taken of.

    Args:
        anatomy: of the model that runs.
        tokens: that run.
        replaced: see `gradients_of`.
    """

    def __init__(self, anatomy: Anatomy, tokens: Tokens, replaced: ReplacedZ | None) -> None:
        self._dims = anatomy.dims
        self._layers = {id(layer.caller): index for index, layer in enumerate(anatomy.layers)}
        self._tokens = tokens
        self._replaced = replaced or {}
        self._calls: dict[int, AttentionCall] = {}
        self._z: dict[int, HeadVectors] = {}

    def attend(self, caller: nn.Module, call: AttentionCall, plain: Plain) -> HeadVectors:
        """Answer one call: the model's own attention, or the outputs that stand in for it."""
        z = plain(call.query, call.key, call.value)
        layer = self._layers.get(id(caller))
        if layer is None:
            return z
        if layer in self._replaced:
            z = self._replaced[layer].to(z).expand_as(z).detach()
        # the first layer needs no derivative of what comes before it, whatever the parameters' flags say
        if not self._z or not z.requires_grad:
            z = z.detach().requires_grad_()
        bare = replace(call, query=call.query.detach(), key=call.key.detach(), value=call.value.detach())
        self._calls[layer], self._z[layer] = bare, z
        return z

    def finish(self, logits: Logits, unembedding: Unembedding, measure: Measure) -> GradientRun:
        """Measure the logits and go back once.

        Args:
            logits: of the last columns, as the model gave them.
            unembedding: which of them are measured.
            measure: what is made of them.

        Raises:
            PlanError: the logits are not finite, or do not depend on any layer.
        """
        skipped = self._tokens.width - logits.shape[1]
        chosen = logits[:, [position - skipped for position in unembedding.positions]]
        values = measure(chosen if unembedding.tokens is None else chosen[..., list(unembedding.tokens)])
        if not torch.isfinite(values).all():
            raise PlanError("gradients: the measure is NaN or infinite; check the weights and the dtype.")
        order = range(self._dims.n_layers)
        if missing := [layer for layer in order if layer not in self._z]:
            raise PlanError(f"gradients: the attention of layers {missing} never passed by; this model is not served.")
        nodes = [self._z[layer] for layer in order]
        if values.requires_grad:
            # each run depends on its own z alone, so the gradient of the sum is the gradient of each
            found = torch.autograd.grad(values.mean(-1).sum(), nodes, allow_unused=True)
        else:
            raise PlanError("gradients: the measure does not depend on attention by any differentiable way.")
        return GradientRun(
            values=values.detach(),
            layers=tuple(self._layer(layer, gradient) for layer, gradient in zip(order, found, strict=True)),
        )

    def _layer(self, layer: int, gradient: Tensor | None) -> LayerGradient:
        call, z = self._calls[layer], self._z[layer].detach()
        attention = call.attention(self._tokens.starts, self._dims.windows[layer])
        if layer not in self._replaced:
            _check_attention(layer, attention, call.value, z)
        return LayerGradient(
            attention=attention,
            value=call.value,
            z=z,
            # a layer below one whose outputs are replaced has no way to the measure but past it
            gradient=torch.zeros_like(z) if gradient is None else gradient.detach(),
        )


def _check_attention(layer: int, attention: Attention, value: HeadKeys, z: HeadVectors) -> None:
    """Some rows of z follow from queries, keys and values: nothing else shapes this attention.

    Raises:
        PlanError: they do not; a bias on the logits, or a mask of another form, would make every score wrong.
    """
    length = z.shape[1]
    columns = torch.tensor([sorted({0, 1 % length, length // 2, length - 1})] * len(z))
    pattern = pattern_rows(attention, columns)
    n_repeats = z.shape[2] // value.shape[1]
    values = repeat(value.to(pattern), "batch kv_head k_pos d -> batch (kv_head group) k_pos d", group=n_repeats)
    expected = einsum(pattern, values, "batch head row k_pos, batch head k_pos d -> batch row head d")
    found = z[:, columns[0]].to(expected)
    largest = max(float(expected.abs().max()), 1e-6)
    # negated so that a NaN is caught too
    if not float((found - expected).abs().max()) <= _TOLERANCE.get(z.dtype, _TOLERANCE_HALF) * largest:
        raise PlanError(
            f"gradients: the outputs of layer {layer} do not follow from its queries, keys and values alone (a bias by "
            "position, or a mask that is not causal), and scores made of them would be wrong. Measure exact effects "
            "with `attnprobe patch` instead."
        )


def _repeated(ids: Sequence[int], dims: ModelDims, replaced: ReplacedZ | None) -> Tokens:
    """The batch of a pass with gradients: the sequence as often as there are replacements.

    Raises:
        SpecError: a replacement does not fit the layer, or they differ in number.
    """
    counts = {len(values) for values in (replaced or {}).values()} or {1}
    for layer, values in (replaced or {}).items():
        expected = (len(ids), dims.n_heads[layer], dims.d_head[layer]) if 0 <= layer < dims.n_layers else None
        if tuple(values.shape[1:]) != expected:
            raise SpecError(
                f"gradients: outputs of shape {list(values.shape[1:])} for layer {layer}; expected {expected} "
                f"(positions, heads, d_head) of a layer in 0 to {dims.n_layers - 1}."
            )
    if len(counts) != 1 or 0 in counts:
        raise SpecError(f"gradients: replacements for {sorted(counts)} runs; expected as many in every layer.")
    if not ids:
        raise SpecError("gradients: got no tokens; expected at least one.")
    ids_tensor = repeat(torch.tensor(list(ids), dtype=torch.int64), "pos -> batch pos", batch=counts.pop())
    return Tokens(ids=ids_tensor, lengths=(len(ids),) * len(ids_tensor))
