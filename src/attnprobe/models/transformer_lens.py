"""The `transformer_lens` backend: plans carried out by the hooks of a `TransformerBridge`.

In: an in-memory transformers model (its modules are copied first, because a bridge replaces them), or a bridge of the
user's own. Out: a `Model`. Its patterns, logits and edits are those of the other backends. Token ids go in as they
are; the bridge never tokenises. It computes every pattern whole, so that statistics get stored patterns, one layer at a
time.

What it cannot do, each refused by name: architectures whose attention TransformerLens leaves inside the model's own
code, points that it passes no hook at, and edits of the copies of k and v that query heads see.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import cache, partial
from threading import RLock
from typing import Any

import torch
from einops import rearrange
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerBase

from attnprobe.errors import ModelError, PlanError
from attnprobe.models.model import Backend, Provenance
from attnprobe.models.output_projection import HeadProjections, OutputProjections
from attnprobe.models.part_forwards import PartSweeps
from attnprobe.models.part_passes import CleanPass, Part
from attnprobe.models.passes import PassIsOver, input_device, model_inputs, options_of, visible_keys
from attnprobe.models.transformer_lens_bridge import (
    build_bridge,
    check_bridge,
    measure_dims,
    noted_output,
    own_rounding,
    skipped,
)
from attnprobe.models.transformer_lens_points import OTHERS, LayerPoints, locate_points, tapped_rotary
from attnprobe.plan import (
    EMPTY_PLAN,
    Edit,
    Execution,
    Measure,
    ModelDims,
    Plan,
    Point,
    Run,
    SweepLimits,
    SweepRun,
    Tokens,
    Unembedding,
)
from attnprobe.shapes import AttnLogits, Visible

_Hook = tuple[str, Callable[..., Tensor | None]]
_VECTORS = tuple(point for point in Point if not point.has_edges)


class TransformerLensModel:
    """A model that TransformerLens runs.

    Args:
        bridge: a `TransformerBridge` in raw mode, in evaluation mode, around a transformers model with eager
            attention. Hooks that it already carries stay in force.
        tokenizer: the model's own. The bridge's is not used: booting it may have made it prepend a BOS.
        provenance: where the weights came from.

    Raises:
        ModelError: the bridge is in another state, or its architecture cannot be served; the message says what to do.
    """

    def __init__(self, bridge: Any, *, tokenizer: PreTrainedTokenizerBase | None, provenance: Provenance) -> None:
        check_bridge(bridge)
        self._bridge = bridge
        self._tokenizer = tokenizer
        # whatever the model was loaded with, the bridge computes attention from eager's masks
        self._provenance = replace(provenance, settings={**provenance.settings, "attention": "eager"})
        self._points = locate_points(bridge)
        self._dims = measure_dims(bridge, self._points)
        self._options = options_of(bridge.original_model)
        # one pass at a time: hooks sit on the bridge itself
        self._lock = RLock()
        self._projections = OutputProjections(self, bridge.original_model)
        self._parts = PartSweeps(self)

    @classmethod
    def of(
        cls,
        model: PreTrainedModel,
        *,
        tokenizer: PreTrainedTokenizerBase | None,
        provenance: Provenance,
        in_place: bool = False,
    ) -> "TransformerLensModel":
        """Build a bridge around an in-memory model and serve that.

        Args:
            model: any decoder-only model that TransformerLens knows.
            tokenizer: its tokenizer, if it has one.
            provenance: where its weights came from.
            in_place: build around `model` itself, which is not restored. By default its modules are copied and its
                weights shared, and `model` stays as it was.

        Raises:
            ModelError: TransformerLens does not know the architecture, leaves its attention where edits would be
                dropped, or computes other logits than the model itself.
        """
        return cls(build_bridge(model, in_place=in_place), tokenizer=tokenizer, provenance=provenance)

    @property
    def backend(self) -> Backend:
        """TransformerLens."""
        return Backend.TRANSFORMER_LENS

    @property
    def provenance(self) -> Provenance:
        """Where its weights came from."""
        return self._provenance

    @property
    def dims(self) -> ModelDims:
        """Its sizes."""
        return self._dims

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase | None:
        """Its tokenizer, if it was given one."""
        return self._tokenizer

    @property
    def device(self) -> torch.device:
        """Where tokens enter it."""
        return input_device(self._bridge.original_model)

    def forward(self, tokens: Tokens, plan: Plan = EMPTY_PLAN) -> Run:
        """Run the tokens under a plan, without gradients.

        Raises:
            SpecError: the plan does not fit the model or the tokens.
            PlanError: the bridge passes no hook at a point of the plan, or a write did not fire.
        """
        return self._run(tokens, plan, None)

    def forward_part(self, tokens: Tokens, plan: Plan, part: Part) -> Run:
        """As `forward`, from a layer and a column on.

        Raises:
            SpecError: the plan does not fit the model or the tokens.
            PlanError: the bridge passes no hook at a point of the plan, or a write did not fire.
        """
        return self._run(tokens, plan, part)

    def forward_clean(self, tokens: Tokens, plan: Plan) -> CleanPass:
        """One unedited pass, and what it leaves for parts of others.

        Raises:
            SpecError: the plan does not fit the model or the tokens.
        """
        execution, outputs = Execution(plan, self._dims, tokens), dict[int, Any]()
        past = DynamicCache() if "past_key_values" in self._options else None
        inputs = model_inputs(self._bridge.original_model, self._options, tokens, plan, past)
        with ExitStack() as stack:
            stack.enter_context(self._lock)
            stack.enter_context(torch.no_grad())
            stack.enter_context(own_rounding(self._bridge))
            for layer, block in enumerate(self._bridge.blocks):
                stack.enter_context(noted_output(block, partial(outputs.__setitem__, layer)))
            logits = execution.finish(_run_or_refuse(partial(self._bridge, inputs.pop("input_ids"), **inputs))).logits
        kept = past is not None and len(past.layers) == self._dims.n_layers
        return CleanPass(
            outputs=tuple(outputs[layer] for layer in range(self._dims.n_layers)),
            cache=past if kept else None,
            logits=logits,
        )

    def _run(self, tokens: Tokens, plan: Plan, part: Part | None) -> Run:
        execution = Execution(plan, self._dims, tokens)
        logits: Tensor | None = None
        if execution.is_over:
            return execution.finish(logits)
        visible = cache(partial(visible_keys, tokens))
        touched = [
            points
            for points in self._points
            if execution.touches(points.layer, *Point) or execution.has_streams(points.layer)
        ]
        hooks = [hook for points in touched for hook in self._hooks(points, execution, visible, part)]
        past = None if part is None else part.cache()
        inputs = model_inputs(self._bridge.original_model, self._options, tokens, plan, past)
        with ExitStack() as stack:
            stack.enter_context(self._lock)
            stack.enter_context(torch.no_grad())
            stack.enter_context(own_rounding(self._bridge))
            for points in touched:
                if points.rotating is not None and execution.touches(points.layer, Point.Q, Point.K):
                    edit = partial(_edit_vectors, execution, points.layer, part)
                    stack.enter_context(tapped_rotary(points, edit))
            if part is not None:
                for layer in range(part.first_layer):
                    stack.enter_context(skipped(self._bridge.blocks[layer], part.output_of(layer)))
            stack.enter_context(self._bridge.hooks(fwd_hooks=hooks))
            with suppress(PassIsOver):
                logits = _run_or_refuse(partial(self._bridge, inputs.pop("input_ids"), **inputs))
        return execution.finish(logits)

    def sweep(
        self,
        ids: Sequence[int],
        edits: Sequence[Edit],
        unembedding: Unembedding,
        measure: Measure,
        limits: SweepLimits = SweepLimits(),  # noqa: B008, a frozen value
    ) -> SweepRun:
        """Run many edits of one sequence, each alone in its run, and measure the logits of each.

        Raises:
            SpecError: an edit does not fit the model or the sequence.
            PlanError: an edit cannot be honoured or did not fire.
        """
        return self._parts.sweep(ids, edits, unembedding, measure, limits)

    def output_projection(self, layer: int) -> HeadProjections:
        """W_O of a layer, by query head.

        Raises:
            SpecError: there is no such layer.
            ModelError: no one linear module is that projection.
        """
        return self._projections.of_layer(layer)

    def close(self) -> None:
        """Do nothing: between passes the bridge is as it was found."""

    def _hooks(
        self,
        points: LayerPoints,
        execution: Execution,
        visible: Callable[[int | None], Visible],
        part: Part | None,
    ) -> Iterator[_Hook]:
        layer = points.layer
        if execution.needs_per_query_head(layer):
            raise PlanError(
                f"k or v of layer {layer} by query head: TransformerLens has no hook on the copies that query heads "
                f"see; use backend '{Backend.NATIVE}', or edit the key and value head itself."
            )
        for point in Point:
            if execution.touches(layer, point) or (point is Point.V and execution.has_streams(layer)):
                points.check(point)
        for point in _VECTORS:
            if execution.touches(layer, point) and point in points.hooks:
                edit = partial(_edit_vectors, execution, layer, part, point)
                yield points.hooks[point], lambda tensor, hook, edit=edit: _or_none(tensor, edit(tensor))
        if execution.needs_pattern(layer) or execution.has_streams(layer):
            yield from self._pattern_hooks(points, execution, partial(visible, self._dims.windows[layer]))

    def _pattern_hooks(self, points: LayerPoints, execution: Execution, seen: Callable[[], Visible]) -> Iterator[_Hook]:
        layer = points.layer
        values: list[Tensor] = []

        def edit_logits(tensor: AttnLogits, hook: object) -> Tensor | None:
            shown = seen()[..., -tensor.shape[-2] :, :].to(tensor.device)
            _check_visible(layer, tensor, shown)
            return _or_none(tensor, execution.attn_logits(layer, tensor, shown, sinks=points.sinks))

        def edit_pattern(tensor: Tensor, hook: object) -> Tensor | None:
            shown = seen()[..., -tensor.shape[-2] :, :].to(tensor.device)
            edited = execution.pattern(layer, tensor, shown)
            if values:
                value = rearrange(values.pop(), "batch k_pos kv_head d_head -> batch kv_head k_pos d_head")
                execution.stream_pattern(layer, edited, shown, value)
            _stop_if_over(execution)
            return _or_none(tensor, edited)

        if execution.has_streams(layer):
            # after the edits of v, whose hook comes first
            yield points.hooks[Point.V], lambda tensor, hook: values.append(tensor)
        yield points.hooks[Point.ATTN_LOGITS], edit_logits
        yield points.hooks[Point.PATTERN], edit_pattern


def _edit_vectors(execution: Execution, layer: int, part: Part | None, point: Point, tensor: Tensor) -> Tensor:
    if part is not None and part.cached and point.has_kv_heads:
        # the hooks see the columns that run only, the cache joins them afterwards
        whole = torch.cat([part.before(point, layer).to(tensor), tensor], dim=1)
        edited = execution.vectors(point, layer, whole)
        edited = tensor if edited is whole else edited[:, part.cached :]
    else:
        edited = execution.vectors(point, layer, tensor)
    _stop_if_over(execution)
    return edited


def _stop_if_over(execution: Execution) -> None:
    if execution.is_over:
        raise PassIsOver


def _run_or_refuse(run: Callable[[], Tensor]) -> Tensor:
    """Run; a warning that says an edit or the rotary embedding was left out is an error here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=r"(?s).*(edit is discarded|RoPE was NOT applied)")
        try:
            return run()
        except (UserWarning, RuntimeWarning) as warning:
            raise PlanError(f"TransformerLens cannot honour this plan: {warning} Use backend {OTHERS}.") from warning


def _check_visible(layer: int, scores: AttnLogits, visible: Visible) -> None:
    """Hold what the plan was checked against to the mask that the model itself added."""
    # what is masked stands at finfo.min plus something small, or at -inf
    shown = scores > torch.finfo(scores.dtype).min / 2
    # what is not finite after an edit is told of once the logits are there
    wrong = (shown != visible) & visible.any(-1, keepdim=True) & ~scores.isnan()
    if wrong.any():
        batch, head, query, key = wrong.nonzero()[0].tolist()
        raise ModelError(
            f"layer {layer}: the model's own mask and its configuration disagree on whether column {query} of "
            f"sequence {batch} sees column {key} (head {head}); expected a causal mask with the window that the "
            "configuration gives. This model cannot be served."
        )


def _or_none(before: Tensor, after: Tensor) -> Tensor | None:
    # None tells the bridge that a hook only looked, which spares it a reshape
    return None if after is before else after
