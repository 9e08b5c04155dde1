"""The contract of the scoring kernels, and the choice between their implementations.

In: an attention call (`Attention`) or a pattern that exists already (`StoredPattern`). Out: sums over it, in float32
or, for float64 inputs, float64. Implementations: `reference` (the law, einsum), `torch` (blocked, memory O(T x block)),
`triton` (GPU; interpreter mode on a CPU). An implementation that is named never falls back to another; `auto` takes
triton for CUDA tensors and torch otherwise, and `resolve` says which, for the manifest.
"""

from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import torch
from jaxtyping import Float, Int
from torch import Tensor

from attnprobe.errors import KernelError
from attnprobe.kernels import reference, torch_ops
from attnprobe.kernels.attention import Attention, KeyFlags, StoredPattern

KeyColumns = Float[Tensor, "batch head k_pos prefix"]


# what the triton kernels take; named here, since importing them imports triton
TRITON_DTYPES = (torch.float32, torch.bfloat16, torch.float16)
TRITON_WIDEST_HEAD = 256


class Impl(StrEnum):
    """Which implementation computes."""

    AUTO = "auto"
    REFERENCE = "reference"
    TORCH = "torch"
    TRITON = "triton"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KeyScores:
    """What each key receives, and what it gives, within each prefix of a sequence.

    Attributes:
        received: c_j, the sum of the pattern's column j over the prefix's queries; SAMRank's global score G.
        given: sum over keys j of A_ij / c_j for query i, at the column of i; SAMRank's proportional score P. 0 at
            columns that hold no query of the prefix.
    """

    received: KeyColumns
    given: KeyColumns


def resolve(impl: Impl, device: torch.device, dtype: torch.dtype | None = None, d_head: int | None = None) -> Impl:
    """Which implementation `auto` stands for on a device; a named one is checked and returned.

    Args:
        impl: what was asked for.
        device: where the tensors are.
        dtype: of queries and keys; None for one that every implementation takes.
        d_head: width of a head; None for one that every implementation takes.

    Raises:
        KernelError: triton was named and is not installed.
    """
    has_triton = find_spec("triton") is not None
    if impl is Impl.TRITON and not has_triton:
        raise KernelError("impl triton: triton is not installed; install it, or choose torch.")
    if impl is not Impl.AUTO:
        return impl
    fits = (dtype is None or dtype in TRITON_DTYPES) and (d_head is None or d_head <= TRITON_WIDEST_HEAD)
    return Impl.TRITON if device.type == "cuda" and has_triton and fits else Impl.TORCH


def column_sums(
    source: Attention | StoredPattern, prefixes: Int[Tensor, "batch prefix"], *, impl: Impl = Impl.AUTO
) -> KeyColumns:
    """Sum the pattern's columns over the queries of each prefix.

    Args:
        source: what to look at.
        prefixes: for each sequence, columns at which prefixes end (exclusive), not decreasing; a query at column i
            counts where i < prefix. Best kept on the CPU: they are read there.
        impl: which implementation; a stored pattern is always summed as it stands.

    Returns:
        c[b, h, j, n] = sum over queries i < prefixes[b, n] of pattern[b, h, i, j].

    Raises:
        KernelError: prefixes decrease or lie outside, or the implementation cannot take these inputs.
    """
    _check_prefixes(source, prefixes)
    return _module(source, impl).column_sums(source, prefixes)


def weighted_values(
    source: Attention | StoredPattern,
    values: Float[Tensor, "#batch value_head k_pos column"],
    *,
    impl: Impl = Impl.AUTO,
) -> Float[Tensor, "batch head q_pos column"]:
    """pattern @ values: attention with any number of value columns of any meaning.

    Args:
        source: what to look at.
        values: by key column, for each query head or for each key head, whose group of query heads then shares them;
            axes of size 1 are shared by all. Finite (and below 1e20 where sums are kept in float32), except at padding,
            which plays no part.
        impl: as for `column_sums`.

    Raises:
        KernelError: values do not fit the source.
    """
    _check_columns("values", values, source, n_positions=_n_keys(source))
    return _module(source, impl).weighted_values(source, values)


def weighted_queries(
    source: Attention | StoredPattern, weights: Float[Tensor, "#batch #head q_pos column"], *, impl: Impl = Impl.AUTO
) -> KeyColumns:
    """The pattern's transpose @ weights: column sums with a weight for each query.

    Args:
        source: what to look at.
        weights: by query; axes of size 1 are shared. Finite, except at padding, which plays no part.
        impl: as for `column_sums`.

    Raises:
        KernelError: weights do not fit the source.
    """
    _check_columns("weights", weights, source, n_positions=_n_keys(source) - source.first_query)
    return _module(source, impl).weighted_queries(source, weights)


def key_scores(
    source: Attention | StoredPattern,
    prefixes: Int[Tensor, "batch prefix"],
    *,
    excluded: KeyFlags | None = None,
    sink_share: float | None = None,
    impl: Impl = Impl.AUTO,
) -> KeyScores:
    """Column sums of every prefix, and the pattern times their inverses: all that SAMRank needs, in one call.

    Args:
        source: what to look at; queries for every column, or `given` is 0 where there is none.
        prefixes: as for `column_sums`.
        excluded: columns whose received mass is set to 0 before anything is made of it (SAMRank's first token).
        sink_share: also exclude, for each head and prefix, columns that receive more than this share of the mass of
            the prefix's queries, which is 1 a query, padding not counted; None excludes none.
        impl: as for `column_sums`.

    Columns that receive less than the smallest normal number of the sums' precision count as receiving nothing.

    Source: Kang and Shin 2023 (SAMRank) as coded for arXiv 2502.15120; that the global score cancels in the
    proportional one, so that two passes serve every prefix, is ours.
    """
    _check_prefixes(source, prefixes)
    _check_excluded(source, excluded)
    if sink_share is not None and not 0 < sink_share <= 1:
        raise KernelError(f"sink share {sink_share}: expected a share in (0, 1], or None to exclude no sink.")
    received, given = _module(source, impl).key_scores(source, prefixes, excluded, sink_share)
    return KeyScores(received=received, given=given)


def _module(source: Attention | StoredPattern, impl: Impl) -> ModuleType:
    if isinstance(source, StoredPattern):
        return reference
    match resolve(impl, source.query.device, source.query.dtype, source.query.shape[3]):
        case Impl.TRITON:
            # by name: it imports triton, which a CPU user may not have
            return import_module("attnprobe.kernels.triton_ops")
        case Impl.TORCH:
            return torch_ops
        case _:
            return reference


def _n_keys(source: Attention | StoredPattern) -> int:
    return source.pattern.shape[3] if isinstance(source, StoredPattern) else source.key.shape[2]


def _check_prefixes(source: Attention | StoredPattern, prefixes: Int[Tensor, "batch prefix"]) -> None:
    n_sequences, n_keys = len(source.first_columns), _n_keys(source)
    if prefixes.ndim != 2 or prefixes.shape[0] != n_sequences or prefixes.shape[1] == 0:
        raise KernelError(f"prefixes of shape {list(prefixes.shape)}: expected [{n_sequences}, at least 1].")
    for ends in prefixes.tolist():
        if ends != sorted(ends) or ends[0] < 1 or ends[-1] > n_keys:
            raise KernelError(f"prefixes {ends}: must not decrease along a sequence, and lie in 1..{n_keys}.")


def _check_excluded(source: Attention | StoredPattern, excluded: KeyFlags | None) -> None:
    n_heads = source.pattern.shape[1] if isinstance(source, StoredPattern) else source.query.shape[1]
    batch, n_keys = len(source.first_columns), _n_keys(source)
    if excluded is not None and tuple(excluded.shape) not in ((batch, 1, n_keys), (batch, n_heads, n_keys)):
        raise KernelError(
            f"excluded of shape {list(excluded.shape)}: expected {[batch, n_heads, n_keys]}, or 1 for the heads."
        )


def _check_columns(name: str, columns: Tensor, source: Attention | StoredPattern, *, n_positions: int) -> None:
    stored = isinstance(source, StoredPattern)
    n_heads = source.pattern.shape[1] if stored else source.query.shape[1]
    heads = {1, n_heads}
    if name == "values":
        # a stored pattern does not know how many key heads made it
        heads |= {n for n in range(1, n_heads) if n_heads % n == 0} if stored else {source.key.shape[1]}
    batches = {1, len(source.first_columns)}
    batch, n_given, positions, n_columns = columns.shape
    if batch not in batches or n_given not in heads or positions != n_positions or n_columns < 1:
        raise KernelError(
            f"{name} of shape {list(columns.shape)}: expected one of {sorted(batches)} sequences, one of "
            f"{sorted(heads)} heads, {n_positions} positions and at least 1 column."
        )
