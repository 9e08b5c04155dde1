"""The edits that the sweep suite makes of one sequence: every point, kind of write and place, alone and joined.

In: a model's dimensions. Out: `Edit`s by name, one sweep's worth, that fit a sequence of `N_POSITIONS` tokens. Layers,
heads and the values' shapes are spread over the places in turns, so that few edits cover all of them.
"""

from collections.abc import Mapping
from itertools import count

import torch
from torch import Tensor

from attnprobe.plan import Edges, Edit, EmptyRow, ModelDims, Point, Replace, Scale, Site, Write, force_edges, mask_edges
from tests.models.architectures import draw_sequences

N_POSITIONS = 10
IDS = draw_sequences((N_POSITIONS,), seed=5)[0]
LAST = N_POSITIONS - 1
PLACES: Mapping[str, tuple[int, ...] | None] = {
    "everywhere": None,
    "first": (0,),
    "middle": (4,),
    "last": (LAST,),
    "apart": (2, 7),
}
_EDGES = Edges.of({3: [1, 2], 6: [0, 1, 4], 8: [8, 2], LAST: [3, 7]})
_LAST_ROW = Edges.of({LAST: [0, 1, 6, 8]})
_VECTORS = (Point.RESID, Point.Q, Point.K, Point.V, Point.Z, Point.ATTN_OUT, Point.MLP_OUT)


def edits_of(dims: ModelDims) -> dict[str, Edit]:
    """Every edit by name."""
    writes = {**_vector_writes(dims), **_pattern_writes(dims), **_mask_writes(dims), **_force_writes(dims)}
    return {name: Edit(writes=(write,)) for name, write in writes.items()} | _joint_edits(dims)


def needs_copies(edit: Edit) -> bool:
    """Whether it edits the copies of k and v that query heads see."""
    return any(write.site.per_query_head for write in edit.writes)


def points_of(edit: Edit) -> set[Point]:
    """Where it writes."""
    return {write.site.point for write in edit.writes}


def _draw(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _heads_of(dims: ModelDims, point: Point, layer: int, *, copies: bool) -> int:
    return (dims.n_kv_heads if point.has_kv_heads and not copies else dims.n_heads)[layer]


def _vector_writes(dims: ModelDims) -> dict[str, Write]:
    found: dict[str, Write] = {}
    turn = count()
    for point in (*_VECTORS, "k of a query head", "v of a query head"):
        copies = not isinstance(point, Point)
        at = point if isinstance(point, Point) else Point(point[0])
        for place, positions in PLACES.items():
            step = next(turn)
            layer = step % dims.n_layers
            heads = None
            if at.has_heads and step % 4:
                heads = (step % _heads_of(dims, at, layer, copies=copies),)
            site = Site(point=at, layer=layer, heads=heads, positions=positions, per_query_head=copies)
            what = Scale(factor=-0.5) if step % 3 == 0 else Replace(values=_values(dims, site, step))
            found[f"{point} {place}"] = Write(site=site, intervention=what)
    return found


def _values(dims: ModelDims, site: Site, step: int) -> Tensor:
    """One value for all, one for each position, or whole tensors, in turns."""
    n = N_POSITIONS if site.positions is None else len(site.positions)
    if not site.point.has_heads:
        return [torch.tensor(0.0), _draw(dims.d_model, seed=step), _draw(n, dims.d_model, seed=step)][step // 3 % 3]
    heads = _heads_of(dims, site.point, site.layer, copies=site.per_query_head) if site.heads is None else 1
    width = dims.d_head[site.layer]
    return [torch.tensor(0.0), _draw(width, seed=step), _draw(n, heads, width, seed=step)][step // 3 % 3]


def _pattern_writes(dims: ModelDims) -> dict[str, Write]:
    top = dims.n_layers - 1
    rows = torch.rand(2, N_POSITIONS, generator=torch.Generator().manual_seed(1))

    def at(layer: int, what: Replace | Scale, heads: tuple[int, ...] | None = None, **where: object) -> Write:
        return Write(site=Site(point=Point.PATTERN, layer=layer, heads=heads, **where), intervention=what)  # type: ignore[arg-type]

    whole = torch.rand(N_POSITIONS, N_POSITIONS, generator=torch.Generator().manual_seed(2))
    return {
        "pattern rows apart": at(0, Replace(values=rows), (1,), positions=(2, 7)),
        "pattern of a whole head": at(1, Replace(values=whole), (0,)),
        "pattern of the last row": at(top, Replace(values=rows[0]), None, positions=(LAST,)),
        "pattern halved everywhere": at(1, Scale(factor=0.5), (1,)),
        "pattern halved in the first row": at(0, Scale(factor=0.5), (0,), positions=(0,)),
        "edges of the pattern tripled": at(0, Scale(factor=3.0), (0, 1), edges=_EDGES),
        "edges of the last row's pattern emptied": at(top, Scale(factor=0.0), None, edges=_LAST_ROW),
    }


def _mask_writes(dims: ModelDims) -> dict[str, Write]:
    top = dims.n_layers - 1
    found: dict[str, Write] = {}
    for layer in range(dims.n_layers):
        for head in range(dims.n_heads[layer]):
            found[f"mask at the last row, L{layer}H{head}"] = mask_edges(layer=layer, heads=(head,), edges=_LAST_ROW)
    middle = Edges.product((4, 5, 6), (4, 3))
    emptied = Edges.of({2: [0, 1, 2], 5: [4]})
    last_emptied = Edges.of({LAST: range(N_POSITIONS)})
    return found | {
        "mask": mask_edges(layer=1, heads=(1,), edges=_EDGES),
        "mask in the first layer": mask_edges(layer=0, heads=(0,), edges=_EDGES),
        "mask of all heads in the last layer": mask_edges(layer=top, edges=_EDGES),
        "mask of keys partly out of reach": mask_edges(layer=top, edges=Edges.product((7, 8), range(N_POSITIONS - 3))),
        "mask of the middle": mask_edges(layer=0, edges=middle),
        "mask by half": mask_edges(layer=1, heads=(0,), edges=_EDGES, strength=0.5),
        "mask with a strength a row": mask_edges(layer=0, heads=(1,), edges=_EDGES, strength=(1.0, 0.1, 0.999, 0.7)),
        "mask all but nothing": mask_edges(layer=1, edges=_EDGES, strength=1 - 1e-7),
        "mask without renormalising": mask_edges(layer=1, heads=(1,), edges=_EDGES, renormalise=False),
        "mask by half without renormalising": mask_edges(
            layer=top, heads=(0,), edges=_LAST_ROW, renormalise=False, strength=0.5
        ),
        "empty rows attend to themselves": mask_edges(layer=0, edges=emptied, empty_row=EmptyRow.SELF),
        "empty rows attend to nothing": mask_edges(layer=1, heads=(1,), edges=emptied, empty_row=EmptyRow.ZERO),
        "the last row attends to itself": mask_edges(layer=1, heads=(0,), edges=last_emptied, empty_row=EmptyRow.SELF),
        "the last row attends to nothing": mask_edges(layer=top, edges=last_emptied, empty_row=EmptyRow.ZERO),
    }


def _force_writes(dims: ModelDims) -> dict[str, Write]:
    top = dims.n_layers - 1
    whole_row = Edges.of({2: range(3), 6: [5]})
    return {
        "half of the mass forced": force_edges(layer=1, heads=(1,), edges=_EDGES, mass=0.5),
        "all of the mass forced at the last row": force_edges(layer=top, heads=(0,), edges=_LAST_ROW, mass=1.0),
        "masses forced by row in the first layer": force_edges(layer=0, edges=_EDGES, mass=(0.0, 0.3, 0.9, 1.0)),
        "mass forced onto all that is seen": force_edges(layer=1, edges=whole_row, mass=0.4, empty_row=EmptyRow.SELF),
    }


def _joint_edits(dims: ModelDims) -> dict[str, Edit]:
    top = dims.n_layers - 1

    def z(layer: int, head: int, positions: tuple[int, ...] | None) -> Write:
        site = Site(point=Point.Z, layer=layer, heads=(head,), positions=positions)
        return Write(site=site, intervention=Replace(values=torch.tensor(0.0)))

    def scaled(point: Point, layer: int, positions: tuple[int, ...] | None) -> Write:
        return Write(site=Site(point=point, layer=layer, positions=positions), intervention=Scale(factor=1.5))

    mask, top_mask = mask_edges(layer=1, heads=(1,), edges=_EDGES), mask_edges(layer=top, edges=_LAST_ROW)
    half = mask_edges(layer=1, heads=(1,), edges=_EDGES, strength=0.5)
    return {
        "two heads of a layer": Edit(writes=(z(1, 0, None), z(1, 1, (4,)))),
        "heads of every layer at the last position": Edit(writes=tuple(z(n, 0, (LAST,)) for n in range(dims.n_layers))),
        "a later position in a lower layer": Edit(writes=(z(top, 1, (2,)), z(0, 0, (8,)))),
        "the last layer named first": Edit(writes=(top_mask, scaled(Point.RESID, 0, (6,)))),
        "masks that meet in one row": Edit(writes=(half, half, mask)),
        "order matters: scaled, then replaced": Edit(writes=(scaled(Point.Z, 1, None), z(1, 0, (3,)))),
        "order matters: replaced, then scaled": Edit(writes=(z(1, 0, (3,)), scaled(Point.Z, 1, None))),
        "masked, then forced": Edit(
            writes=(mask, force_edges(layer=1, heads=(0, 1), edges=_LAST_ROW, mass=0.6)),
        ),
        "everything at once": Edit(
            writes=(
                mask,
                force_edges(layer=top, heads=(1,), edges=_EDGES, mass=0.7),
                scaled(Point.Q, 0, (5,)),
                scaled(Point.K, 1, (3,)),
                scaled(Point.V, 1, None),
                scaled(Point.MLP_OUT, 0, (7,)),
                scaled(Point.ATTN_OUT, top, (1, 8)),
                Write(
                    site=Site(point=Point.PATTERN, layer=1, heads=(0,), edges=_EDGES), intervention=Scale(factor=0.5)
                ),
            )
        ),
    }
