"""One plan for each kind of edit, as the contract suite runs them on every backend and family.

In: a model's dimensions. Out: writes that fit sequences of `LENGTHS`, so that all their positions are below 7.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from attnprobe.plan import Edges, EmptyRow, ModelDims, Point, Replace, Scale, Site, Write, force_edges, mask_edges
from tests.models.architectures import LENGTHS


def _positions(n: int, width: int, seed: int = 0) -> Tensor:
    return torch.randn(2, n, width, generator=torch.Generator().manual_seed(seed))


def _stream(point: Point) -> Callable[[ModelDims], tuple[Write, ...]]:
    def writes(dims: ModelDims) -> tuple[Write, ...]:
        values = _positions(1, dims.d_model)[:, 0]
        return (
            Write(site=Site(point=point, layer=1, positions=(2, 5)), intervention=Replace(values=values)),
            Write(site=Site(point=point, layer=2, batch=(0, 2)), intervention=Scale(factor=-0.5)),
        )

    return writes


def _heads(point: Point) -> Callable[[ModelDims], tuple[Write, ...]]:
    def writes(dims: ModelDims) -> tuple[Write, ...]:
        last = (dims.n_kv_heads if point.has_kv_heads else dims.n_heads)[1] - 1
        heads = tuple(sorted({0, last}))
        site = Site(point=point, layer=1, heads=heads, positions=(1, 4))
        return (
            Write(site=site, intervention=Replace(values=_positions(len(heads), dims.d_head[1]))),
            Write(site=Site(point=point, layer=2, heads=(0,), batch=(1,)), intervention=Scale(factor=2.0)),
            Write(site=Site(point=point, layer=0, positions=(3,)), intervention=Replace(values=torch.tensor(0.0))),
        )

    return writes


def _query_copies(point: Point) -> Callable[[ModelDims], tuple[Write, ...]]:
    def writes(dims: ModelDims) -> tuple[Write, ...]:
        site = Site(point=point, layer=1, heads=(1,), positions=(1, 4), per_query_head=True)
        whole = Site(point=point, layer=1, heads=(0,), positions=(2,))
        return (
            Write(site=site, intervention=Replace(values=_positions(1, dims.d_head[1]))),
            Write(site=whole, intervention=Scale(factor=0.0)),
        )

    return writes


def masks(**options: object) -> Callable[[ModelDims], tuple[Write, ...]]:
    edges = Edges.of({3: [1, 2], 5: [0, 1, 4], 6: [6, 2]})
    return lambda _: (mask_edges(layer=1, heads=(1,), edges=edges, **options), mask_edges(layer=2, edges=edges))


def _forces(dims: ModelDims) -> tuple[Write, ...]:
    edges = Edges.of({3: [1, 2], 5: [0, 1, 4], 6: [6, 2]})
    return (
        force_edges(layer=1, heads=(1,), edges=edges, mass=(0.9, 0.0, 1.0)),
        force_edges(layer=2, edges=edges, mass=0.3),
    )


def _forces_beside_masks(dims: ModelDims) -> tuple[Write, ...]:
    whole = Edges.of({2: [0, 1, 2], 4: [3]})
    return (
        force_edges(layer=0, edges=whole, mass=(0.25, 0.9999), empty_row=EmptyRow.SELF),
        mask_edges(layer=1, edges=Edges.of({3: [1, 2], 5: [0]}), strength=0.7),
        force_edges(layer=1, heads=(1,), edges=Edges.of({3: [1], 5: [0, 4]}), mass=0.6, batch=(0, 2)),
        force_edges(layer=2, edges=whole, mass=0.25, empty_row=EmptyRow.ZERO),
    )


def _replaced_rows(dims: ModelDims) -> tuple[Write, ...]:
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(2, 2, LENGTHS[1], generator=generator)
    site = Site(point=Point.PATTERN, layer=1, heads=(0, 1), positions=(2, 5), batch=(1,))
    return (Write(site=site, intervention=Replace(values=values)),)


def _scaled_edges(dims: ModelDims) -> tuple[Write, ...]:
    edges = Edges.of({4: [0, 2], 6: [5]})
    return (
        Write(site=Site(point=Point.PATTERN, layer=1, heads=(1,), edges=edges), intervention=Scale(factor=3.0)),
        Write(site=Site(point=Point.PATTERN, layer=2, positions=(1, 2)), intervention=Scale(factor=0.5)),
    )


def _all_at_once(dims: ModelDims) -> tuple[Write, ...]:
    return (
        *masks(strength=0.7)(dims),
        *_heads(Point.Z)(dims),
        *_scaled_edges(dims),
        *_stream(Point.RESID)(dims),
        *_stream(Point.MLP_OUT)(dims),
    )


EDITS: dict[str, Callable[[ModelDims], tuple[Write, ...]]] = {
    "mask": masks(),
    "mask by half": masks(strength=0.5),
    "mask with a strength a row": masks(strength=(1.0, 0.1, 0.999)),
    "mask one sequence": masks(batch=(1,)),
    "mask without renormalising": masks(renormalise=False, strength=(0.5, 1.0, 0.25)),
    "mask twice": lambda dims: (*masks(strength=0.5)(dims), *masks(strength=0.5)(dims)),
    "empty rows attend to themselves": lambda _: (
        mask_edges(layer=1, edges=Edges.of({2: [0, 1, 2], 4: [3]}), empty_row=EmptyRow.SELF),
    ),
    "empty rows attend to nothing": lambda _: (
        mask_edges(layer=1, heads=(1,), edges=Edges.of({2: [0, 1, 2], 4: [3]}), empty_row=EmptyRow.ZERO),
    ),
    "force": _forces,
    "force what is masked in part, and rows without anything else": _forces_beside_masks,
    "replace rows of the pattern": _replaced_rows,
    "scale the pattern": _scaled_edges,
    "q": _heads(Point.Q),
    "k": _heads(Point.K),
    "v": _heads(Point.V),
    "z": _heads(Point.Z),
    "k of one query head": _query_copies(Point.K),
    "v of one query head": _query_copies(Point.V),
    "resid": _stream(Point.RESID),
    "attn_out": _stream(Point.ATTN_OUT),
    "mlp_out": _stream(Point.MLP_OUT),
    "all at once": _all_at_once,
}
