"""What the kernels work on: one attention call, before anything of size T x T exists, or a pattern that already does.

In: tensors of one layer as a model hands them to its attention. Out: `Attention` and `StoredPattern`, checked. All
positions here are columns of the padded batch; queries are the last columns of the keys.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from attnprobe.errors import KernelError

Queries = Float[Tensor, "batch head q_pos d_head"]
Keys = Float[Tensor, "batch kv_head k_pos d_head"]
KeyFlags = Bool[Tensor, "batch #head k_pos"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Attention:
    """Queries, keys and everything else that shapes a causal softmax.

    The pattern it stands for: logits = scaling * q k^T, then softcap by tanh, then minus infinity where a query may not
    look (after itself, outside the window, at padding, at removed keys), then a softmax in float32 or finer with the
    sink's logit, if there is one, beside the keys. A row with no key left, and a row of padding, is all zero. Whatever
    stands at padding plays no part; what is not finite elsewhere is never hidden, and may spread over all of its head.

    Attributes:
        query: after rotary embedding; query i stands at column k_pos - q_pos + i.
        key: after rotary embedding, not expanded to query heads; head h reads key head h // (heads / kv_heads).
        scaling: factor on the products.
        softcap: bound of the logits; None for none.
        window: how many keys a query sees, its own included; None for all before it.
        sinks: one logit a head that takes mass and attends to nothing; None for none.
        starts: first column of each sequence that is no padding; None: 0.
        stops: first column of padding on the right of each sequence; None: k_pos.
        removed: keys that take no part, so that what is left of a row is renormalised; None for none.
    """

    query: Queries
    key: Keys
    scaling: float
    softcap: float | None = None
    window: int | None = None
    sinks: Float[Tensor, " head"] | None = None
    starts: tuple[int, ...] | None = None
    stops: tuple[int, ...] | None = None
    removed: KeyFlags | None = None

    def __post_init__(self) -> None:
        batch, n_heads, n_queries, d_head = self.query.shape
        key_batch, n_kv_heads, n_keys, key_width = self.key.shape
        fits = key_batch == batch and key_width == d_head and n_heads % n_kv_heads == 0
        if not fits or not 0 < n_queries <= n_keys:
            raise KernelError(
                f"queries {list(self.query.shape)} and keys {list(self.key.shape)} do not fit: expected one batch and "
                "d_head, a number of heads that the key heads divide, at least one query, and no more than keys."
            )
        if self.softcap is not None and not self.softcap > 0:
            raise KernelError(f"softcap {self.softcap}: expected a number above 0, or None for none.")
        if self.window is not None and self.window < 1:
            raise KernelError(f"window {self.window}: expected at least 1 key, or None for no window.")
        if self.sinks is not None and self.sinks.shape != (n_heads,):
            raise KernelError(
                f"sinks of shape {list(self.sinks.shape)}: expected one logit for each of {n_heads} heads."
            )
        if self.removed is not None and tuple(self.removed.shape) not in ((batch, 1, n_keys), (batch, n_heads, n_keys)):
            raise KernelError(
                f"removed of shape {list(self.removed.shape)}: expected {[batch, n_heads, n_keys]}, or 1 for the heads."
            )
        _check_extents(self.first_columns, self.end_columns, batch, n_keys)

    @property
    def first_columns(self) -> tuple[int, ...]:
        """`starts`, with its default filled in."""
        return (0,) * self.query.shape[0] if self.starts is None else self.starts

    @property
    def end_columns(self) -> tuple[int, ...]:
        """`stops`, with its default filled in."""
        return (self.key.shape[2],) * self.query.shape[0] if self.stops is None else self.stops

    @property
    def first_query(self) -> int:
        """The column of the first query."""
        return self.key.shape[2] - self.query.shape[2]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredPattern:
    """A pattern that exists already: edited by a plan, or computed by a library that always does.

    Attributes:
        pattern: rows of padding and entries that may not be seen are zero.
        starts, stops: as for `Attention`.
    """

    pattern: Float[Tensor, "batch head q_pos k_pos"]
    starts: tuple[int, ...] | None = None
    stops: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        batch, _, n_queries, n_keys = self.pattern.shape
        if not 0 < n_queries <= n_keys:
            raise KernelError(
                f"pattern {list(self.pattern.shape)}: expected at least one query, and no more than keys."
            )
        _check_extents(self.first_columns, self.end_columns, batch, n_keys)

    @property
    def first_columns(self) -> tuple[int, ...]:
        """`starts`, with its default filled in."""
        return (0,) * self.pattern.shape[0] if self.starts is None else self.starts

    @property
    def end_columns(self) -> tuple[int, ...]:
        """`stops`, with its default filled in."""
        return (self.pattern.shape[3],) * self.pattern.shape[0] if self.stops is None else self.stops

    @property
    def first_query(self) -> int:
        """The column of the first query."""
        return self.pattern.shape[3] - self.pattern.shape[2]


def _check_extents(starts: tuple[int, ...], stops: tuple[int, ...], batch: int, n_keys: int) -> None:
    if len(starts) != batch or len(stops) != batch:
        raise KernelError(f"starts and stops: got {len(starts)} and {len(stops)}, expected {batch}, one a sequence.")
    if not all(0 <= start < stop <= n_keys for start, stop in zip(starts, stops, strict=True)):
        raise KernelError(f"starts {starts} and stops {stops}: expected 0 <= start < stop <= {n_keys}.")


def accumulator(tensor: Tensor) -> torch.dtype:
    """What sums of a tensor are kept in: float32, or float64 for float64."""
    return torch.promote_types(tensor.dtype, torch.float32)
