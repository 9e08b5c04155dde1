"""What a call may look like, and what is said where it does not fit."""

from dataclasses import replace

import pytest
import torch

from attnprobe.errors import KernelError
from attnprobe.kernels import Attention, Impl, StoredPattern, column_sums, key_scores, resolve, weighted_queries
from attnprobe.kernels import weighted_values as values_of
from attnprobe.kernels.attention import accumulator


def attention() -> Attention:
    return Attention(query=torch.zeros(2, 4, 3, 8), key=torch.zeros(2, 2, 5, 8), scaling=1.0)


def test_defaults_are_no_padding_and_queries_at_the_end() -> None:
    whole = attention()
    assert whole.first_columns == (0, 0)
    assert whole.end_columns == (5, 5)
    assert whole.first_query == 2
    stored = StoredPattern(pattern=torch.zeros(2, 4, 3, 5))
    assert (stored.first_columns, stored.end_columns, stored.first_query) == ((0, 0), (5, 5), 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"key": torch.zeros(2, 3, 5, 8)}, "do not fit"),
        ({"key": torch.zeros(1, 2, 5, 8)}, "do not fit"),
        ({"key": torch.zeros(2, 2, 5, 4)}, "do not fit"),
        ({"key": torch.zeros(2, 2, 2, 8)}, "no more than keys"),
        ({"query": torch.zeros(2, 4, 0, 8)}, "at least one query"),
        ({"softcap": 0.0}, "softcap 0.0: expected a number above 0"),
        ({"window": 0}, "window 0: expected at least 1 key"),
        ({"sinks": torch.zeros(2)}, r"sinks of shape \[2\]: expected one logit for each of 4 heads"),
        ({"removed": torch.zeros(2, 2, 5, dtype=torch.bool)}, r"removed of shape \[2, 2, 5\]: expected \[2, 4, 5\]"),
        ({"starts": (0,)}, "got 1 and 2, expected 2"),
        ({"starts": (0, 5)}, "expected 0 <= start < stop <= 5"),
        ({"stops": (5, 6)}, "expected 0 <= start < stop <= 5"),
    ],
)
@pytest.mark.usefixtures("without_shape_checks")
def test_a_call_that_does_not_fit_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(KernelError, match=message):
        replace(attention(), **change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pattern": torch.zeros(1, 1, 3, 2)}, "no more than keys"),
        ({"starts": (0, 0)}, "got 2 and 1, expected 1"),
        ({"stops": (0,)}, "expected 0 <= start < stop <= 5"),
    ],
)
def test_a_stored_pattern_that_does_not_fit_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(KernelError, match=message):
        replace(StoredPattern(pattern=torch.zeros(1, 1, 3, 5)), **change)


@pytest.mark.parametrize("prefixes", [[[2, 1], [1, 2]], [[0, 1], [1, 2]], [[1, 6], [1, 2]], [[1, 2]], [[], []]])
@pytest.mark.usefixtures("without_shape_checks")
def test_prefixes_that_decrease_or_lie_outside_are_refused(prefixes: list[list[int]]) -> None:
    for operation in (column_sums, key_scores):
        with pytest.raises(KernelError, match="prefixes"):
            operation(attention(), torch.tensor(prefixes, dtype=torch.int64))


@pytest.mark.parametrize("share", [0.0, -1.0, 1.5])
def test_a_sink_share_outside_of_0_to_1_is_refused(share: float) -> None:
    with pytest.raises(KernelError, match=f"sink share {share}"):
        key_scores(attention(), torch.tensor([[5], [5]]), sink_share=share)


@pytest.mark.parametrize("shape", [(2, 2, 5), (1, 1, 5), (2, 1, 3)])
@pytest.mark.usefixtures("without_shape_checks")
def test_excluded_columns_that_do_not_fit_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(KernelError, match=r"excluded of shape .*: expected \[2, 4, 5\], or 1 for the heads"):
        key_scores(attention(), torch.tensor([[5], [5]]), excluded=torch.zeros(shape, dtype=torch.bool))


@pytest.mark.parametrize("shape", [(3, 4, 5, 1), (2, 3, 5, 1), (2, 4, 4, 1), (2, 4, 5, 0)])
@pytest.mark.usefixtures("without_shape_checks")
def test_values_that_do_not_fit_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(KernelError, match=r"values of shape .* 5 positions and at least 1 column"):
        values_of(attention(), torch.zeros(shape))


@pytest.mark.parametrize("shape", [(2, 4, 5, 1), (2, 2, 3, 1)])
@pytest.mark.usefixtures("without_shape_checks")
def test_weights_that_do_not_fit_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(KernelError, match=r"weights of shape .* 3 positions"):
        weighted_queries(attention(), torch.zeros(shape))


def test_auto_is_torch_on_a_cpu_and_a_named_implementation_is_itself() -> None:
    assert resolve(Impl.AUTO, torch.device("cpu")) is Impl.TORCH
    assert resolve(Impl.REFERENCE, torch.device("cpu")) is Impl.REFERENCE


def test_triton_on_a_gpu_is_chosen_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attnprobe.kernels.ops.find_spec", lambda name: object())
    assert resolve(Impl.AUTO, torch.device("cuda")) is Impl.TRITON
    assert resolve(Impl.TRITON, torch.device("cpu")) is Impl.TRITON
    # what triton does not take is not given to it, unless it is named
    assert resolve(Impl.AUTO, torch.device("cuda"), torch.bfloat16, 256) is Impl.TRITON
    assert resolve(Impl.AUTO, torch.device("cuda"), torch.float64, 64) is Impl.TORCH
    assert resolve(Impl.AUTO, torch.device("cuda"), torch.float32, 257) is Impl.TORCH
    assert resolve(Impl.TRITON, torch.device("cuda"), torch.float64, 257) is Impl.TRITON
    monkeypatch.setattr("attnprobe.kernels.ops.find_spec", lambda name: None)
    assert resolve(Impl.AUTO, torch.device("cuda")) is Impl.TORCH
    with pytest.raises(KernelError, match="triton is not installed"):
        resolve(Impl.TRITON, torch.device("cuda"))


def test_sums_are_kept_in_float32_or_finer() -> None:
    assert accumulator(torch.zeros(1, dtype=torch.bfloat16)) is torch.float32
    assert accumulator(torch.zeros(1, dtype=torch.float16)) is torch.float32
    assert accumulator(torch.zeros(1, dtype=torch.float64)) is torch.float64
