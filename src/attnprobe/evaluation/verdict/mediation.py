"""Mediation: what the chosen heads' output of a run that succeeds does in a run that fails.

In: a model, aligned examples of the testing half, the heads; with a donor, another model. Out: for each example the
recovery of every arm, and `Contrast`s.

Clean and corrupted text are one problem in other words, so that heads look at the same places in both: what differs is
what they carry. The test therefore puts in z, the heads' output, and shows the pattern beside. A donor runs on the
recipient's own tokens, where it is the places that differ: there the pattern is put in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from attnprobe.causal.effects import MIN_GAP_LOGITS, Readout, recovery
from attnprobe.causal.settings import Metric
from attnprobe.causal.sweep import Variant, reader_of, readout_logits, run_variants, unedited
from attnprobe.evaluation.verdict.contrasts import Asked, Contrast, contrast_of
from attnprobe.evaluation.verdict.joint import by_layer
from attnprobe.evaluation.verdict.rules import Question
from attnprobe.evaluation.verdict.settings import VerdictSettings
from attnprobe.models.model import Model
from attnprobe.plan import HeadId, ModelDims, Plan, Point, Read, Replace, Run, Site, Tokens, Write
from attnprobe.statistics.seeds import generator
from attnprobe.tasks import AlignedExample


class NoPatch(StrEnum):
    """Why an example has nothing to mediate.

    NO_CORRUPTION: it has no corrupted version whose pieces line up. NOT_SOLVED: the clean run does not prefer gold.
    NOT_CORRUPTED: the corrupted run does not prefer the foil. NO_GAP: both are nearly alike. NO_OTHER_HEADS: the set
    leaves too few heads of a layer to compare with.
    """

    NO_CORRUPTION = "no_corruption"
    NOT_SOLVED = "not_solved"
    NOT_CORRUPTED = "not_corrupted"
    NO_GAP = "no_gap"
    NO_OTHER_HEADS = "no_other_heads"


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchedExample:
    """One corrupted example with the clean run's values put in.

    Attributes:
        example: its id.
        clean: logit of gold less logit of foil in the clean run.
        corrupted: the same in the corrupted run.
        recoveries: by arm, share of the gap that is restored.
    """

    example: str
    clean: float
    corrupted: float
    recoveries: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Whose output is put in: as many heads of each layer on either side, none of the set among the others."""

    chosen: tuple[HeadId, ...]
    others: tuple[HeadId, ...]


def sides_of(heads: Sequence[HeadId], dims: ModelDims, settings: VerdictSettings, example_id: str) -> Sides | None:
    """The two sides for one example; None where the set holds all heads of its layers.

    A layer of which the set has more than half leaves fewer others: then as many of the set as there are others are
    drawn, anew for each example, so that the sides are as large and no chosen head is preferred.
    """
    chosen: list[HeadId] = []
    others: list[HeadId] = []
    rng = generator(settings.seed, example_id, "", "verdict/mediation")
    for layer, members in by_layer(heads).items():
        outside = [head for head in range(dims.n_heads[layer]) if head not in members]
        size = min(len(members), len(outside))
        for side, pool in ((chosen, members), (others, outside)):
            drawn = sorted(rng.choice(pool, size=size, replace=False).tolist())
            side += [HeadId(layer=layer, head=int(head)) for head in drawn]
    if not others:
        return None
    if settings.placebo and rng.integers(2):
        # heads that are nothing special: either side might be the chosen one
        chosen, others = others, chosen
    return Sides(chosen=tuple(chosen), others=tuple(others))


def observe_patches(
    model: Model, aligned: AlignedExample, heads: Sequence[HeadId], settings: VerdictSettings
) -> PatchedExample | NoPatch:
    """Patch one example, if its clean run succeeds and its corrupted run fails.

    Args:
        model: any backend.
        aligned: the example.
        heads: the set that is tested.
        settings: of the verdict.

    Raises:
        PlanError: an edit cannot be honoured or does not fire.
    """
    corruption, name = aligned.corruption, aligned.example.id
    if corruption is None:
        return NoPatch.NO_CORRUPTION
    sides = sides_of(heads, model.dims, settings, name)
    if sides is None:
        return NoPatch.NO_OTHER_HEADS
    row = corruption.predicting
    kind = aligned.targets[corruption.position - aligned.prompt_length].kind
    readout = Readout(positions=(row,), gold=(corruption.gold,), foil=(corruption.foil,), kinds=(kind,))
    layers = sorted({head.layer for head in heads})
    reads = tuple(Read(point=point, layer=layer) for layer in layers for point in (Point.Z, Point.PATTERN))
    donor = model.forward(Tokens.of([aligned.ids]), Plan(reads=reads, last_logits=len(aligned.ids) - row))
    logits = readout_logits(unedited(model, corruption.ids, readout), 0, readout)
    reader = reader_of(Metric.LOGIT_DIFF, readout, logits)
    clean, corrupted = float(reader(readout_logits(donor, 0, readout))), float(reader(logits))
    if clean <= 0:
        return NoPatch.NOT_SOLVED
    if corrupted >= 0:
        return NoPatch.NOT_CORRUPTED
    if clean - corrupted < MIN_GAP_LOGITS:
        return NoPatch.NO_GAP
    arms = {
        "z": put_in(donor, sides.chosen, Point.Z, (row,), "clean"),
        "random_heads": put_in(donor, sides.others, Point.Z, (row,), "clean"),
        "whole_set": put_in(donor, heads, Point.Z, (row,), "clean"),
        "pattern": put_in(donor, sides.chosen, Point.PATTERN, (row,), "clean"),
        "pattern_random_heads": put_in(donor, sides.others, Point.PATTERN, (row,), "clean"),
    }
    variants = [Variant(key=arm, writes=writes) for arm, writes in arms.items()]
    readings = run_variants(model, corruption.ids, variants, reader, settings.limits)
    values = torch.tensor([float(reading.values.mean()) for reading in readings], dtype=torch.float64)
    restored = recovery(values, clean, corrupted).tolist()
    return PatchedExample(
        example=name, clean=clean, corrupted=corrupted, recoveries=dict(zip(arms, restored, strict=True))
    )


def put_in(donor: Run, heads: Sequence[HeadId], point: Point, rows: Sequence[int], label: str) -> tuple[Write, ...]:
    """Put some heads' values of another run in, at some rows.

    Args:
        donor: a run that has read `point` of the heads' layers.
        heads: whose.
        point: z or pattern.
        rows: query positions, ascending.
        label: of the other run, for messages.
    """
    return tuple(
        Write(
            site=Site(point=point, layer=layer, heads=members, positions=tuple(rows)),
            intervention=Replace(values=_rows(donor.read(point, layer, 0), point, members, rows), label=label),
        )
        for layer, members in by_layer(heads).items()
    )


def _rows(values: Tensor, point: Point, heads: Sequence[int], rows: Sequence[int]) -> Tensor:
    return values[list(heads)][:, list(rows)] if point is Point.PATTERN else values[list(rows)][:, list(heads)]


def mediation_contrasts(found: Sequence[PatchedExample], settings: VerdictSettings) -> tuple[Contrast, ...]:
    """Every comparison of the test; the first decides."""
    usual = Asked(
        question=Question.MEDIATION,
        name="z/random_heads",
        edit="clean output into the corrupted run",
        control="of other heads of the layers",
        unit="share of the gap",
        minimum=settings.minimum.recovery,
        direction=1,
        decides=True,
    )
    pattern = replace(usual, name="pattern/random_heads", edit="clean pattern into the corrupted run", decides=False)
    whole = replace(
        usual, name="whole_set/nothing", edit="clean output of the whole set", control="nothing put in", decides=False
    )
    pairs = ((usual, "z", "random_heads"), (whole, "whole_set", ""), (pattern, "pattern", "pattern_random_heads"))
    return tuple(
        contrast_of(asked, _column(found, arm), _column(found, control), seed=settings.seed)
        for asked, arm, control in pairs
    )


def _column(found: Sequence[PatchedExample], arm: str) -> Float[np.ndarray, " example"]:
    return np.array([one.recoveries[arm] if arm else 0.0 for one in found])
