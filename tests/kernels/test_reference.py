"""The law: values worked by hand, then what must hold for any input, then a loop that shares no line with it."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

from attnprobe.kernels import Attention, StoredPattern, reference, weighted_values
from attnprobe.kernels.reference import pattern_of, visible_to
from tests.kernels.drawn import Call, Shape, call_of, in_float64, shapes


def worked(logits: list[float], **options: object) -> Attention:
    """One head of width 1 whose every query gives key j the logit logits[j]."""
    n_keys = len(logits)
    query = torch.ones(1, 1, n_keys, 1, dtype=torch.float64)
    key = torch.tensor(logits, dtype=torch.float64).reshape(1, 1, n_keys, 1)
    return replace(Attention(query=query, key=key, scaling=1.0), **options)


def rows_of(attention: Attention) -> Tensor:
    return pattern_of(attention)[0, 0]


def same(actual: Tensor, expected: list[list[float]]) -> None:
    torch.testing.assert_close(actual, torch.tensor(expected, dtype=actual.dtype), rtol=1e-12, atol=1e-15)


LOG_3 = math.log(3)


def test_a_query_divides_its_mass_over_the_keys_up_to_itself() -> None:
    same(rows_of(worked([0, LOG_3])), [[1, 0], [0.25, 0.75]])


def test_scaling_multiplies_the_products() -> None:
    same(rows_of(worked([0, 2 * LOG_3], scaling=0.5)), [[1, 0], [0.25, 0.75]])


def test_a_softcap_bounds_the_logits_before_the_mask() -> None:
    logit = 2 * math.atanh(LOG_3 / 2)
    same(rows_of(worked([0, logit], softcap=2.0)), [[1, 0], [0.25, 0.75]])


def test_a_window_counts_the_query_itself() -> None:
    same(rows_of(worked([5, 0, LOG_3], window=1)), [[1, 0, 0], [0, 1, 0], [0, 0, 1]])
    same(rows_of(worked([5, 0, LOG_3], window=2))[2:], [[0, 0.25, 0.75]])


def test_a_sink_takes_its_share_of_every_row() -> None:
    same(rows_of(worked([0, 0], sinks=torch.zeros(1, dtype=torch.float64))), [[1 / 2, 0], [1 / 3, 1 / 3]])


def test_what_is_left_of_a_row_is_renormalised_when_keys_are_removed() -> None:
    removed = torch.tensor([[[True, False, False]]])
    same(rows_of(worked([9, 0, LOG_3], removed=removed)), [[0, 0, 0], [0, 1, 0], [0, 0.25, 0.75]])


def test_a_row_with_a_sink_and_no_key_attends_to_nothing() -> None:
    removed = torch.tensor([[[True]]])
    same(rows_of(worked([1], removed=removed, sinks=torch.zeros(1, dtype=torch.float64))), [[0]])


def test_padding_neither_looks_nor_is_looked_at() -> None:
    padded = worked([math.nan, 0, LOG_3, math.nan], starts=(1,), stops=(3,))
    same(rows_of(padded), [[0, 0, 0, 0], [0, 1, 0, 0], [0, 0.25, 0.75, 0], [0, 0, 0, 0]])


def test_queries_are_the_last_columns() -> None:
    whole = worked([0, LOG_3, 1])
    same(rows_of(replace(whole, query=whole.query[:, :, 1:])), rows_of(whole)[1:].tolist())


def test_query_heads_share_key_heads_in_order() -> None:
    key = torch.tensor([[0, LOG_3], [LOG_3, 0]], dtype=torch.float64).reshape(1, 2, 2, 1)
    pattern = pattern_of(Attention(query=torch.ones(1, 4, 2, 1, dtype=torch.float64), key=key, scaling=1.0))
    same(pattern[0, :, 1], [[0.25, 0.75], [0.25, 0.75], [0.75, 0.25], [0.75, 0.25]])


def test_what_the_model_made_nan_stays_nan() -> None:
    pattern = rows_of(worked([0, math.nan, 0]))
    assert pattern[0].tolist() == [1, 0, 0]
    assert pattern[1:].isnan().any(dim=-1).all()
    received, given = reference.key_scores(worked([0, math.nan, 0]), torch.tensor([[1, 3]]), sink_share=0.9)
    assert received[0, 0, :, 1].isnan().all()
    assert given[0, 0, :, 1].isnan().any()


def test_column_sums_and_key_scores_worked_by_hand() -> None:
    attention, prefixes = worked([0, LOG_3]), torch.tensor([[1, 2, 2]])
    received, given = reference.key_scores(attention, prefixes)
    same(reference.column_sums(attention, prefixes)[0, 0], [[1, 1.25, 1.25], [0, 0.75, 0.75]])
    same(received[0, 0], [[1, 1.25, 1.25], [0, 0.75, 0.75]])
    # prefix 2: query 0 gives 1 / 1.25; query 1 gives .25 / 1.25 + .75 / .75
    same(given[0, 0], [[1, 0.8, 0.8], [0, 1.2, 1.2]])


def test_an_excluded_column_receives_nothing_and_gives_nothing() -> None:
    received, given = reference.key_scores(
        worked([0, LOG_3]), torch.tensor([[2]]), excluded=torch.tensor([[[True, False]]])
    )
    same(received[0, 0], [[0], [0.75]])
    same(given[0, 0], [[0], [1]])


def test_a_sink_is_a_column_that_receives_more_than_its_share_of_a_prefix() -> None:
    # shares of column 0: 1 of 1 query, 1.25 of 2
    for share, expected in ((0.63, 1.25), (0.62, 0.0)):
        received, _ = reference.key_scores(worked([0, LOG_3]), torch.tensor([[1, 2]]), sink_share=share)
        same(received[0, 0], [[0, expected], [0, 0.75]])


def test_a_sink_share_counts_the_queries_that_there_are() -> None:
    padded = worked([0, 0, LOG_3, 0], starts=(1,), stops=(3,))
    # two queries, although the prefix ends at column 4: column 1 receives 1.25 of 2
    received, _ = reference.key_scores(padded, torch.tensor([[4]]), sink_share=0.62)
    same(received[0, 0], [[0], [0], [0.75], [0]])
    late = replace(worked([0, LOG_3]), query=torch.ones(1, 1, 1, 1, dtype=torch.float64))
    received, _ = reference.key_scores(late, torch.tensor([[2]]), sink_share=0.7)
    same(received[0, 0], [[0.25], [0]])


def test_a_column_without_a_finite_inverse_counts_as_nothing_received() -> None:
    pattern = torch.zeros(1, 1, 2, 2)
    pattern[..., 0, 0], pattern[..., 1, 1] = 1.0, 1e-40
    received, given = reference.key_scores(StoredPattern(pattern=pattern), torch.tensor([[2]]))
    assert received.flatten().tolist() == [1, 0]
    assert given.flatten().tolist() == [1, 0]


def test_weighted_sums_worked_by_hand() -> None:
    attention = worked([0, LOG_3])
    values = torch.tensor([[1.0, 10.0], [2.0, 20.0]]).reshape(1, 1, 2, 2)
    same(reference.weighted_values(attention, values)[0, 0], [[1, 10], [1.75, 17.5]])
    same(reference.weighted_queries(attention, values)[0, 0], [[1.5, 15], [1.5, 15]])


def test_values_of_a_key_head_are_shared_by_its_group() -> None:
    call = call_of(Shape(n_kv_heads=2, group=3))
    values = call.values[:, :2]
    shared = reference.weighted_values(call.attention, values)
    torch.testing.assert_close(
        shared, reference.weighted_values(call.attention, values.repeat_interleave(3, dim=1)), rtol=0, atol=0
    )
    stored = StoredPattern(pattern=pattern_of(call.attention))
    torch.testing.assert_close(shared, weighted_values(stored, values), rtol=0, atol=0)


@settings(max_examples=60, deadline=None)
@given(shapes())
def test_a_row_sums_to_1_less_the_sink_or_sees_nothing(shape: Shape) -> None:
    attention = in_float64(call_of(shape).attention)
    pattern, visible = pattern_of(attention), visible_to(attention)
    sums = pattern.sum(-1)
    some = visible.any(-1).expand_as(sums)
    assert not (pattern * ~visible).any()
    if attention.sinks is None:
        torch.testing.assert_close(sums, some.double(), rtol=1e-12, atol=1e-12)
    else:
        assert (sums[some] < 1).all()
        assert (sums[some] > 0).all()
        assert not sums[~some].any()


@settings(max_examples=40, deadline=None)
@given(shapes())
def test_a_prefix_is_the_leading_block_of_the_pattern(shape: Shape) -> None:
    call = call_of(shape)
    attention = in_float64(call.attention)
    pattern, sums = pattern_of(attention), reference.column_sums(attention, call.prefixes)
    for sequence, ends in enumerate(call.prefixes.tolist()):
        for index, end in enumerate(ends):
            block = pattern[sequence, :, : max(0, end - attention.first_query)]
            torch.testing.assert_close(sums[sequence, :, :, index], block.sum(1), rtol=1e-12, atol=1e-12)


def everything(call: Call, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    return [
        reference.column_sums(call.attention, call.prefixes, dtype),
        reference.weighted_values(call.attention, call.values, dtype),
        reference.weighted_queries(call.attention, call.weights, dtype),
        *reference.key_scores(call.attention, call.prefixes, call.excluded, call.sink_share, dtype),
    ]


def test_padding_changes_nothing_whatever_stands_there() -> None:
    call = call_of(Shape(n_kv_heads=2, group=2, n_queries=9, n_keys=9, window=4, sinks=True, excluded=0.2))
    bare, left, right = everything(call), 3, 2

    def padded(tensor: Tensor, fill: float = math.nan) -> Tensor:
        return torch.nn.functional.pad(tensor, (0, 0, left, right), value=fill)

    attention = replace(
        call.attention,
        query=padded(call.attention.query),
        key=padded(call.attention.key),
        starts=(left,),
        stops=(left + 9,),
    )
    assert call.excluded is not None
    padding = replace(
        call,
        attention=attention,
        prefixes=call.prefixes + left,
        values=padded(call.values),
        weights=padded(call.weights),
        excluded=torch.nn.functional.pad(call.excluded, (left, right), value=False),
    )
    for with_padding, without in zip(everything(padding), bare, strict=True):
        torch.testing.assert_close(with_padding, padded(without, 0.0), rtol=1e-12, atol=1e-12)


def test_the_order_of_sequences_and_heads_does_not_matter() -> None:
    call = call_of(Shape(batch=2, n_kv_heads=3, group=1, left=True, right=True, sinks=True, removed=0.2))
    attention = call.attention
    assert attention.starts is not None
    assert attention.stops is not None
    assert attention.sinks is not None
    assert attention.removed is not None
    turned = replace(
        call,
        attention=replace(
            attention,
            query=attention.query.flip(0, 1),
            key=attention.key.flip(0, 1),
            starts=attention.starts[::-1],
            stops=attention.stops[::-1],
            sinks=attention.sinks.flip(0),
            removed=attention.removed.flip(0, 1),
        ),
        prefixes=call.prefixes.flip(0),
        values=call.values.flip(0, 1),
        weights=call.weights.flip(0, 1),
    )
    for one, other in zip(everything(call), everything(turned), strict=True):
        torch.testing.assert_close(one, other.flip(0, 1), rtol=1e-12, atol=1e-12)


def test_a_stored_pattern_gives_what_the_attention_gives_that_made_it() -> None:
    call = call_of(Shape(batch=2, left=True, right=True, n_keys=12, n_queries=12, sink_share=0.2))
    stored = StoredPattern(
        pattern=pattern_of(in_float64(call.attention)), starts=call.attention.starts, stops=call.attention.stops
    )
    received, given = reference.key_scores(stored, call.prefixes, call.excluded, call.sink_share)
    expected = reference.key_scores(in_float64(call.attention), call.prefixes, call.excluded, call.sink_share)
    torch.testing.assert_close(received, expected[0], rtol=0, atol=0)
    torch.testing.assert_close(given, expected[1], rtol=0, atol=0)


def entry_by_entry(attention: Attention) -> np.ndarray:
    """The pattern in plain loops over plain numbers."""
    query, key = attention.query.double().numpy(), attention.key.double().numpy()
    batch, n_heads, n_queries, _ = query.shape
    n_keys, group = key.shape[2], n_heads // key.shape[1]
    pattern = np.zeros((batch, n_heads, n_queries, n_keys))
    for b, h, i in np.ndindex(batch, n_heads, n_queries):
        column, powers = n_keys - n_queries + i, {}
        if not attention.first_columns[b] <= column < attention.end_columns[b]:
            continue
        for j in range(attention.first_columns[b], column + 1):
            gone = attention.removed is not None and bool(attention.removed[b, h, j])
            if gone or (attention.window is not None and column - j >= attention.window):
                continue
            logit = float(query[b, h, i] @ key[b, h // group, j]) * attention.scaling
            if attention.softcap is not None:
                logit = attention.softcap * math.tanh(logit / attention.softcap)
            powers[j] = math.exp(logit)
        sink = 0.0 if attention.sinks is None else math.exp(float(attention.sinks[h]))
        for j, power in powers.items():
            pattern[b, h, i, j] = power / (sum(powers.values()) + sink)
    return pattern


@settings(max_examples=25, deadline=None)
@given(shapes())
def test_the_pattern_is_what_plain_loops_give(shape: Shape) -> None:
    attention = in_float64(call_of(shape).attention)
    np.testing.assert_allclose(pattern_of(attention).numpy(), entry_by_entry(attention), rtol=1e-10, atol=1e-14)


def test_key_scores_are_samrank_as_its_authors_wrote_it() -> None:
    n_keys, end = 9, 7
    attention = in_float64(call_of(Shape(n_queries=n_keys, n_keys=n_keys)).attention)
    first = torch.zeros(1, 1, n_keys, dtype=torch.bool)
    first[..., 0] = True
    received, given = reference.key_scores(attention, torch.tensor([[end]]), excluded=first)
    block = pattern_of(attention)[0, 0, :end, :end].numpy()
    scores = block.sum(axis=0)
    scores[0] = 0
    scaled = block @ np.diag(scores)
    shares = scaled / np.where(scaled.sum(axis=0) > 0, scaled.sum(axis=0), 1)
    np.testing.assert_allclose(received[0, 0, :end, 0], scores, rtol=1e-12)
    np.testing.assert_allclose(given[0, 0, :end, 0], shares.sum(axis=1), rtol=1e-12)
    assert not received[0, 0, end:].any()
    assert not given[0, 0, end:].any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_precision_is_what_was_asked(dtype: torch.dtype) -> None:
    call = call_of(Shape(dtype=torch.bfloat16))
    assert {result.dtype for result in everything(call, dtype)} == {dtype}
    assert pattern_of(call.attention).dtype is torch.float32
