"""The scoring kernels in blocked torch: any device, memory O(T x block) and a fixed budget, no T x T tensor.

In and out: as `ops` says. A row of attention is never divided by its sum: one over the sum is a weight of the row in
column sums, and a factor of the row's result otherwise.
"""

from collections.abc import Iterator
from functools import partial

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from attnprobe.kernels.attention import Attention, KeyFlags, accumulator
from attnprobe.kernels.torch_heads import Extent, HeadRange, Heads, RowBlock, extent_of, row_blocks
from attnprobe.kernels.torch_schedule import Cut, Limits, Workspace, carry_out, cut
from attnprobe.kernels.torch_scores import RowsTwice, score
from attnprobe.kernels.torch_segments import Segments

KeyColumns = Float[Tensor, "batch head k_pos prefix"]


def column_sums(source: Attention, prefixes: Int[Tensor, "batch prefix"], limits: Limits | None = None) -> KeyColumns:
    """`ops.column_sums`."""
    received = _unfilled(source, prefixes.shape[1], source.key.shape[2])
    plan, workspace = cut(source, limits or Limits()), Workspace()
    ends = [tuple(row) for row in prefixes.tolist()]

    def one(heads: HeadRange) -> None:
        received[heads.sequence, heads.first : heads.last].zero_()
        extent = extent_of(source, heads.sequence, until=ends[heads.sequence][-1])
        if not extent.n_queries:
            return
        segments = Segments(ends[heads.sequence], extent, received)
        sums = received[heads.sequence, heads.first : heads.last, :, extent.start : extent.stop]
        for block, powers, inverse in _rows(source, heads, extent, plan, workspace):
            segments.add(sums, powers, inverse, block)
        sums.copy_(segments.prefix_sums(sums))

    carry_out([partial(one, heads) for heads in plan.ranges], source)
    return rearrange(received, "batch head prefix k_pos -> batch head k_pos prefix")


def _unfilled(source: Attention, *size: int) -> Tensor:
    """Room for batch x head x size. Each piece fills its own: a parallel fill here would cost more than it saves."""
    batch, n_heads, _, _ = source.query.shape
    return torch.empty(batch, n_heads, *size, dtype=accumulator(source.query), device=source.query.device)


def _rows(
    source: Attention, heads: HeadRange, extent: Extent, plan: Cut, workspace: Workspace
) -> Iterator[tuple[RowBlock, Tensor, Tensor]]:
    """Every block of rows in turn, in memory that the next one overwrites."""
    ready = Heads(source, heads, extent)
    blocks = list(row_blocks(extent, source.window, plan.n_rows))
    scratch = workspace.room(ready.n_heads * max(block.n_rows * block.n_columns for block in blocks), ready.query)
    for block in blocks:
        yield block, *ready.powers(block, scratch)


def weighted_values(
    source: Attention,
    values: Float[Tensor, "#batch value_head k_pos column"],
    limits: Limits | None = None,
) -> Float[Tensor, "batch head q_pos column"]:
    """`ops.weighted_values`."""
    n_heads, n_queries = source.query.shape[1], source.query.shape[2]
    mixed = _unfilled(source, n_queries, values.shape[3])
    plan, workspace = cut(source, limits or Limits()), Workspace()

    def one(heads: HeadRange) -> None:
        mixed[heads.sequence, heads.first : heads.last].zero_()
        extent = extent_of(source, heads.sequence)
        if not extent.n_queries:
            return
        chosen = _of_heads(values, heads, n_heads)[:, extent.start : extent.stop].to(mixed)
        into = mixed[heads.sequence, heads.first : heads.last, extent.query_index :][:, : extent.n_queries]
        for block, powers, inverse in _rows(source, heads, extent, plan, workspace):
            products = _times(powers, chosen[:, block.low : block.high])
            torch.mul(products, inverse[..., None], out=into[:, block.first : block.last])

    carry_out([partial(one, heads) for heads in plan.ranges], source)
    return mixed


def _of_heads(shared: Tensor, heads: HeadRange, n_heads: int) -> Tensor:
    """The part of [#batch, 1 or kv_head or head, ...] that some heads of a sequence read: as few axes as it takes."""
    chosen = shared[heads.sequence if shared.shape[0] > 1 else 0]
    repeats = n_heads // chosen.shape[0]
    if chosen.shape[0] == 1 or repeats == 1:
        return chosen if chosen.shape[0] == 1 else chosen[heads.first : heads.last]
    if heads.group == repeats:
        return chosen[heads.first // repeats : heads.last // repeats]
    return chosen[torch.arange(heads.first, heads.last, device=chosen.device) // repeats]


def _times(powers: Tensor, values: Tensor) -> Tensor:
    """[head, row, key] @ [head or key head or 1, key, column]."""
    n_heads, n_rows, n_keys = powers.shape
    n_shared, _, n_columns = values.shape
    # heads that share values are one tall matrix
    tall = powers.view(n_shared, n_heads // n_shared * n_rows, n_keys)
    return torch.bmm(tall, values).view(n_heads, n_rows, n_columns)


def weighted_queries(
    source: Attention, weights: Float[Tensor, "#batch #head q_pos column"], limits: Limits | None = None
) -> Float[Tensor, "batch head k_pos column"]:
    """`ops.weighted_queries`."""
    n_heads = source.query.shape[1]
    mixed = _unfilled(source, weights.shape[3], source.key.shape[2])
    plan, workspace = cut(source, limits or Limits()), Workspace()

    def one(heads: HeadRange) -> None:
        mixed[heads.sequence, heads.first : heads.last].zero_()
        extent = extent_of(source, heads.sequence)
        if not extent.n_queries:
            return
        chosen = _of_heads(weights, heads, n_heads)[:, extent.query_index :][:, : extent.n_queries].to(mixed)
        chosen = rearrange(chosen, "head q_pos column -> head column q_pos")
        into = mixed[heads.sequence, heads.first : heads.last, :, extent.start : extent.stop]
        for block, powers, inverse in _rows(source, heads, extent, plan, workspace):
            rows = chosen[..., block.first : block.last] * inverse[:, None]
            into[..., block.low : block.high].add_(torch.bmm(rows, powers))

    carry_out([partial(one, heads) for heads in plan.ranges], source)
    return rearrange(mixed, "batch head column k_pos -> batch head k_pos column")


def key_scores(
    source: Attention,
    prefixes: Int[Tensor, "batch prefix"],
    excluded: KeyFlags | None = None,
    sink_share: float | None = None,
    limits: Limits | None = None,
) -> tuple[KeyColumns, KeyColumns]:
    """`ops.key_scores`: (received, given)."""
    shape = (prefixes.shape[1], source.key.shape[2])
    received, given = _unfilled(source, *shape), _unfilled(source, *shape)
    plan, workspace = cut(source, limits or Limits()), Workspace()
    ends = [tuple(row) for row in prefixes.tolist()]

    def one(heads: HeadRange) -> None:
        chosen = (heads.sequence, slice(heads.first, heads.last))
        received[chosen].zero_()
        given[chosen].zero_()
        extent = extent_of(source, heads.sequence, until=ends[heads.sequence][-1])
        if not extent.n_queries:
            return
        flags = None
        if excluded is not None:
            flags = excluded[heads.sequence, :, extent.start : extent.stop]
            flags = flags if flags.shape[0] == 1 else flags[heads.first : heads.last]
        part = (*chosen, slice(None), slice(extent.start, extent.stop))
        rows = RowsTwice(Heads(source, heads, extent), extent, plan, workspace)
        segments = Segments(ends[heads.sequence], extent, received)
        score(rows, segments, received[part], given[part], excluded=flags, sink_share=sink_share)

    carry_out([partial(one, heads) for heads in plan.ranges], source)
    return (
        rearrange(received, "batch head prefix k_pos -> batch head k_pos prefix"),
        rearrange(given, "batch head prefix k_pos -> batch head k_pos prefix"),
    )
