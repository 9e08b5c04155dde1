"""What each write does to a tensor: the only place where an edit's arithmetic stands.

In: a write, the batch, and a tensor that may be written to. Out: the tensor edited in place, and how often that was.
Exact meanings: DESIGN.md section 4.
"""

from collections.abc import Sequence

import torch
from einops import rearrange
from jaxtyping import Bool, Int
from torch import Tensor

from attnprobe.errors import PlanError, SpecError
from attnprobe.plan.interventions import EmptyRow, Mask, Replace, Scale
from attnprobe.plan.plan import Write
from attnprobe.plan.run import Firing
from attnprobe.plan.sites import Edges
from attnprobe.plan.tokens import Tokens
from attnprobe.shapes import AttnLogits, Visible
from attnprobe.shapes import Pattern as PatternTensor

EmptiedRows = Int[Tensor, "3 row"]
"""Sequence, head and query column of each."""


def edit_vectors(write: Write, tokens: Tokens, tensor: Tensor) -> Firing:
    """Edit a tensor of positions in place.

    Args:
        write: at a point without edges.
        tokens: the batch.
        tensor: [batch, pos, head, d_head] or [batch, pos, d_model]; of keys and values every column, cached ones
            included, of anything else the columns that run.

    Raises:
        SpecError: the values do not fit the entries.
    """
    # keys and values stand there whole, whatever was cached of them
    cached = 0 if write.site.point.has_kv_heads else tokens.cached
    if _is_alike_everywhere(write, tokens, tensor, cached):
        return _edit_every_column(write, tokens, tensor)
    firing = Firing()
    for row in rows_of(write, tokens):
        columns, chosen = _columns(write, tokens, row, cached)
        if not columns.numel():
            continue
        columns, chosen = columns.to(tensor.device), chosen.to(tensor.device)
        if tensor.ndim == 4:
            heads = heads_of(write, tensor.shape[2]).to(tensor.device)
            where = (row, columns[:, None], heads[None, :])
            count = columns.numel() * heads.numel()
        else:
            where = (row, columns)
            count = columns.numel()
        tensor[where] = _changed(tensor[where], write, chosen, 0)
        firing += Firing(edited=count)
    return firing


def mask_logits(
    write: Write, tokens: Tokens, logits: AttnLogits, visible: Visible, *, has_sink: bool
) -> tuple[Firing, list[EmptiedRows]]:
    """Mask attention logits in place.

    Args:
        write: a mask at edges of the attention logits.
        tokens: the batch.
        logits: -inf where a query may not look.
        visible: where it may.
        has_sink: the softmax has a sink beside the keys, so that no row is ever empty.

    Returns:
        How often it acted, and the rows that it emptied under `EmptyRow.ZERO`, whose pattern is to be zeroed.

    Raises:
        PlanError: a row is left without keys under `EmptyRow.RAISE`.
    """
    mask, edges = write.intervention, write.site.edges
    assert isinstance(mask, Mask)
    assert edges is not None
    heads, firing, emptied = heads_of(write, logits.shape[1]), Firing(), list[EmptiedRows]()
    for row in rows_of(write, tokens):
        query, key, strength = _edge_entries(edges, mask, tokens.padding(row), tokens.cached, logits)
        reachable = visible[row, 0, query, key]
        firing += edge_firing(query, reachable, heads.numel())
        penalty = torch.log1p(-strength).to(logits)[reachable]
        query, key = query[reachable], key[reachable]
        for head in heads.tolist():
            logits[row, head].index_put_((query, key), penalty, accumulate=True)
        if not has_sink and bool((strength == 1).any()):
            emptied += _settle_empty_rows(write, tokens, logits, row, query.unique())
    return firing, emptied


def edit_pattern(write: Write, tokens: Tokens, pattern: PatternTensor, visible: Visible) -> Firing:
    """Edit a pattern in place.

    Args:
        write: at edges or query rows of the pattern.
        tokens: the batch.
        pattern: after the softmax.
        visible: where a query may look.

    Raises:
        SpecError: the values do not fit the entries.
    """
    heads, what, firing = heads_of(write, pattern.shape[1]).to(pattern.device), write.intervention, Firing()
    for row in rows_of(write, tokens):
        start = tokens.padding(row)
        if write.site.edges is not None:
            query, key, strength = _edge_entries(write.site.edges, what, start, tokens.cached, pattern)
            reachable = visible[row, 0, query, key]
            firing += edge_firing(query, reachable, heads.numel())
            query, key = query[reachable], key[reachable]
            factor = what.factor if isinstance(what, Scale) else (1 - strength).to(pattern)[reachable]
            pattern[row, heads[:, None], query[None], key[None]] *= factor
        else:
            columns, chosen = (part.to(pattern.device) for part in _columns(write, tokens, row, tokens.cached))
            if not columns.numel():
                continue
            where = (row, heads[:, None], columns[None, :])
            rows, seen = pattern[where], visible[row, 0, columns]
            values = _changed(rows[..., start:], write, chosen, 1)
            # a value put where the query cannot see would let it attend to the future
            rows[..., start:] = torch.where(seen[:, start:], values, rows[..., start:])
            pattern[where] = rows
            firing += Firing(edited=int(seen.sum()) * heads.numel())
    return firing


def describe(write: Write) -> str:
    """A write in words, for messages."""
    site = write.site
    heads = "all heads" if site.heads is None else "heads " + ", ".join(map(str, site.heads))
    return f"{type(write.intervention).__name__.lower()} at {site.point} of layer {site.layer} ({heads})"


def check_fired(write: Write, firing: Firing) -> None:
    """Refuse a write that never acted.

    Raises:
        PlanError: it did not.
    """
    if firing.edited == 0:
        raise PlanError(
            f"{describe(write)} fired 0 times ({firing.unreachable} of its entries cannot be seen from their "
            "queries); the result would be the unedited run. Choose keys that the queries reach in this layer."
        )


def _settle_empty_rows(write: Write, tokens: Tokens, logits: AttnLogits, row: int, query: Tensor) -> list[EmptiedRows]:
    mask = write.intervention
    assert isinstance(mask, Mask)
    heads = heads_of(write, logits.shape[1]).to(logits.device)
    empty = (logits[row][heads][:, query] == float("-inf")).all(-1).nonzero()
    if empty.numel() == 0:
        return []
    head, column = heads[empty[:, 0]], query[empty[:, 1]]
    if mask.empty_row is EmptyRow.RAISE:
        position = int(column[0]) + tokens.cached - tokens.padding(row)
        raise PlanError(
            f"{describe(write)}: head {int(head[0])} has no visible key left at query position {position} "
            f"of sequence {row} ({empty.shape[0]} such rows). Leave one key, or choose empty_row 'self' or 'zero'."
        )
    # one finite entry keeps the softmax defined; under ZERO the row is cleared once the pattern exists
    logits[row, head, column, column + tokens.cached] = 0
    is_cleared = mask.empty_row is EmptyRow.ZERO
    return [torch.stack([torch.full_like(head, row), head, column])] if is_cleared else []


def rows_of(write: Write, tokens: Tokens) -> Sequence[int]:
    """Sequences of the batch that a write edits."""
    return range(len(tokens.lengths)) if write.site.batch is None else write.site.batch


def heads_of(write: Write, n_heads: int) -> Tensor:
    """Heads that a write edits, of so many."""
    return torch.arange(n_heads) if write.site.heads is None else torch.tensor(write.site.heads)


def _is_alike_everywhere(write: Write, tokens: Tokens, tensor: Tensor, cached: int) -> bool:
    """Whether a write does the same to every column that runs, and none of them is padding: rows can go at once."""
    what = write.intervention
    if write.site.positions is not None or any(tokens.padding(row) > cached for row in rows_of(write, tokens)):
        return False
    if isinstance(what, Replace):
        by_position = what.values.ndim - (tensor.ndim - 1)
        return by_position < 0 or (by_position == 0 and what.values.shape[0] == 1)
    return isinstance(what, Scale)


def _edit_every_column(write: Write, tokens: Tokens, tensor: Tensor) -> Firing:
    """Edit whole rows in place, all at once."""
    rows = torch.tensor(list(rows_of(write, tokens)), device=tensor.device)
    if tensor.ndim == 3:
        tensor[rows] = _changed(tensor[rows], write, torch.ones(0), 0)
        return Firing(edited=len(rows) * tensor.shape[1])
    heads = heads_of(write, tensor.shape[2]).to(tensor.device)
    where = (rows[:, None], slice(None), heads[None])
    # indices apart come first: [row, head, pos, d_head]
    old = rearrange(tensor[where], "row head pos d_head -> row pos head d_head")
    new = rearrange(_changed(old, write, torch.ones(0), 0), "row pos head d_head -> row head pos d_head")
    tensor[where] = new
    return Firing(edited=len(rows) * tensor.shape[1] * len(heads))


def _columns(write: Write, tokens: Tokens, row: int, cached: int) -> tuple[Tensor, Tensor]:
    """Columns of the chosen positions that run, counted from the first that does; and which of the chosen run."""
    chosen = write.site.positions
    positions = torch.arange(tokens.lengths[row]) if chosen is None else torch.tensor(chosen)
    columns = positions + tokens.padding(row) - cached
    running = columns >= 0
    return columns[running], running


def _changed(old: Tensor, write: Write, running: Tensor, axis: int) -> Tensor:
    """Selected entries after a replacement or a scaling.

    Args:
        old: the entries.
        write: what replaces or scales them.
        running: which of the write's positions the entries stand for, true or false for each.
        axis: of positions, in the values and in the entries.

    Raises:
        SpecError: the values do not fit the entries.
    """
    what = write.intervention
    if isinstance(what, Scale):
        return old * what.factor
    assert isinstance(what, Replace)
    values = what.values.to(device=old.device, dtype=old.dtype)
    place = values.ndim - old.ndim + axis
    if place >= 0 and values.shape[place] == running.numel():
        values = values.index_select(place, running.nonzero()[:, 0].to(values.device))
    try:
        return values.expand_as(old)
    except RuntimeError as error:
        raise SpecError(
            f"{describe(write)}: values of shape {list(values.shape)} do not fit "
            f"the selected entries of shape {list(old.shape)}."
        ) from error


def _edge_entries(edges: Edges, what: object, start: int, cached: int, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Query columns that run, key columns and mask strengths, one entry an edge; strengths on the CPU in float64
    whatever the model's dtype, or log(1 - s) would lose its digits near 1."""
    strength = what.strength if isinstance(what, Mask) else 1.0
    by_row = strength if isinstance(strength, tuple) else (strength,) * len(edges.rows)
    running = [
        (query + start - cached, [key + start for key in keys], value)
        for (query, keys), value in zip(edges.rows, by_row, strict=True)
        if query + start >= cached
    ]
    return (
        torch.tensor([query for query, keys, _ in running for _ in keys], dtype=torch.int64, device=like.device),
        torch.tensor([key for _, keys, _ in running for key in keys], dtype=torch.int64, device=like.device),
        torch.tensor([value for _, keys, value in running for _ in keys], dtype=torch.float64),
    )


def edge_firing(query: Int[Tensor, " edge"], reachable: Bool[Tensor, " edge"], n_heads: int) -> Firing:
    """What an edit of edges counts in one sequence: one entry of `query` an edge, `reachable` where it is seen."""
    edited = int(reachable.sum())
    active = query[reachable].unique().numel()
    return Firing(
        edited=edited * n_heads,
        unreachable=(query.numel() - edited) * n_heads,
        idle_rows=(query.unique().numel() - active) * n_heads,
    )
