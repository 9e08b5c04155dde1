"""Sweeps on libraries that run whole models: what really runs, what is left in force, and when it is not done."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest
import torch
from torch import Tensor, nn

from attnprobe.errors import ModelError, PlanError
from attnprobe.models.model import Backend, Model
from attnprobe.models.nnsight import NnsightModel
from attnprobe.models.part_passes import Part
from attnprobe.models.transformer_lens import TransformerLensModel
from attnprobe.models.transformer_lens_bridge import build_bridge
from attnprobe.plan import Edges, Edit, Point, Replace, Scale, Site, SweepLimits, SweepMode, Write, mask_edges
from tests.models.loaders import PROVENANCE, Case, build, open_case
from tests.models.sweep_agreement import EVERYWHERE, as_they_are, assert_same_values, sweep
from tests.models.sweep_edits import IDS, LAST, N_POSITIONS

both = pytest.mark.parametrize("backend", [Backend.TRANSFORMER_LENS, Backend.NNSIGHT])


def opened(backend: Backend) -> Model:
    case = Case(backend, "llama")
    return case.loader.open(build("llama"), open_case(case)[0].tokenizer)


def blocks_of(model: Model) -> list[nn.Module]:
    if isinstance(model, TransformerLensModel):
        return [block.attn for block in model._bridge.blocks]
    assert isinstance(model, NnsightModel)
    return [layer.self_attn for layer in model._model.model.layers]


@contextmanager
def counted_columns(model: Model) -> Iterator[list[int]]:
    """By layer, how many columns of how many rows its attention has computed."""
    counts = [0] * model.dims.n_layers

    def count(layer: int, kwargs: dict[str, Tensor], args: tuple[Any, ...]) -> None:
        resid = args[0] if args else kwargs["hidden_states"]
        counts[layer] += resid.shape[0] * resid.shape[1]

    handles = [
        block.register_forward_pre_hook(lambda _, args, kwargs, at=at: count(at, kwargs, args), with_kwargs=True)
        for at, block in enumerate(blocks_of(model))
    ]
    try:
        yield counts
    finally:
        for handle in handles:
            handle.remove()


def edits() -> dict[str, Edit]:
    """Three at the last position of the top layer, two from position 6 of the middle one on."""
    last = Edges.of({LAST: [2, 5]})
    masks = {f"top {head}": mask_edges(layer=2, heads=(head,), edges=last) for head in range(3)}
    site = Site(point=Point.Z, layer=1, heads=(0,), positions=(6, 8))
    scaled = {f"middle {factor}": Write(site=site, intervention=Scale(factor=factor)) for factor in (0.0, 2.0)}
    return {name: Edit(writes=(write,)) for name, write in {**masks, **scaled}.items()}


@both
def test_layers_below_and_columns_before_an_edit_do_not_run(backend: Backend) -> None:
    model = opened(backend)
    sweep(model, edits(), SweepMode.CORNER)  # the first sweep also proves that parts are parts of the whole
    with counted_columns(model) as corner:
        sweep(model, edits(), SweepMode.CORNER)
    with counted_columns(model) as full:
        sweep(model, edits(), SweepMode.FULL)
    clean, middle, top = N_POSITIONS, 2 * (N_POSITIONS - 6), 3
    assert corner == [clean, clean + middle, clean + middle + top]
    assert full == [5 * N_POSITIONS] * 3


@both
def test_auto_takes_parts(backend: Backend) -> None:
    run = opened(backend).sweep(IDS, list(edits().values()), EVERYWHERE, as_they_are)
    assert run.mode is SweepMode.CORNER


@both
def test_where_a_part_is_not_the_whole_only_whole_passes_are_run(backend: Backend) -> None:
    def wrong(part: Part, layer: int) -> Tensor:
        return torch.ones(part.rows, N_POSITIONS - part.cached, 32)

    model = opened(backend)
    with mock.patch.object(Part, "output_of", wrong):
        with pytest.raises(PlanError, match=r"is not part of the whole one \(its logits differ by .*backend 'native'"):
            sweep(model, edits(), SweepMode.CORNER)
        run = model.sweep(IDS, list(edits().values()), EVERYWHERE, as_they_are, SweepLimits())
    assert run.mode is SweepMode.FULL
    assert_same_values(run.values, sweep(model, edits(), SweepMode.FULL).values, list(edits()))


@both
def test_what_does_not_fit_into_memory_is_halved_until_it_does(backend: Backend) -> None:
    model = opened(backend)
    whole, run_part = sweep(model, edits(), SweepMode.CORNER), type(model).forward_part
    room = 2

    def scarce(self: Any, tokens: Any, plan: Any, part: Part) -> Any:
        if part.rows > room:
            raise torch.OutOfMemoryError
        return run_part(self, tokens, plan, part)

    with mock.patch.object(type(model), "forward_part", scarce):
        run = sweep(model, edits(), SweepMode.CORNER)
        assert run.halvings == 1
        assert_same_values(run.values, whole.values, list(edits()))
        assert run.fired == whole.fired
        room = 0
        with pytest.raises(ModelError, match="one edit of 10 tokens does not fit in memory"):
            sweep(model, edits(), SweepMode.CORNER)


def test_hooks_of_a_users_own_bridge_stay_in_force() -> None:
    bridge = build_bridge(build("llama"), in_place=False)
    plain = TransformerLensModel(bridge, tokenizer=None, provenance=PROVENANCE)
    without = sweep(plain, edits(), SweepMode.CORNER)
    for layer in (0, 2):
        bridge.add_hook(f"blocks.{layer}.mlp.hook_out", lambda tensor, hook: tensor * 1.5, is_permanent=True)
    run, full = (sweep(plain, edits(), mode) for mode in (SweepMode.CORNER, SweepMode.FULL))
    assert_same_values(run.values, full.values, list(edits()))
    assert (run.values - without.values).abs().max() > 1e-2


@pytest.mark.parametrize(("layer", "mode"), [(2, SweepMode.CORNER), (0, SweepMode.FULL)], ids=["top", "bottom"])
def test_edits_that_an_nnsight_model_carries_stay_in_force(layer: int, mode: SweepMode) -> None:
    """One on a layer that a part would skip waits for it in vain: then whole passes are run."""
    import nnsight

    envoy = nnsight.NNsight(build("llama"))
    without = sweep(NnsightModel(envoy, tokenizer=None, provenance=PROVENANCE), edits(), SweepMode.FULL)
    with envoy.edit(inplace=True):
        envoy.model.layers[layer].mlp.output = envoy.model.layers[layer].mlp.output * 1.5
    model = NnsightModel(envoy, tokenizer=None, provenance=PROVENANCE)
    full = sweep(model, edits(), SweepMode.FULL)
    run = model.sweep(IDS, list(edits().values()), EVERYWHERE, as_they_are)
    assert run.mode is mode
    assert_same_values(run.values, full.values, list(edits()))
    assert (run.values - without.values).abs().max() > 1e-2


@both
def test_keys_written_after_cached_columns_see_those_columns(backend: Backend) -> None:
    """Values for single positions, for whole heads, and those that a later position alone takes."""
    values = torch.randn(2, 1, 8, generator=torch.Generator().manual_seed(0))
    model = opened(backend)
    writes = {
        f"{point} {positions}": Write(
            site=Site(point=point, layer=layer, heads=(1,), positions=positions), intervention=Replace(values=values)
        )
        for point in (Point.K, Point.V)
        for layer in (0, 2)
        for positions in ((5, 7), (8, LAST))
    }
    some = {name: Edit(writes=(write,)) for name, write in writes.items()}
    run, full = (sweep(model, some, mode) for mode in (SweepMode.CORNER, SweepMode.FULL))
    assert_same_values(run.values, full.values, list(some))
    assert run.fired == full.fired
