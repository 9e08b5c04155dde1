"""Key scores of a few heads: columns summed, inverted, and the same rows of attention looked at once more.

In: rows of some heads, and the segments of their prefixes. Out: received and given mass, written in place. What fits a
budget is kept between the two looks; the rest is computed twice.
"""

import math
from collections.abc import Iterator

import torch
from einops import rearrange
from jaxtyping import Bool
from torch import Tensor
from torch.nn.functional import threshold

from attnprobe.kernels.torch_heads import Extent, Heads, RowBlock, row_blocks
from attnprobe.kernels.torch_schedule import Cut, Workspace
from attnprobe.kernels.torch_segments import Segments

Rows = Iterator[tuple[RowBlock, Tensor, Tensor]]


class RowsTwice:
    """Blocks of rows that are wanted twice, the last ones kept as far as a budget goes."""

    def __init__(self, heads: Heads, extent: Extent, plan: Cut, workspace: Workspace) -> None:
        self.heads = heads
        self.extent = extent
        self.blocks = tuple(row_blocks(extent, heads.window, plan.n_rows))
        sizes = [heads.n_heads * block.n_rows * block.n_columns for block in self.blocks]
        room = plan.retained // heads.query.element_size()
        self.n_again = len(self.blocks)
        while self.n_again and sizes[self.n_again - 1] <= room:
            self.n_again -= 1
            room -= sizes[self.n_again]
        n_scratch = max(sizes[: self.n_again], default=0)
        memory = workspace.room(n_scratch + sum(sizes[self.n_again :]), heads.query)
        self._scratch, self._retained = memory[:n_scratch], memory[n_scratch:]
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
    sums = segments.prefix_sums(received)
    # masks are multiplied in, as floats: torch's masked fills are many times slower
    if excluded is not None:
        sums.mul_(rearrange((~excluded).to(sums), "head k_pos -> head 1 k_pos"))
    if sink_share is not None:
        n_queries = [max(0, min(end, extent.stop) - extent.first_query) for end in segments.ends]
        largest = sink_share * torch.tensor(n_queries, dtype=sums.dtype, device=sums.device)
        sums.mul_(torch.le(sums, rearrange(largest, "prefix -> prefix 1"), out=torch.empty_like(sums)))
    # anything smaller has no finite inverse
    smallest = torch.finfo(sums.dtype).tiny
    inverses = threshold(sums, smallest, math.inf).reciprocal_()
    received.copy_(threshold(sums, smallest, 0.0))
    by_key = rearrange(inverses, "head prefix k_pos -> head k_pos prefix")
    by_query = rearrange(given, "head prefix k_pos -> head k_pos prefix")[:, extent.first_query - extent.start :]
    for block, powers, inverse in rows.again():
        products = torch.bmm(powers, by_key[:, block.low : block.high])
        torch.mul(products, inverse[..., None], out=by_query[:, block.first : block.last])
    given[:, :, segments.first_end - extent.start :].masked_fill_(segments.outside, 0.0)
