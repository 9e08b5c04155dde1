"""The compiled Triton kernels at real sizes on a GPU, against the law in float64; their times go to the report alone.

`pytest -m gpu tests/kernels --junitxml=FILE` writes the times as properties of the tests.
"""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

pytest.importorskip("triton")

from attnprobe.kernels import Attention, reference, triton_launch, triton_ops

pytestmark = pytest.mark.gpu

# rounding of logits of up to 60 in float32; for 16 bits two bfloat16 for each factor of a product
BOUND = {torch.float32: 1e-5, torch.bfloat16: 4e-5, torch.float16: 4e-5}
SHAPES = [(16, 4, 64), (8, 2, 80), (8, 8, 96), (16, 4, 128), (4, 1, 256)]


@pytest.fixture(autouse=True)
def _poisoned_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    def poisoned(shape: tuple[int, ...], device: torch.device) -> Tensor:
        return torch.full(shape, float("nan"), device=device)

    monkeypatch.setattr(triton_launch, "empty", poisoned)


def attention(
    heads: int, kv_heads: int, d_head: int, dtype: torch.dtype, *, n_keys: int, everything: bool, n_queries: int = 0
) -> Attention:
    """Two sequences as a model lays them out (position before head)."""
    rng = torch.Generator("cuda").manual_seed(5)
    n_queries = n_queries or n_keys
    query = torch.randn(2, n_queries, heads, d_head, generator=rng, device="cuda").permute(0, 2, 1, 3) * 1.5
    key = torch.randn(2, n_keys, kv_heads, d_head, generator=rng, device="cuda").permute(0, 2, 1, 3)
    query, key, scaling = query.to(dtype), key.to(dtype), 2.0 * d_head**-0.5
    if not everything:
        return Attention(query=query, key=key, scaling=scaling)
    removed = torch.rand(2, 1, n_keys, generator=rng, device="cuda") < 0.1
    sinks = torch.randn(heads, generator=rng, device="cuda")
    return Attention(
        query=query, key=key, scaling=scaling, softcap=20.0, window=n_keys // 3, sinks=sinks,
        starts=(n_keys // 5, 0), stops=(n_keys, n_keys - 77), removed=removed,
    )  # fmt: skip


def assert_close(got: Tensor, law: Tensor, bound: float) -> None:
    assert not got.isnan().any(), "an element was never written, or a masked one was used"
    largest = law.abs().amax(dim=2, keepdim=True).clamp(min=1e-30)
    assert float(((got.double() - law) / largest).abs().max()) <= bound


def milliseconds(call: Callable[[], object]) -> float:
    """Median of 20 runs after 5, by the device's own clock."""
    for _ in range(5):
        call()
    times: list[float] = []
    for _ in range(20):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        call()
        end.record()
        torch.cuda.synchronize()
        times.append(begin.elapsed_time(end))
    return sorted(times)[10]


@pytest.mark.parametrize("everything", [False, True], ids=["plain", "everything"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize(("heads", "kv_heads", "d_head"), SHAPES)
def test_compiled_kernels_give_what_the_law_gives(
    heads: int, kv_heads: int, d_head: int, dtype: torch.dtype, everything: bool
) -> None:
    for n_keys, n_queries in ((1537, 1537), (1537, 100)):
        source = attention(heads, kv_heads, d_head, dtype, n_keys=n_keys, everything=everything, n_queries=n_queries)
        ends = torch.arange(n_keys - 70, n_keys + 1).repeat(2, 1)
        for got, law in zip(
            triton_ops.key_scores(source, ends, source.removed, 0.2 if everything else None),
            reference.key_scores(source, ends, source.removed, 0.2 if everything else None, dtype=torch.float64),
            strict=True,
        ):
            assert_close(got, law, BOUND[dtype])
        values = (torch.rand(1, kv_heads, n_keys, 33, device="cuda") < 0.3).float()
        law = reference.weighted_values(source, values, dtype=torch.float64)
        assert_close(triton_ops.weighted_values(source, values), law, BOUND[dtype])
        assert_close(triton_ops.weighted_values(source, values.bfloat16()), law, BOUND[dtype])
        weights = torch.rand(2, 1, n_queries, 33, device="cuda")
        law = reference.weighted_queries(source, weights, dtype=torch.float64)
        assert_close(triton_ops.weighted_queries(source, weights), law, BOUND[dtype])


def test_the_same_input_gives_the_same_bits() -> None:
    source = attention(16, 4, 128, torch.bfloat16, n_keys=2049, everything=True)
    ends = torch.arange(2000, 2050).repeat(2, 1)
    first, second = (triton_ops.key_scores(source, ends) for _ in range(2))
    assert all(torch.equal(left, right) for left, right in zip(first, second, strict=True))


def test_offsets_beyond_2_to_the_31_reach_the_right_numbers() -> None:
    # the second sequence lies 2.2 billion elements behind the first
    small = attention(2, 2, 64, torch.bfloat16, n_keys=300, everything=False)
    room = torch.empty(2_200_000_000 + 2 * 300 * 64, dtype=torch.bfloat16, device="cuda")
    key = room.as_strided((2, 2, 300, 64), (2_200_000_000, 300 * 64, 64, 1))
    key.copy_(small.key)
    far = Attention(query=small.query, key=key, scaling=small.scaling)
    ends = torch.tensor([[300], [300]])
    assert torch.equal(triton_ops.column_sums(far, ends), triton_ops.column_sums(small, ends))


def test_memory_grows_with_the_outputs_alone() -> None:
    source = attention(8, 8, 64, torch.bfloat16, n_keys=16384, everything=False)
    ends = torch.arange(16384 - 31, 16385).repeat(2, 1)
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    received, _ = triton_ops.key_scores(source, ends)
    # received, its inverse and what is given; two floats a row
    outputs = 3 * received.numel() * 4 + 2 * source.query.shape[0] * 8 * 16384 * 4
    assert torch.cuda.max_memory_allocated() - before <= 1.1 * outputs


@pytest.mark.parametrize("n_keys", [4096, 16384])
def test_times_beside_a_flash_attention_forward(n_keys: int, record_property: Callable[[str, object], None]) -> None:
    source = attention(32, 8, 128, torch.bfloat16, n_keys=n_keys, everything=False)
    value = torch.randn_like(source.key)
    ends = torch.arange(n_keys - 31, n_keys + 1).repeat(2, 1)
    indicators = (torch.rand(1, 1, n_keys, 32, device="cuda") < 0.3).bfloat16()
    calls: dict[str, Callable[[], object]] = {
        "flash": lambda: torch.nn.functional.scaled_dot_product_attention(
            source.query, source.key, value, is_causal=True, enable_gqa=True
        ),
        "gold scores, 32 prefixes": lambda: triton_ops.key_scores(source, ends),
        "category mass, 32 columns": lambda: triton_ops.weighted_values(source, indicators),
    }
    for name, call in calls.items():
        record_property(f"{name}, T = {n_keys}, ms", round(milliseconds(call), 3))
