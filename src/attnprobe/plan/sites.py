"""Where in a model: heads, points, positions and attention edges.

In: text such as `L5H3` from the command line. Out: `HeadId`, `Edges` and `Site`, frozen values that know nothing of
any model. Positions are absolute: 0 is the first token of a sequence, padding is never counted.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from attnprobe.errors import SpecError

_HEAD = re.compile(r"L(\d{1,4})(H|KV)(\d{1,4})")


class Point(StrEnum):
    """A tensor that a forward pass computes and a plan may read or write.

    RESID: the residual stream into a block [batch, pos, d_model].
    Q, K, V: what enters attention, after rotary embedding [batch, pos, head or kv_head, d_head].
    ATTN_LOGITS: the softmax's own input: scaled, softcapped, masks added [batch, head, q_pos, k_pos].
    PATTERN: after the softmax [batch, head, q_pos, k_pos].
    Z: a head's output before W_O [batch, pos, head, d_head].
    ATTN_OUT, MLP_OUT: what the attention and the MLP module return, before any norm that follows [batch, pos, d_model].
    """

    RESID = "resid"
    Q = "q"
    K = "k"
    V = "v"
    ATTN_LOGITS = "attn_logits"
    PATTERN = "pattern"
    Z = "z"
    ATTN_OUT = "attn_out"
    MLP_OUT = "mlp_out"

    @property
    def has_edges(self) -> bool:
        """Whether entries are attention edges (query, key) rather than positions."""
        return self in (Point.ATTN_LOGITS, Point.PATTERN)

    @property
    def has_heads(self) -> bool:
        """Whether the tensor has a head axis."""
        return self not in (Point.RESID, Point.ATTN_OUT, Point.MLP_OUT)

    @property
    def has_kv_heads(self) -> bool:
        """Whether that axis counts key and value heads."""
        return self in (Point.K, Point.V)


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class HeadId:
    """One attention head, printed `L5H3`; a key and value head is printed `L5KV1`."""

    layer: int
    head: int
    is_kv: bool = False

    def __str__(self) -> str:
        return f"L{self.layer}{'KV' if self.is_kv else 'H'}{self.head}"

    @classmethod
    def parse(cls, text: str) -> "HeadId":
        """Read `L5H3` (or `L5KV1`).

        Raises:
            SpecError: the text is of another form.
        """
        match = _HEAD.fullmatch(text.strip())
        if match is None:
            raise SpecError(f"head {text!r}: expected a layer and a head counted from 0, such as L5H3.")
        layer, kind, head = match.groups()
        return cls(layer=int(layer), head=int(head), is_kv=kind == "KV")


@dataclass(frozen=True, slots=True)
class Edges:
    """Attention edges: for each query position the key positions, both sorted, none twice, no query without a key."""

    rows: tuple[tuple[int, tuple[int, ...]], ...]

    def __post_init__(self) -> None:
        if not self.rows:
            raise SpecError("edges: got none; expected at least one query position with a key position.")
        queries = [query for query, _ in self.rows]
        if queries != sorted(set(queries)) or queries[0] < 0:
            raise SpecError(f"edges: query positions {queries} must be sorted, distinct and >= 0.")
        for query, keys in self.rows:
            if not keys or list(keys) != sorted(set(keys)) or keys[0] < 0:
                raise SpecError(
                    f"edges: keys {list(keys)} of query {query} must be sorted, distinct, >= 0 and not empty."
                )

    @classmethod
    def of(cls, rows: Mapping[int, Iterable[int]]) -> "Edges":
        """Edges from a mapping of query to keys; queries without keys are left out."""
        return cls(tuple((query, tuple(sorted(set(keys)))) for query, keys in sorted(rows.items()) if keys))

    @classmethod
    def product(cls, queries: Iterable[int], keys: Iterable[int]) -> "Edges":
        """Every query with every key that is not after it."""
        key_list = sorted(set(keys))
        return cls.of({query: [key for key in key_list if key <= query] for query in queries})

    def __len__(self) -> int:
        return sum(len(keys) for _, keys in self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A place in a forward pass.

    Attributes:
        point: which tensor.
        layer: which layer, from 0.
        heads: which heads; None for all, and for points without heads. Query heads, except at K and V, where they are
            key and value heads unless `per_query_head`.
        batch: which sequences of the batch; None for all.
        positions: which positions (query positions at ATTN_LOGITS and PATTERN); None for all.
        edges: which (query, key) pairs, at ATTN_LOGITS and PATTERN only; excludes `positions`.
        per_query_head: at K and V, work on the copy that each query head sees.
    """

    point: Point
    layer: int
    heads: tuple[int, ...] | None = None
    batch: tuple[int, ...] | None = None
    positions: tuple[int, ...] | None = None
    edges: Edges | None = None
    per_query_head: bool = False

    def __post_init__(self) -> None:
        if self.edges is not None and not self.point.has_edges:
            raise SpecError(f"site {self.point}: it has positions, not (query, key) edges; give `positions`.")
        if self.edges is not None and self.positions is not None:
            raise SpecError(f"site {self.point}: give `edges` or `positions`, not both.")
        if self.heads is not None and not self.point.has_heads:
            raise SpecError(f"site {self.point}: it has no heads; leave `heads` out, or choose z for a head's output.")
        if self.per_query_head and not self.point.has_kv_heads:
            raise SpecError(f"site {self.point}: `per_query_head` is for k and v, whose heads are shared.")
        for name, chosen in (("heads", self.heads), ("batch", self.batch), ("positions", self.positions)):
            if chosen is not None and (not chosen or list(chosen) != sorted(set(chosen)) or chosen[0] < 0):
                raise SpecError(
                    f"site {self.point}: {name} {list(chosen)} must be sorted, distinct, >= 0 and not empty."
                )
