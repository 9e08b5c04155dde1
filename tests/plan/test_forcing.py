"""The arithmetic of a force: worked by hand on a 3 x 3 pattern, then as laws on random ones."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from attnprobe.errors import PlanError, SpecError
from attnprobe.plan import (
    Edges,
    EmptyRow,
    Execution,
    Firing,
    Force,
    ModelDims,
    Plan,
    Point,
    Site,
    Tokens,
    Write,
    force_edges,
    mask_edges,
)

DIMS = ModelDims(d_model=4, vocab=10, context=8, n_heads=(2,), n_kv_heads=(1,), d_head=(2,), windows=(None,))
ONE = Tokens.of([[5, 6, 7]])
CAUSAL = torch.ones(3, 3, dtype=torch.bool).tril()[None, None]
# weights 1; 1, 3; 1, 2, 5
LOGITS = torch.tensor([[1.0, 1, 1], [1, 3, 1], [1, 2, 5]], dtype=torch.float64).log().expand(1, 2, 3, 3)


def attend(
    *writes: Write,
    logits: Tensor = LOGITS,
    visible: Tensor = CAUSAL,
    sinks: Tensor | None = None,
    tokens: Tokens = ONE,
) -> tuple[Tensor, tuple[Firing, ...]]:
    """Pattern [batch, head, q_pos, k_pos] beside the sinks, and the counts."""
    execution = Execution(Plan(writes=writes), DIMS, tokens)
    shown = logits.masked_fill(~visible, torch.finfo(logits.dtype).min)
    edited = execution.attn_logits(0, shown, visible, sinks=sinks)
    if sinks is not None:
        column = sinks.to(edited)[None, :, None, None].expand(*edited.shape[:3], 1)
        edited = torch.cat([edited, column], dim=-1)
    pattern = edited.softmax(-1)[..., : logits.shape[3]]
    return execution.pattern(0, pattern, visible), tuple(execution._fired)


def forced(mass: float | tuple[float, ...], rows: dict[int, list[int]], **options: EmptyRow) -> Write:
    return force_edges(layer=0, heads=(0,), edges=Edges.of(rows), mass=mass, **options)


def row(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize(
    ("mass", "last_row"),
    [
        (0.0, [1 / 6, 0, 5 / 6]),
        (0.25, [1 / 8, 2 / 8, 5 / 8]),
        (0.4, [0.1, 0.4, 0.5]),
        (1.0, [0, 1, 0]),
    ],
)
def test_a_key_gets_its_mass_and_the_others_share_the_rest_as_before(mass: float, last_row: list[float]) -> None:
    pattern, _ = attend(forced(mass, {2: [1]}))
    torch.testing.assert_close(pattern[0, 0, 2], row(*last_row))
    torch.testing.assert_close(pattern[0, 0, 1], row(1 / 4, 3 / 4, 0))
    torch.testing.assert_close(pattern[0, 1, 2], row(1 / 8, 2 / 8, 5 / 8))


def test_keys_share_their_mass_as_before_and_masses_may_differ_by_query() -> None:
    pattern, firings = attend(forced((0.5, 0.6), {1: [0], 2: [0, 2]}))
    torch.testing.assert_close(pattern[0, 0, 1], row(0.5, 0.5, 0))
    torch.testing.assert_close(pattern[0, 0, 2], row(0.1, 0.4, 0.5))
    assert firings == (Firing(edited=3),)


def test_a_sink_counts_as_outside_and_keeps_its_place_among_the_rest() -> None:
    # weight 2 for the sink: query 2 gives 1, 2, 5 and 2; key 1 gets 0.6 and the rest shares 0.4 as 1, 5 and 2
    sinks = torch.tensor([2.0, 2.0], dtype=torch.float64).log()
    pattern, _ = attend(forced(0.6, {2: [1]}), sinks=sinks)
    torch.testing.assert_close(pattern[0, 0, 2], row(0.05, 0.6, 0.25))
    torch.testing.assert_close(pattern[0, 1, 2], row(0.1, 0.2, 0.5))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_a_sink_gets_nothing_beside_a_mass_of_1_and_all_that_is_left_by_a_mass_of_0(dtype: torch.dtype) -> None:
    sinks = torch.tensor([9.0, -9.0], dtype=dtype)
    everywhere = force_edges(layer=0, edges=Edges.of({2: [0, 1]}), mass=1.0)
    pattern, _ = attend(everywhere, sinks=sinks, logits=LOGITS.to(dtype))
    torch.testing.assert_close(pattern[0, :, 2], torch.tensor([[1 / 3, 2 / 3, 0]] * 2, dtype=dtype))
    assert (pattern[0, :, 2].sum(-1) - 1).abs().max() <= 4 * torch.finfo(dtype).eps
    pattern, _ = attend(forced(0.0, {2: [0, 1, 2]}), sinks=sinks, logits=LOGITS.to(dtype))
    assert not pattern[0, 0, 2].any()


def test_a_row_all_of_whose_keys_are_forced_leaves_the_rest_to_the_sink() -> None:
    pattern, _ = attend(forced(0.4, {1: [0, 1]}), sinks=torch.zeros(2, dtype=torch.float64))
    torch.testing.assert_close(pattern[0, 0, 1], row(0.1, 0.3, 0))


def test_a_row_that_sees_nothing_else_raises_and_is_named() -> None:
    with pytest.raises(
        PlanError,
        match=r"force at attn_logits of layer 0 \(heads 0\): head 0 at query position 1 of sequence 0 sees no key "
        r"outside those that are to get a mass of 0\.4, so that the rest has nowhere to go \(1 such rows\)\. Leave one "
        r"key out, use mass 1, or choose empty_row 'self' or 'zero'\.",
    ):
        attend(forced(0.4, {1: [0, 1], 2: [0, 1]}))


def test_a_row_that_sees_nothing_else_follows_its_policy() -> None:
    rows = {1: [0, 1], 2: [0]}
    to_itself, _ = attend(forced(0.4, rows, empty_row=EmptyRow.SELF))
    torch.testing.assert_close(to_itself[0, 0, 1], row(0.1, 0.3 + 0.6, 0))
    to_nothing, _ = attend(forced(0.4, rows, empty_row=EmptyRow.ZERO))
    torch.testing.assert_close(to_nothing[0, 0, 1], row(0.1, 0.3, 0))
    whole, _ = attend(forced(1.0, rows))
    torch.testing.assert_close(whole[0, 0, 1], row(1 / 4, 3 / 4, 0))
    for pattern in (to_itself, to_nothing):
        torch.testing.assert_close(pattern[0, 0, 2], row(0.4, 0.6 * 2 / 7, 0.6 * 5 / 7))


@pytest.mark.parametrize("policy", [EmptyRow.SELF, EmptyRow.ZERO], ids=str)
def test_mass_0_is_a_mask_under_every_policy(policy: EmptyRow) -> None:
    rows = Edges.of({0: [0], 1: [0, 1], 2: [1]})
    removed, _ = attend(mask_edges(layer=0, edges=rows, empty_row=policy))
    emptied, _ = attend(force_edges(layer=0, edges=rows, mass=0.0, empty_row=policy))
    torch.testing.assert_close(emptied, removed)


def test_keys_that_had_no_mass_to_the_last_digit_get_theirs() -> None:
    logits = torch.tensor([0.0, -2000.0, -2000.0 + math.log(3)]).expand(1, 2, 3, 3)
    pattern, _ = attend(forced(0.8, {2: [1, 2]}), logits=logits)
    assert logits.softmax(-1)[0, 0, 2, 1] == 0
    torch.testing.assert_close(pattern[0, 0, 2], torch.tensor([0.2, 0.2, 0.6]), atol=2e-4, rtol=0)


def test_keys_that_a_mask_removed_before_cannot_be_forced_but_to_nothing() -> None:
    mask = mask_edges(layer=0, edges=Edges.of({2: [0, 1]}))
    with pytest.raises(
        PlanError, match=r"query position 2 of sequence 0 is to get a mass of 0\.5 on keys that an earlier"
    ):
        attend(mask, forced(0.5, {2: [1]}))
    removed, _ = attend(mask)
    torch.testing.assert_close(attend(mask, forced(0.0, {2: [1]}))[0], removed)


def test_a_force_acts_on_what_an_earlier_mask_left() -> None:
    mask = mask_edges(layer=0, edges=Edges.of({2: [0]}))
    pattern, _ = attend(mask, forced(0.5, {2: [0, 1]}))
    torch.testing.assert_close(pattern[0, 0, 2], row(0, 0.5, 0.5))


def test_only_the_part_that_is_seen_is_forced_and_the_rest_is_counted() -> None:
    # with a window of 2, query 2 sees keys 1 and 2; query 0 sees itself and is asked for later keys only
    window = CAUSAL & torch.ones(3, 3, dtype=torch.bool).triu(-1)
    pattern, firings = attend(forced(0.75, {0: [1, 2], 2: [0, 1]}), visible=window)
    torch.testing.assert_close(pattern[0, 0, 2], row(0, 0.75, 0.25))
    torch.testing.assert_close(pattern[0, 0, 0], row(1, 0, 0))
    assert firings == (Firing(edited=1, unreachable=3, idle_rows=1),)


def test_positions_are_absolute_whatever_the_padding_and_what_is_cached() -> None:
    tokens = Tokens.of([[5, 6, 7, 8], [5, 6, 7]])
    causal = torch.ones(4, 4, dtype=torch.bool).tril().repeat(2, 1, 1, 1)
    causal[1, :, :, 0] = False
    logits = torch.randn(2, 2, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    write = force_edges(layer=0, edges=Edges.of({0: [0], 2: [1, 2]}), mass=(1.0, 0.7))
    whole, firings = attend(write, logits=logits, visible=causal, tokens=tokens)
    torch.testing.assert_close(whole[0, :, 2, 1:3].sum(-1), row(0.7, 0.7))
    torch.testing.assert_close(whole[1, :, 3, 2:4].sum(-1), row(0.7, 0.7))
    assert firings == (Firing(edited=12),)
    part = Tokens(ids=tokens.ids, lengths=tokens.lengths, cached=2)
    running, firings = attend(write, logits=logits[:, :, 2:], visible=causal[:, :, 2:], tokens=part)
    torch.testing.assert_close(running, whole[:, :, 2:])
    assert firings == (Firing(edited=8),)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 99),
    st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=8),
    st.one_of(st.sampled_from([0.0, 1e-9, 0.5, 1 - 1e-9, 1.0]), st.floats(0, 1)),
    st.integers(1, 6),
    st.booleans(),
)
def test_mass_is_exact_and_proportions_stay_on_either_side(
    seed: int, pairs: set[tuple[int, int]], mass: float, window: int, has_sink: bool
) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(1, 2, 6, 6, generator=generator, dtype=torch.float64) * 4
    sinks = torch.randn(2, generator=generator, dtype=torch.float64) * 4 if has_sink else None
    tokens = Tokens.of([[1] * 6])
    distance = torch.arange(6)[:, None] - torch.arange(6)
    visible = ((distance >= 0) & (distance < window))[None, None]
    by_query = {query: {key for q, key in pairs if q == query} for query, _ in pairs}
    write = force_edges(layer=0, heads=(1,), edges=Edges.of(by_query), mass=mass, empty_row=EmptyRow.ZERO)
    before, _ = attend(logits=logits, visible=visible, sinks=sinks, tokens=tokens)
    after, _ = attend(write, logits=logits, visible=visible, sinks=sinks, tokens=tokens)
    torch.testing.assert_close(after[0, 0], before[0, 0])
    for query in range(6):
        seen = visible[0, 0, query]
        inside = torch.tensor([key in by_query.get(query, ()) for key in range(6)]) & seen
        old, new = before[0, 1, query], after[0, 1, query]
        if not inside.any():
            torch.testing.assert_close(new, old)
            continue
        outside = seen & ~inside
        torch.testing.assert_close(new[inside], mass * old[inside] / old[inside].sum(), rtol=1e-9, atol=1e-12)
        left_out = 1 - old[inside].sum()
        torch.testing.assert_close(new[outside], (1 - mass) * old[outside] / left_out, rtol=1e-9, atol=1e-12)
        assert not new[~seen].any()


def test_the_mass_that_a_row_has_changes_nothing() -> None:
    logits = torch.randn(1, 2, 3, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for sinks in (None, torch.tensor([0.5, -1.0], dtype=torch.float64)):
        before, _ = attend(logits=logits, sinks=sinks)
        masses = tuple(float(before[0, 0, query, :query].sum()) for query in (1, 2))
        after, _ = attend(forced(masses, {1: [0], 2: [0, 1]}), logits=logits, sinks=sinks)
        torch.testing.assert_close(after, before)


def test_a_force_in_bfloat16_is_as_good_as_its_logits() -> None:
    logits = (LOGITS + 40).bfloat16()
    pattern, _ = attend(forced(0.9, {2: [1]}), logits=logits)
    assert pattern.dtype is torch.bfloat16
    # the logits of large entries are near 0, where bfloat16 is finest
    torch.testing.assert_close(pattern[0, 0, 2, 1].double(), torch.tensor(0.9, dtype=torch.float64), atol=2e-3, rtol=0)


@pytest.mark.parametrize("mass", [-0.1, 1.1, (0.5, 2.0), math.nan])
def test_a_force_value_knows_its_limits(mass: float | tuple[float, ...]) -> None:
    with pytest.raises(SpecError, match=r"is outside \[0, 1\]; 1 attends to the keys alone, 0 removes them"):
        Force(mass=mass)


def test_a_force_stands_at_edges_of_the_logits() -> None:
    edges = Edges.of({0: [0], 2: [1]})
    with pytest.raises(SpecError, match="force at pattern: expected edges at attn_logits; build it with `force_edges`"):
        Write(site=Site(point=Point.PATTERN, layer=0, edges=edges), intervention=Force(mass=0.5))
    with pytest.raises(SpecError, match="3 masses for 2 query rows; give one number, or one for each row"):
        force_edges(layer=0, edges=edges, mass=(0.1, 0.2, 0.3))
