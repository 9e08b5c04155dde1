"""Masses of single queries on keys of their own, against the whole pattern."""

import numpy as np
import pytest
import torch
from torch import Tensor

from attnprobe.attention.groups import Groups, key_mass, mean_mass
from attnprobe.attention.query_keys import own_mass
from attnprobe.kernels import Attention, Impl
from attnprobe.kernels.reference import pattern_of
from attnprobe.plan import LayerAttention, Tokens
from tests.attention.tagged_texts import stored
from tests.models.test_no_square import NothingSquare


def test_neither_masses_by_group_nor_masses_on_own_keys_hold_anything_of_size_t_by_t() -> None:
    n = 700
    source = Attention(query=torch.randn(1, 2, n, 4), key=torch.randn(1, 1, n, 4), scaling=0.5)
    attention = LayerAttention(layer=0, tokens=Tokens.of([[0] * n]), source=source, value=torch.randn(1, 1, n, 4))
    every = np.ones((1, n), dtype=bool)
    with NothingSquare() as watched:
        own_mass(attention, [{query: range(query + 1) for query in range(n)}], Impl.TORCH)
        groups = [Groups(queries=every, keys=every.repeat(12, axis=0))]
        mean_mass(attention, groups, key_mass(attention, groups, Impl.TORCH))
    assert n < watched.largest


def test_each_query_reads_its_own_keys() -> None:
    pattern = [[1.0, 0, 0, 0], [0.5, 0.5, 0, 0], [0.2, 0.3, 0.5, 0], [0.1, 0.2, 0.3, 0.4]]
    (found,) = own_mass(stored(pattern), [{1: (0,), 2: (0, 2), 3: ()}], Impl.AUTO)
    assert found.tolist() == [pytest.approx([0.5, 0.7, 0.0])]


@pytest.mark.parametrize("impl", [Impl.REFERENCE, Impl.TORCH])
@pytest.mark.parametrize("window", [None, 5])
@pytest.mark.parametrize("block", [1, 4, 7, 64])
def test_blocks_of_queries_give_what_the_whole_pattern_gives(impl: Impl, window: int | None, block: int) -> None:
    """Grouped keys, padding, a sequence that is shorter than a block, removed keys, a sink."""
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    tokens = Tokens.of([[0] * 13, [0] * 3])
    source = Attention(
        query=drawn(2, 4, 13, 6),
        key=drawn(2, 2, 13, 6),
        scaling=0.7,
        window=window,
        sinks=drawn(4),
        starts=tokens.starts,
        removed=drawn(2, 1, 13) > 1.5,
    )
    attention = LayerAttention(layer=0, tokens=tokens, source=source, value=drawn(2, 2, 13, 6))
    keys = [{1: (0, 1), 4: (2,), 8: (0, 3, 7), 12: tuple(range(13))}, {0: (0,), 2: (0, 2)}]
    pattern = pattern_of(source)
    for row, found in enumerate(own_mass(attention, keys, impl, block=block)):
        start = tokens.padding(row)
        for column, (query, own) in enumerate(keys[row].items()):
            expected = sum(pattern[row, :, start + query, start + key] for key in own)
            assert found[:, column] == pytest.approx(expected.numpy(), abs=1e-12)
