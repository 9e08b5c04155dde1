"""Steerings for the tests of decoding: of every kind of edit, none special to one model.

In: a model's dimensions. Out: `kinds_of_steering`, by name.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from attnprobe.models.decoding import EdgeEdit, EdgeSteering, HeadEdit, HeadSteering, Steering
from attnprobe.plan import EmptyRow, Force, Mask, ModelDims, Point, Replace, Scale, Site, Write

HEADS = ((1, (0, 2)), (2, (1,)))


@dataclass(frozen=True)
class Opaque:
    """A steering that nothing is known of but its writes."""

    steering: Steering

    def writes(self, ids: Sequence[int]) -> tuple[Write, ...]:
        return self.steering.writes(ids)


@dataclass(frozen=True)
class Made:
    """Writes made from the tokens so far."""

    make: Callable[[Sequence[int]], tuple[Write, ...]]

    def writes(self, ids: Sequence[int]) -> tuple[Write, ...]:
        return self.make(ids)


def moving(*fixed: int) -> Callable[[Sequence[int]], tuple[int, ...]]:
    """Some fixed keys and the one before the last, which moves."""

    def keys(ids: Sequence[int]) -> tuple[int, ...]:
        return tuple(sorted({key for key in (*fixed, len(ids) - 2) if 0 <= key < len(ids)}))

    return keys


def at_new(point: Point, **options: object) -> Steering:
    """Twice what is there, in layer 1, at every position that runs for the first time: the prompt's at first."""
    site = Site(point=point, layer=1, **options)  # type: ignore[arg-type]
    return Made(lambda ids: (Write(site=site, intervention=Scale(factor=-2.0)),))


def even_rows(ids: Sequence[int]) -> tuple[Write, ...]:
    """Attention spread evenly over all keys, at every step anew."""
    n = len(ids)
    site = Site(point=Point.PATTERN, layer=1, heads=(0, 1), positions=(n - 1,))
    return (Write(site=site, intervention=Replace(values=torch.full((1, 1, n), 1 / n))),)


def kinds_of_steering(dims: ModelDims) -> dict[str, Steering | None]:
    """One of every kind; None is the plain run."""
    values = torch.randn(1, 2, dims.d_head[1], generator=torch.Generator().manual_seed(7))
    heads = HeadEdit(heads=((1, (0, 2)),), interventions={1: Replace(values=values)})

    def edges(what: Mask | Force, *keys: int) -> EdgeSteering:
        return EdgeSteering(edit=EdgeEdit(heads=HEADS, intervention=what), keys=moving(*keys))

    return {
        "plain": None,
        "mask": edges(Mask(empty_row=EmptyRow.SELF), 1, 2),
        "partial mask": edges(Mask(strength=0.8), 0, 3),
        "force": edges(Force(mass=0.9, empty_row=EmptyRow.SELF), 2),
        "short force": edges(Force(mass=0.5, empty_row=EmptyRow.ZERO), 0),
        "heads": HeadSteering(edit=heads),
        "attention rows": Made(even_rows),
        "keys from the prompt on": at_new(Point.K),
        "outputs from the prompt on": at_new(Point.Z, heads=(1,)),
        "residual from the prompt on": at_new(Point.RESID),
    }
