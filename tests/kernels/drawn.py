"""Attention calls drawn at random over everything the contract allows, and how far rounding may carry a result."""

from dataclasses import dataclass, replace

import torch
from hypothesis import strategies as st
from jaxtyping import Bool, Float, Int
from torch import Tensor

from attnprobe.kernels import Attention


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a call looks like, before numbers."""

    batch: int = 1
    n_kv_heads: int = 1
    group: int = 1
    n_queries: int = 7
    n_keys: int = 7
    d_head: int = 4
    n_prefixes: int = 3
    softcap: float | None = None
    window: int | None = None
    sinks: bool = False
    left: bool = False
    right: bool = False
    removed: float = 0.0
    excluded: float = 0.0
    sink_share: float | None = None
    sharpness: float = 1.0
    dtype: torch.dtype = torch.float32
    seed: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Call:
    """A call and everything that the four operations want beside it."""

    attention: Attention
    prefixes: Int[Tensor, "batch prefix"]
    values: Float[Tensor, "batch head k_pos column"]
    weights: Float[Tensor, "batch head q_pos column"]
    excluded: Bool[Tensor, "batch head k_pos"] | None
    sink_share: float | None


def call_of(shape: Shape) -> Call:
    """The numbers of a shape; the same for the same shape."""
    random = torch.Generator().manual_seed(shape.seed)
    batch, n_keys, n_heads = shape.batch, shape.n_keys, shape.n_kv_heads * shape.group

    def normal(*size: int) -> Tensor:
        return torch.randn(*size, generator=random, dtype=torch.float64)

    def chance(share: float) -> Bool[Tensor, "batch head k_pos"] | None:
        return torch.rand(batch, n_heads, n_keys, generator=random) < share if share else None

    def below(stop: int) -> int:
        return int(torch.randint(stop, (), generator=random))

    starts = tuple(below(n_keys) if shape.left else 0 for _ in range(batch))
    stops = tuple(start + 1 + below(n_keys - start) if shape.right else n_keys for start in starts)
    prefixes = torch.randint(1, n_keys + 1, (batch, shape.n_prefixes), generator=random).sort(dim=1).values
    attention = Attention(
        query=(normal(batch, n_heads, shape.n_queries, shape.d_head) * shape.sharpness).to(shape.dtype),
        key=normal(batch, shape.n_kv_heads, n_keys, shape.d_head).to(shape.dtype),
        scaling=shape.d_head**-0.5,
        softcap=shape.softcap,
        window=shape.window,
        sinks=normal(n_heads).to(shape.dtype) if shape.sinks else None,
        starts=starts if shape.left else None,
        stops=stops if shape.right else None,
        removed=chance(shape.removed),
    )
    return Call(
        attention=attention,
        prefixes=prefixes,
        values=normal(batch, n_heads, n_keys, 5),
        weights=normal(batch, n_heads, shape.n_queries, 5),
        excluded=chance(shape.excluded),
        sink_share=shape.sink_share,
    )


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    """Any shape up to 40 keys."""
    n_keys = draw(st.integers(1, 40))
    return Shape(
        batch=draw(st.integers(1, 3)),
        n_kv_heads=draw(st.integers(1, 3)),
        group=draw(st.integers(1, 3)),
        n_queries=draw(st.integers(1, n_keys)),
        n_keys=n_keys,
        d_head=draw(st.sampled_from([1, 4, 7, 16])),
        n_prefixes=draw(st.integers(1, 12)),
        softcap=draw(st.sampled_from([None, 0.5, 30.0])),
        window=draw(st.sampled_from([None, 1, 3, 17, 100])),
        sinks=draw(st.booleans()),
        left=draw(st.booleans()),
        right=draw(st.booleans()),
        removed=draw(st.sampled_from([0.0, 0.2, 0.95])),
        excluded=draw(st.sampled_from([0.0, 0.3])),
        sharpness=draw(st.sampled_from([1.0, 4.0])),
        dtype=draw(st.sampled_from([torch.float32, torch.float64, torch.bfloat16, torch.float16])),
        seed=draw(st.integers(0, 10**6)),
    )


def relative_bound(attention: Attention) -> float:
    """How far a sum of non-negative entries of the pattern can be off, relative to itself, from rounding alone.

    With u the unit roundoff: a product of d terms is off by at most (d + 2) u sum |q||k|, which is the absolute error
    of a logit and so the relative one of its exponential, once in the entry and once in its row's sum. Sums of at most
    n terms are off by n u each: rows, columns, and what the columns' inverses weigh. Softcap, base change,
    exponential, inverse and products add a few u more, relative to a logit no larger than the sum above. Key scores
    hold an entry and a column's inverse: twice everything.
    """
    unit = torch.finfo(torch.promote_types(attention.query.dtype, torch.float32)).eps / 2
    group = attention.query.shape[1] // attention.key.shape[1]
    keys = attention.key.double().abs().repeat_interleave(group, dim=1)
    largest = float((attention.query.double().abs() @ keys.mT).max()) * attention.scaling
    logits = 2 * (attention.query.shape[3] + 8) * largest
    return 2 * unit * (logits + 3 * attention.key.shape[2] + 16)


def in_float64(attention: Attention) -> Attention:
    """The same call with the same numbers, held in float64."""
    sinks = None if attention.sinks is None else attention.sinks.double()
    return replace(attention, query=attention.query.double(), key=attention.key.double(), sinks=sinks)
