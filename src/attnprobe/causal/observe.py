"""Measure one example: its unedited run, every unit's edit, and every control.

In: a model, a subject, the settings and the units. Out: `Observation`, arrays over units of one example. No average
over examples is taken here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from attnprobe.causal.control_arms import (
    KINDS,
    ControlReading,
    control_arms,
    control_readings,
    kinds_of,
    looks_for_mass,
)
from attnprobe.causal.controls import ControlKind
from attnprobe.causal.donor_models import DonorModel
from attnprobe.causal.edits import Donors
from attnprobe.causal.effects import MIN_GAP_LOGITS, recovery
from attnprobe.causal.head_sets import Edited
from attnprobe.causal.joint_writes import edit_writes
from attnprobe.causal.settings import Direction, InterventionKind, Metric, PatchSettings
from attnprobe.causal.subject import Skip, Subject
from attnprobe.causal.sweep import Reader, Variant, reader_of, readout_logits, run_variants, unedited
from attnprobe.models.model import Model
from attnprobe.plan import Firing


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Observation:
    """What was measured on one example.

    Attributes:
        subject: the example.
        clean: the metric on the unedited run, for each token read.
        effect: metric(edited) - metric(unedited), for each unit and token read; 0 where a unit cannot see any key.
            What was edited beside the units comes after them, here and in the next two.
        fired: entries edited, for each unit.
        unreachable: entries asked for that the unit cannot see, for each unit.
        controls: by kind, of the units alone.
    """

    subject: Subject
    clean: Float[np.ndarray, " token"]
    effect: Float[np.ndarray, "unit token"]
    fired: Int[np.ndarray, " unit"]
    unreachable: Int[np.ndarray, " unit"]
    controls: Mapping[ControlKind, ControlReading]


def observe(
    model: Model,
    subject: Subject,
    settings: PatchSettings,
    units: Sequence[Edited],
    donors: Donors,
    *,
    beside: Sequence[Edited] = (),
    kinds: Sequence[ControlKind] = KINDS,
    donor_model: DonorModel | None = None,
) -> Observation | Skip:
    """Measure one example.

    Args:
        model: which model.
        subject: the example.
        settings: of the sweep.
        units: what to edit, one at a time; a set of heads is one.
        donors: where replacement values come from.
        beside: what else to edit, without controls.
        kinds: of control keys; those that the intervention knows are run.
        donor_model: of a transplant.

    Returns:
        The measurement, or why there is none.

    Raises:
        PlanError: an edit cannot be honoured, leaves a row without keys, or does not fire.
    """
    donor = donors.donor_of(subject) if donors.needs_donor() else None
    if donors.needs_donor() and donor is None:
        return Skip.NO_DONOR
    has_keys = settings.intervention.has_keys
    known = kinds_of(settings)
    wants_controls = has_keys and bool(known)
    layers = sorted({member.layer for unit in units for member in unit.members})
    looks = looks_for_mass(subject.rows, layers) if wants_controls else ()
    plain = unedited(model, subject.ids, subject.readout, looks)
    logits = readout_logits(plain, 0, subject.readout)
    reader = reader_of(_read_metric(settings), subject.readout, logits)
    clean = reader(logits).cpu().numpy()
    rescale = _rescaling(model if donor_model is None else donor_model.model, subject, settings, reader, clean)
    if rescale is None:
        return Skip.NO_GAP
    if donor_model is not None:
        values = donor_model.values(subject)
    else:
        values = None if has_keys else donors.values(model, subject, donor)
    edited = (*units, *beside)
    edits = {unit: edit_writes(subject, settings, unit, model.dims, values) for unit in edited}
    rows = dict(zip(layers, plain.streamed, strict=True)) if wants_controls else {}
    if donor_model is not None:
        assert values is not None
        arms = donor_model.arms(subject, values, units, model.dims) if known else ()
    else:
        chosen = [kind for kind in kinds if kind in known]
        arms = control_arms(subject, settings, units, model.dims, rows, chosen) if wants_controls else ()
    # a unit that sees none of the keys is not run: its effect is 0 by construction
    variants = [Variant(key=unit, writes=writes) for unit, writes in edits.items() if writes]
    by_unit = {variant.key: index for index, variant in enumerate(variants)}
    variants += [variant for arm in arms for variant in arm.variants]
    readings = run_variants(model, subject.ids, variants, reader, settings.limits)
    effects = [rescale(reading.values) - rescale(clean) for reading in readings]
    firings = [readings[by_unit[unit]].firing if unit in by_unit else Firing() for unit in edited]
    nothing = np.zeros_like(clean)
    effect = np.stack([effects[by_unit[unit]] if unit in by_unit else nothing for unit in edited])
    means = effect[: len(units)].mean(axis=1)
    return Observation(
        subject=subject,
        clean=rescale(clean),
        effect=effect,
        fired=np.array([firing.edited for firing in firings]),
        unreachable=_unreachable(subject, edited, firings),
        controls=control_readings(arms, units, means, [value.mean() for value in effects[len(by_unit) :]]),
    )


def _read_metric(settings: PatchSettings) -> Metric:
    """What is read off the logits: recovery is formed of `logit_diff`, of a transplant of `gold_logprob`."""
    is_share = settings.metric is Metric.RECOVERY and settings.intervention is InterventionKind.TRANSPLANT
    return Metric.GOLD_LOGPROB if is_share else settings.metric


def _unreachable(subject: Subject, edited: Sequence[Edited], firings: Sequence[Firing]) -> Int[np.ndarray, " unit"]:
    """Entries asked for that a unit's heads cannot see; 0 where no keys are edited."""
    n_asked = sum(len(keys) for keys in subject.rows.values())
    counts = [n_asked * len(unit.members) - firing.edited for unit, firing in zip(edited, firings, strict=True)]
    return np.array(counts) if n_asked else np.zeros(len(counts), dtype=np.int64)


def _rescaling(
    model: Model, subject: Subject, settings: PatchSettings, reader: Reader, value: np.ndarray
) -> Callable[[np.ndarray], np.ndarray] | None:
    """What turns what was read into recovery; the identity for other metrics; None where there is no gap.

    Args:
        model: that gives the other run: the same one on other tokens, or a donor on the same.
        subject: the example.
        settings: of the sweep.
        reader: of what recovery is formed of.
        value: what it read of the unedited run.
    """
    if settings.metric is not Metric.RECOVERY:
        return lambda values: values
    ids, readout = subject.ids if subject.donor is None else subject.donor, subject.donor_readout or subject.readout
    donor_logits = readout_logits(unedited(model, ids, readout), 0, readout)
    other, own = float(reader(donor_logits).mean()), float(value.mean())
    is_forward = settings.direction is Direction.CLEAN_TO_CORRUPTED
    clean, corrupted = (other, own) if is_forward or subject.donor is None else (own, other)
    if not abs(clean - corrupted) >= MIN_GAP_LOGITS:
        return None
    return lambda values: recovery(torch.from_numpy(values), clean, corrupted).numpy()
