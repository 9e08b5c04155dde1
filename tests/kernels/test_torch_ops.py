"""Blocked torch against the law in float64, with every way through the code proven taken."""

from dataclasses import replace

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from attnprobe.kernels import Attention, Impl, column_sums, key_scores, reference, torch_ops, weighted_values
from attnprobe.kernels.torch_schedule import Limits, cut
from tests.kernels.drawn import Call, Shape, call_of, in_float64, relative_bound, shapes

# what divides a row's mass differently, one at a time and together, at lengths around and off the blocks' edges
FEATURES = {
    "plain": Shape(),
    "groups": Shape(n_kv_heads=2, group=3),
    "many key heads": Shape(n_kv_heads=9, group=2),
    "softcap": Shape(softcap=2.0, group=2),
    "wide softcap": Shape(softcap=50.0),
    "window": Shape(window=10, group=2),
    "window of one": Shape(window=1),
    "window beyond the first key": Shape(window=1000),
    "sinks": Shape(sinks=True, n_kv_heads=2, group=2),
    "left padding": Shape(batch=3, left=True),
    "right padding": Shape(batch=3, right=True),
    "padding on both sides": Shape(batch=3, left=True, right=True, window=20, group=2),
    "removed keys": Shape(removed=0.3, n_kv_heads=2),
    "rows with no key": Shape(removed=0.97, sharpness=9.0),
    "rows with no key but a sink": Shape(removed=0.97, sinks=True),
    "peaked rows": Shape(sharpness=9.0, group=2),
    "excluded columns": Shape(excluded=0.2, n_kv_heads=2),
    "sinks dropped": Shape(sink_share=0.1, group=2, batch=2, left=True),
    "one prefix": Shape(n_prefixes=1),
    "many prefixes": Shape(n_prefixes=90, batch=2),
    "everything": Shape(
        batch=3, n_kv_heads=2, group=2, softcap=8.0, window=30, sinks=True, left=True, right=True, removed=0.2,
        excluded=0.2, n_prefixes=20,
    ),
}  # fmt: skip


def agree(call: Call, limits: Limits | None = None) -> None:
    """All four operations are the reference's in float64, but for what rounding explains."""
    attention, exact = call.attention, in_float64(call.attention)
    bound = relative_bound(attention)
    expected = reference.key_scores(exact, call.prefixes, call.excluded, call.sink_share)
    actual = torch_ops.key_scores(attention, call.prefixes, call.excluded, call.sink_share, limits)
    close(actual[0], expected[0], bound)
    close(actual[1], expected[1], bound)
    close(torch_ops.column_sums(attention, call.prefixes, limits), reference.column_sums(exact, call.prefixes), bound)
    # summands of either sign cancel, their errors do not
    for actual, numbers, law in (
        (torch_ops.weighted_values(attention, call.values, limits), call.values, reference.weighted_values),
        (torch_ops.weighted_queries(attention, call.weights, limits), call.weights, reference.weighted_queries),
    ):
        assert actual.dtype is torch.promote_types(attention.query.dtype, torch.float32)
        assert bool(((actual - law(exact, numbers)).abs() <= bound * law(exact, numbers.abs())).all())


def close(actual: Tensor, expected: Tensor, bound: float) -> None:
    torch.testing.assert_close(actual.double(), expected, rtol=bound, atol=0)


@pytest.mark.parametrize(("n_queries", "n_keys"), [(1, 1), (67, 67), (40, 67), (1, 65), (128, 128)])
@pytest.mark.parametrize("shape", FEATURES.values(), ids=FEATURES.keys())
def test_it_is_the_reference(shape: Shape, n_queries: int, n_keys: int) -> None:
    agree(call_of(replace(shape, n_queries=n_queries, n_keys=n_keys, seed=1)))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64], ids=str)
@pytest.mark.parametrize("shape", FEATURES.values(), ids=FEATURES.keys())
def test_it_is_the_reference_in_other_precisions(shape: Shape, dtype: torch.dtype) -> None:
    agree(call_of(replace(shape, n_queries=67, n_keys=67, dtype=dtype)))


@settings(max_examples=150, deadline=None)
@given(
    shape=shapes(),
    retained=st.sampled_from([0, 2000, 24 << 20]),
    rows=st.sampled_from([None, 1, 5, 16]),
)
def test_it_is_the_reference_for_any_call(shape: Shape, retained: int, rows: int | None) -> None:
    agree(call_of(shape), Limits(retained=retained, rows=rows))


@settings(max_examples=40, deadline=None)
@given(shape=shapes(), share=st.floats(0.05, 1.0))
def test_the_same_columns_are_sinks(shape: Shape, share: float) -> None:
    call = replace(call_of(shape), sink_share=share)
    sums = reference.column_sums(in_float64(call.attention), call.prefixes)
    spans = torch.arange(1, call.attention.key.shape[2] + 1) * share
    nearest = (sums[..., None] / spans - 1).abs().min()
    # a column at the threshold itself may fall on either side of it
    assume(float(nearest) > relative_bound(call.attention))
    agree(call)


def test_scores_of_a_layer_stay_within_the_goal() -> None:
    """Streamed scores within 5e-6 of float64, on a layer of GPT-2's shape."""
    call = call_of(Shape(n_kv_heads=12, n_queries=300, n_keys=300, d_head=64, n_prefixes=32, sharpness=2.0))
    exact = in_float64(call.attention)
    expected = sum(reference.key_scores(exact, call.prefixes))
    actual = sum(torch_ops.key_scores(call.attention, call.prefixes))
    assert isinstance(expected, Tensor)
    scores = expected / expected.amax(dim=2, keepdim=True)
    torch.testing.assert_close((actual / actual.amax(dim=2, keepdim=True)).double(), scores, rtol=0, atol=5e-6)


def test_columns_that_underflow_receive_and_give_nothing() -> None:
    # the second key receives 1.5 e^-95, about 8e-42: float32 holds it, below its smallest normal number
    query, key = torch.ones(1, 1, 3, 1), torch.tensor([95.0, 0.0, 95.0]).reshape(1, 1, 3, 1)
    received, given = torch_ops.key_scores(Attention(query=query, key=key, scaling=1.0), torch.tensor([[3]]))
    assert received.flatten().tolist() == [2.5, 0.0, 0.5]
    torch.testing.assert_close(given.flatten(), torch.tensor([0.4, 0.4, 0.2 + 1.0]))


@pytest.mark.parametrize("share", ["shared", "sequence", "key head", "head"])
def test_values_may_be_shared(share: str) -> None:
    call = call_of(Shape(batch=2, n_kv_heads=2, group=3, left=True, n_keys=20, n_queries=20))
    values = {
        "shared": call.values[:1, :1],
        "sequence": call.values[:, :1],
        "key head": call.values[:, :2],
        "head": call.values[:1],
    }[share]
    agree(replace(call, values=values))


def test_values_of_key_heads_follow_their_group_where_a_group_is_split_over_pieces() -> None:
    call = call_of(Shape(n_kv_heads=2, group=4, n_queries=260, n_keys=260))
    values = call.values[:, :2]
    found = torch_ops.weighted_values(call.attention, values)
    expected = reference.weighted_values(in_float64(call.attention), values.double())
    assert any(heads.first % 4 for heads in cut(call.attention, Limits()).ranges)
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=5e-6)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("heads", [1, 6])
def test_weights_may_be_shared(batch: int, heads: int) -> None:
    call = call_of(Shape(batch=2, n_kv_heads=2, group=3, left=True, n_keys=20, n_queries=13))
    agree(replace(call, weights=call.weights[:batch, :heads]))


def test_flags_may_be_shared_by_all_heads() -> None:
    call = call_of(Shape(n_kv_heads=2, group=2, removed=0.3, excluded=0.3, n_keys=20, n_queries=20))
    assert call.attention.removed is not None
    assert call.excluded is not None
    attention = replace(call.attention, removed=call.attention.removed[:, :1])
    agree(replace(call, attention=attention, excluded=call.excluded[:, :1]))


def test_memory_order_does_not_matter() -> None:
    call = call_of(Shape(batch=2, n_kv_heads=3, group=2, n_keys=70, n_queries=70, left=True))
    attention = call.attention
    # as models hold them: heads beside each other in a token's vector, here of a wider one
    strewn = replace(
        attention,
        query=torch.cat([attention.query, attention.query], dim=-1).mT.contiguous().mT[..., : attention.query.shape[3]],
        key=attention.key.permute(0, 2, 1, 3).contiguous().permute(0, 2, 1, 3),
    )
    assert not strewn.query.is_contiguous()
    assert not strewn.key.is_contiguous()
    before = (strewn.query.clone(), strewn.key.clone())
    agree(
        replace(call, attention=strewn, values=call.values.mT.contiguous().mT, weights=call.weights.mT.contiguous().mT)
    )
    assert torch.equal(strewn.query, before[0])
    assert torch.equal(strewn.key, before[1])


def test_whatever_stands_at_padding_plays_no_part() -> None:
    call = call_of(Shape(batch=2, n_keys=30, n_queries=30, left=True, right=True, seed=3))
    attention = call.attention
    outside = torch.ones(2, 1, 30, 1, dtype=torch.bool)
    for sequence, (start, stop) in enumerate(zip(attention.first_columns, attention.end_columns, strict=True)):
        outside[sequence, :, start:stop] = False
    assert outside.any()
    poisoned = replace(
        call,
        attention=replace(
            attention,
            query=attention.query.masked_fill(outside, float("nan")),
            key=attention.key.masked_fill(outside, float("nan")),
        ),
        values=call.values.masked_fill(outside, float("nan")),
        weights=call.weights.masked_fill(outside, float("inf")),
    )
    for clean, dirty in zip(results(call), results(poisoned), strict=True):
        assert torch.equal(clean, dirty)


def results(call: Call, limits: Limits | None = None) -> list[Tensor]:
    return [
        torch_ops.column_sums(call.attention, call.prefixes, limits),
        torch_ops.weighted_values(call.attention, call.values, limits),
        torch_ops.weighted_queries(call.attention, call.weights, limits),
        *torch_ops.key_scores(call.attention, call.prefixes, call.excluded, call.sink_share, limits),
    ]


def test_what_the_model_made_nan_is_not_hidden() -> None:
    call = call_of(Shape(n_keys=8, n_queries=8))
    call.attention.key[0, 0, 3] = float("nan")
    for result in results(call):
        assert result.isnan().any()


def test_gradients_are_neither_wanted_nor_recorded() -> None:
    call = call_of(Shape(n_keys=8, n_queries=8))
    learning = replace(call.attention, query=call.attention.query.requires_grad_())
    assert not any(result.requires_grad for result in results(replace(call, attention=learning)))


def test_it_is_what_the_contract_calls() -> None:
    call = call_of(Shape(n_keys=20, n_queries=20))
    sums, scores = (
        column_sums(call.attention, call.prefixes),
        key_scores(call.attention, call.prefixes, impl=Impl.TORCH),
    )
    assert torch.equal(sums, torch_ops.column_sums(call.attention, call.prefixes))
    expected = torch_ops.key_scores(call.attention, call.prefixes)
    assert torch.equal(scores.received, expected[0])
    assert torch.equal(scores.given, expected[1])
    assert torch.equal(
        weighted_values(call.attention, call.values), torch_ops.weighted_values(call.attention, call.values)
    )


@pytest.mark.gpu
@pytest.mark.parametrize("shape", FEATURES.values(), ids=FEATURES.keys())
def test_it_is_the_reference_on_a_gpu(shape: Shape) -> None:
    call = call_of(replace(shape, n_queries=67, n_keys=67))
    attention = call.attention
    there = replace(
        attention,
        query=attention.query.cuda(),
        key=attention.key.cuda(),
        sinks=None if attention.sinks is None else attention.sinks.cuda(),
        removed=None if attention.removed is None else attention.removed.cuda(),
    )
    excluded = None if call.excluded is None else call.excluded.cuda()
    on_gpu = replace(
        call,
        attention=there,
        prefixes=call.prefixes.cuda(),
        values=call.values.cuda(),
        weights=call.weights.cuda(),
        excluded=excluded,
    )
    agree(on_gpu)
