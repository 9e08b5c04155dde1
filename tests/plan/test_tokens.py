"""Padding stands on the left; positions are absolute."""

import pytest
import torch

from attnprobe.errors import SpecError
from attnprobe.plan import Tokens


def test_shorter_sequences_are_padded_on_the_left() -> None:
    tokens = Tokens.of([[5, 6, 7], [8]], pad_id=9)
    assert tokens.ids.tolist() == [[5, 6, 7], [9, 9, 8]]
    assert tokens.lengths == (3, 1)
    assert [tokens.padding(row) for row in range(2)] == [0, 2]
    assert tokens.attention_mask().tolist() == [[1, 1, 1], [0, 0, 1]]
    assert tokens.position_ids().tolist() == [[0, 1, 2], [0, 0, 0]]


def test_a_batch_may_be_padded_further_than_its_longest_sequence() -> None:
    tokens = Tokens(ids=torch.tensor([[0, 0, 4, 5]]), lengths=(2,))
    assert tokens.width == 4
    assert tokens.attention_mask().tolist() == [[0, 0, 1, 1]]
    assert tokens.position_ids().tolist() == [[0, 0, 0, 1]]


@pytest.mark.parametrize("sequences", [[], [[1], []]])
def test_an_empty_batch_or_sequence_is_refused(sequences: list[list[int]]) -> None:
    with pytest.raises(SpecError, match="each must hold at least one token id"):
        Tokens.of(sequences)


@pytest.mark.parametrize("lengths", [(), (2,), (3, 2), (2, 0)])
def test_lengths_fit_the_ids(lengths: tuple[int, ...]) -> None:
    with pytest.raises(SpecError, match="tokens: "):
        Tokens(ids=torch.zeros(2, 2, dtype=torch.int64), lengths=lengths)
