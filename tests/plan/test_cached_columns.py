"""An edit acts on the columns that run, wherever the sequence's first column is: cached columns are keys only."""

import pytest
import torch

from attnprobe.errors import PlanError, SpecError
from attnprobe.plan import (
    Edges,
    EmptyRow,
    Execution,
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

DIMS = ModelDims(d_model=8, vocab=20, context=32, n_heads=(2,), n_kv_heads=(1,), d_head=(4,), windows=(None,))
IDS = [[1, 2, 3, 4, 5], [6, 7, 8, 9]]
WIDTH = 5


def visible_keys(cached: int) -> torch.Tensor:
    causal = torch.ones(WIDTH, WIDTH).tril().bool()[None, None].repeat(2, 1, 1, 1)
    causal[1, :, :, 0] = False
    return causal[:, :, cached:]


def tokens_of(cached: int) -> Tokens:
    whole = Tokens.of(IDS)
    return Tokens(ids=whole.ids, lengths=whole.lengths, cached=cached)


@pytest.mark.parametrize("cached", [1, 2, 4])
@pytest.mark.parametrize("point", [Point.ATTN_LOGITS, Point.PATTERN])
def test_masked_rows_are_those_of_the_whole_pass_that_run(point: Point, cached: int) -> None:
    edges = Edges.of({0: [0], 2: [0, 1], 3: [1, 3]})
    write = mask_edges(
        layer=0, edges=edges, heads=(1,), strength=(0.5, 0.25, 0.75), renormalise=point is Point.ATTN_LOGITS
    )
    logits = torch.randn(2, 2, WIDTH, WIDTH, generator=torch.Generator().manual_seed(0))
    found = {}
    for start in (0, cached):
        execution = Execution(Plan(writes=(write,)), DIMS, tokens_of(start))
        act = execution.attn_logits if point is Point.ATTN_LOGITS else execution.pattern
        found[start] = act(0, logits[:, :, start:].clone(), visible_keys(start))
    assert torch.equal(found[0][:, :, cached:], found[cached])
    assert not torch.equal(found[0], logits)


@pytest.mark.parametrize("cached", [1, 3])
@pytest.mark.parametrize("values", [torch.arange(12.0).view(3, 1, 4), torch.arange(4.0).view(1, 1, 4), torch.zeros(())])
def test_replaced_positions_are_those_of_the_whole_pass_that_run(values: torch.Tensor, cached: int) -> None:
    site = Site(point=Point.Z, layer=0, heads=(1,), positions=(0, 2, 3))
    plan = Plan(writes=(Write(site=site, intervention=Replace(values=values)),), reads=(Read(point=Point.Z, layer=0),))
    z = torch.randn(2, WIDTH, 2, 4, generator=torch.Generator().manual_seed(0))
    whole, part = Execution(plan, DIMS, tokens_of(0)), Execution(plan, DIMS, tokens_of(cached))
    expected, found = whole.vectors(Point.Z, 0, z), part.vectors(Point.Z, 0, z[:, cached:])
    assert torch.equal(found, expected[:, cached:])
    logits = torch.zeros(2, WIDTH, DIMS.vocab)
    kept = part.finish(logits[:, cached:]).read(Point.Z, 0, 1)
    assert torch.equal(kept, whole.finish(logits).read(Point.Z, 0, 1)[cached - 1 :])


def test_replaced_query_rows_of_a_pattern_are_those_that_run() -> None:
    values = torch.rand(1, 3, 4)
    site = Site(point=Point.PATTERN, layer=0, heads=(0,), batch=(1,), positions=(0, 2, 3))
    plan = Plan(writes=(Write(site=site, intervention=Replace(values=values)),))
    pattern = torch.rand(2, 2, WIDTH, WIDTH)
    whole = Execution(plan, DIMS, tokens_of(0)).pattern(0, pattern, visible_keys(0))
    part = Execution(plan, DIMS, tokens_of(2)).pattern(0, pattern[:, :, 2:], visible_keys(2))
    assert torch.equal(part, whole[:, :, 2:])


def test_keys_and_values_are_edited_whole_whatever_was_cached() -> None:
    write = Write(site=Site(point=Point.V, layer=0, positions=(1,)), intervention=Scale(factor=3.0))
    values = torch.ones(2, WIDTH, 1, 4)
    edited = Execution(Plan(writes=(write,)), DIMS, tokens_of(4)).vectors(Point.V, 0, values)
    assert edited[0, :, 0, 0].tolist() == [1, 3, 1, 1, 1]
    assert edited[1, :, 0, 0].tolist() == [1, 1, 3, 1, 1]


def test_a_row_that_is_emptied_attends_to_itself_or_is_named() -> None:
    edges = Edges.of({4: range(5)})
    kept = mask_edges(layer=0, edges=edges, batch=(0,), empty_row=EmptyRow.SELF)
    logits = Execution(Plan(writes=(kept,)), DIMS, tokens_of(3)).attn_logits(
        0, torch.zeros(2, 2, 2, WIDTH), visible_keys(3)
    )
    assert logits[0, 0, 1].softmax(-1).tolist() == [0, 0, 0, 0, 1]
    refused = mask_edges(layer=0, edges=edges, batch=(0,))
    with pytest.raises(PlanError, match="query position 4 of sequence 0"):
        Execution(Plan(writes=(refused,)), DIMS, tokens_of(3)).attn_logits(
            0, torch.zeros(2, 2, 2, WIDTH), visible_keys(3)
        )


def test_an_edit_of_cached_queries_alone_did_not_fire() -> None:
    write = mask_edges(layer=0, edges=Edges.of({1: [0]}))
    execution = Execution(Plan(writes=(write,)), DIMS, tokens_of(3))
    execution.attn_logits(0, torch.zeros(2, 2, 2, WIDTH), visible_keys(3))
    with pytest.raises(PlanError, match="fired 0 times"):
        execution.finish(torch.zeros(2, 2, DIMS.vocab))


@pytest.mark.parametrize("cached", [-1, 5])
def test_at_least_one_column_runs(cached: int) -> None:
    with pytest.raises(SpecError, match="at least one must run"):
        tokens_of(cached)
