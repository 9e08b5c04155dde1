"""A batch of token sequences, and the one padding rule: padding stands on the left.

In: lists of token ids. Out: `Tokens`, which turns absolute positions into columns. Left padding keeps the predicting
positions of all sequences in the last columns, so that only those need unembedding.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from attnprobe.errors import SpecError
from attnprobe.shapes import TokenIds


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tokens:
    """Token ids [batch, pos], left-padded, and the true length of each sequence.

    Attributes:
        ids: int64 token ids; padding columns hold any valid id.
        lengths: number of tokens of each sequence, padding not counted.
        cached: how many leading columns do not run: later columns attend to their keys and values, which are at hand
            from an earlier pass (decoding step by step, or a sweep over what an edit can change).
    """

    ids: TokenIds
    lengths: tuple[int, ...]
    cached: int = 0

    def __post_init__(self) -> None:
        if len(self.lengths) != self.ids.shape[0] or not self.lengths:
            raise SpecError(f"tokens: {self.ids.shape[0]} sequences but {len(self.lengths)} lengths.")
        if not all(0 < length <= self.ids.shape[1] for length in self.lengths):
            raise SpecError(f"tokens: lengths {list(self.lengths)} must lie in 1..{self.ids.shape[1]}.")
        if not 0 <= self.cached < self.ids.shape[1]:
            raise SpecError(f"tokens: {self.cached} cached columns of {self.ids.shape[1]}; at least one must run.")

    @classmethod
    def of(cls, sequences: Sequence[Sequence[int]], *, pad_id: int = 0) -> "Tokens":
        """Pad sequences of ids on the left to the longest.

        Args:
            sequences: token ids, none empty.
            pad_id: what stands in the padding columns; it is never attended to.

        Raises:
            SpecError: no sequence, or an empty one.
        """
        if not sequences or not all(sequences):
            raise SpecError(f"tokens: got {len(sequences)} sequences, each must hold at least one token id.")
        width = max(len(sequence) for sequence in sequences)
        rows = [[pad_id] * (width - len(sequence)) + list(sequence) for sequence in sequences]
        return cls(ids=torch.tensor(rows, dtype=torch.int64), lengths=tuple(len(s) for s in sequences))

    @property
    def width(self) -> int:
        """Columns: the length of the longest sequence, more if it was padded further."""
        return self.ids.shape[1]

    def padding(self, row: int) -> int:
        """How many padding columns stand before sequence `row`."""
        return self.width - self.lengths[row]

    @property
    def starts(self) -> tuple[int, ...]:
        """For each sequence, the column of its first token."""
        width = self.width
        return tuple(width - length for length in self.lengths)

    def attention_mask(self) -> Int[Tensor, "batch pos"]:
        """1 at tokens, 0 at padding."""
        columns = torch.arange(self.width)
        starts = torch.tensor(self.starts)
        return (columns[None, :] >= starts[:, None]).to(torch.int64)

    def position_ids(self) -> Int[Tensor, "batch pos"]:
        """Absolute position of each column; 0 at padding."""
        return (torch.arange(self.width) - torch.tensor(self.starts)[:, None]).clamp_min(0)
