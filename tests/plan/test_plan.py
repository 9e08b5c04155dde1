"""What a plan may ask of a model and a batch, and what it is told where it asks too much."""

import pytest
import torch

from attnprobe.errors import SpecError
from attnprobe.plan import (
    EMPTY_PLAN,
    Edges,
    Intervention,
    Mask,
    ModelDims,
    Plan,
    Point,
    Read,
    Replace,
    Scale,
    Site,
    Tokens,
    Write,
    mask_edges,
)

# head counts differ by layer, and keys are shared
DIMS = ModelDims(d_model=8, vocab=10, context=6, n_heads=(4, 2), n_kv_heads=(2, 1), d_head=(2, 4), windows=(None, None))
TOKENS = Tokens.of([[1, 2, 3, 4, 5], [6, 7, 8]])
EDGES = Edges.of({2: [0, 1]})


def check(*writes: Write, reads: tuple[Read, ...] = (), tokens: Tokens = TOKENS) -> None:
    Plan(reads=reads, writes=writes).check(DIMS, tokens)


def scaled(point: Point = Point.Z, layer: int = 0, **site: object) -> Write:
    return Write(site=Site(point=point, layer=layer, **site), intervention=Scale(factor=0.0))


def test_what_exists_may_be_named() -> None:
    check(
        mask_edges(layer=0, heads=(0, 3), edges=EDGES, batch=(1,)),
        mask_edges(layer=1, edges=Edges.of({4: [4]}), batch=(0,)),
        scaled(Point.K, heads=(1,)),
        scaled(Point.K, heads=(3,), per_query_head=True),
        scaled(Point.RESID, layer=1, positions=(0, 2)),
        reads=(Read(point=Point.PATTERN, layer=1),),
    )
    EMPTY_PLAN.check(DIMS, Tokens.of([[9] * 6]))


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (scaled(layer=2), "layer 2 does not exist: the model has layers 0 to 1"),
        (scaled(layer=-1), "layer -1 does not exist"),
        (scaled(heads=(4,)), "head L0H4 does not exist: layer 0 has heads 0 to 3"),
        (scaled(layer=1, heads=(2,)), "head L1H2 does not exist: layer 1 has heads 0 to 1"),
        (scaled(Point.V, heads=(2,)), "head L0KV2 does not exist: layer 0 has key and value heads 0 to 1"),
        (scaled(Point.V, heads=(4,), per_query_head=True), "head L0H4 does not exist"),
        (scaled(batch=(2,)), "sequence 2 does not exist: the batch has 2"),
        (scaled(positions=(3,)), "position 3 does not exist: a sequence that the edit names has 3 tokens"),
        (scaled(positions=(5,), batch=(0,)), "position 5 does not exist: .* has 5 tokens"),
        (mask_edges(layer=0, edges=Edges.of({0: [4]})), "position 4 does not exist"),
    ],
)
def test_what_does_not_exist_is_named_before_anything_runs(write: Write, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        check(write)


def test_a_read_of_a_layer_that_does_not_exist_is_refused() -> None:
    with pytest.raises(SpecError, match="layer 7 does not exist"):
        check(reads=(Read(point=Point.Z, layer=7),))


def test_a_prompt_fits_the_models_context_and_vocabulary() -> None:
    with pytest.raises(SpecError, match="a sequence of 7 tokens: the model's context is 6 tokens"):
        check(tokens=Tokens.of([[1] * 7]))
    with pytest.raises(SpecError, match="token id 10 does not exist: the model's vocabulary has ids 0 to 9"):
        check(tokens=Tokens.of([[1, 10]]))
    with pytest.raises(SpecError, match="token id -1 does not exist"):
        check(tokens=Tokens.of([[1, -1]]))


@pytest.mark.parametrize(
    ("site", "what", "message"),
    [
        (Site(point=Point.PATTERN, layer=0, edges=EDGES), Mask(), "mask at pattern: expected edges at attn_logits"),
        (Site(point=Point.ATTN_LOGITS, layer=0, edges=EDGES), Mask(renormalise=False), "expected edges at pattern"),
        (Site(point=Point.ATTN_LOGITS, layer=0), Mask(), "expected edges at attn_logits; build it with `mask_edges`"),
        (Site(point=Point.ATTN_LOGITS, layer=0, edges=EDGES), Mask(strength=(1.0, 0.5)), "2 strengths for 1 query"),
        (Site(point=Point.ATTN_LOGITS, layer=0), Scale(factor=1.0), "only masks and forces edit it; choose pattern"),
        (
            Site(point=Point.PATTERN, layer=0, edges=EDGES),
            Replace(values=torch.zeros(1)),
            "whole query rows are replaced; give `positions`",
        ),
    ],
)
def test_an_intervention_stands_where_it_can_act(site: Site, what: Intervention, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        Write(site=site, intervention=what)


def test_a_mask_acts_before_the_softmax_unless_it_is_not_to_renormalise() -> None:
    assert mask_edges(layer=0, edges=EDGES).site.point is Point.ATTN_LOGITS
    assert mask_edges(layer=0, edges=EDGES, renormalise=False).site.point is Point.PATTERN


def test_a_plan_knows_what_it_touches() -> None:
    plan = Plan(reads=(Read(point=Point.Z, layer=0),), writes=(scaled(Point.K, layer=1),))
    assert plan.touches(0, Point.Z)
    assert plan.touches(1, Point.Q, Point.K)
    assert not plan.touches(0, Point.K)
    assert not plan.touches(1, Point.Z)


def test_a_negative_number_of_columns_is_refused() -> None:
    with pytest.raises(SpecError, match="last_logits=-1; expected at least 0"):
        Plan(last_logits=-1)
