"""The nnsight backend: one trace a forward, in which ordinary Python meets the tensors where the model computes them.

In: a transformers model in memory, or an nnsight model that the user already has. Out: `NnsightModel`. What stands
in the trace is `nnsight_walk`.

Eager attention runs under every plan, the empty one too, since edited and unedited runs are compared with each other.

A module in memory is wrapped as `nnsight.NNsight`. `TransformersModel` puts a pipeline around the same traces, needs a
tokenizer and changes the padding side of the one it gets; one that the user hands in is taken as it is, as is any other
nnsight model of a decoder. nnsight is imported when a model is opened, not before: it gives every object of the process
a `.save`.

Remote execution (NDIF) is not built. What it would change: a remote block carries its code by value, so the walk would
have to stand in the block, with `Execution` rebuilt there from the plan, reads marked by `nnsight.save`, and eager
attention asked of the server (`TransformersModel(..., attn_implementation="eager")` does).
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import nn
from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerBase

from attnprobe.errors import ModelError
from attnprobe.models.anatomy import Anatomy, find_anatomy
from attnprobe.models.fingerprint import hash_weights
from attnprobe.models.gradients import GradientRun, ReplacedZ, run_with_gradients
from attnprobe.models.liveness import check_liveness
from attnprobe.models.model import Backend, Provenance
from attnprobe.models.nnsight_walk import Block, Envoy, Walk, cannot, find_call
from attnprobe.models.output_projection import HeadProjections, OutputProjections
from attnprobe.models.part_forwards import PartSweeps
from attnprobe.models.part_passes import CleanPass, Part
from attnprobe.models.passes import evaluating, input_device, model_inputs, options_of
from attnprobe.plan import (
    EMPTY_PLAN,
    Edit,
    Execution,
    Measure,
    ModelDims,
    Plan,
    Run,
    SweepLimits,
    SweepRun,
    Tokens,
    Unembedding,
)

_STATE = "__nnsight__"
# modules that were bare when we wrapped them, with the `forward` that they carried themselves
_BARE: WeakKeyDictionary[nn.Module, Callable[..., Any] | None] = WeakKeyDictionary()


class NnsightModel:
    """A transformers model that carries out plans in nnsight traces.

    Args:
        model: a causal language model, or an nnsight model around one; weights not loaded yet are loaded.
        tokenizer: of the model; None takes the nnsight model's own, if it has one.
        provenance: where the weights came from.

    Raises:
        ModelError: it is no such model, or nnsight does not reach its attention.
    """

    def __init__(
        self, model: PreTrainedModel | Envoy, *, tokenizer: PreTrainedTokenizerBase | None, provenance: Provenance
    ) -> None:
        self._envoy, self._model, self._is_ours = _open(model)
        self._tokenizer = tokenizer if tokenizer is not None else vars(self._envoy).get("tokenizer")
        self._provenance = replace(provenance, settings={**provenance.settings, "attention": "eager"})
        self._options = options_of(self._model)
        try:
            with evaluating(self._model):
                anatomy = find_anatomy(self._model)
            self._anatomy, self._dims = anatomy, anatomy.dims
            self._blocks = _find_blocks(self._envoy, self._model, anatomy)
        except ModelError:
            self.close()
            raise
        self._is_open = True
        self._projections = OutputProjections(self, self._model)
        self._parts = PartSweeps(self)

    @classmethod
    def of(cls, model: Envoy, *, tokenizer: PreTrainedTokenizerBase | None = None) -> "NnsightModel":
        """Serve an nnsight model that the user already has, proven live.

        Args:
            model: an nnsight model (`TransformersModel`, `NNsight`) around a causal language model.
            tokenizer: in place of its own.

        Raises:
            ModelError: it is no such model, or nnsight does not reach its attention.
            LivenessError: an edit or a read on it is dead.
        """
        _, module, _ = _open(model)
        provenance = Provenance(
            name=vars(model).get("repo_id") or type(module).__name__,
            revision=vars(model).get("revision") or hash_weights(module),
            architecture=type(module).__name__,
            settings={"dtype": str(module.dtype).removeprefix("torch."), "device": str(module.device)},
        )
        opened = cls(model, tokenizer=tokenizer, provenance=provenance)
        check_liveness(opened)
        return opened

    @property
    def backend(self) -> Backend:
        """nnsight."""
        return Backend.NNSIGHT

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
        """Its tokenizer, if there is one."""
        return self._tokenizer

    @property
    def device(self) -> torch.device:
        """Where tokens enter it."""
        return input_device(self._model)

    def forward(self, tokens: Tokens, plan: Plan = EMPTY_PLAN) -> Run:
        """Run the tokens under a plan, without gradients.

        Raises:
            SpecError: the plan does not fit the model or the tokens.
            PlanError: a point that the plan names is no one module's output, or a write did not fire.
            ModelError: the model was closed, or does not attend as its configuration says.
        """
        return self._run(tokens, plan, None)

    def forward_part(self, tokens: Tokens, plan: Plan, part: Part) -> Run:
        """As `forward`, from a layer and a column on.

        Raises:
            SpecError: the plan does not fit the model or the tokens.
            PlanError: a point that the plan names is no one module's output, or a write did not fire.
            ModelError: the model was closed, or does not attend as its configuration says.
        """
        return self._run(tokens, plan, part)

    def forward_clean(self, tokens: Tokens, plan: Plan) -> CleanPass:
        """One unedited pass, and what it leaves for parts of others.

        Raises:
            SpecError: the plan does not fit the model or the tokens.
            ModelError: the model was closed.
        """
        self._check_open()
        execution = Execution(plan, self._dims, tokens)
        past = DynamicCache() if "past_key_values" in self._options else None
        inputs = model_inputs(self._model, self._options, tokens, plan, past) | {"return_dict": True}
        walk = Walk(self._envoy, self._blocks, execution, self._dims, tokens)
        with torch.no_grad(), evaluating(self._model), _eager(self._model), _own_errors():  # noqa: SIM117
            with self._envoy.trace(**inputs):
                walk.run_clean()
        kept = past is not None and len(past.layers) == self._dims.n_layers
        return CleanPass(
            outputs=tuple(walk.outputs), cache=past if kept else None, logits=execution.finish(walk.logits).logits
        )

    def _run(self, tokens: Tokens, plan: Plan, part: Part | None) -> Run:
        self._check_open()
        execution = Execution(plan, self._dims, tokens)
        if execution.is_over:
            return execution.finish(None)
        past = None if part is None else part.cache()
        inputs = model_inputs(self._model, self._options, tokens, plan, past) | {"return_dict": True}
        walk = Walk(self._envoy, self._blocks, execution, self._dims, tokens, part)
        with torch.no_grad(), evaluating(self._model), _eager(self._model), _own_errors():  # noqa: SIM117
            # nnsight compiles this block from its source and runs it in turns with the model
            with self._envoy.trace(**inputs) as tracer:
                walk.run()
                if execution.is_over:
                    tracer.stop()
        return execution.finish(walk.logits)

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

    def gradients(
        self, ids: Sequence[int], unembedding: Unembedding, measure: Measure, replaced: ReplacedZ | None = None
    ) -> GradientRun:
        """Derivatives of a measure with respect to every head's output; see `gradients_of`.

        No trace is needed: outside of one the module runs as transformers wrote it.

        Raises:
            SpecError: the sequence or a replacement does not fit the model.
            PlanError: the measure is not finite, or does not depend on attention.
            ModelError: the model was closed.
        """
        if not self._is_open:
            raise ModelError("this nnsight model was closed, and its module left as it was found; load it again.")
        with _eager(self._model):
            return run_with_gradients(self._model, self._anatomy, ids, unembedding, measure, replaced)

    def output_projection(self, layer: int) -> HeadProjections:
        """W_O of a layer, by query head.

        Raises:
            SpecError: there is no such layer.
            ModelError: no one linear module is that projection.
        """
        return self._projections.of_layer(layer)

    def _check_open(self) -> None:
        if not self._is_open:
            raise ModelError("this nnsight model was closed, and its module left as it was found; load it again.")

    def close(self) -> None:
        """Take nnsight's wrappers off a module that was handed in bare; an nnsight model stays as it was."""
        self._is_open = False
        if not self._is_ours:
            return
        for module in self._model.modules():
            state = vars(module).get(_STATE)
            if state is None:
                continue
            state.routes = [route for route in state.routes if route[0]() not in (None, self._envoy.interleaver)]
            if state.routes or module not in _BARE:
                continue  # someone else's nnsight model stands on this module too
            del vars(module)[_STATE], vars(module)["forward"]
            if (forward := _BARE.pop(module)) is not None:
                vars(module)["forward"] = forward


def _open(model: PreTrainedModel | Envoy) -> tuple[Envoy, PreTrainedModel, bool]:
    """The nnsight model, the module in it, and whether it was we who wrapped that."""
    import nnsight

    envoy: Any = model if isinstance(model, nnsight.Envoy) else None
    if envoy is not None and getattr(envoy, "dispatched", True) is False:
        envoy.dispatch()
    module = model if envoy is None else envoy._module
    if not isinstance(module, PreTrainedModel):
        raise ModelError(
            f"model of class {type(module).__name__}: expected a transformers model (PreTrainedModel), or an nnsight "
            "model around one; hand in the whole model, head included."
        )
    if envoy is not None:
        return envoy, module, False
    for part in module.modules():
        if _STATE not in vars(part):
            _BARE[part] = vars(part).get("forward")
    return nnsight.NNsight(module), module, True


def _find_blocks(envoy: Envoy, model: PreTrainedModel, anatomy: Anatomy) -> tuple[Block, ...]:
    paths = {id(module): path for path, module in model.named_modules()}

    def at(module: nn.Module | None) -> Envoy:
        return None if module is None else envoy.get(paths[id(module)])

    return tuple(
        Block(block=at(layer.block), attention=at(layer.attention), call=find_call(at(layer.caller)), mlp=at(layer.mlp))
        for layer in anatomy.layers
    )


@contextmanager
def _eager(model: PreTrainedModel) -> Generator[None]:
    """Eager attention; the implementations of all parts as they were afterwards."""
    config: Any = model.config
    parts = {key: part for key in config.sub_configs if (part := getattr(config, key, None)) is not None}
    found = {"": config._attn_implementation} | {key: part._attn_implementation for key, part in parts.items()}
    try:
        model.set_attn_implementation("eager")
        yield
    finally:
        model.set_attn_implementation(found)


@contextmanager
def _own_errors() -> Generator[None]:
    """Say in our words what nnsight says of a point that the model did not come to."""
    from nnsight.intervention.interleaver import OutOfOrderError
    from nnsight.intervention.source import SourceNotAvailable

    try:
        yield
    except (OutOfOrderError, SourceNotAvailable) as error:
        raise cannot(f"the trace does not pass where its source says ({error})") from error
