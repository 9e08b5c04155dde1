"""Rows of chosen queries are the rows of the whole pattern."""

from typing import Any

import pytest
import torch

from attnprobe.errors import KernelError
from attnprobe.kernels import Attention, StoredPattern, reference
from attnprobe.kernels.rows import pattern_rows

COLUMNS = torch.tensor([[8, 3, 5], [4, 4, 7]])
REMOVED = torch.zeros(2, 1, 9, dtype=torch.bool)
REMOVED[:, :, 4] = True


def drawn(**options: Any) -> Attention:
    generator = torch.Generator().manual_seed(0)
    query = torch.randn(2, 4, 9, 6, generator=generator, dtype=torch.float64)
    key = torch.randn(2, 2, 9, 6, generator=generator, dtype=torch.float64)
    return Attention(query=query, key=key, scaling=0.7, **options)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"softcap": 2.0},
        {"window": 3},
        {"sinks": torch.tensor([0.0, 1.0, -1.0, 2.0])},
        {"starts": (0, 4)},
        {"stops": (9, 6)},
        {"removed": REMOVED},
        {"softcap": 2.0, "window": 2, "starts": (3, 5), "removed": REMOVED},
    ],
    ids=lambda options: ", ".join(options) or "plain",
)
def test_rows_are_those_of_the_whole_pattern(options: dict[str, Any]) -> None:
    source = drawn(**options)
    whole = reference.pattern_of(source)
    expected = torch.stack([whole[row][:, columns] for row, columns in enumerate(COLUMNS)])
    torch.testing.assert_close(pattern_rows(source, COLUMNS), expected)
    torch.testing.assert_close(pattern_rows(StoredPattern(pattern=whole), COLUMNS), expected)


def test_queries_may_be_fewer_than_keys() -> None:
    whole, source = reference.pattern_of(drawn()), drawn()
    last = Attention(query=source.query[:, :, 5:], key=source.key, scaling=0.7)
    columns = torch.tensor([[8, 5], [6, 7]])
    expected = torch.stack([whole[row][:, chosen] for row, chosen in enumerate(columns)])
    torch.testing.assert_close(pattern_rows(last, columns), expected)
    with pytest.raises(KernelError, match=r"query columns \[\[4\], \[8\]\]: expected columns of 5\.\.8"):
        pattern_rows(last, torch.tensor([[4], [8]]))


def test_sums_are_in_float32_whatever_comes_in() -> None:
    source = drawn()
    half = Attention(query=source.query.bfloat16(), key=source.key.bfloat16(), scaling=0.7)
    assert pattern_rows(half, COLUMNS).dtype is torch.float32
