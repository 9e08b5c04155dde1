"""What writes name and do, apart from the pass in which they act: entries, new values, counts, a name for messages.

In: writes of a plan. Out: plain tensors and `Firing`s that `execution` puts to use.
"""

import torch
from torch import Tensor

from attnprobe.errors import SpecError
from attnprobe.plan.interventions import Mask, Replace, Scale
from attnprobe.plan.plan import Write
from attnprobe.plan.run import Firing
from attnprobe.plan.sites import Edges


def changed(old: Tensor, write: Write) -> Tensor:
    """Selected entries after a replacement or a scaling.

    Raises:
        SpecError: the values do not fit the entries.
    """
    what = write.intervention
    if isinstance(what, Scale):
        return old * what.factor
    assert isinstance(what, Replace)
    values = what.values.to(device=old.device, dtype=old.dtype)
    try:
        return values.expand_as(old)
    except RuntimeError as error:
        raise SpecError(
            f"{describe(write)}: values of shape {list(values.shape)} do not fit "
            f"the selected entries of shape {list(old.shape)}."
        ) from error


def edge_entries(edges: Edges, what: object, start: int, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Query columns, key columns and mask strengths, one entry an edge; strengths on the CPU in float64 whatever the
    model's dtype, or log(1 - s) would lose its digits near 1."""
    queries = [query + start for query, keys in edges.rows for _ in keys]
    keys = [key + start for _, row in edges.rows for key in row]
    strength = what.strength if isinstance(what, Mask) else 1.0
    by_row = strength if isinstance(strength, tuple) else (strength,) * len(edges.rows)
    strengths = [value for value, (_, row) in zip(by_row, edges.rows, strict=True) for _ in row]
    return (
        torch.tensor(queries, device=like.device),
        torch.tensor(keys, device=like.device),
        torch.tensor(strengths, dtype=torch.float64),
    )


def edge_firing(query: Tensor, reachable: Tensor, n_heads: int) -> Firing:
    """What an edit of edges counts in one sequence: one entry of `query` an edge, `reachable` where it is seen."""
    edited = int(reachable.sum())
    active = query[reachable].unique().numel()
    return Firing(
        edited=edited * n_heads,
        unreachable=(query.numel() - edited) * n_heads,
        idle_rows=(query.unique().numel() - active) * n_heads,
    )


def describe(write: Write) -> str:
    """A write in words, for messages."""
    site = write.site
    heads = "all heads" if site.heads is None else "heads " + ", ".join(map(str, site.heads))
    return f"{type(write.intervention).__name__.lower()} at {site.point} of layer {site.layer} ({heads})"
