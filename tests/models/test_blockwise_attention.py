"""Attention without a mask against the whole pattern times the values."""

from typing import Any

import pytest
import torch

from attnprobe.kernels import Attention, reference
from attnprobe.models.blockwise_attention import blockwise_attention, expand_heads

SINKS = torch.tensor([0.0, 2.0, -1.0, 0.5], dtype=torch.float64)


def drawn(length: int, *, n_sequences: int = 2, **options: Any) -> tuple[Attention, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)

    def normal(n_heads: int, width: int) -> torch.Tensor:
        return torch.randn(n_sequences, n_heads, length, width, generator=generator, dtype=torch.float64)

    attention = Attention(query=normal(4, 6), key=normal(2, 6), scaling=0.6, **options)
    return attention, normal(2, 5)


@pytest.mark.parametrize(
    ("length", "options"),
    [
        (1, {}),
        (13, {}),
        (13, {"starts": (0, 5)}),
        (13, {"starts": (12, 12)}),
        (13, {"window": 1}),
        (13, {"window": 4, "starts": (3, 0)}),
        (13, {"window": 13}),
        # more than one block of 256 queries, and windows below, at and above a block
        (601, {"window": 7, "starts": (0, 90)}),
        (601, {"window": 256}),
        (601, {"window": 300, "starts": (250, 0)}),
        (13, {"softcap": 1.5, "window": 4, "starts": (0, 5)}),
        (13, {"sinks": SINKS, "starts": (2, 0)}),
    ],
    ids=str,
)
def test_it_is_the_pattern_times_the_values_and_zero_at_padding(length: int, options: dict[str, Any]) -> None:
    attention, value = drawn(length, **options)
    z = blockwise_attention(attention, value)
    expected = (reference.pattern_of(attention) @ expand_heads(value, 2)).transpose(1, 2)
    torch.testing.assert_close(z, expected, atol=1e-12, rtol=0)
    for row, start in enumerate(attention.first_columns):
        assert not z[row, :start].any()


@pytest.mark.parametrize("options", [{}, {"softcap": 2.0}], ids=["fused", "kernels"])
def test_what_comes_out_has_the_dtype_of_the_values(options: dict[str, Any]) -> None:
    attention, value = drawn(9, **options)
    half = Attention(query=attention.query.bfloat16(), key=attention.key.bfloat16(), scaling=0.6, **options)
    z = blockwise_attention(half, value.bfloat16())
    assert z.dtype is torch.bfloat16
    assert z.shape == (2, 9, 4, 5)


def test_heads_are_expanded_in_groups() -> None:
    heads = torch.arange(2.0).reshape(1, 2, 1, 1)
    assert expand_heads(heads, 2).flatten().tolist() == [0, 0, 1, 1]
    assert expand_heads(heads, 1) is heads
