"""What a force does to attention logits: rows whose softmax has an exact mass on chosen keys.

In: a write, the batch, and logits that may be written to. Out: the logits edited in place, how often that was, and the
rows that are to sum to less than 1. Exact meaning: DESIGN.md section 4.

With x the logits of a row, K the chosen keys that it sees, alpha the mass, and L_K and L_off the log-sum-exp of x on K
and off it (a sink's logit s counts off it), the row is to become

    p'_k = alpha exp(x_k - L_K) on K,    p'_k = (1 - alpha) exp(x_k - L_off) off K.

Logits whose softmax is p' are log p' + c for any c. Without a sink c = 0, so that the largest entries are near 0, where
rounding to the model's dtype costs least. A sink's own logit is the model's and stays; its share of the row is
(1 - alpha) exp(s - L_off), so that s = log of it + c, and c = L_off - log(1 - alpha): keys off K keep their logits,
those on K move by log alpha - log(1 - alpha) + L_off - L_K. At alpha = 1 that c is infinite; any c that leaves the sink
less than the softmax's rounding does as well. At alpha = 0 the keys of K are at -inf: `Mask` of strength 1.
"""

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from attnprobe.errors import PlanError
from attnprobe.plan.edits import EmptiedRows, describe, edge_firing, heads_of, rows_of
from attnprobe.plan.interventions import EmptyRow, Force
from attnprobe.plan.plan import Write
from attnprobe.plan.run import Firing
from attnprobe.plan.tokens import Tokens
from attnprobe.shapes import AttnLogits, Visible

ShortRows = tuple[EmptiedRows, Float[Tensor, " row"]]
"""Rows whose pattern is to be multiplied once it exists, and by what: the share of 1 that they keep."""

_Rows = Float[Tensor, "head row k_pos"]
_Lse = Float[Tensor, "head row 1"]
_SLACK_NATS = 4.0


def force_logits(
    write: Write, tokens: Tokens, logits: AttnLogits, visible: Visible, *, sinks: Float[Tensor, " head"] | None
) -> tuple[Firing, list[ShortRows]]:
    """Force attention logits in place.

    Args:
        write: a force at edges of the attention logits.
        tokens: the batch.
        logits: -inf where a query may not look.
        visible: where it may.
        sinks: one logit a head that stands beside the keys; None for none.

    Returns:
        How often it acted, and under `EmptyRow.ZERO` the rows that nothing outside the keys can complete.

    Raises:
        PlanError: an earlier mask removed all keys that were to be attended to; or nothing is visible outside the keys,
            the mass is below 1 and the policy is `EmptyRow.RAISE`.
    """
    heads, firing, short = heads_of(write, logits.shape[1]).to(logits.device), Firing(), list[ShortRows]()
    for row in rows_of(write, tokens):
        query, inside, mass = _chosen(write, tokens, row, logits.shape[3])
        if not query.numel():
            continue
        query, inside, mass = query.to(logits.device), inside.to(logits.device), mass.to(logits.device)
        seen = visible[row, 0, query]
        asked, key = inside.nonzero(as_tuple=True)
        firing += edge_firing(asked, seen[asked, key], heads.numel())
        active = (inside & seen).any(-1)
        if not active.any():
            continue
        query, inside, mass = query[active], inside[active], mass[active]
        where = (row, heads[:, None], query[None])
        forced, kept = forced_rows(write, tokens, where, logits[where], inside, mass, sinks)
        logits[where] = forced.to(logits.dtype)
        if (kept < 1).any():
            head, place = (kept < 1).nonzero(as_tuple=True)
            short.append((torch.stack([torch.full_like(head, row), heads[head], query[place]]), kept[head, place]))
    return firing, short


def _chosen(
    write: Write, tokens: Tokens, row: int, n_keys: int
) -> tuple[Int[Tensor, " row"], Bool[Tensor, "row k_pos"], Float[Tensor, " row"]]:
    """Of the rows that run: the query's column counted from the first that does, its keys, and its mass."""
    force, edges, start = write.intervention, write.site.edges, tokens.padding(row)
    assert isinstance(force, Force)
    assert edges is not None
    by_row = force.mass if isinstance(force.mass, tuple) else (force.mass,) * len(edges.rows)
    running = [
        (query + start - tokens.cached, [key + start for key in keys], mass)
        for (query, keys), mass in zip(edges.rows, by_row, strict=True)
        if query + start >= tokens.cached
    ]
    inside = torch.zeros(len(running), n_keys, dtype=torch.bool)
    for place, (_, keys, _) in enumerate(running):
        inside[place, keys] = True
    queries = torch.tensor([query for query, _, _ in running], dtype=torch.int64)
    return queries, inside, torch.tensor([mass for _, _, mass in running], dtype=torch.float64)


def forced_rows(
    write: Write,
    tokens: Tokens,
    where: tuple[int | Tensor, Tensor, Tensor],
    logits: _Rows,
    inside: Bool[Tensor, "row k_pos"],
    mass: Float[Tensor, " row"],
    sinks: Float[Tensor, " model_head"] | None,
) -> tuple[_Rows, Float[Tensor, "head row"]]:
    """Rows after a force, and the share of 1 that each is to sum to.

    Args:
        write: what forces them, for its policy and for messages.
        tokens: the batch.
        where: sequence (one for all rows, or [1, row]), head [head, 1] and query column [1, row].
        logits: of those rows.
        inside: the keys that get the mass, at least one of a row visible.
        mass: of each row.
        sinks: one logit a head of the model that stands beside the keys; None for none.

    Raises:
        PlanError: as `force_logits`.
    """
    force = write.intervention
    assert isinstance(force, Force)
    dtype = torch.promote_types(logits.dtype, torch.float32)
    x, nothing = logits.to(dtype), float("-inf")
    on = x.masked_fill(~inside, nothing)
    off = x.masked_fill(inside, nothing)
    sink = None
    if sinks is not None:
        # as the softmax will see it
        sink = sinks.to(logits.dtype).to(dtype)[where[1]][..., None].expand(*x.shape[:2], 1)
    lse_on = on.logsumexp(-1, keepdim=True)
    lse_off = (off if sink is None else torch.cat([off, sink], dim=-1)).logsumexp(-1, keepdim=True)
    _check_keys_left(write, tokens, where, lse_on, mass)
    # logs of the doubles, or a mass near 1 would lose its digits
    log_mass, log_rest = (part.to(dtype)[:, None] for part in (mass.log(), torch.log1p(-mass)))
    # a row without keys on one side has nothing there but -inf; its log-sum-exp of -inf must not turn that into NaN
    new_on = on - lse_on.masked_fill(lse_on == nothing, 0) + log_mass
    new_off = off - lse_off.masked_fill(lse_off == nothing, 0) + log_rest
    forced = torch.where(inside, new_on, new_off)
    if sink is not None:
        return _beside_sink(forced, x, inside, sink, lse_off - log_rest, log_rest), torch.ones_like(lse_on[..., 0])
    empty = (lse_off == nothing) & (log_rest > nothing)
    kept = torch.ones_like(lse_on[..., 0])
    if not empty.any():
        return forced, kept
    if force.empty_row is EmptyRow.RAISE:
        head, place = (int(found) for found in empty[..., 0].nonzero()[0])
        raise PlanError(
            f"{describe(write)}: {_name_of(where, tokens, head, place)} sees no key outside those that are to get a "
            f"mass of {float(mass[place]):g}, so that the rest has nowhere to go ({int(empty.sum())} such rows). "
            "Leave one key out, use mass 1, or choose empty_row 'self' or 'zero'."
        )
    itself = torch.arange(x.shape[2], device=x.device) == (where[2][0] + tokens.cached)[:, None]
    if force.empty_row is EmptyRow.SELF:
        rest = log_rest.expand_as(forced).masked_fill(~itself, nothing)
        return torch.where(empty, torch.logaddexp(forced, rest), forced), kept
    # the softmax gives the proportions within K, or one finite entry where K is removed; the sum is cut afterwards
    forced = torch.where(empty & (log_mass == nothing) & itself, 0.0, forced)
    return forced, torch.where(empty[..., 0], mass.to(dtype).expand_as(kept), kept)


def _beside_sink(
    forced: _Rows,
    x: _Rows,
    inside: Bool[Tensor, "row k_pos"],
    sink: _Lse,
    shift: _Lse,
    log_rest: Float[Tensor, "row 1"],
) -> _Rows:
    """`forced` raised to where the sink's own logit, which stays, has the share that is left to it."""
    is_all = (log_rest == float("-inf")).expand_as(shift)
    # the sink's share is then below half a unit in the last place of 1
    above = sink - math.log(torch.finfo(x.dtype).eps) + _SLACK_NATS
    raised = forced + torch.where(is_all, above, shift)
    return torch.where(inside | is_all, raised, x)


def _check_keys_left(
    write: Write, tokens: Tokens, where: tuple[int | Tensor, Tensor, Tensor], lse_on: _Lse, mass: Float[Tensor, " row"]
) -> None:
    removed = (lse_on[..., 0] == float("-inf")) & (mass > 0)
    if removed.any():
        head, place = (int(found) for found in removed.nonzero()[0])
        raise PlanError(
            f"{describe(write)}: {_name_of(where, tokens, head, place)} is to get a mass of {float(mass[place]):g} on "
            "keys that an earlier mask of the plan removed. Force first, or mask other keys."
        )


def _name_of(where: tuple[int | Tensor, Tensor, Tensor], tokens: Tokens, head: int, place: int) -> str:
    sequences, heads, queries = where
    row = sequences if isinstance(sequences, int) else int(sequences[0, place])
    position = int(queries[0, place]) + tokens.cached - tokens.padding(row)
    return f"head {int(heads[head, 0])} at query position {position} of sequence {row}"
