"""Triton against the law in float64, with outputs that hold NaN until a kernel writes them.

In the interpreter where there is no GPU, compiled where there is one.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import jaxtyping
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from torch import Tensor

pytest.importorskip("triton")

from attnprobe.errors import KernelError
from attnprobe.kernels import Attention, Impl, key_scores, reference, triton_launch, triton_ops, weighted_values
from tests.kernels.drawn import Shape, call_of, in_float64, relative_bound, shapes
from tests.kernels.triton_cases import CASES, Case

# what numpy, in which the interpreter computes, says of a row of NaN that no result keeps
pytestmark = pytest.mark.filterwarnings("ignore:All-NaN slice encountered:RuntimeWarning")

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
# float32: rounding of the logits. 16 bits: a product of two sums of two bfloat16, each cut off at 16 bits by the
# interpreter (3 x 2^-16; a GPU rounds: a quarter of that), and the same for logits
SPLIT = 3 * 2**-16 + 2e-6
BOUND = {torch.float32: 2e-6, torch.bfloat16: SPLIT, torch.float16: SPLIT}


@pytest.fixture(autouse=True)
def _small_tiles_and_poisoned_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    def poisoned(shape: tuple[int, ...], device: torch.device) -> Tensor:
        return torch.full(shape, float("nan"), device=device)

    def tiles(*_: object) -> triton_launch.Tiles:
        return triton_launch.Tiles(rows=16, keys=16, n_warps=4, n_stages=1)

    monkeypatch.setattr(triton_launch, "empty", poisoned)
    monkeypatch.setattr(triton_ops, "tiles_for", tiles)
    monkeypatch.setattr(triton_launch, "MOST_COLUMNS", 16)


def assert_close(got: Tensor, law: Tensor, bound: float) -> None:
    """Equal to `bound` of the largest entry of a column, where a sum of positive terms is a share of it."""
    assert got.shape == law.shape
    assert got.dtype == torch.float32
    assert not got.isnan().any(), "an element was never written, or a masked one was used"
    largest = law.abs().amax(dim=2, keepdim=True).clamp(min=1e-30)
    assert float(((got.double() - law) / largest).abs().max()) <= bound


@pytest.mark.parametrize("name", CASES)
def test_scores_of_keys_are_those_of_the_law(name: str) -> None:
    case = CASES[name]
    attention, ends, flags = case.attention(DEVICE), case.ends(), case.flags(DEVICE)
    received, given = triton_ops.key_scores(attention, ends, flags, case.sink_share)
    law_received, law_given = reference.key_scores(attention, ends, flags, case.sink_share, dtype=torch.float64)
    assert torch.equal(received == 0, law_received == 0)
    assert_close(received, law_received, BOUND[case.dtype])
    assert_close(given, law_given, BOUND[case.dtype])


@pytest.mark.parametrize("name", CASES)
def test_weighted_sums_are_those_of_the_law(name: str) -> None:
    case = CASES[name]
    attention = case.attention(DEVICE)
    batch, _, n_kv_heads, n_queries, n_keys, _ = case.sizes
    rng = torch.Generator().manual_seed(1)
    # one column more than a program takes; values shared by sequences or by groups of heads, weights by heads
    n_shared = 1 if case.starts is None and case.stops is None else batch
    values = case.with_nan_at_padding(torch.rand(n_shared, n_kv_heads, n_keys, 17, generator=rng)).to(DEVICE)
    weights = case.with_nan_at_padding(torch.rand(batch, 1, n_queries, 3, generator=rng)).to(DEVICE)
    got = triton_ops.weighted_values(attention, values)
    assert_close(got, reference.weighted_values(attention, values, dtype=torch.float64), BOUND[case.dtype])
    got = triton_ops.weighted_queries(attention, weights)
    assert_close(got, reference.weighted_queries(attention, weights, dtype=torch.float64), BOUND[case.dtype])


@settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(shape=shapes())
def test_any_call_is_as_near_to_the_law_as_rounding_allows(shape: Shape) -> None:
    # a quarter of the heads and sequences: the interpreter takes its time
    dtype = torch.float32 if shape.dtype == torch.float64 else shape.dtype
    call = call_of(replace(shape, dtype=dtype, batch=min(shape.batch, 2), n_kv_heads=1, group=min(shape.group, 2)))
    attention, exact = on_device(call.attention), on_device(in_float64(call.attention))
    bound = relative_bound(call.attention) + BOUND[attention.query.dtype]
    values = call.values.abs().to(DEVICE)
    received, given_out = triton_ops.key_scores(attention, call.prefixes, call.excluded)
    law_received, law_given = reference.key_scores(exact, call.prefixes, moved(call.excluded))
    pairs = [(received, law_received), (given_out, law_given)]
    pairs += [(triton_ops.weighted_values(attention, values), reference.weighted_values(exact, values))]
    for got, law in pairs:
        torch.testing.assert_close(got.double(), law, rtol=bound, atol=1e-30)


def on_device(attention: Attention) -> Attention:
    """The call, where the tests run."""
    query, key = attention.query.to(DEVICE), attention.key.to(DEVICE)
    return replace(attention, query=query, key=key, sinks=moved(attention.sinks), removed=moved(attention.removed))


def moved(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.to(DEVICE)


def test_two_equal_keys_share_a_query() -> None:
    # rows of the pattern: (1, 0) and (1/2, 1/2)
    attention = Attention(query=torch.zeros(1, 1, 2, 4).to(DEVICE), key=torch.ones(1, 1, 2, 4).to(DEVICE), scaling=1.0)
    sums = triton_ops.column_sums(attention, torch.tensor([[1, 2]]))
    torch.testing.assert_close(sums.cpu(), torch.tensor([[[[1.0, 1.5], [0.0, 0.5]]]]))
    _, given = triton_ops.key_scores(attention, torch.tensor([[1, 2]]))
    # of the whole: 1 / 1.5, then 1/2 / 1.5 + 1/2 / .5
    torch.testing.assert_close(given.cpu(), torch.tensor([[[[1.0, 2 / 3], [0.0, 4 / 3]]]]))


def test_a_sink_takes_its_share() -> None:
    # one key of logit 0 beside a sink of log 3: a quarter is left
    sinks = torch.tensor([3.0]).log().to(DEVICE)
    ones = torch.ones(1, 1, 1, 4).to(DEVICE)
    attention = Attention(query=0 * ones, key=ones, scaling=1.0, sinks=sinks)
    torch.testing.assert_close(
        triton_ops.weighted_values(attention, ones[..., :1]).cpu(), torch.full((1, 1, 1, 1), 0.25)
    )


def test_a_row_without_any_key_is_zero() -> None:
    case = Case(sizes=(1, 1, 1, 4, 4, 16))
    removed = torch.tensor([[[True, True, False, False]]]).to(DEVICE)
    whole = case.attention(DEVICE)
    attention = Attention(query=whole.query, key=whole.key, scaling=1.0, removed=removed)
    rows = triton_ops.weighted_values(attention, torch.ones(1, 1, 4, 1).to(DEVICE)).flatten().tolist()
    assert rows == pytest.approx([0, 0, 1, 1])


def test_a_models_nan_stays_in_its_row_and_in_the_columns_that_the_row_sees() -> None:
    whole = Case(sizes=(1, 1, 1, 20, 20, 16)).attention(DEVICE)
    query = whole.query.clone()
    query[0, 0, 3] = float("nan")
    attention = Attention(query=query, key=whole.key, scaling=1.0)
    rows = triton_ops.weighted_values(attention, torch.ones(1, 1, 20, 1).to(DEVICE)).flatten().isnan()
    columns = triton_ops.column_sums(attention, torch.tensor([[20]])).flatten().isnan()
    assert rows.nonzero().flatten().tolist() == [3]
    assert columns.nonzero().flatten().tolist() == [0, 1, 2, 3]
    received, _ = triton_ops.key_scores(attention, torch.tensor([[20]]), sink_share=0.9)
    assert received.flatten().isnan().nonzero().flatten().tolist() == [0, 1, 2, 3]


def test_a_key_of_nan_makes_every_row_nan_that_sees_it() -> None:
    whole = Case(sizes=(1, 1, 1, 20, 20, 16)).attention(DEVICE)
    key = whole.key.clone()
    key[0, 0, 18] = float("nan")
    attention = Attention(query=whole.query, key=key, scaling=1.0)
    rows = triton_ops.weighted_values(attention, torch.ones(1, 1, 20, 1).to(DEVICE)).flatten().isnan()
    columns = triton_ops.column_sums(attention, torch.tensor([[18, 20]]))[0, 0].isnan()
    assert rows.nonzero().flatten().tolist() == [18, 19]
    # rows 18 and 19 see all columns; the prefix of 18 holds neither
    assert columns[:, 1].all()


def test_extreme_logits_neither_overflow_nor_vanish() -> None:
    whole = Case(sizes=(1, 1, 1, 33, 33, 16)).attention(DEVICE)
    attention = Attention(query=whole.query, key=whole.key, scaling=30.0)
    ends = torch.tensor([[20, 33]])
    received, given = triton_ops.key_scores(attention, ends)
    assert_close(received, reference.column_sums(attention, ends, dtype=torch.float64), 1e-4)
    # a key gives at most all that each of the keys before it receives
    assert given.isfinite().all()
    assert float(given.min()) >= 0
    assert float(given.max()) <= 33


def test_bfloat16_values_need_no_second_part(monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case(sizes=(1, 2, 1, 20, 20, 16), dtype=torch.bfloat16)
    attention = case.attention(DEVICE)
    seen: list[object] = []
    begin = triton_launch.start

    def start(kernel: Any, grid: tuple[int, int], arguments: dict[str, object], device: torch.device) -> None:
        seen.append(arguments.get("exact"))
        begin(kernel, grid, arguments, device)

    monkeypatch.setattr(triton_launch, "start", start)
    values = torch.rand(1, 1, 20, 3).to(torch.bfloat16).to(DEVICE)
    got = triton_ops.weighted_values(attention, values)
    assert seen == [None, True]
    assert_close(got, reference.weighted_values(attention, values, dtype=torch.float64), BOUND[case.dtype])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_values_and_weights_may_be_in_double_precision(dtype: torch.dtype) -> None:
    attention = Case(sizes=(1, 1, 1, 9, 9, 16), dtype=dtype).attention(DEVICE)
    factors = torch.rand(1, 1, 9, 2, dtype=torch.float64).to(DEVICE)
    law = reference.weighted_values(attention, factors, dtype=torch.float64)
    assert_close(triton_ops.weighted_values(attention, factors), law, BOUND[dtype])
    law = reference.weighted_queries(attention, factors, dtype=torch.float64)
    assert_close(triton_ops.weighted_queries(attention, factors), law, BOUND[dtype])


def test_the_contract_calls_these_kernels_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    attention = Case(sizes=(1, 1, 1, 3, 3, 16)).attention(DEVICE)
    values = torch.eye(3)[None, None].to(DEVICE)
    torch.testing.assert_close(
        weighted_values(attention, values, impl=Impl.TRITON), reference.weighted_values(attention, values)
    )
    monkeypatch.setattr(triton_ops, "key_scores", lambda *_: (values, -values))
    assert key_scores(attention, torch.tensor([[3]]), impl=Impl.TRITON).given is not None


@pytest.mark.skipif(DEVICE == "cuda", reason="compiled kernels hold no Python lines")
def test_every_line_of_the_kernels_runs_in_some_case() -> None:
    wanted = {path: set(_kernel_lines(path)) for path in _kernel_files()}
    run: dict[str, set[int]] = {str(path): set() for path in wanted}

    def watch(frame: FrameType, event: str, _: object) -> Callable[..., Any] | None:
        lines = run.get(frame.f_code.co_filename)
        if lines is None:
            return None
        lines.add(frame.f_lineno)
        return watch

    sys.settrace(watch)
    try:
        for case in (
            CASES["both paddings, all else"],
            Case(sizes=(1, 1, 1, 18, 18, 16), dtype=torch.bfloat16, prefixes=((17, 18),)),
        ):
            attention = case.attention()
            triton_ops.key_scores(attention, case.ends(), case.flags(), case.sink_share)
            triton_ops.weighted_queries(attention, torch.ones(1, 1, case.sizes[3], 1))
    finally:
        sys.settrace(None)
    for path, lines in wanted.items():
        assert lines <= run[str(path)], f"{path.name}: lines {sorted(lines - run[str(path)])} never ran"


def test_inputs_that_triton_cannot_take_are_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, without_shape_checks: None
) -> None:
    ends, plain = torch.tensor([[2]]), torch.zeros(1, 2, 3, 16, device=DEVICE)
    with pytest.raises(KernelError, match=r"queries are torch.float64.*choose torch or reference for float64"):
        triton_ops.column_sums(Attention(query=plain.double(), key=plain.double(), scaling=1.0), ends)
    with pytest.raises(KernelError, match=r"queries are torch\.float32 and keys torch\.float16"):
        triton_ops.column_sums(Attention(query=plain, key=plain.half(), scaling=1.0), ends)
    wide = torch.zeros(1, 2, 3, 300, device=DEVICE)
    monkeypatch.undo()
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(KernelError, match="d_head 300: impl triton serves up to 256"):
        triton_ops.column_sums(Attention(query=wide, key=wide, scaling=1.0), ends)


def test_a_cpu_tensor_needs_the_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triton_ops, "is_interpreted", lambda: False)
    zeros = torch.zeros(1, 1, 2, 16)
    with pytest.raises(KernelError, match="set TRITON_INTERPRET=1 before triton is imported, or choose torch"):
        triton_ops.column_sums(Attention(query=zeros, key=zeros, scaling=1.0), torch.tensor([[2]]))


def _kernel_files() -> list[Path]:
    folder = Path(triton_ops.__file__).parent
    return [folder / "triton_kernels.py", folder / "triton_tiles.py"]


def _kernel_lines(path: Path) -> list[int]:
    """The lines on which a statement of a kernel begins; docstrings and definitions hold none."""
    import ast

    statements = (
        node
        for function in ast.parse(path.read_text()).body
        if isinstance(function, ast.FunctionDef)
        for statement in function.body
        for node in ast.walk(statement)
        if isinstance(node, ast.stmt) and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    )
    return [node.lineno for node in statements if not isinstance(node, ast.If | ast.For)]
