"""Statistics that look at attention while the model runs, on every backend and family: they see what the model uses."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from attnprobe.errors import SpecError
from attnprobe.kernels import Attention, Impl, StoredPattern, column_sums, reference
from attnprobe.models.model import Backend, Model
from attnprobe.plan import LayerAttention, Plan, Point, Read, Run, Scale, Site, Stream, Tokens, Write
from tests.models.agreement import SEQUENCES, TOKENS, assert_close, assert_same_logits, fingerprint, read_all
from tests.models.architectures import LENGTHS, VOCAB
from tests.models.edits import EDITS
from tests.models.loaders import CASES, Case, open_case

every_case = pytest.mark.parametrize("case", CASES, ids=str)
Seen = tuple[Tensor, Tensor]


def whole(attention: LayerAttention) -> Seen:
    """The pattern and the values: what no real statistic may keep."""
    return reference.pattern_of(attention.source).clone(), attention.value.clone()


def streams(model: Model, statistic: Callable[[LayerAttention], Any] = whole) -> tuple[Stream, ...]:
    return tuple(Stream(layer=layer, statistic=statistic) for layer in range(model.dims.n_layers))


def assert_streams_are_reads(streamed: Run, read: Run) -> None:
    for layer, (pattern, value) in enumerate(streamed.streamed):
        for row, length in enumerate(LENGTHS):
            start = read.tokens.padding(row)
            expected = read.read(Point.PATTERN, layer, row)
            assert_close(pattern[row, :, start:, start:], expected, ("pattern", layer, row))
            assert not pattern[row, :, :start].any()
            assert not pattern[row, :, :, :start].any()
            z = torch.matmul(expected, expand(value[row, :, start:], expected.shape[0]))
            assert z.shape[1] == length
            assert_close(z, read.read(Point.Z, layer, row).transpose(0, 1), ("z", layer, row))


def expand(value: Tensor, n_heads: int) -> Tensor:
    return value.repeat_interleave(n_heads // value.shape[0], dim=0)


@every_case
def test_a_statistic_sees_the_pattern_and_the_values_that_the_model_uses(case: Case) -> None:
    model, _ = open_case(case)
    run, watched = (
        model.forward(TOKENS, Plan(streams=streams(model))),
        model.forward(TOKENS, Plan(reads=read_all(case))),
    )
    assert_streams_are_reads(run, watched)
    assert_same_logits(run, watched)


@every_case
@pytest.mark.parametrize("edit", [name for name in EDITS if not name.startswith(("k of", "v of"))])
def test_a_statistic_sees_the_edited_pattern(case: Case, edit: str) -> None:
    model, _ = open_case(case)
    writes = EDITS[edit](model.dims)
    if case.loader.refuses_per_query_head and any(write.site.per_query_head for write in writes):
        pytest.skip("refused, as the contract has it")
    run = model.forward(TOKENS, Plan(writes=writes, streams=streams(model)))
    watched = model.forward(TOKENS, Plan(writes=writes, reads=read_all(case)))
    for layer, (pattern, _) in enumerate(run.streamed):
        for row in range(len(LENGTHS)):
            start = TOKENS.padding(row)
            expected = watched.read(Point.PATTERN, layer, row)
            assert_close(pattern[row, :, start:, start:], expected, (layer, row))
    assert_same_logits(run, watched)
    assert run.fired == watched.fired


@pytest.mark.parametrize("case", [case for case in CASES if not case.loader.refuses_per_query_head], ids=str)
def test_edited_copies_of_keys_and_values_are_what_a_statistic_sees(case: Case) -> None:
    model, _ = open_case(case)
    writes = tuple(
        Write(site=Site(point=point, layer=1, heads=(1,), per_query_head=True), intervention=Scale(factor=-0.5))
        for point in (Point.K, Point.V)
    )
    run = model.forward(TOKENS, Plan(writes=writes, streams=streams(model)))
    read = model.forward(TOKENS, Plan(writes=writes, reads=read_all(case)))
    assert_streams_are_reads(run, read)


@every_case
def test_results_stand_in_the_order_of_the_plan_whatever_the_order_of_the_layers(case: Case) -> None:
    model, _ = open_case(case)
    layers = (2, 0, 2, 1)
    plan = Plan(streams=tuple(Stream(layer=layer, statistic=lambda seen: seen.layer) for layer in layers))
    assert model.forward(TOKENS, plan).streamed == layers


@every_case
def test_padding_and_the_rest_of_the_batch_do_not_show_in_a_statistic(case: Case) -> None:
    model, _ = open_case(case)

    def received(seen: LayerAttention) -> Tensor:
        ends = torch.tensor([[column // 2 + 1, column] for column in [seen.tokens.width] * len(seen.tokens.lengths)])
        return column_sums(seen.source, ends, impl=Impl.REFERENCE)[..., 1]

    together = model.forward(TOKENS, Plan(streams=streams(model, received), last_logits=0)).streamed
    for row, ids in enumerate(SEQUENCES):
        alone = model.forward(Tokens.of([ids]), Plan(streams=streams(model, received), last_logits=0)).streamed
        for layer, sums in enumerate(alone):
            assert_close(together[layer][row, :, -len(ids) :], sums[0], (layer, row))


@every_case
def test_without_logits_a_pass_stops_once_nothing_is_still_to_come(case: Case) -> None:
    model, _ = open_case(case)

    def operations(plan: Plan) -> int:
        with CountedOperations() as counted:
            run = model.forward(TOKENS, plan)
        assert run.logits.shape == (3, 11 if plan.last_logits is None else 0, VOCAB)
        assert counted.unembeds == (plan.last_logits is None)
        return counted.n

    by_layer = [operations(Plan(streams=streams(model)[: layer + 1], last_logits=0)) for layer in range(3)]
    assert by_layer == sorted(set(by_layer))
    assert by_layer[-1] < operations(Plan(streams=streams(model)))


@every_case
def test_points_after_the_attention_of_the_last_layer_are_still_read_and_written(case: Case) -> None:
    model, _ = open_case(case)
    later = (Point.Z, Point.ATTN_OUT, Point.MLP_OUT)
    reads = tuple(Read(point=point, layer=1) for point in later)
    for point in later:
        write = Write(site=Site(point=point, layer=1), intervention=Scale(factor=0.5))
        run = model.forward(TOKENS, Plan(streams=streams(model)[:2], reads=reads, writes=(write,), last_logits=0))
        plain = model.forward(TOKENS, Plan(reads=reads, writes=(write,)))
        assert run.fired == plain.fired
        for read in reads:
            for row in range(3):
                assert_close(run.read(read.point, 1, row), plain.read(read.point, 1, row), (point, read.point))


@every_case
def test_a_plan_that_asks_for_nothing_runs_nothing(case: Case) -> None:
    model, _ = open_case(case)
    with CountedOperations() as counted:
        run = model.forward(TOKENS, Plan(last_logits=0))
    assert run.logits.shape == (3, 0, VOCAB)
    assert counted.n < 20


@every_case
def test_what_a_statistic_raises_comes_out_and_leaves_nothing_behind(case: Case) -> None:
    model, _ = open_case(case)
    module = module_of(model)
    before, plain = fingerprint(module), model.forward(TOKENS)

    def fail(seen: LayerAttention) -> None:
        raise LookupError(f"layer {seen.layer}")

    for last_logits in (None, 0):
        with pytest.raises(LookupError, match="layer 1"):
            model.forward(TOKENS, Plan(streams=(Stream(layer=1, statistic=fail),), last_logits=last_logits))
    model.forward(TOKENS, Plan(streams=streams(model)[:1], last_logits=0))
    assert fingerprint(module) == before
    assert torch.equal(model.forward(TOKENS).logits, plain.logits)


@every_case
def test_a_statistic_runs_without_gradients(case: Case) -> None:
    model, _ = open_case(case)
    plan = Plan(streams=streams(model, lambda seen: (torch.is_grad_enabled(), seen.value.requires_grad)))
    assert model.forward(TOKENS, plan).streamed == ((False, False),) * 3


@every_case
def test_a_stream_of_a_layer_that_does_not_exist_is_refused(case: Case) -> None:
    model, _ = open_case(case)
    with pytest.raises(SpecError, match="layer 3 does not exist: the model has layers 0 to 2"):
        model.forward(TOKENS, Plan(streams=(Stream(layer=3, statistic=whole),)))


@every_case
def test_a_statistic_gets_the_call_itself_except_where_a_pattern_exists(case: Case) -> None:
    model, _ = open_case(case)
    kinds = model.forward(
        TOKENS,
        Plan(streams=streams(model, lambda seen: type(seen.source)), reads=(Read(point=Point.PATTERN, layer=1),)),
    ).streamed
    looked_at = StoredPattern if case.backend is Backend.TRANSFORMER_LENS else Attention
    assert kinds == (looked_at, StoredPattern, looked_at)


class CountedOperations(TorchDispatchMode):
    """How many operations run, and whether one of them gives an entry for each word of the vocabulary."""

    def __init__(self) -> None:
        super().__init__()
        self.n = 0
        self.unembeds = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.n += 1
        result = func(*args, **(kwargs or {}))
        self.unembeds |= "mm" in str(func) and VOCAB in result.shape[-1:]
        return result


def module_of(model: Any) -> torch.nn.Module:
    """The torch module that a backend runs."""
    return model._bridge.original_model if model.backend is Backend.TRANSFORMER_LENS else model._model
