"""Measure one example: its unedited run, every unit's edit, and every control.

In: a model, a subject, the settings and the units. Out: `Observation`, arrays over units of one example. No average
over examples is taken here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from jaxtyping import Float, Int

from attnprobe.causal.controls import Control, ControlKind, draw_control
from attnprobe.causal.edits import Donors, mask_write, reachable_rows, replacement_write
from attnprobe.causal.effects import MIN_GAP_LOGITS, recovery
from attnprobe.causal.settings import Direction, InterventionKind, Metric, PatchSettings
from attnprobe.causal.subject import Skip, Subject
from attnprobe.causal.sweep import Measure, Reading, Variant, measure_of, readout_logits, run_variants, unedited
from attnprobe.causal.units import Unit
from attnprobe.models.model import Model
from attnprobe.plan import Firing, Point, Read, Run

CONTROLS = (ControlKind.RANDOM_KEYS, ControlKind.DISTANCE, ControlKind.MASS)


class Arm(StrEnum):
    """One side of a comparison.

    EDIT: the edit at full strength. CONTROL: control keys. DOSED: the gold keys at the dose of a `mass` control.
    """

    EDIT = "edit"
    CONTROL = "control"
    DOSED = "dosed"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ControlReading:
    """One kind of control on one example, by unit; NaN where it did not match.

    Attributes:
        effect: of the control keys.
        gold: of the gold keys in the same comparison: at the matched dose for `mass`, at full strength else.
        dose: attention mass removed from each row on both sides, for `mass`; NaN else.
        reasons: why a unit has no match; "" where it has.
    """

    effect: Float[np.ndarray, " unit"]
    gold: Float[np.ndarray, " unit"]
    dose: Float[np.ndarray, " unit"]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Observation:
    """What was measured on one example.

    Attributes:
        subject: the example.
        clean: the metric on the unedited run, for each token read.
        effect: metric(edited) - metric(unedited), for each unit and token read; 0 where a unit cannot see any key.
        fired: entries edited, for each unit.
        unreachable: entries asked for that the unit cannot see, for each unit.
        controls: by kind.
    """

    subject: Subject
    clean: Float[np.ndarray, " token"]
    effect: Float[np.ndarray, "unit token"]
    fired: Int[np.ndarray, " unit"]
    unreachable: Int[np.ndarray, " unit"]
    controls: Mapping[ControlKind, ControlReading]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ratio:
    """Turns logit_diff into recovery, for one example; the identity for every other metric."""

    clean: float | None = None
    corrupted: float | None = None

    def __call__(self, values: np.ndarray) -> np.ndarray:
        if self.clean is None or self.corrupted is None:
            return values
        return (values - self.corrupted) / (self.clean - self.corrupted)


def observe(
    model: Model, subject: Subject, settings: PatchSettings, units: Sequence[Unit], donors: Donors
) -> Observation | Skip:
    """Measure one example.

    Args:
        model: which model.
        subject: the example.
        settings: of the sweep.
        units: what to edit, one at a time.
        donors: where replacement values come from.

    Returns:
        The measurement, or why there is none.

    Raises:
        PlanError: an edit cannot be honoured, leaves a row without keys, or does not fire.
    """
    donor = donors.donor_of(subject) if donors.needs_donor() else None
    if donors.needs_donor() and donor is None:
        return Skip.NO_DONOR
    is_mask = settings.intervention is InterventionKind.MASK
    wants_pattern = is_mask and settings.resolved_control is not ControlKind.NONE
    layers = sorted({unit.layer for unit in units})
    reads = tuple(Read(point=Point.PATTERN, layer=layer) for layer in layers) if wants_pattern else ()
    plain = unedited(model, subject.ids, subject.readout, reads)
    logits = readout_logits(plain, 0, subject.readout)
    measure = measure_of(settings.metric, subject.readout, logits)
    clean = measure(logits[None])[0].cpu().numpy()
    ratio = _ratio(model, subject, settings, measure, clean)
    if isinstance(ratio, Skip):
        return ratio
    if is_mask:
        variants, plans = _mask_variants(subject, settings, units, model, plain if wants_pattern else None)
    else:
        values = donors.values(model, subject, donor)
        plans = {}
        variants = [
            Variant(key=(Arm.EDIT, unit, None), write=replacement_write(subject, settings, unit, values))
            for unit in units
        ]
    readings = run_variants(
        model, subject.ids, variants, subject.readout, measure, batch_size=settings.batch_size
    )
    found = {variant.key: reading for variant, reading in zip(variants, readings, strict=True)}
    return _collect(subject, units, ratio, clean, found, plans)


def _ratio(
    model: Model, subject: Subject, settings: PatchSettings, measure: Measure, value: np.ndarray
) -> _Ratio | Skip:
    if settings.metric is not Metric.RECOVERY:
        return _Ratio()
    assert subject.donor is not None
    donor_logits = readout_logits(unedited(model, subject.donor, subject.readout), 0, subject.readout)
    other = float(measure(donor_logits[None])[0].mean())
    into_corrupted = settings.direction is Direction.CLEAN_TO_CORRUPTED
    clean, corrupted = (other, float(value.mean())) if into_corrupted else (float(value.mean()), other)
    return _Ratio(clean=clean, corrupted=corrupted) if abs(clean - corrupted) >= MIN_GAP_LOGITS else Skip.NO_GAP
