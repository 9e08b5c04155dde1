"""What a mask does to a head's own output, from the unedited attention alone, for all heads of a layer at once.

In: one layer of a pass with gradients, and the keys that each row loses. Out: the change of z. Nothing is run: the
pattern's rows at the edited positions are made anew from q and k, in float64.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from einops import einsum, repeat
from jaxtyping import Bool, Float
from torch import Tensor

from attnprobe.causal.attribution.settings import Approximation
from attnprobe.errors import PlanError
from attnprobe.kernels import Attention
from attnprobe.kernels.rows import pattern_rows
from attnprobe.models.gradients import LayerGradient
from attnprobe.plan import EmptyRow

_VANISHING = 1e-280
"""Below this a sum of float64 attention may have lost what it adds up; the softmax is then made without the keys."""

Rows = Float[Tensor, "head row k_pos"]
Values = Float[Tensor, "head k_pos d_head"]


def in_double(attention: Attention) -> Attention:
    """The same attention in float64, where 1 - p keeps its digits for all p that occur."""
    sinks = None if attention.sinks is None else attention.sinks.double()
    return replace(attention, query=attention.query.double(), key=attention.key.double(), sinks=sinks)


def values_by_head(layer: LayerGradient, run: int = 0) -> Values:
    """What each query head mixes, in float64."""
    n_repeats = layer.attention.query.shape[1] // layer.value.shape[1]
    return repeat(layer.value[run].double(), "kv_head k_pos d -> (kv_head group) k_pos d", group=n_repeats)


def mask_change(
    layer: LayerGradient,
    rows: Mapping[int, Sequence[int]],
    *,
    strength: float,
    empty_row: EmptyRow,
    approximation: Approximation,
) -> Float[Tensor, "pos head d_head"]:
    """The change of every head's output where some keys of some rows are masked.

    With A the mass of the masked keys K, p the pattern and v the values, the mask `attn_logits += log(1 - s)` gives
    z' = (z - s sum_K p v) / (1 - s A): the secant. Its derivative in s at 0 is A z - sum_K p v, and `DERIVATIVE`
    takes s times that.

    Args:
        layer: of the unedited run, which stands first in its batch.
        rows: masked keys of each query position, all reachable.
        strength: s, in (0, 1].
        empty_row: what becomes of a row that loses all that it sees, under the secant.
        approximation: which of the two.

    Returns:
        z' - z, 0 at rows that are not masked; float64.

    Raises:
        PlanError: a row would be left without keys, and `empty_row` is raise.

    Source: ours; the softmax's own algebra.
    """
    attention, value = in_double(layer.attention), values_by_head(layer)
    change = torch.zeros_like(layer.z[0], dtype=torch.float64)
    queries = sorted(rows)
    if not queries:
        return change
    pattern = pattern_rows(attention, torch.tensor([queries]))[0]
    masked = torch.zeros(len(queries), pattern.shape[-1], dtype=torch.bool, device=pattern.device)
    for row, query in enumerate(queries):
        masked[row, list(rows[query])] = True
    z = einsum(pattern, value, "head row k_pos, head k_pos d -> row head d")
    if approximation is Approximation.DERIVATIVE:
        lost = pattern * masked
        carried = einsum(lost, value, "head row k_pos, head k_pos d -> row head d")
        mass = einsum(lost, "head row k_pos -> row head")[..., None]
        change[queries] = strength * (mass * z - carried)
        return change
    edited = _renormalised(attention, pattern, masked, queries, strength)
    z_edited = einsum(edited, value, "head row k_pos, head k_pos d -> row head d")
    for row, query in enumerate(queries):
        if strength == 1.0 and is_emptied(attention, query, rows[query]):
            z_edited[row] = _of_empty_row(empty_row, value, query, z_edited[row])
    change[queries] = z_edited - z
    return change


def is_emptied(attention: Attention, query: int, keys: Sequence[int]) -> bool:
    """Whether a row sees nothing but these keys; where there is a sink no row is ever empty."""
    first = 0 if attention.window is None else max(0, query - attention.window + 1)
    return attention.sinks is None and set(range(first, query + 1)) <= set(keys)


def _renormalised(
    attention: Attention, pattern: Rows, masked: Bool[Tensor, "row k_pos"], queries: Sequence[int], strength: float
) -> Rows:
    # in double: a boolean times a number is float32
    weights = pattern * (1 - strength * masked.double())
    kept = weights.sum(-1, keepdim=True)
    if attention.sinks is not None:
        kept = kept + (1 - pattern.sum(-1, keepdim=True)).clamp_min(0.0)
    edited = torch.where(kept > 0, weights / kept.clamp_min(torch.finfo(kept.dtype).tiny), 0.0)
    for row in (kept[..., 0].amin(0) < _VANISHING).nonzero()[:, 0].tolist():
        edited[:, row] = rows_without(attention, queries[row], masked[row].expand(pattern.shape[0], -1))
    return edited


def rows_without(attention: Attention, query: int, removed: Bool[Tensor, "head k_pos"]) -> Float[Tensor, "head k_pos"]:
    """One row of every head, its softmax made anew without some keys of each head; all 0 where none is left."""
    alone = replace(attention, removed=removed[None])
    return pattern_rows(alone, torch.tensor([[query]]))[0, :, 0]


def _of_empty_row(
    empty_row: EmptyRow, value: Values, query: int, like: Float[Tensor, "head d_head"]
) -> Float[Tensor, "head d_head"]:
    if empty_row is EmptyRow.RAISE:
        raise PlanError(
            f"mask: the keys are all that the query at position {query} sees, and none would be left. Leave one key, "
            "or choose empty_row 'self' or 'zero'."
        )
    return value[:, query] if empty_row is EmptyRow.SELF else torch.zeros_like(like)
