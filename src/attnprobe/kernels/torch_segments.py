"""Prefixes of a sequence as segments of its query rows.

In: the columns at which prefixes end. Out: for each query, how many prefixes end at or before it: the query counts for
every prefix after those. Sums are taken once for each segment, and prefixes are running sums over segments, so that a
row is added once however many prefixes hold it.
"""

from bisect import bisect_right
from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from attnprobe.kernels.torch_heads import Extent, RowBlock


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segments:
    """The segments of one sequence.

    Attributes:
        ends: columns at which prefixes end, not decreasing.
        first_query: column of the sequence's first query.
    """

    ends: tuple[int, ...]
    first_query: int

    def of(self, query: int) -> int:
        """The segment of a query: the first prefix that holds it."""
        return bisect_right(self.ends, self.first_query + query)

    def add(self, sums: Tensor, powers: Tensor, inverse: Tensor, block: RowBlock) -> None:
        """Add the columns of a block of rows to the sums of the segments they are in.

        Args:
            sums: [head, segment, column].
            powers: [head, row, column], not yet divided by the rows' sums.
            inverse: [head, row], one over those.
            block: which rows and columns these are.
        """
        low, high = self.of(block.first), self.of(block.last - 1)
        into = sums[:, low : high + 1, block.low : block.high]
        weights = rearrange(inverse, "head row -> head 1 row")
        if low != high:
            segments = [self.of(query) - low for query in range(block.first, block.last)]
            weights = (
                weights
                * torch.nn.functional.one_hot(torch.tensor(segments, device=powers.device), high - low + 1)
                .to(powers.dtype)
                .mT
            )
        into.baddbmm_(weights, powers)

    def within(self, extent: Extent, device: torch.device) -> Tensor:
        """[prefix, key]: whether a key column of the sequence is inside each prefix."""
        columns = torch.arange(extent.start, extent.stop, device=device)
        ends = torch.tensor(self.ends, device=device)
        return rearrange(columns, "k_pos -> 1 k_pos") < rearrange(ends, "prefix -> prefix 1")


def prefix_sums(sums: Float[Tensor, "head segment k_pos"]) -> Float[Tensor, "head prefix k_pos"]:
    """From sums over segments to sums over prefixes."""
    return sums if sums.shape[1] == 1 else sums.cumsum(1)
