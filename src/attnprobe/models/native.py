"""The native backend: transformers with our own attention function.

In: a transformers model. Out: `NativeModel`, which carries out plans. Layers that a plan leaves alone run the model's
own attention, and statistics ride along; where a pattern is read or edited, attention is computed step by step. A pass
that only looks (`Execution.masks_itself`) makes no T x T mask, and stops once nothing is still to come. Between passes
nothing of ours is on the model.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property
from threading import RLock, get_ident
from typing import Any
from weakref import WeakKeyDictionary

import torch
from einops import repeat
from torch import Tensor, nn
from transformers import Cache, PreTrainedModel, PreTrainedTokenizerBase

from attnprobe.errors import PlanError
from attnprobe.models.anatomy import Anatomy, Route, find_anatomy, probe_ids
from attnprobe.models.attention_call import AttentionCall, Plain, UnmadeMask, attend_under_plan
from attnprobe.models.corner import CornerEngine, NotInPart, RefusedEdit, foreign_hooks, fused_gelu, parts_of, why_not
from attnprobe.models.full_forwards import sweep_by_full_forwards
from attnprobe.models.gradients import GradientRun, ReplacedZ, run_with_gradients
from attnprobe.models.mask_check import check_visible
from attnprobe.models.model import Backend, Provenance
from attnprobe.models.output_projection import HeadProjections, OutputProjections
from attnprobe.models.passes import PassIsOver, evaluating, input_device, model_inputs, options_of
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
    SweepMode,
    SweepRun,
    Tokens,
    Unembedding,
)
from attnprobe.shapes import HeadVectors, Logits

CachedPass = Callable[[Tokens, Plan, Cache], Run]

# one pass at a time on one set of modules: hooks and the implementation's name sit on the model itself
_LOCKS: WeakKeyDictionary[nn.Module, RLock] = WeakKeyDictionary()


class NativeModel:
    """A transformers model that carries out plans.

    Args:
        model: a causal language model; left as it was found after every pass.
        tokenizer: of the model, if there is one.
        provenance: where the weights came from.

    Raises:
        ModelError: its attention cannot be caught in every layer.
    """

    def __init__(
        self, model: PreTrainedModel, *, tokenizer: PreTrainedTokenizerBase | None, provenance: Provenance
    ) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._provenance = provenance
        self._options = options_of(model)
        self._lock = _LOCKS.setdefault(model, RLock())
        with self._lock, evaluating(model):
            self._anatomy = find_anatomy(model)
            self._leaves_masks = _takes_markers(model, self._anatomy)
        self._projections = OutputProjections(self, model)

    @property
    def backend(self) -> Backend:
        """Native."""
        return Backend.NATIVE

    @property
    def provenance(self) -> Provenance:
        """Where its weights came from."""
        return self._provenance

    @property
    def dims(self) -> ModelDims:
        """Its sizes."""
        return self._anatomy.dims

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase | None:
        """Its tokenizer, if it was given one."""
        return self._tokenizer

    @property
    def device(self) -> torch.device:
        """Where tokens enter it."""
        return input_device(self._model)

    def forward(self, tokens: Tokens, plan: Plan = EMPTY_PLAN) -> Run:
        """Run the tokens under a plan, without gradients.

        Raises:
            SpecError: the plan does not fit the model or the tokens.
            PlanError: a module that the plan names has no such output, or a write did not fire.
        """
        execution = Execution(plan, self.dims, tokens)
        watcher = _PlanPass(self._anatomy)
        logits: Logits | None = None
        if execution.is_over:
            return execution.finish(logits)
        with ExitStack() as stack:
            stack.enter_context(self._lock)
            stack.enter_context(torch.no_grad())
            stack.enter_context(evaluating(self._model))
            stack.enter_context(watcher.carrying_out(execution))
            stack.enter_context(_hooked(self._anatomy, execution))
            if plan.last_logits == 0:
                # equal to rounding; logits stay those of the model's own modules, to the last bit
                stack.enter_context(fused_gelu(self._model))
            leaves_masks = self._leaves_masks and execution.masks_itself
            stack.enter_context(self._anatomy.watch(self._model, watcher, leaves_masks=leaves_masks))
            with suppress(PassIsOver):
                logits = self._model(**model_inputs(self._model, self._options, tokens, plan)).logits
        return execution.finish(logits)

    def why_not_cached(self) -> str | None:
        """Why it cannot run later tokens on keys and values that it kept; None where it can."""
        name = type(self._model).__name__
        if self._anatomy.route is not Route.INTERFACE:
            return f"{name} calls {self._anatomy.route.value} itself, and how it keeps keys and values is its own"
        missing = sorted({"past_key_values", "use_cache"} - self._options)
        return f"{name} takes no {' and no '.join(missing)}" if missing else None

    @contextmanager
    def cached_passes(self) -> Generator[CachedPass]:
        """Make ready for passes of this thread that run the columns after `Tokens.cached` on keys and values kept.

        Hands out what runs one: the columns' keys and values are added to the cache as they are before edits.
        """
        watcher = _PlanPass(self._anatomy)
        with ExitStack() as stack:
            stack.enter_context(self._lock)
            stack.enter_context(torch.inference_mode())
            stack.enter_context(evaluating(self._model))
            stack.enter_context(self._anatomy.watch(self._model, watcher))

            def run(tokens: Tokens, plan: Plan, cache: Cache) -> Run:
                execution = Execution(plan, self.dims, tokens)
                inputs = model_inputs(self._model, self._options, tokens, plan, cache)
                with watcher.carrying_out(execution), _hooked(self._anatomy, execution):
                    logits = self._model(**inputs).logits
                return execution.finish(logits)

            yield run

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
        if limits.mode is SweepMode.FULL:
            return sweep_by_full_forwards(self, ids, edits, unembedding, measure, limits)
        with self._lock, torch.no_grad(), evaluating(self._model):
            engine, reason = self._corner
            if (reason := reason or foreign_hooks(self._model)) is None:
                try:
                    return engine.sweep(ids, edits, unembedding, measure, limits)
                except NotInPart as found:
                    reason = str(found)
                except RefusedEdit as refused:
                    # a pass over the whole says it in the user's own terms
                    sweep_by_full_forwards(self, ids, [edits[refused.index]], unembedding, measure, limits)
                    raise
        if limits.mode is SweepMode.CORNER:
            raise PlanError(
                f"sweep 'corner': {type(self._model).__name__} cannot be run in part ({reason}); use sweep 'full', or "
                "'auto', which takes it for this model."
            )
        return sweep_by_full_forwards(self, ids, edits, unembedding, measure, limits)

    @cached_property
    def _corner(self) -> tuple[CornerEngine, str | None]:
        """The engine of partial passes, and why it cannot serve this model, if so."""
        parts = parts_of(
            self._model,
            self._anatomy,
            options=self._options,
            leaves_masks=self._leaves_masks,
            projection=self._projections.module_of,
        )
        engine = CornerEngine(parts)
        return engine, why_not(engine, parts, self)

    def gradients(
        self, ids: Sequence[int], unembedding: Unembedding, measure: Measure, replaced: ReplacedZ | None = None
    ) -> GradientRun:
        """Derivatives of a measure with respect to every head's output; see `gradients_of`.

        Raises:
            SpecError: the sequence or a replacement does not fit the model.
            PlanError: the measure is not finite, or does not depend on attention.
        """
        with self._lock:
            return run_with_gradients(self._model, self._anatomy, ids, unembedding, measure, replaced)

    def output_projection(self, layer: int) -> HeadProjections:
        """W_O of a layer, by query head.

        Raises:
            SpecError: there is no such layer.
            ModelError: no one linear module is that projection.
        """
        return self._projections.of_layer(layer)

    def close(self) -> None:
        """Do nothing: between passes the model is as it was found."""


class _PlanPass:
    """Answers the attention calls of passes under plans, one pass at a time."""

    def __init__(self, anatomy: Anatomy) -> None:
        self._layers = {id(layer.caller): index for index, layer in enumerate(anatomy.layers)}
        self._windows = anatomy.dims.windows
        self._execution: Execution | None = None

    @contextmanager
    def carrying_out(self, execution: Execution) -> Generator[None]:
        """The pass that runs now."""
        self._execution = execution
        try:
            yield
        finally:
            self._execution = None

    def attend(self, caller: nn.Module, call: AttentionCall, plain: Plain) -> HeadVectors:
        layer, execution = self._layers.get(id(caller)), self._execution
        if layer is None or execution is None:
            return plain(call.query, call.key, call.value)
        is_unmade = isinstance(call.mask, UnmadeMask)
        if is_unmade or execution.needs_pattern(layer) or execution.has_streams(layer):
            check_visible(execution.tokens, self._windows[layer], layer, call)
        return attend_under_plan(call, plain, execution, layer)


class _MaskRecorder:
    """A pass in which attention gives zeros, and which notes what masks it came with."""

    def __init__(self) -> None:
        self.masks: list[Tensor | UnmadeMask | None] = []

    def attend(self, caller: nn.Module, call: AttentionCall, plain: Plain) -> HeadVectors:
        self.masks.append(call.mask)
        batch, n_heads, length, _ = call.query.shape
        return call.value.new_zeros(batch, length, n_heads, call.value.shape[-1])


def _takes_markers(model: PreTrainedModel, anatomy: Anatomy) -> bool:
    """Whether a model hands what stands in place of a mask on to the attention of every layer, unread."""
    if anatomy.route is not Route.INTERFACE:
        return False
    recorder, ids = _MaskRecorder(), repeat(probe_ids(model), "1 pos -> 2 pos")
    padded = torch.ones_like(ids)
    padded[1, :2] = 0
    try:
        with torch.no_grad(), anatomy.watch(model, recorder, leaves_masks=True):
            model(input_ids=ids, attention_mask=padded)
    except (RuntimeError, TypeError, ValueError, IndexError):
        return False  # it looked into it; its masks are then made as in any other pass
    return all(isinstance(mask, UnmadeMask) for mask in recorder.masks)


@contextmanager
def _hooked(anatomy: Anatomy, execution: Execution) -> Generator[None]:
    """Hooks for the points outside attention, on those layers that the plan touches; always removed."""
    with ExitStack() as stack:
        for index, layer in enumerate(anatomy.layers):
            if execution.touches(index, Point.RESID):
                hook = _input_hook(execution, index, anatomy.dims.d_model)
                stack.callback(layer.block.register_forward_pre_hook(hook, with_kwargs=True).remove)
            for point, module in ((Point.ATTN_OUT, layer.attention), (Point.MLP_OUT, layer.mlp)):
                if not execution.touches(index, point):
                    continue
                if module is None:
                    raise PlanError(
                        f"{point} of layer {index}: {type(layer.block).__name__} has no one module that returns it; "
                        "choose resid or z."
                    )
                stack.callback(module.register_forward_hook(_output_hook(execution, point, index)).remove)
        yield


def _input_hook(execution: Execution, layer: int, d_model: int) -> Any:
    owner = get_ident()

    def hook(block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any] | None:
        if get_ident() != owner:
            return None  # the same modules run in another thread, outside this pass
        resid: Tensor = args[0] if args else kwargs["hidden_states"]
        if resid.ndim != 3 or resid.shape[-1] != d_model:
            raise PlanError(
                f"resid of layer {layer}: {type(block).__name__} takes a tensor of shape {list(resid.shape)}; "
                f"expected [batch, pos, {d_model}]. This model has no plain residual stream."
            )
        edited = execution.vectors(Point.RESID, layer, resid)
        if execution.is_over:
            raise PassIsOver
        return ((edited, *args[1:]), kwargs) if args else (args, kwargs | {"hidden_states": edited})

    return hook


def _output_hook(execution: Execution, point: Point, layer: int) -> Any:
    owner = get_ident()

    def hook(module: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
        if get_ident() != owner:
            return None
        edited = execution.vectors(point, layer, output[0] if isinstance(output, tuple) else output)
        if execution.is_over:
            raise PassIsOver
        return (edited, *output[1:]) if isinstance(output, tuple) else edited

    return hook
