"""The one composition: a model, a task and settings in, a `PatchResult` out.

In: a `Model`, a `Task`, `PatchSettings`. Out: `PatchResult`. Aligns the examples, settles what is read, observes one
example after the other, and only then averages.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from attnprobe.causal.control_arms import kinds_of
from attnprobe.causal.controls import ControlKind
from attnprobe.causal.force_curve import curve_of
from attnprobe.causal.frames import controls_frame, kind_mean, rows_frame, tokens_frame
from attnprobe.causal.observe import Observation
from attnprobe.causal.prepared import Progress, counts_of, prepare_task
from attnprobe.causal.result import PatchResult
from attnprobe.causal.rows import HeadResult, PairedEffects, difference_table
from attnprobe.causal.settings import InterventionKind, Metric, PatchSettings
from attnprobe.causal.units import Unit, units_of
from attnprobe.models.model import Model
from attnprobe.statistics.estimates import Estimate, bootstrap_interval, strongest_head_interval
from attnprobe.tasks import Task


def patch_heads(
    model: Model,
    task: Task,
    settings: PatchSettings | None = None,
    *,
    donor: Model | None = None,
    progress: Progress | None = None,
) -> PatchResult:
    """Edit a model head by head on a task and measure what it does, against matched controls.

    Args:
        model: any backend.
        task: any; its examples are the unit of every statistic.
        settings: what to do; by default mask the attention from the predicting positions to the gold source words.
        donor: of a transplant, the model that attention is taken from; of the recipient's layers, query heads, windows
            and tokenizer.
        progress: called with (examples done, examples in all) after each example.

    Returns:
        Effects with intervals, controls, differences, p and q for every head, and the rows that they rest on.

    Raises:
        SpecError: a head or span does not exist, or an example is longer than the model's context; a donor does not
            fit.
        TaskError: the task does not know the keys asked for, or no example can be measured.
        PlanError: an edit cannot be honoured, leaves a row without keys, or does not fire.

    Source: DESIGN.md sections 4 and 6.
    """
    settings = settings or PatchSettings()
    units = units_of(settings, model.dims)
    prepared = prepare_task(model, task, settings, units, donor=donor)
    observations, skipped = prepared.observe(units, progress=progress)
    counts = counts_of(len(prepared.aligned), observations, skipped)
    result = _result(settings, model, units, observations, counts)
    if settings.intervention is not InterventionKind.FORCE:
        return result
    # without a curve the mirror is measured at the one mass that there is
    return replace(result, curve=curve_of(prepared, units, settings.doses or (settings.mass,)))


def _result(
    settings: PatchSettings,
    model: Model,
    units: Sequence[Unit],
    observations: Sequence[Observation],
    counts: Mapping[str, int],
) -> PatchResult:
    n_units = len(units_of(PatchSettings(intervention=settings.intervention, site=settings.resolved_site), model.dims))
    tables = {
        kind: _table(observations, units, kind, settings.seed, n_units)
        for kind in (kinds_of(settings) or (ControlKind.NONE,))
    }
    named = settings.resolved_control
    paired = paired_effects(observations, named)
    tested = paired.effects if paired.differences is None else paired.differences
    strongest = strongest_head_interval(tested, settings.seed, matched=paired.matched)
    clean = np.array([observed.clean.mean() for observed in observations])
    by_kind = settings.metric is Metric.GOLD_LOGPROB
    return PatchResult(
        settings=settings,
        n=len(observations),
        unit=settings.metric.unit,
        clean=bootstrap_interval(clean, settings.seed),
        heads=tables[named],
        by_control={kind: table for kind, table in tables.items() if kind is not ControlKind.NONE},
        strongest=None if strongest is None else strongest.estimate,
        strongest_heads=() if strongest is None else (str(units[strongest.pick]),),
        by_kind=_clean_by_kind(observations, settings.seed) if by_kind else {},
        counts=counts,
        rows=rows_frame(observations, units, with_kinds=by_kind),
        tokens=tokens_frame(observations),
        controls=controls_frame(observations, units),
    )


def paired_effects(observations: Sequence[Observation], kind: ControlKind) -> PairedEffects:
    """Effects of every unit on every example, beside those of one kind of control."""
    effects = np.stack([observed.effect.mean(axis=1) for observed in observations])
    if kind is ControlKind.NONE:
        return PairedEffects(effects=effects)
    readings = [observed.controls[kind] for observed in observations]
    n_units = readings[0].effect.size
    is_mass = kind is ControlKind.MASS
    return PairedEffects(
        effects=effects[:, :n_units],
        kind=kind,
        matched=np.array([[reason is None for reason in reading.reasons] for reading in readings]),
        control=np.stack([reading.effect for reading in readings]),
        at_dose=np.stack([reading.gold for reading in readings]) if is_mass else None,
        dose=np.stack([reading.dose for reading in readings]) if is_mass else None,
    )


def _table(
    observations: Sequence[Observation], units: Sequence[Unit], kind: ControlKind, seed: int, n_units: int
) -> tuple[HeadResult, ...]:
    fired = np.sum([observed.fired for observed in observations], axis=0)
    return difference_table(units, paired_effects(observations, kind), fired=fired, seed=seed, n_heads=n_units)


def _clean_by_kind(observations: Sequence[Observation], seed: int) -> dict[str, Estimate]:
    kinds = sorted({kind for observed in observations for kind in observed.subject.readout.kinds})
    means = {kind: [kind_mean(observed, observed.clean, kind) for observed in observations] for kind in kinds}
    return {
        kind.value: bootstrap_interval(np.array([value for value in found if value is not None]), seed)
        for kind, found in means.items()
    }
