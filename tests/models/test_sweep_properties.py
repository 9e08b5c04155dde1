"""Whatever edits are drawn, a sweep over what they can change gives what whole forward passes give."""

import re
from functools import cache
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attnprobe.errors import PlanError
from attnprobe.models.model import Backend, Model
from attnprobe.models.native import NativeModel
from attnprobe.plan import (
    Edges,
    Edit,
    EmptyRow,
    Force,
    Mask,
    ModelDims,
    Point,
    Replace,
    Scale,
    Site,
    SweepMode,
    Unembedding,
    Write,
)
from tests.models.agreement import TOLERANCE
from tests.models.architectures import draw_sequences
from tests.models.loaders import PROVENANCE, Case, build, open_case
from tests.models.sweep_agreement import assert_same_values, sweep
from tests.models.sweep_edits import N_POSITIONS

_POINTS = tuple(point for point in Point if point is not Point.ATTN_LOGITS)
_POSITIONS = st.integers(0, N_POSITIONS - 1)


@cache
def open_in_float64(family: str) -> NativeModel:
    return NativeModel(build(family, dtype=torch.float64), tokenizer=None, provenance=PROVENANCE)


def chosen(data: st.DataObject, n: int) -> tuple[int, ...] | None:
    some = data.draw(st.none() | st.sets(st.integers(0, n - 1), min_size=1))
    return None if some is None else tuple(sorted(some))


def drawn_edges(data: st.DataObject) -> Edges:
    """Some of their keys out of reach; one is not, so that the edit acts."""
    rows: dict[int, set[int]] = data.draw(
        st.dictionaries(_POSITIONS, st.sets(_POSITIONS, min_size=1, max_size=6), min_size=1, max_size=4)
    )
    query = min(rows)
    return Edges.of(rows | {query: {*rows[query], query}})


def drawn_write(data: st.DataObject, dims: ModelDims) -> Write:
    draw = data.draw
    layer = draw(st.integers(0, dims.n_layers - 1))
    point = draw(st.sampled_from((*_POINTS, Point.ATTN_LOGITS, Point.ATTN_LOGITS)))
    copies = point.has_kv_heads and draw(st.booleans())
    n_heads = (dims.n_kv_heads if point.has_kv_heads and not copies else dims.n_heads)[layer]
    where: dict[str, Any] = {"point": point, "layer": layer, "per_query_head": copies}
    where["heads"] = chosen(data, n_heads) if point.has_heads else None
    if point is Point.ATTN_LOGITS or (point is Point.PATTERN and draw(st.booleans())):
        edges = drawn_edges(data)
        policy = draw(st.sampled_from((EmptyRow.SELF, EmptyRow.ZERO)))
        if point is Point.ATTN_LOGITS and draw(st.booleans()):
            force = Force(mass=draw(st.sampled_from((0.0, 0.4, 1.0))), empty_row=policy)
            return Write(site=Site(**where, edges=edges), intervention=force)
        strength = draw(st.sampled_from((1.0, 0.5, 1 - 1e-7, 0.0)))
        mask = Mask(
            strength=strength,
            renormalise=point is Point.ATTN_LOGITS,
            empty_row=policy,
        )
        return Write(site=Site(**where, edges=edges), intervention=mask)
    site = Site(**where, positions=chosen(data, N_POSITIONS))
    if draw(st.booleans()):
        return Write(site=site, intervention=Scale(factor=draw(st.sampled_from((0.0, -0.5, 2.0)))))
    width = {Point.PATTERN: N_POSITIONS}.get(point, dims.d_head[layer] if point.has_heads else dims.d_model)
    values = torch.randn(width, generator=torch.Generator().manual_seed(draw(st.integers(0, 3))))
    return Write(site=site, intervention=Replace(values=values.abs() if point is Point.PATTERN else values))


def without_sequence(error: PlanError) -> str:
    """Its words, but for the place in a batch."""
    return re.sub(r" of sequence \d+", "", str(error))


def assert_modes_agree(model: Model, data: st.DataObject, tolerance: float = TOLERANCE) -> None:
    n_edits = data.draw(st.integers(1, 5))
    edits = {
        str(index): Edit(writes=tuple(drawn_write(data, model.dims) for _ in range(data.draw(st.integers(1, 3)))))
        for index in range(n_edits)
    }
    positions = data.draw(st.sets(_POSITIONS, min_size=1, max_size=3))
    unembedding = Unembedding(positions=tuple(sorted(positions)))
    ids = draw_sequences((N_POSITIONS,), seed=data.draw(st.integers(0, 5)))[0]
    batch_size = data.draw(st.sampled_from((None, 2)))
    refusal: PlanError | None = None
    try:
        full = sweep(model, edits, SweepMode.FULL, unembedding, ids)
    except PlanError as error:
        refusal = error
    if refusal is not None:
        # a force onto keys that an earlier mask removed, say
        with pytest.raises(PlanError) as refused:
            sweep(model, edits, SweepMode.CORNER, unembedding, ids, batch_size=batch_size)
        assert without_sequence(refused.value) == without_sequence(refusal)
        return
    run = sweep(model, edits, SweepMode.CORNER, unembedding, ids, batch_size=batch_size)
    assert_same_values(run.values, full.values, list(edits), tolerance, what=str(edits))
    assert run.fired == full.fired


@pytest.mark.parametrize("family", ["gemma2", "llama"])
@settings(max_examples=25, deadline=None, derandomize=True)
@given(data=st.data())
def test_edits_drawn_at_random_agree(family: str, data: st.DataObject) -> None:
    assert_modes_agree(open_case(Case(Backend.NATIVE, family))[0], data)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["gemma2", "gpt_neox", "mistral", "olmo2", "direct"])
@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_many_edits_drawn_at_random_agree_in_float64(family: str, data: st.DataObject) -> None:
    """Among many there are some in which terms cancel before a norm, where float32's own rounding is above 5e-6."""
    assert_modes_agree(open_in_float64(family), data, tolerance=1e-10)
