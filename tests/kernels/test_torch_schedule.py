"""How torch cuts a call: what is kept, skipped, computed twice, handed to threads, and how little is held."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from attnprobe.kernels import Attention, torch_ops, torch_schedule
from attnprobe.kernels.torch_heads import HeadRange, Heads, RowBlock, extent_of, row_blocks
from attnprobe.kernels.torch_schedule import Cut, Limits, Workspace, carry_out, cut
from tests.kernels.drawn import Call, Shape, call_of
from tests.kernels.test_torch_ops import agree, results


@pytest.fixture
def blocks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[RowBlock, str, bool]]:
    """Every block of rows that is computed: which, on which thread, and whether its rows' largest logit was taken."""
    seen: list[tuple[RowBlock, str, bool]] = []
    compute = Heads.powers

    def noted(self: Heads, block: RowBlock, out: Tensor) -> tuple[Tensor, Tensor]:
        seen.append((block, threading.current_thread().name, self.needs_peak))
        return compute(self, block, out)

    monkeypatch.setattr(Heads, "powers", noted)
    return seen


@pytest.fixture
def two_threads() -> object:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def plain(n_keys: int, **more: object) -> Call:
    return call_of(replace(Shape(n_queries=n_keys, n_keys=n_keys), **more))


def test_rows_that_fit_the_budget_are_computed_once_and_others_twice(blocks: list[tuple[RowBlock, str, bool]]) -> None:
    call = plain(40)
    last = torch.tensor([[40]])
    # ten blocks of 4 rows by 4, 8, ... 40 keys in float32: the last two hold 4 x (36 + 40) numbers
    budgets = {24 << 20: 10, 0: 20, 4 * 4 * (36 + 40): 18, 4 * 4 * (36 + 40) - 1: 19}
    for retained, n_computed in budgets.items():
        blocks.clear()
        torch_ops.key_scores(call.attention, last, limits=Limits(retained=retained, rows=4))
        assert len(blocks) == n_computed
        agree(call, Limits(retained=retained, rows=4))


def test_a_long_sequence_turns_to_computing_twice_by_itself(blocks: list[tuple[RowBlock, str, bool]]) -> None:
    n_keys = 4000
    attention = Attention(query=torch.randn(1, 1, n_keys, 2), key=torch.randn(1, 1, n_keys, 2), scaling=1.0)
    received, given = torch_ops.key_scores(attention, torch.tensor([[n_keys]]))
    n_blocks = len({block for block, _, _ in blocks})
    assert n_blocks < len(blocks) < 2 * n_blocks
    # every row gives all of its mass, and every column hands out exactly 1
    torch.testing.assert_close(received.sum(), torch.tensor(float(n_keys)), rtol=1e-5, atol=0)
    torch.testing.assert_close(given.sum(), torch.tensor(float(n_keys)), rtol=1e-5, atol=0)


def test_keys_before_a_window_are_never_touched(blocks: list[tuple[RowBlock, str, bool]]) -> None:
    call = plain(500, window=20)
    agree(call)
    assert max(block.n_rows for block, _, _ in blocks) == 32
    assert max(block.n_columns for block, _, _ in blocks) == 32 + 20 - 1
    assert blocks[0][0].low == 0


def test_padding_is_never_touched(blocks: list[tuple[RowBlock, str, bool]]) -> None:
    call = plain(200)
    attention = replace(call.attention, starts=(150,), stops=(190,))
    agree(replace(call, attention=attention, prefixes=torch.tensor([[160, 200]])))
    assert {(block.last, block.high) for block, _, _ in blocks} == {(40, 40)}


def test_rows_after_the_last_prefix_are_never_computed(blocks: list[tuple[RowBlock, str, bool]]) -> None:
    torch_ops.key_scores(plain(200).attention, torch.tensor([[3, 10]]))
    assert {(block.last, block.high) for block, _, _ in blocks} == {(10, 10)}
    blocks.clear()
    before_any = replace(plain(200).attention, starts=(150,))
    received, given = torch_ops.key_scores(before_any, torch.tensor([[3, 10]]))
    assert not blocks
    assert not received.any()
    assert not given.any()
    assert not torch_ops.column_sums(before_any, torch.tensor([[3, 10]])).any()


def test_a_sequence_without_queries_is_passed_over(blocks: list[tuple[RowBlock, str, bool]]) -> None:
    # the queries are columns 8 and 9, and the sequence ends at 5
    call = call_of(Shape(n_queries=2, n_keys=10))
    call = replace(call, attention=replace(call.attention, stops=(5,)))
    assert not any(result.any() for result in results(call))
    assert not blocks


def test_the_largest_logit_is_taken_out_only_where_one_could_be_too_large(
    blocks: list[tuple[RowBlock, str, bool]],
) -> None:
    for needed, shape in (
        (False, Shape(n_keys=30, n_queries=30)),
        (True, Shape(n_keys=30, n_queries=30, sharpness=100.0)),
        (False, Shape(n_keys=30, n_queries=30, sharpness=100.0, softcap=20.0)),
        (True, Shape(n_keys=30, n_queries=30, softcap=50.0)),
        (True, Shape(n_keys=30, n_queries=30, sinks=True)),
    ):
        blocks.clear()
        call = call_of(shape)
        torch_ops.column_sums(call.attention, call.prefixes)
        assert {peak for _, _, peak in blocks} == {needed}


def test_blocks_hold_every_visible_pair_and_no_row_twice() -> None:
    for n_queries, n_keys, window, n_rows in ((50, 50, None, 16), (17, 50, 9, 5), (50, 50, 3, 64)):
        attention = call_of(Shape(n_queries=n_queries, n_keys=n_keys, window=window)).attention
        covered = torch.zeros(n_queries, n_keys, dtype=torch.int64)
        for block in row_blocks(extent_of(attention, 0), window, n_rows):
            covered[block.first : block.last, block.low : block.high] += 1
        visible = torch.ones(n_queries, n_keys).tril(n_keys - n_queries)
        if window is not None:
            visible = visible.triu(n_keys - n_queries - window + 1)
        assert covered.max() == 1
        assert (covered >= visible).all()


def test_a_cut_covers_every_head_once_and_long_rows_make_short_blocks() -> None:
    for batch, n_kv_heads, group, n_keys in (
        (1, 12, 1, 512),
        (1, 3, 3, 1024),
        (2, 8, 4, 100),
        (1, 1, 1, 5),
        (5, 2, 1, 9),
    ):
        attention = Attention(
            query=torch.zeros(batch, n_kv_heads * group, n_keys, 1),
            key=torch.zeros(batch, n_kv_heads, n_keys, 1),
            scaling=1.0,
        )
        ranges = cut(attention, Limits()).ranges
        covered = [(heads.sequence, head) for heads in ranges for head in range(heads.first, heads.last)]
        assert sorted(covered) == [(b, h) for b in range(batch) for h in range(n_kv_heads * group)]
        assert len(covered) == len(set(covered))
        # two workers can share, also where there are fewer key heads than workers
        assert len(ranges) > 1 or n_kv_heads * group * batch == 1 or n_keys < 256
    long = Attention(query=torch.zeros(1, 1, 1, 1).expand(1, 1, 1 << 17, 1), key=torch.zeros(1, 1, 1, 1).expand(1, 1, 1 << 17, 1), scaling=1.0)  # fmt: skip  # noqa: E501
    assert cut(long, Limits()).n_rows * (1 << 17) * 4 <= 8 << 20


def test_another_device_is_given_more_at_once() -> None:
    def plan(device: str) -> Cut:
        empty = torch.empty(1, 12, 1024, 64, device=device)
        return cut(Attention(query=empty, key=empty, scaling=1.0), Limits(retained=1000))

    assert len(plan("cpu").ranges) > len(plan("meta").ranges)
    assert plan("cpu").retained == 1000 < plan("meta").retained


def test_large_memory_is_always_mapped_and_what_is_there_is_used_again() -> None:
    workspace, like = Workspace(), torch.empty(0)
    small = workspace.room(1000, like)
    assert small.shape == (1000,)
    assert workspace.room(10, like).data_ptr() == small.data_ptr()
    assert workspace.memory is not None
    assert workspace.memory.numel() == 1000
    large = workspace.room((4 << 20) // 4 + 1, like)
    assert large.numel() == (4 << 20) // 4 + 1
    assert workspace.memory.numel() * 4 > 32 << 20


class Largest(TorchDispatchMode):
    """Notes the most numbers that any tensor held."""

    numbers = 0

    def __torch_dispatch__(self, func: Callable[..., object], types: object, args: object = (), kwargs: object = None):
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple | list) else (result,):
            if isinstance(tensor, Tensor):
                self.numbers = max(self.numbers, tensor.untyped_storage().nbytes() // tensor.element_size())
        return result


def test_no_tensor_holds_every_pair_of_a_long_sequence() -> None:
    n_keys = 4096
    call = plain(n_keys, d_head=2, n_prefixes=4)
    with Largest() as largest:
        results(call)
    # what may be retained, rounded up to what is mapped, and nothing near n_keys x n_keys = 16.8 million
    assert largest.numbers <= (33 << 20) // 4
    with Largest() as largest:
        results(call, Limits(retained=0))
    assert largest.numbers <= 128 * n_keys


def test_the_largest_tensor_grows_with_the_length_and_not_its_square() -> None:
    held = []
    for n_keys in (2048, 4096):
        with Largest() as largest:
            call = plain(n_keys, d_head=2, window=64)
            results(replace(call, prefixes=torch.tensor([[n_keys - 1, n_keys]])))
        held.append(largest.numbers)
    # a square would be 4 times as much
    assert held[1] <= 2.1 * held[0]


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize(
    "shape", [Shape(n_kv_heads=5), Shape(n_kv_heads=3, group=3), Shape(batch=3, n_kv_heads=4, group=2, left=True)]
)
def test_threads_change_no_bit(shape: Shape, blocks: list[tuple[RowBlock, str, bool]]) -> None:
    call = call_of(replace(shape, n_keys=300, n_queries=300, d_head=16))
    names = set[str]()
    for _ in range(50):
        # on a busy machine one worker may have done it all before the other woke
        shared = results(call)
        names |= {name for _, name, _ in blocks}
        if len(names) == 2:
            break
    assert len(names) == 2
    assert all(name.startswith("attnprobe-kernels") for name in names)
    blocks.clear()
    torch.set_num_threads(1)
    alone = results(call)
    assert {name for _, name, _ in blocks} == {threading.current_thread().name}
    for one, other in zip(shared, alone, strict=True):
        assert torch.equal(one, other)


@pytest.mark.usefixtures("two_threads")
def test_short_sequences_stay_on_the_thread_that_asks(blocks: list[tuple[RowBlock, str, bool]]) -> None:
    results(call_of(Shape(n_kv_heads=5, n_keys=255, n_queries=255)))
    assert {name for _, name, _ in blocks} == {threading.current_thread().name}


@pytest.mark.usefixtures("two_threads")
def test_several_callers_at_once_get_their_own_results() -> None:
    calls = [call_of(Shape(n_kv_heads=4, n_keys=260, n_queries=260, seed=seed)) for seed in range(4)]
    expected = [results(call) for call in calls]
    found: dict[int, list[Tensor]] = {}

    def ask(index: int) -> None:
        torch.set_num_threads(2)
        found[index] = results(calls[index])

    callers = [threading.Thread(target=ask, args=(index,)) for index in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    for index, one in enumerate(expected):
        assert all(torch.equal(a, b) for a, b in zip(one, found[index], strict=True))


@pytest.mark.usefixtures("two_threads")
def test_workers_leave_the_number_of_threads_as_it_was() -> None:
    torch_schedule._pool.cache_clear()
    results(call_of(Shape(n_kv_heads=4, n_keys=260, n_queries=260)))
    later: list[int] = []
    thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert (torch.get_num_threads(), later) == (2, [2])
    in_workers: list[int] = []
    long = call_of(Shape(n_keys=260, n_queries=260)).attention
    carry_out([lambda: in_workers.append(torch.get_num_threads())] * 4, long)
    assert in_workers == [1] * 4


@pytest.mark.usefixtures("two_threads")
def test_inference_mode_reaches_the_workers() -> None:
    with torch.inference_mode():
        call = call_of(Shape(n_kv_heads=4, n_keys=260, n_queries=260))
        assert all(result.is_inference() for result in results(call))


@pytest.mark.usefixtures("two_threads")
def test_what_goes_wrong_in_a_worker_is_raised() -> None:
    def wrong() -> None:
        raise ValueError("in a worker")

    with pytest.raises(ValueError, match="in a worker"):
        carry_out([wrong, wrong], call_of(Shape(n_keys=260, n_queries=260)).attention)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_starts_threads_of_its_own() -> None:
    results(call_of(Shape(n_kv_heads=4, n_keys=260, n_queries=260)))
    assert torch_schedule._pool.cache_info().currsize
    child = os.fork()
    if not child:
        os._exit(torch_schedule._pool.cache_info().currsize)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_heads_of_a_split_group_read_their_own_key_head() -> None:
    attention = call_of(Shape(n_kv_heads=2, group=3)).attention
    split = Heads(attention, HeadRange(sequence=0, first=1, last=5, group=1), extent_of(attention, 0))
    expected = attention.key[0, [0, 0, 1, 1]]
    assert torch.equal(split.key.mT, expected)


def test_kernels_load_where_there_is_no_fork() -> None:
    # as on Windows
    code = "import torch, os; del os.register_at_fork; import attnprobe.kernels.torch_ops"
    source = str(Path(__file__).parents[2] / "src")
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": source},
    )
    assert done.returncode == 0, done.stderr
