"""Key scores of a few heads: columns summed, inverted, and the same rows of attention looked at once more.

In: rows of some heads, and the segments of their prefixes. Out: received and given mass, written in place. What fits a
budget is kept between the two looks; the rest is computed twice.
"""

from collections.abc import Iterator

import torch
from einops import rearrange
from jaxtyping import Bool
from torch import Tensor

from attnprobe.kernels.torch_heads import Extent, Heads, RowBlock, row_blocks
from attnprobe.kernels.torch_segments import Segments, prefix_sums

Rows = Iterator[tuple[RowBlock, Tensor, Tensor]]


class RowsTwice:
    """Blocks of rows that are wanted twice, the last ones kept as far as a budget goes."""

    def __init__(self, heads: Heads, extent: Extent, window: int | None, n_rows: int, budget: int) -> None:
        self.heads = heads
        self.extent = extent
        self.blocks = tuple(row_blocks(extent, window, n_rows))
        sizes = [heads.n_heads * block.n_rows * block.n_columns for block in self.blocks]
        room = budget // heads.query.element_size()
        self.n_again = len(self.blocks)
        while self.n_again and sizes[self.n_again - 1] <= room:
            self.n_again -= 1
            room -= sizes[self.n_again]
        self._scratch = heads.query.new_empty(max(sizes[: self.n_again], default=0))
        self._retained = heads.query.new_empty(sum(sizes[self.n_again :]))
        self._kept: list[tuple[RowBlock, Tensor, Tensor]] = []

    def first(self) -> Rows:
        """Every block, in order."""
        for block in self.blocks[: self.n_again]:
            yield block, *self.heads.powers(block, self._scratch)
        free = self._retained
        for block in self.blocks[self.n_again :]:
            powers, inverse = self.heads.powers(block, free)
            free = free[powers.numel() :]
            self._kept.append((block, powers, inverse))
            yield block, powers, inverse

    def again(self) -> Rows:
        """Every block once more, the one seen last first: it is still in cache."""
        yield from reversed(self._kept)
        for block in reversed(self.blocks[: self.n_again]):
            yield block, *self.heads.powers(block, self._scratch)


def score(
    rows: RowsTwice,
    segments: Segments,
    received: Tensor,
    given: Tensor,
    *,
    excluded: Bool[Tensor, "#head k_pos"] | None,
    sink_share: float | None,
) -> None:
    """`ops.key_scores` of some heads.

    Args:
        rows: their attention.
        segments: the prefixes.
        received, given: zeros of [head, prefix, key], to be written.
        excluded, sink_share: as `ops.key_scores` has them.
    """
    extent = rows.extent
    for block, powers, inverse in rows.first():
        segments.add(received, powers, inverse, block)
    sums = prefix_sums(received)
    # anything smaller has no finite inverse
    dropped = sums < torch.finfo(sums.dtype).tiny
    if excluded is not None:
        dropped |= rearrange(excluded, "head k_pos -> head 1 k_pos")
    if sink_share is not None:
        n_queries = [max(0, min(end, extent.stop) - extent.first_query) for end in segments.ends]
        largest = sink_share * torch.tensor(n_queries, dtype=sums.dtype, device=sums.device)
        dropped |= sums > rearrange(largest, "prefix -> prefix 1")
    inverses = sums.reciprocal().masked_fill_(dropped, 0.0)
    received.copy_(sums).masked_fill_(dropped, 0.0)
    shift = extent.first_query - extent.start
    for block, powers, inverse in rows.again():
        products = torch.bmm(inverses[:, :, block.low : block.high], powers.mT)
        into = given[:, :, shift + block.first : shift + block.last]
        torch.mul(products, rearrange(inverse, "head row -> head 1 row"), out=into)
    # no prefix ends before the first one does
    open_columns = max(0, segments.ends[0] - extent.start)
    outside = ~segments.within(extent, given.device)[:, open_columns:]
    given[:, :, open_columns:].masked_fill_(outside, 0.0)
