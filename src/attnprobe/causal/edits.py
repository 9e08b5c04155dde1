"""From an intervention and a head to the one write that carries it out on one example.

In: a subject, the settings, a unit, and for replacements the values of the run they come from. Out: `Write`s. What
the writes mean is DESIGN.md section 4.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from attnprobe.causal.settings import Ablation, InterventionKind, PatchSettings
from attnprobe.causal.subject import Subject
from attnprobe.causal.units import Unit, point_of
from attnprobe.models.model import Model
from attnprobe.plan import (
    Edges,
    EmptyRow,
    ModelDims,
    Plan,
    Point,
    Read,
    Replace,
    Scale,
    Site,
    Tokens,
    Write,
    force_edges,
    mask_edges,
)
from attnprobe.statistics.seeds import generator

REFERENCE_EXAMPLES = 64
"""Mean ablation averages over at most this many examples, the first of the task."""


def reachable_rows(rows: Mapping[int, Sequence[int]], layer: int, dims: ModelDims) -> dict[int, tuple[int, ...]]:
    """The part of some key rows that a layer can see; queries with no such key are left out."""
    seen = {query: tuple(key for key in keys if dims.is_reachable(layer, query, key)) for query, keys in rows.items()}
    return {query: keys for query, keys in seen.items() if keys}


def mask_write(
    rows: Mapping[int, Sequence[int]], unit: Unit, strength: float | tuple[float, ...], empty_row: EmptyRow
) -> Write:
    """Mask the keys of some rows for one head."""
    return mask_edges(layer=unit.layer, edges=Edges.of(rows), heads=unit.heads, strength=strength, empty_row=empty_row)


def keys_write(
    rows: Mapping[int, Sequence[int]],
    unit: Unit,
    settings: PatchSettings,
    strength: float | tuple[float, ...] | None = None,
) -> Write:
    """Mask or force the keys of some rows for one head, as the settings say.

    Args:
        rows: keys of each query.
        unit: the head.
        settings: of the sweep.
        strength: of a mask, where it is not that of the settings.
    """
    if settings.intervention is InterventionKind.FORCE:
        return force_write(rows, unit, settings.mass, settings.empty_row)
    return mask_write(rows, unit, settings.strength if strength is None else strength, settings.empty_row)


def force_write(
    rows: Mapping[int, Sequence[int]], unit: Unit, mass: float | tuple[float, ...], empty_row: EmptyRow
) -> Write:
    """Force mass onto the keys of some rows for one head."""
    return force_edges(layer=unit.layer, edges=Edges.of(rows), heads=unit.heads, mass=mass, empty_row=empty_row)


def replacement_write(
    subject: Subject, settings: PatchSettings, unit: Unit, values: Mapping[int, Tensor] | None
) -> Write:
    """Ablate, patch or scale one unit at the subject's positions.

    Args:
        subject: the example.
        settings: of the sweep.
        unit: what is edited.
        values: by layer, the values to put in at each position of the example (of the donor, where positions are
            matched): [pos, head, d_head], [pos, d_model] or [head, q_pos, k_pos]; of a transplant those of the chosen
            positions alone; None for zero and for scaling.
    """
    point = point_of(settings)
    site = Site(point=point, layer=unit.layer, heads=unit.heads, positions=subject.positions)
    if settings.intervention is InterventionKind.SCALE:
        return Write(site=site, intervention=Scale(factor=settings.factor))
    if values is None:
        return Write(site=site, intervention=Replace(values=torch.zeros(()), label="zero"))
    if settings.intervention is InterventionKind.TRANSPLANT:
        # the donor's values are those of the chosen positions already
        assert unit.index is not None
        found = values[unit.layer]
        chosen = found[[unit.index]] if point is Point.PATTERN else found[:, [unit.index]]
    else:
        chosen = _select(values[unit.layer], point, unit, subject)
    return Write(site=site, intervention=Replace(values=chosen, label=settings.intervention.value))


def _select(values: Tensor, point: Point, unit: Unit, subject: Subject) -> Tensor:
    positions = list(range(len(subject.ids)) if subject.positions is None else subject.positions)
    if point is Point.PATTERN:
        assert unit.index is not None
        return values[[unit.index]][:, positions]
    if subject.matched is None:
        rows = values[positions]
    else:
        # what stands at other positions in the donor's text
        rows = torch.stack([values[list(found)].mean(0) for found in subject.matched.sources.values()])
    return rows if unit.index is None else rows[:, [unit.index]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Donors:
    """Where replacement values come from in a sweep.

    Attributes:
        settings: of the sweep.
        layers: layers whose values are needed.
        means: by layer, the mean of z over the positions of the reference set [1, head, d_head]; for mean ablation.
        pool: every example's tokens by id, in task order; for resampling.
    """

    settings: PatchSettings
    layers: tuple[int, ...]
    means: Mapping[int, Tensor] | None
    pool: Mapping[str, tuple[int, ...]]

    def donor_of(self, subject: Subject) -> tuple[int, ...] | None:
        """The tokens whose run gives the values, or None where the intervention needs none or none is long enough."""
        if subject.donor is not None:
            return subject.donor
        name, needed = subject.aligned.example.id, 1 + max(subject.positions or (len(subject.ids) - 1,))
        others = [ids for other, ids in self.pool.items() if other != name and len(ids) >= needed]
        if not others:
            return None
        return others[int(generator(self.settings.seed, name, "", "resample").integers(len(others)))]

    def needs_donor(self) -> bool:
        """Whether an example without a donor cannot be measured."""
        kind = self.settings.intervention
        is_resample = kind is InterventionKind.ABLATE and self.settings.ablation is Ablation.RESAMPLE
        return kind is InterventionKind.PATCH or is_resample

    def values(self, model: Model, subject: Subject, donor: tuple[int, ...] | None) -> Mapping[int, Tensor] | None:
        """Values to put in at each position, by layer; None for zero ablation and scaling."""
        if self.means is not None:
            return {layer: mean.expand(len(subject.ids), -1, -1) for layer, mean in self.means.items()}
        if donor is None:
            return None
        point = point_of(self.settings)
        reads = tuple(Read(point=point, layer=layer) for layer in self.layers)
        run = model.forward(Tokens.of([donor]), Plan(reads=reads, last_logits=0))
        return {layer: run.read(point, layer, 0) for layer in self.layers}


def mean_z(
    model: Model, sequences: Sequence[Sequence[int]], layers: Sequence[int], *, batch_size: int
) -> dict[int, Float[Tensor, "1 head d_head"]]:
    """Mean output of every head over all positions of a reference set.

    Args:
        model: which model.
        sequences: token ids of the reference set, never the batch that is edited.
        layers: which layers.
        batch_size: sequences in one forward pass.

    Returns:
        By layer; every token of every sequence counts the same, padding counts nothing.
    """
    sums = dict.fromkeys(layers, torch.zeros((), dtype=torch.float64))
    reads = tuple(Read(point=Point.Z, layer=layer) for layer in layers)
    for start in range(0, len(sequences), batch_size):
        batch = Tokens.of(sequences[start : start + batch_size])
        run = model.forward(batch, Plan(reads=reads, last_logits=0))
        for layer in layers:
            # reads are zero at padding
            sums[layer] = sums[layer] + run.reads[Point.Z, layer].double().sum(dim=(0, 1)).cpu()
    count = sum(len(sequence) for sequence in sequences)
    return {layer: (total / count).float()[None] for layer, total in sums.items()}
