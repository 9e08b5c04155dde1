"""Which columns of a sequence run in a pass: all from one on, or a choice of these.

In: positions. Out: `Columns`. Edits are carried out on all columns from the first on; where only a choice runs, tensors
are spread over these for that purpose and picked from them afterwards.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Columns of a sequence that run.

    Attributes:
        first: everything before it is as in the unedited run.
        width: tokens of the sequence.
        chosen: absolute positions that run, ascending, none before `first`; None for all from `first` on.
    """

    first: int
    width: int
    chosen: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        assert 0 <= self.first < self.width
        assert self.chosen is None or self.first <= self.chosen[0] <= self.chosen[-1] < self.width

    @property
    def positions(self) -> Sequence[int]:
        """Absolute positions, in order."""
        return range(self.first, self.width) if self.chosen is None else self.chosen

    def index(self, device: torch.device) -> Int[Tensor, " column"]:
        """The columns that run, counted from the first."""
        return torch.tensor(self.positions, device=device) - self.first

    def pick(self, tensor: Tensor, axis: int) -> Tensor:
        """Of something over all columns from the first on, what runs."""
        return tensor if self.chosen is None else tensor.index_select(axis, self.index(tensor.device))

    def spread(self, tensor: Tensor, axis: int) -> Tensor:
        """What runs, at its place among all columns from the first on; zero elsewhere."""
        if self.chosen is None:
            return tensor
        shape = list(tensor.shape)
        shape[axis] = self.width - self.first
        return tensor.new_zeros(shape).index_copy(axis, self.index(tensor.device), tensor)
