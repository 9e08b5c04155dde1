"""A few heads of one sequence, and their attention one block of rows at a time, not yet divided by the rows' sums.

In: an `Attention` and which heads of which sequence. Out: for a block of queries, `exp2(logit - peak)` for the keys it
can see, and one over each row's sum. Keys and queries of padding are cut away first, columns before a sliding window
are never touched, and the largest thing alive is one block of rows by the keys they see.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor

from attnprobe.kernels.attention import Attention, accumulator

LOG2_E = math.log2(math.e)
# exp2 of anything within +-48 stays far inside float32, also summed over a row and divided by a column's sum: where
# no logit can be larger, rows need no maximum taken out
_SAFE_EXPONENT = 48.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadRange:
    """Which heads: query heads [first, last) of one sequence, reading one key head each `group` of them."""

    sequence: int
    first: int
    last: int
    group: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RowBlock:
    """Queries [first, last), and the keys [low, high) that at least one of them sees; both counted in `Heads`."""

    first: int
    last: int
    low: int
    high: int

    @property
    def n_rows(self) -> int:
        """How many queries."""
        return self.last - self.first

    @property
    def n_columns(self) -> int:
        """How many keys."""
        return self.high - self.low


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """Where a sequence lies in its row of the batch, padding and queries that nobody asked about left out.

    Attributes:
        start, stop: columns of its keys.
        first_query: column of its first query; the queries end at `stop`.
        query_index: index of that query along the query axis.
    """

    start: int
    stop: int
    first_query: int
    query_index: int

    @property
    def n_queries(self) -> int:
        """How many queries."""
        return max(0, self.stop - self.first_query)


def extent_of(attention: Attention, sequence: int, until: int | None = None) -> Extent:
    """Where a sequence lies; keys and queries at column `until` and after it are left out."""
    start, stop = attention.first_columns[sequence], attention.end_columns[sequence]
    stop = stop if until is None else min(stop, until)
    first_query = max(start, attention.first_query)
    return Extent(start=start, stop=stop, first_query=first_query, query_index=first_query - attention.first_query)


def row_blocks(extent: Extent, window: int | None, n_rows: int) -> Iterator[RowBlock]:
    """The blocks of a sequence, from its first query on."""
    shift = extent.first_query - extent.start
    for first in range(0, extent.n_queries, n_rows):
        last = min(first + n_rows, extent.n_queries)
        low = 0 if window is None else max(0, shift + first - window + 1)
        yield RowBlock(first=first, last=last, low=low, high=shift + last)


class Heads:
    """Some heads of one sequence, made ready: queries scaled, everything in the precision of the sums."""

    def __init__(self, attention: Attention, heads: HeadRange, extent: Extent) -> None:
        dtype = accumulator(attention.query)
        repeats = attention.query.shape[1] // attention.key.shape[1]
        self.n_heads = heads.last - heads.first
        n_kv_heads = self.n_heads // heads.group
        query = attention.query[heads.sequence, heads.first : heads.last, extent.query_index :][:, : extent.n_queries]
        key = attention.key[heads.sequence, :, extent.start : extent.stop]
        if heads.group == repeats:
            key = key[heads.first // repeats : heads.last // repeats]
        else:
            key = key[torch.arange(heads.first, heads.last, heads.group, device=key.device) // repeats]
        # powers of two are several times cheaper than powers of e, and as exact
        self.bound = None if attention.softcap is None else attention.softcap * LOG2_E
        scale = attention.scaling * LOG2_E if attention.softcap is None else attention.scaling / attention.softcap
        scaled = torch.empty(query.shape, dtype=dtype, device=query.device)
        torch.mul(query.to(dtype), scale, out=scaled)
        self.query = rearrange(scaled, "(kv group) q_pos d -> kv group q_pos d", kv=n_kv_heads)
        self.key = rearrange(key.to(dtype).contiguous(), "kv k_pos d -> kv d k_pos")
        self._after: Tensor | None = None
        self.window = attention.window
        self.shift = extent.first_query - extent.start
        self.removed = self._rows_of(attention.removed, heads, extent)
        self.sinks = None
        if attention.sinks is not None:
            sinks = attention.sinks[heads.first : heads.last].to(scaled) * LOG2_E
            self.sinks = rearrange(sinks, "head -> head 1 1")
        self.needs_peak = not self._is_safe()

    def _rows_of(self, removed: Tensor | None, heads: HeadRange, extent: Extent) -> Tensor | None:
        """Minus infinity at removed keys and 0 elsewhere, to be added to any block of rows."""
        if removed is None:
            return None
        flags = removed[heads.sequence, :, extent.start : extent.stop]
        flags = flags.expand(heads.last, -1)[heads.first :] if flags.shape[0] == 1 else flags[heads.first : heads.last]
        added = self.query.new_zeros(flags.shape).masked_fill_(flags.to(self.query.device), -math.inf)
        return rearrange(added, "head k_pos -> head 1 k_pos")

    def _is_safe(self) -> bool:
        """Whether no logit can leave the range in which powers of two need no maximum taken out first."""
        if self.sinks is not None or self.query.is_cuda:  # on a GPU the question would cost a synchronisation
            return False
        if self.bound is not None:
            return self.bound <= _SAFE_EXPONENT
        longest = self.query.norm(dim=-1).amax() * self.key.norm(dim=-2).amax()
        return bool(longest <= _SAFE_EXPONENT)

    def powers(self, block: RowBlock, out: Tensor) -> tuple[Tensor, Tensor]:
        """exp2(logit - peak) of a block, and one over the sum of each row.

        Args:
            block: which rows.
            out: flat memory for the block's n_heads x n_rows x n_columns numbers.

        Returns:
            [head, row, column], in `out`, 0 where a query may not look; [head, row], 0 for a row that sees no key.
        """
        n_kv_heads, group, _, width = self.query.shape
        n_rows, n_columns = block.last - block.first, block.high - block.low
        query = self.query[:, :, block.first : block.last].reshape(n_kv_heads, group * n_rows, width)
        products = out[: self.n_heads * n_rows * n_columns].view(n_kv_heads, group * n_rows, n_columns)
        torch.bmm(query, self.key[:, :, block.low : block.high], out=products)
        if self.bound is not None:
            products.tanh_().mul_(self.bound)
        logits = products if group == 1 else products.view(self.n_heads, n_rows, n_columns)
        self._hide(logits, block)
        peak = None
        if self.needs_peak:
            peak = logits.amax(-1, keepdim=True)
            if self.removed is not None:
                # a row with no key left: any finite peak makes all its powers 0
                peak.clamp_(min=torch.finfo(peak.dtype).min)
            logits.sub_(peak)
        total = logits.exp2_().sum(-1)
        if self.sinks is not None and peak is not None:
            # a sink so far above every key that this overflows leaves nothing to any: one over it is 0
            total.add_(torch.exp2(self.sinks - peak)[..., 0])
        inverse = total.reciprocal()
        if self.removed is not None:
            inverse.masked_fill_(total == 0, 0.0)
        return logits, inverse

    def _hide(self, logits: Tensor, block: RowBlock) -> None:
        """Minus infinity after each query, before its window, and at removed keys."""
        n_rows, n_columns = block.last - block.first, block.high - block.low
        if self._after is None or self._after.shape[0] < n_rows:
            self._after = _hidden(n_rows, n_rows, logits).triu_(1)
        logits[..., n_columns - n_rows :].add_(self._after[:n_rows, :n_rows])
        if self.window is not None:
            # column low + c lies before the window of row r where c < r + lead
            lead = self.shift + block.first - self.window + 1 - block.low
            n_before = min(n_rows - 1 + lead, n_columns)
            if n_before > 0:
                logits[..., :n_before].add_(_hidden(n_rows, n_before, logits).tril_(lead - 1))
        if self.removed is not None:
            logits.add_(self.removed[..., block.low : block.high])


def _hidden(n_rows: int, n_columns: int, like: Tensor) -> Tensor:
    return torch.full((n_rows, n_columns), -math.inf, dtype=like.dtype, device=like.device)
