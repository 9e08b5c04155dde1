"""The arithmetic of edits: worked by hand on a 3 x 3 pattern, then as laws on random ones."""

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
    Mask,
    ModelDims,
    Plan,
    Point,
    Read,
    Replace,
    Run,
    Scale,
    Site,
    Tokens,
    Write,
    mask_edges,
)

DIMS = ModelDims(d_model=4, vocab=10, context=8, n_heads=(2,), n_kv_heads=(1,), d_head=(2,), windows=(None,))
ONE = Tokens.of([[5, 6, 7]])
CAUSAL = torch.ones(3, 3, dtype=torch.bool).tril()
# weights 1; 1, 3; 1, 2, 5: patterns 1; 1/4, 3/4; 1/8, 2/8, 5/8
LOGITS = torch.tensor([[1.0, 1, 1], [1, 3, 1], [1, 2, 5]]).log()


def visible_of(tokens: Tokens, window: int = 99) -> Tensor:
    """Causal, window and padding masks together, as a backend brings them."""
    columns = torch.arange(tokens.width)
    distance = columns[:, None] - columns[None, :]
    return ((distance >= 0) & (distance < window))[None, None] & tokens.attention_mask().bool()[:, None, None, :]


def attend(plan: Plan, tokens: Tokens = ONE, window: int = 99, **options: bool) -> tuple[Tensor, Execution]:
    """Pattern [batch, head, q_pos, k_pos] of the logits above, both heads alike, for each sequence."""
    execution, visible = Execution(plan, DIMS, tokens), visible_of(tokens, window)
    logits = torch.zeros(len(tokens.lengths), 2, tokens.width, tokens.width)
    for row, length in enumerate(tokens.lengths):
        logits[row, :, -length:, -length:] = LOGITS[:length, :length]
    logits = logits.masked_fill(~visible, torch.finfo(torch.float32).min)
    edited = execution.attn_logits(0, logits, visible, **options)
    return execution.pattern(0, edited.softmax(-1), visible), execution


def fired(plan: Plan, tokens: Tokens = ONE, window: int = 99) -> tuple[Firing, ...]:
    _, execution = attend(plan, tokens, window)
    return execution.finish(torch.zeros(len(tokens.lengths), tokens.width, 10)).fired


def masked(strength: float | tuple[float, ...] = 1.0, **options: object) -> Plan:
    """Key 1 from query 2 in head 0."""
    edges = Edges.of({2: [1]})
    return Plan(writes=(mask_edges(layer=0, heads=(0,), edges=edges, strength=strength, **options),))


def rows(*values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)


PLAIN = rows([1, 0, 0], [1 / 4, 3 / 4, 0], [1 / 8, 2 / 8, 5 / 8])


@pytest.mark.parametrize(
    ("plan", "last_row"),
    [
        (masked(0.0), [1 / 8, 2 / 8, 5 / 8]),
        (masked(1.0), [1 / 6, 0, 5 / 6]),
        (masked(0.5), [1 / 7, 1 / 7, 5 / 7]),
        (masked(1.0, renormalise=False), [1 / 8, 0, 5 / 8]),
        (masked(0.5, renormalise=False), [1 / 8, 1 / 8, 5 / 8]),
    ],
    ids=["not", "wholly", "half", "wholly, not renormalised", "half, not renormalised"],
)
def test_a_masked_key_loses_its_share(plan: Plan, last_row: list[float]) -> None:
    pattern, _ = attend(plan)
    torch.testing.assert_close(pattern[0, 0], torch.cat([PLAIN[:2], rows(last_row)]))
    torch.testing.assert_close(pattern[0, 1], PLAIN)


def test_strengths_may_differ_by_query() -> None:
    edges = Edges.of({1: [0], 2: [0, 2]})
    pattern, _ = attend(Plan(writes=(mask_edges(layer=0, edges=edges, strength=(1.0, 0.5)),)))
    torch.testing.assert_close(pattern[0, 1], rows([1, 0, 0], [0, 1, 0], [0.5 / 5, 2 / 5, 2.5 / 5]))


def test_masks_add_up_on_one_edge() -> None:
    write = mask_edges(layer=0, edges=Edges.of({2: [1]}), strength=0.5)
    pattern, execution = attend(Plan(writes=(write, write)))
    torch.testing.assert_close(pattern[0, 0, 2], torch.tensor([2, 1, 10]) / 13)
    assert execution.finish(torch.zeros(1, 3, 10)).fired == (Firing(edited=2), Firing(edited=2))


def test_a_row_left_without_keys_raises_and_is_named() -> None:
    edges = Edges.of({2: [0, 1, 2]})
    with pytest.raises(
        PlanError,
        match=r"mask at attn_logits of layer 0 \(heads 1\): head 1 has no visible key left at query position 2 of "
        r"sequence 0 \(1 such rows\)\. Leave one key, or choose empty_row 'self' or 'zero'\.",
    ):
        attend(Plan(writes=(mask_edges(layer=0, heads=(1,), edges=edges),)))


@pytest.mark.parametrize(
    ("policy", "middle_row"), [(EmptyRow.SELF, [0.0, 1, 0]), (EmptyRow.ZERO, [0.0, 0, 0])], ids=str
)
def test_a_row_left_without_keys_follows_its_policy_and_never_sees_the_future(
    policy: EmptyRow, middle_row: list[float]
) -> None:
    edges = Edges.of({1: [0, 1]})
    pattern, _ = attend(Plan(writes=(mask_edges(layer=0, heads=(0,), edges=edges, empty_row=policy),)))
    assert torch.equal(pattern[0, 0, 1], torch.tensor(middle_row))
    torch.testing.assert_close(pattern[0, 0, 2], PLAIN[2])
    torch.testing.assert_close(pattern[0, 1], PLAIN)


def test_two_masks_that_empty_a_row_together_follow_the_policy_of_the_last() -> None:
    first = mask_edges(layer=0, edges=Edges.of({1: [0]}))
    last = mask_edges(layer=0, edges=Edges.of({1: [1]}), empty_row=EmptyRow.SELF)
    pattern, _ = attend(Plan(writes=(first, last)))
    assert torch.equal(pattern[0, 0, 1], torch.tensor([0.0, 1, 0]))


def test_a_row_with_a_sink_is_never_empty() -> None:
    write = mask_edges(layer=0, edges=Edges.of({1: [0, 1]}))
    execution, visible = Execution(Plan(writes=(write,)), DIMS, ONE), CAUSAL[None, None]
    logits = LOGITS.expand(1, 2, 3, 3)
    edited = execution.attn_logits(0, logits, visible, sinks=torch.zeros(2))
    assert torch.equal(edited[0, 0, 1], torch.full((3,), -math.inf))


def test_the_models_own_tensors_are_not_written_to() -> None:
    writes = (*masked().writes, *masked(renormalise=False).writes)
    execution, visible = Execution(Plan(writes=writes), DIMS, ONE), CAUSAL[None, None]
    logits, pattern = LOGITS.expand(1, 2, 3, 3).clone(), PLAIN.expand(1, 2, 3, 3).clone()
    execution.attn_logits(0, logits, visible)
    execution.pattern(0, pattern, visible)
    assert torch.equal(logits, LOGITS.expand(1, 2, 3, 3))
    assert torch.equal(pattern, PLAIN.expand(1, 2, 3, 3))


def test_without_a_plan_the_same_tensors_go_on() -> None:
    execution, visible = Execution(Plan(), DIMS, ONE), CAUSAL[None, None]
    logits = LOGITS.expand(1, 2, 3, 3)
    assert execution.attn_logits(0, logits, visible) is logits
    assert execution.pattern(0, logits, visible) is logits
    assert execution.vectors(Point.Q, 0, logits) is logits


def test_an_edge_is_scaled_and_the_row_not_renormalised() -> None:
    site = Site(point=Point.PATTERN, layer=0, heads=(1,), edges=Edges.of({2: [0, 2]}))
    pattern, execution = attend(Plan(writes=(Write(site=site, intervention=Scale(factor=2.0)),)))
    torch.testing.assert_close(pattern[0, 1, 2], torch.tensor([2 / 8, 2 / 8, 10 / 8]))
    torch.testing.assert_close(pattern[0, 0], PLAIN)
    assert execution.finish(torch.zeros(1, 3, 10)).fired == (Firing(edited=2),)


def test_a_row_is_replaced_as_far_as_its_query_can_see() -> None:
    site = Site(point=Point.PATTERN, layer=0, heads=(0,), positions=(1,))
    values = torch.tensor([[[0.3, 0.2, 0.5]]])
    pattern, execution = attend(Plan(writes=(Write(site=site, intervention=Replace(values=values)),)))
    torch.testing.assert_close(pattern[0, 0, 1], torch.tensor([0.3, 0.2, 0]))
    assert execution.finish(torch.zeros(1, 3, 10)).fired == (Firing(edited=2),)


def test_keys_outside_a_window_and_after_the_query_are_counted_and_left() -> None:
    # with a window of 2, query 2 sees keys 1 and 2; query 1 asks for a key after it only
    edges = Edges.of({1: [2], 2: [0, 1]})
    plan = Plan(writes=(mask_edges(layer=0, heads=(0,), edges=edges),))
    pattern, _ = attend(plan, window=2)
    torch.testing.assert_close(pattern[0, 0], rows([1, 0, 0], [1 / 4, 3 / 4, 0], [0, 0, 1]))
    assert fired(plan, window=2) == (Firing(edited=1, unreachable=2, idle_rows=1),)


def test_positions_are_absolute_and_padding_is_never_edited_or_read() -> None:
    tokens = Tokens.of([[5, 6, 7], [5, 6]])
    plan = Plan(writes=(mask_edges(layer=0, edges=Edges.of({1: [0]})),), reads=(Read(point=Point.PATTERN, layer=0),))
    _, execution = attend(plan, tokens)
    run = execution.finish(torch.zeros(2, 3, 10))
    torch.testing.assert_close(run.read(Point.PATTERN, 0, 0)[1], rows([1, 0, 0], [0, 1, 0], [1 / 8, 2 / 8, 5 / 8]))
    torch.testing.assert_close(run.read(Point.PATTERN, 0, 1)[1], rows([1, 0], [0, 1]))
    assert not run.reads[Point.PATTERN, 0][1, :, 0].any()
    assert run.fired == (Firing(edited=4),)


def test_a_strength_near_1_keeps_its_digits_in_bfloat16() -> None:
    # as a bfloat16 number .999 is 1, which would remove the key and leave row 0 empty
    write = mask_edges(layer=0, edges=Edges.of({0: [0], 1: [1]}), strength=0.999)
    execution, visible = Execution(Plan(writes=(write,)), DIMS, ONE), CAUSAL[None, None]
    edited = execution.attn_logits(0, torch.zeros(1, 2, 3, 3, dtype=torch.bfloat16), visible)
    assert edited.dtype is torch.bfloat16
    assert edited[0, 0, 1, 1] == torch.tensor(math.log(0.001), dtype=torch.bfloat16)


def test_logits_are_read_with_minus_infinity_where_nothing_is_seen() -> None:
    _, execution = attend(Plan(reads=(Read(point=Point.ATTN_LOGITS, layer=0),)))
    read = execution.finish(torch.zeros(1, 3, 10)).read(Point.ATTN_LOGITS, 0, 0)
    assert torch.equal(read[0], LOGITS.masked_fill(~CAUSAL, -math.inf))


VECTORS = torch.arange(12.0).view(1, 3, 2, 2) + 1


def changed(write: Write, tensor: Tensor = VECTORS, tokens: Tokens = ONE, **options: bool) -> Tensor:
    return Execution(Plan(writes=(write,)), DIMS, tokens).vectors(write.site.point, 0, tensor, **options)


def test_chosen_positions_and_heads_are_replaced() -> None:
    site = Site(point=Point.Z, layer=0, heads=(1,), positions=(0, 2))
    found = changed(Write(site=site, intervention=Replace(values=torch.tensor([[[20.0, 21]], [[30, 31]]]))))
    expected = torch.tensor([[[1.0, 2], [20, 21]], [[5, 6], [7, 8]], [[9, 10], [30, 31]]])
    assert torch.equal(found[0], expected)
    assert torch.equal(VECTORS, torch.arange(12.0).view(1, 3, 2, 2) + 1)


def test_all_positions_of_one_sequence_are_scaled_but_not_its_padding() -> None:
    tokens = Tokens.of([[5, 6, 7], [5, 6]])
    write = Write(site=Site(point=Point.Z, layer=0, batch=(1,)), intervention=Scale(factor=-1.0))
    found = changed(write, VECTORS.expand(2, -1, -1, -1), tokens)
    assert torch.equal(found[0], VECTORS[0])
    assert torch.equal(found[1, 0], VECTORS[0, 0])
    assert torch.equal(found[1, 1:], -VECTORS[0, 1:])


def test_the_residual_stream_has_no_heads() -> None:
    site = Site(point=Point.RESID, layer=0, positions=(1,))
    found = changed(Write(site=site, intervention=Replace(values=torch.zeros(1, 4))), torch.ones(1, 3, 4))
    assert torch.equal(found[0], torch.tensor([[1.0] * 4, [0] * 4, [1] * 4]))


def test_an_edit_of_what_query_heads_see_leaves_the_shared_heads_alone() -> None:
    site = Site(point=Point.V, layer=0, heads=(1,), per_query_head=True)
    write = Write(site=site, intervention=Scale(factor=0.0))
    assert changed(write, VECTORS[:, :, :1]) is not None
    assert torch.equal(changed(write, VECTORS[:, :, :1]), VECTORS[:, :, :1])
    assert torch.equal(changed(write, VECTORS, per_query_head=True)[:, :, 0], VECTORS[:, :, 0])
    assert not changed(write, VECTORS, per_query_head=True)[:, :, 1].any()


def test_values_of_another_shape_are_refused_with_both_shapes() -> None:
    site = Site(point=Point.Z, layer=0, heads=(1,), positions=(0, 2))
    with pytest.raises(
        SpecError, match=r"replace at z of layer 0 \(heads 1\): values of shape \[3, 1, 2\] do not fit .* \[2, 1, 2\]"
    ):
        changed(Write(site=site, intervention=Replace(values=torch.zeros(3, 1, 2))))


def test_what_was_asked_for_and_never_passed_raises() -> None:
    execution = Execution(Plan(reads=(Read(point=Point.Z, layer=0),)), DIMS, ONE)
    with pytest.raises(PlanError, match="z of layer 0 was asked for but never passed by"):
        execution.finish(torch.zeros(1, 3, 10))


def test_an_edit_that_never_fired_raises_and_says_how_much_it_missed() -> None:
    plan = Plan(writes=(mask_edges(layer=0, edges=Edges.of({0: [1, 2]})),))
    with pytest.raises(PlanError, match=r"\(all heads\) fired 0 times \(4 of its entries cannot be seen"):
        fired(plan)


def test_numbers_that_are_not_finite_raise_unless_they_stand_at_padding_or_are_not_kept() -> None:
    tokens = Tokens.of([[5, 6, 7], [5, 6]])
    logits = torch.zeros(2, 3, 10)
    logits[1, 0] = math.nan
    assert isinstance(Execution(Plan(), DIMS, tokens).finish(logits), Run)
    logits[0, 1, 3] = math.inf
    with pytest.raises(PlanError, match="the logits hold NaN or infinite values"):
        Execution(Plan(), DIMS, tokens).finish(logits)
    kept = Execution(Plan(last_logits=1), DIMS, tokens).finish(logits).logits
    assert kept.shape == (2, 1, 10)


lengths = st.lists(st.integers(1, 6), min_size=1, max_size=3)
strengths = st.sampled_from([0.0, 0.25, 0.9, 1.0])


Case = tuple[list[int], dict[int, set[int]], float, int]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Lengths, edges, strength and window, as plain values: the shape checker draws random numbers of its own."""
    chosen_lengths = draw(lengths)
    position = st.integers(0, min(chosen_lengths) - 1)
    chosen = draw(st.sets(st.tuples(position, position), min_size=1, max_size=8))
    edges = {query: {key for q, key in chosen if q == query} for query, _ in chosen}
    return chosen_lengths, edges, draw(strengths), draw(st.integers(1, 6))


def carried_out(tokens: Tokens, edges: Edges, strength: float, window: int) -> tuple[Tensor, Tensor, Tensor, Firing]:
    """Pattern before and after a mask in head 1, what could be seen, and the count."""
    dims = ModelDims(d_model=4, vocab=10, context=8, n_heads=(2,), n_kv_heads=(1,), d_head=(2,), windows=(window,))
    write = mask_edges(layer=0, heads=(1,), edges=edges, strength=strength, empty_row=EmptyRow.ZERO)
    execution, visible = Execution(Plan(writes=(write,)), dims, tokens), visible_of(tokens, window)
    shape = (len(tokens.lengths), 2, tokens.width, tokens.width)
    one = torch.randn(1, *shape[1:], generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 3
    logits = one.expand(shape).masked_fill(~visible, torch.finfo(torch.float64).min)
    pattern = execution.pattern(0, execution.attn_logits(0, logits, visible).softmax(-1), visible)
    return logits.softmax(-1), pattern, visible.expand(shape), execution._fired[0]


@settings(max_examples=60, deadline=None)
@given(cases())
def test_a_mask_takes_its_share_of_its_edges_and_scales_the_rest_of_the_row_alike(case: Case) -> None:
    chosen_lengths, by_query, strength, window = case
    tokens, edges = Tokens.of([[1] * length for length in chosen_lengths]), Edges.of(by_query)
    before, after, visible, firing = carried_out(tokens, edges, strength, window)
    is_token = tokens.attention_mask().bool()
    torch.testing.assert_close(after[:, 0], before[:, 0])
    edited = 0
    for row, length in enumerate(tokens.lengths):
        start = tokens.width - length
        left = before[row, 1].clone()
        for query, keys in edges.rows:
            for key in keys:
                left[start + query, start + key] *= 1 - strength
                edited += bool(visible[row, 1, start + query, start + key])
        left = left[is_token[row]] * visible[row, 1][is_token[row]]
        expected = left / left.sum(-1, keepdim=True).where(left.sum(-1, keepdim=True) > 0, 1)
        torch.testing.assert_close(after[row, 1][is_token[row]], expected)
    assert firing.edited == edited
    assert firing.edited + firing.unreachable == len(edges) * len(tokens.lengths)


@settings(max_examples=30, deadline=None)
@given(cases())
def test_a_sequence_is_edited_the_same_alone_and_in_a_batch(case: Case) -> None:
    (length, *_), by_query, strength, window = case
    edges = Edges.of(by_query)
    _, together, _, both = carried_out(Tokens.of([[1] * length] * 2), edges, strength, window)
    _, alone, _, one = carried_out(Tokens.of([[1] * length]), edges, strength, window)
    torch.testing.assert_close(together[0], alone[0])
    assert both == one + one


def test_a_mask_value_knows_its_limits() -> None:
    for strength in (-0.1, 1.1, (0.5, 2.0)):
        with pytest.raises(SpecError, match=r"is outside \[0, 1\]; 1 removes the keys, 0 does nothing"):
            Mask(strength=strength)
    with pytest.raises(SpecError, match="factor inf is not a finite number"):
        Scale(factor=math.inf)
