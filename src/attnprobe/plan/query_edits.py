"""Many sequences' edits of one query each, carried out at once: the arithmetic is that of `edits` and `forcing`.

In: a `QueryEdit`, the batch, attention logits that may be written to. Out: the logits edited in place, how often that
was, and the rows whose pattern is to be cut. One step of decoding edits one query in every row of its batch; row by row
that would take longer than the model.
"""

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from attnprobe.errors import PlanError
from attnprobe.plan.edits import describe
from attnprobe.plan.forcing import ShortRows, forced_rows
from attnprobe.plan.interventions import EmptyRow, Force, Mask
from attnprobe.plan.plan import QueryEdit, Write
from attnprobe.plan.run import Firing
from attnprobe.plan.sites import Edges, Point, Site
from attnprobe.plan.tokens import Tokens
from attnprobe.shapes import AttnLogits, Visible

Place = tuple[Int[Tensor, "1 edited_row"], Int[Tensor, "edited_head 1"], Int[Tensor, "1 edited_row"]]
"""Sequence, head and query column of every row that is edited, for indexing."""


def edit_queries(
    edit: QueryEdit,
    tokens: Tokens,
    logits: AttnLogits,
    visible: Visible,
    *,
    sinks: Float[Tensor, " model_head"] | None,
) -> tuple[Firing, list[ShortRows]]:
    """Mask or force attention logits in place.

    Args:
        edit: what is done.
        tokens: the batch.
        logits: -inf where a query may not look.
        visible: where it may.
        sinks: one logit a head that stands beside the keys; None for none.

    Returns:
        How often it acted, and under `EmptyRow.ZERO` the rows that are cut once the pattern exists.

    Raises:
        PlanError: as `mask_logits` and `force_logits`.
    """
    sequence, query, inside = _chosen(edit, tokens, logits)
    inside &= visible[sequence, 0, query]
    counts: list[int] = inside.sum(-1).tolist()
    heads = torch.arange(logits.shape[1]) if edit.heads is None else torch.tensor(edit.heads)
    asked = sum(len(keys) for _, _, keys in edit.rows)
    firing = Firing(
        edited=sum(counts) * len(heads),
        unreachable=(asked - sum(counts)) * len(heads),
        idle_rows=counts.count(0) * len(heads),
    )
    if 0 in counts:
        active = [place for place, count in enumerate(counts) if count]
        if not active:
            return firing, []
        sequence, query, inside = sequence[active], query[active], inside[active]
    place = (sequence[None], heads.to(logits.device)[:, None], query[None])
    if isinstance(edit.intervention, Force):
        return firing, _force(edit, tokens, logits, place, inside, sinks)
    return firing, _mask(edit, tokens, logits, place, inside, has_sink=sinks is not None)


def _chosen(
    edit: QueryEdit, tokens: Tokens, logits: AttnLogits
) -> tuple[Int[Tensor, " edited_row"], Int[Tensor, " edited_row"], Bool[Tensor, "edited_row k_pos"]]:
    """Each row's sequence, query column counted from the first that runs, and keys."""
    starts, n_keys, flat = tokens.starts, logits.shape[3], list[int]()
    for place, (sequence, _, keys) in enumerate(edit.rows):
        first = place * n_keys + starts[sequence]
        flat += [first + key for key in keys]
    inside = torch.zeros(len(edit.rows) * n_keys, dtype=torch.bool)
    inside[torch.tensor(flat)] = True
    inside = inside.view(len(edit.rows), n_keys)
    queries = [query + starts[sequence] - tokens.cached for sequence, query, _ in edit.rows]
    sequences = [sequence for sequence, _, _ in edit.rows]
    device = logits.device
    return torch.tensor(sequences, device=device), torch.tensor(queries, device=device), inside.to(device)


def _mask(
    edit: QueryEdit,
    tokens: Tokens,
    logits: AttnLogits,
    place: Place,
    inside: Bool[Tensor, "edited_row k_pos"],
    *,
    has_sink: bool,
) -> list[ShortRows]:
    mask = edit.intervention
    assert isinstance(mask, Mask)
    assert isinstance(mask.strength, float | int)
    rows = logits[place]
    if mask.strength < 1:
        # in the model's own precision before it is added, as `mask_logits` does
        penalty = torch.tensor(math.log1p(-mask.strength), dtype=logits.dtype, device=logits.device)
        logits[place] = torch.where(inside, rows + penalty, rows)
        return []
    rows.masked_fill_(inside, float("-inf"))
    logits[place] = rows
    if has_sink:
        return []
    empty = (rows == float("-inf")).all(-1)
    if not empty.any():
        return []
    head, at = empty.nonzero(as_tuple=True)
    sequence, column = place[0][0, at], place[2][0, at]
    if mask.empty_row is EmptyRow.RAISE:
        position = int(column[0]) + tokens.cached - tokens.padding(int(sequence[0]))
        raise PlanError(
            f"{describe(as_write(edit))}: head {int(place[1][head[0], 0])} has no visible key left at "
            f"query position {position} of sequence {int(sequence[0])} ({head.numel()} such rows). Leave one key, or "
            "choose empty_row 'self' or 'zero'."
        )
    heads = place[1][head, 0]
    # one finite entry keeps the softmax defined; under ZERO the row is cleared once the pattern exists
    logits[sequence, heads, column, column + tokens.cached] = 0
    if mask.empty_row is EmptyRow.SELF:
        return []
    return [(torch.stack([sequence, heads, column]), torch.zeros(head.numel(), device=logits.device))]


def _force(
    edit: QueryEdit,
    tokens: Tokens,
    logits: AttnLogits,
    place: Place,
    inside: Bool[Tensor, "edited_row k_pos"],
    sinks: Float[Tensor, " model_head"] | None,
) -> list[ShortRows]:
    force = edit.intervention
    assert isinstance(force, Force)
    assert isinstance(force.mass, float | int)
    mass = torch.full((len(inside),), float(force.mass), dtype=torch.float64, device=logits.device)
    forced, kept = forced_rows(as_write(edit), tokens, place, logits[place], inside, mass, sinks)
    logits[place] = forced.to(logits.dtype)
    if not (kept < 1).any():
        return []
    head, at = (kept < 1).nonzero(as_tuple=True)
    return [(torch.stack([place[0][0, at], place[1][head, 0], place[2][0, at]]), kept[head, at])]


def as_write(edit: QueryEdit) -> Write:
    """One of its rows as a write, which says in messages what is done."""
    sequence, query, keys = edit.rows[0]
    edges = Edges(((query, keys),))
    site = Site(point=Point.ATTN_LOGITS, layer=edit.layer, heads=edit.heads, batch=(sequence,), edges=edges)
    return Write(site=site, intervention=edit.intervention)
