"""Prefixes of a sequence as segments of its query rows.

In: the columns at which prefixes end. Out: for each query, how many prefixes end at or before it: the query counts for
every prefix after those. Sums are taken once for each segment, and prefixes are running sums over segments, so that a
row is added once however many prefixes hold it.
"""

from bisect import bisect_right

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from attnprobe.kernels.torch_heads import Extent, RowBlock

SegmentSums = Float[Tensor, "head prefix k_pos"]


class Segments:
    """The segments of one sequence, for some of its heads.

    Attributes:
        ends: columns at which prefixes end, not decreasing.
        first_end: the column, not before the sequence's first, from which on a key is outside some prefix.
        outside: [prefix, key from `first_end` on]: whether the key is outside.
    """

    def __init__(self, ends: tuple[int, ...], extent: Extent, like: Tensor) -> None:
        self.ends = ends
        self.first_end = min(max(ends[0], extent.start), extent.stop)
        self._extent = extent
        self._ends = torch.tensor(ends, device=like.device)
        columns = torch.arange(self.first_end, extent.stop, device=like.device)
        self.outside = rearrange(columns, "k_pos -> 1 k_pos") >= rearrange(self._ends, "prefix -> prefix 1")
        self._running = torch.ones(len(ends), len(ends), dtype=like.dtype, device=like.device).tril_()
        self._indicators: dict[RowBlock, Tensor] = {}

    def of(self, query: int) -> int:
        """The segment of a query: the first prefix that holds it."""
        return bisect_right(self.ends, self._extent.first_query + query)

    def add(self, sums: SegmentSums, powers: Tensor, inverse: Tensor, block: RowBlock) -> None:
        """Add the columns of a block of rows to the sums of the segments they are in.

        Args:
            sums: by head, segment and key.
            powers: [head, row, column], not yet divided by the rows' sums.
            inverse: [head, row], one over those.
            block: which rows and columns these are.
        """
        low, high = self.of(block.first), self.of(block.last - 1)
        weights = inverse[:, None]
        if low != high:
            weights = weights * self._indicator(block, low, high, inverse)
        # a product that adds to what is there adds row by row, and errs in proportion to the rows of all blocks
        sums[:, low : high + 1, block.low : block.high].add_(torch.bmm(weights, powers))

    def _indicator(self, block: RowBlock, low: int, high: int, like: Tensor) -> Tensor:
        """[segment, row]: 1 where the row is in the segment."""
        if block not in self._indicators:
            first = self._extent.first_query
            rows = torch.arange(first + block.first, first + block.last, device=like.device)
            segments = torch.searchsorted(self._ends, rows, right=True)
            choices = rearrange(torch.arange(low, high + 1, device=like.device), "segment -> segment 1")
            self._indicators[block] = (segments == choices).to(like.dtype)
        return self._indicators[block]

    def prefix_sums(self, sums: SegmentSums) -> SegmentSums:
        """From sums over segments to sums over prefixes."""
        # a product with a triangle of ones: torch's cumulative sum is several times slower along this axis
        return torch.matmul(self._running, sums)
