"""A corner sweep held against whole forward passes, and edits to do it with.

In: a native model. Out: an assertion. `Model.sweep` in its full mode is the oracle throughout.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from attnprobe.models.model import Model
from attnprobe.plan import (
    Edges,
    Edit,
    Point,
    Replace,
    Scale,
    Site,
    SweepLimits,
    SweepMode,
    SweepRun,
    Unembedding,
    Write,
    mask_edges,
)
from tests.models.architectures import draw_sequences

IDS = draw_sequences((11,))[0]
LAST = len(IDS) - 1
TOLERANCE = 5e-6


def logits_themselves(logits: Tensor) -> Tensor:
    """The measure that hides nothing."""
    return logits.double()


def z_edit(layer: int, head: int, positions: tuple[int, ...] | None = None, *, factor: float = -1.0) -> Edit:
    """Turn a head's output around."""
    site = Site(point=Point.Z, layer=layer, heads=(head,), positions=positions)
    return Edit(writes=(Write(site=site, intervention=Scale(factor=factor)),))


def patch_edit(layer: int, head: int, d_head: int, positions: tuple[int, ...] = (7, 9)) -> Edit:
    """Put drawn values in the place of a head's output."""
    values = torch.randn(len(positions), 1, d_head, generator=torch.Generator().manual_seed(7 * layer + head))
    site = Site(point=Point.Z, layer=layer, heads=(head,), positions=positions)
    return Edit(writes=(Write(site=site, intervention=Replace(values=values)),))


def mask_edit(layer: int, head: int, rows: dict[int, Sequence[int]] | None = None) -> Edit:
    """Forbid a head two keys of the last query."""
    edges = Edges.of({LAST: (LAST, LAST - 2)} if rows is None else rows)
    return Edit(writes=(mask_edges(layer=layer, heads=(head,), edges=edges),))


def key_edit(layer: int, kv_head: int, position: int = 6) -> Edit:
    """Turn a key around."""
    site = Site(point=Point.K, layer=layer, heads=(kv_head,), positions=(position,))
    return Edit(writes=(Write(site=site, intervention=Scale(factor=-1.0)),))


def corner(model: Model, edits: Sequence[Edit], *, reads: tuple[int, ...] = (LAST,), limits: SweepLimits | None = None,
           tokens: tuple[int, ...] | None = (3, 5, 1)) -> SweepRun:  # fmt: skip
    """Sweep by corners, reading some logits as they are."""
    unembedding = Unembedding(positions=reads, tokens=tokens)
    return model.sweep(IDS, edits, unembedding, logits_themselves, limits or SweepLimits(mode=SweepMode.CORNER))


def assert_equals_full(model: Model, edits: Sequence[Edit], *, reads: tuple[int, ...] = (LAST,),
                       tokens: tuple[int, ...] | None = (3, 5, 1)) -> None:  # fmt: skip
    """Values to tolerance, firings exactly; and the edits are not all without effect."""
    unembedding = Unembedding(positions=reads, tokens=tokens)
    full = model.sweep(IDS, edits, unembedding, logits_themselves, SweepLimits(mode=SweepMode.FULL))
    found = corner(model, edits, reads=reads, tokens=tokens)
    largest = max(1.0, float(full.values.abs().max()))
    assert float((found.values - full.values).abs().max()) <= TOLERANCE * largest
    assert found.fired == full.fired
    assert found.mode is SweepMode.CORNER
