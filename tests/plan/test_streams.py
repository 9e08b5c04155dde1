"""Streams in an execution: who sees what, in which order results come out, and when a pass may stop."""

import pytest
import torch

from attnprobe.errors import PlanError, SpecError
from attnprobe.kernels import Attention, StoredPattern
from attnprobe.plan import (
    Edges,
    Execution,
    LayerAttention,
    ModelDims,
    Plan,
    Point,
    Read,
    Scale,
    Site,
    Stream,
    Tokens,
    Write,
    mask_edges,
)

DIMS = ModelDims(d_model=4, vocab=10, context=8, n_heads=(2, 2), n_kv_heads=(1, 1), d_head=(2, 2), windows=(None, None))
PADDED = Tokens.of([[5, 6, 7], [8, 9]])
VALUE = torch.zeros(2, 1, 3, 2)
SOURCE = Attention(query=torch.zeros(2, 2, 3, 2), key=torch.zeros(2, 1, 3, 2), scaling=1.0, starts=PADDED.starts)
VISIBLE = torch.ones(3, 3).tril().bool() & PADDED.attention_mask().bool()[:, None, None, :]


def begun(*layers: int, last_logits: int | None = None) -> Execution:
    """Streams of these layers, each returning its layer and its place in the plan."""

    def stream(place: int, layer: int) -> Stream:
        return Stream(layer=layer, statistic=lambda seen: (seen.layer, place))

    streams = tuple(stream(place, layer) for place, layer in enumerate(layers))
    return Execution(Plan(streams=streams, last_logits=last_logits), DIMS, PADDED)


def test_first_columns_are_told_for_each_sequence() -> None:
    assert PADDED.starts == (0, 1)


def test_results_stand_in_the_order_of_the_plan() -> None:
    execution = begun(1, 0, 1)
    for layer in (0, 1):
        execution.stream(layer, SOURCE, VALUE)
    assert execution.finish(torch.zeros(2, 3, 10)).streamed == ((1, 0), (0, 1), (1, 2))


def test_a_statistic_is_shown_the_call_the_values_and_the_batch() -> None:
    shown: list[LayerAttention] = []
    execution = Execution(Plan(streams=(Stream(layer=1, statistic=shown.append),)), DIMS, PADDED)
    execution.stream(1, SOURCE, VALUE)
    (seen,) = shown
    assert (seen.layer, seen.tokens, seen.source, seen.value) == (1, PADDED, SOURCE, VALUE)


def test_a_stream_that_never_fired_raises_and_is_named() -> None:
    execution = begun(0, 1)
    execution.stream(0, SOURCE, VALUE)
    with pytest.raises(PlanError, match="the attention of layer 1 was to be streamed but never passed by"):
        execution.finish(torch.zeros(2, 3, 10))


def test_a_stored_pattern_is_zero_at_padding_and_where_a_query_may_not_look() -> None:
    execution = Execution(Plan(streams=(Stream(layer=0, statistic=lambda seen: seen.source),)), DIMS, PADDED)
    execution.stream_pattern(0, torch.ones(2, 2, 3, 3), VISIBLE, VALUE)
    (source,) = execution.finish(torch.zeros(2, 3, 10)).streamed
    assert isinstance(source, StoredPattern)
    assert source.starts == (0, 1)
    assert source.pattern[0, 0].tolist() == [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    assert source.pattern[1, 1].tolist() == [[0, 0, 0], [0, 1, 0], [0, 1, 1]]


def test_layers_without_a_stream_are_not_looked_at() -> None:
    execution = begun(1)
    assert [execution.has_streams(layer) for layer in (0, 1)] == [False, True]
    execution.stream_pattern(0, torch.ones(2, 2, 3, 3), VISIBLE, VALUE)
    assert not execution._streamed


def test_what_a_statistic_raises_is_not_caught() -> None:
    def fail(seen: LayerAttention) -> None:
        raise LookupError(seen.layer)

    execution = Execution(Plan(streams=(Stream(layer=0, statistic=fail),)), DIMS, PADDED)
    with pytest.raises(LookupError):
        execution.stream(0, SOURCE, VALUE)


def test_a_pass_with_logits_is_never_over() -> None:
    execution = begun(0, last_logits=1)
    execution.stream(0, SOURCE, VALUE)
    assert not execution.is_over


def test_a_pass_without_logits_is_over_once_everything_was_read_written_and_streamed() -> None:
    write = Write(site=Site(point=Point.Z, layer=1), intervention=Scale(factor=2.0))
    mask = mask_edges(layer=0, edges=Edges.of({1: [0]}))
    stream, read = Stream(layer=0, statistic=lambda seen: None), Read(point=Point.Z, layer=1)
    plan = Plan(reads=(read,), writes=(write, mask), streams=(stream,), last_logits=0)
    execution = Execution(plan, DIMS, PADDED)
    steps = [execution.is_over]
    logits = torch.zeros(2, 2, 3, 3).masked_fill(~VISIBLE, -torch.inf)
    pattern = execution.attn_logits(0, logits, VISIBLE).softmax(-1)
    steps.append(execution.is_over)
    execution.stream_pattern(0, pattern, VISIBLE, VALUE)
    steps.append(execution.is_over)
    execution.vectors(Point.Z, 1, torch.ones(2, 3, 2, 2))
    assert [*steps, execution.is_over] == [False, False, False, True]
    run = execution.finish(None)
    assert run.logits.shape == (2, 0, 10)
    assert [firing.edited for firing in run.fired] == [10, 4]


def test_a_write_that_reached_nothing_raises_without_logits_too() -> None:
    mask = mask_edges(layer=0, edges=Edges.of({0: [1]}))
    execution = Execution(Plan(writes=(mask,), last_logits=0), DIMS, PADDED)
    execution.attn_logits(0, torch.zeros(2, 2, 3, 3), VISIBLE)
    assert execution.is_over
    with pytest.raises(PlanError, match="fired 0 times"):
        execution.finish(None)


def test_without_logits_nothing_is_held_to_be_finite() -> None:
    run = begun(last_logits=0).finish(torch.full((2, 3, 10), torch.nan))
    assert run.logits.shape == (2, 0, 10)
    with pytest.raises(SpecError, match="the last 0 columns were unembedded"):
        run.logits_at(0, [2])


@pytest.mark.parametrize(
    ("plan", "looks"),
    [
        (Plan(), False),
        (Plan(last_logits=1), False),
        (Plan(last_logits=0), True),
        (Plan(streams=(Stream(layer=0, statistic=repr),)), True),
    ],
)
def test_passes_that_look_or_need_no_logits_mask_themselves(plan: Plan, looks: bool) -> None:
    assert Execution(plan, DIMS, PADDED).masks_itself is looks


def test_fewer_than_no_logits_are_refused() -> None:
    with pytest.raises(SpecError, match="last_logits=-1; expected at least 0, or None for all"):
        Plan(last_logits=-1)


def test_a_stream_names_a_layer_that_exists() -> None:
    with pytest.raises(SpecError, match="layer 2 does not exist: the model has layers 0 to 1"):
        begun(2)
