"""The one composition: a model, a task and settings in, a `PatchResult` out.

In: a `Model`, a `Task`, `PatchSettings`. Out: `PatchResult`. Aligns the examples, settles what is read, observes one
example after the other, and only then averages.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from attnprobe.causal.control_arms import kinds_of
from attnprobe.causal.controls import ControlKind
from attnprobe.causal.edits import REFERENCE_EXAMPLES, Donors, mean_z
from attnprobe.causal.frames import controls_frame, kind_mean, rows_frame, tokens_frame
from attnprobe.causal.observe import Observation, observe
from attnprobe.causal.result import PatchResult
from attnprobe.causal.rows import HeadResult, PairedEffects, difference_table
from attnprobe.causal.settings import Ablation, InterventionKind, Metric, PatchSettings
from attnprobe.causal.subject import Skip, Subject, prepare
from attnprobe.causal.units import Unit, units_of
from attnprobe.errors import TaskError
from attnprobe.models.alignment import align_all
from attnprobe.models.model import Model
from attnprobe.statistics.estimates import Estimate, bootstrap_interval, strongest_head_interval
from attnprobe.tasks import AlignedExample, Task, WordKind

Progress = Callable[[int, int], None]


def patch_heads(
    model: Model, task: Task, settings: PatchSettings | None = None, *, progress: Progress | None = None
) -> PatchResult:
    """Edit a model head by head on a task and measure what it does, against matched controls.

    Args:
        model: any backend.
        task: any; its examples are the unit of every statistic.
        settings: what to do; by default mask the attention from the predicting positions to the gold source words.
        progress: called with (examples done, examples in all) after each example.

    Returns:
        Effects with intervals, controls, differences, p and q for every head, and the rows that they rest on.

    Raises:
        SpecError: a head or span does not exist, or an example is longer than the model's context.
        TaskError: the task does not know the keys asked for, or no example can be measured.
        PlanError: an edit cannot be honoured, leaves a row without keys, or does not fire.

    Source: DESIGN.md sections 4 and 6.
    """
    settings = settings or PatchSettings()
    units = units_of(settings, model.dims)
    aligned = align_all(model, task)
    subjects, skipped = _prepare_all(aligned, settings)
    donors = _donors(model, aligned, settings, units)
    observations: list[Observation] = []
    for done, subject in enumerate(subjects, start=1):
        observed = observe(model, subject, settings, units, donors)
        if isinstance(observed, Skip):
            skipped[observed] += 1
        else:
            observations.append(observed)
        if progress is not None:
            progress(done, len(subjects))
    if not observations:
        raise TaskError(_nothing_measured(task, settings, skipped))
    return _result(settings, model, units, observations, counts_of(aligned, observations, skipped))


def _prepare_all(
    aligned: Sequence[AlignedExample], settings: PatchSettings
) -> tuple[tuple[Subject, ...], Counter[Skip]]:
    prepared = [prepare(one, settings) for one in aligned]
    skipped = Counter(one for one in prepared if isinstance(one, Skip))
    return tuple(one for one in prepared if isinstance(one, Subject)), skipped


def _donors(model: Model, aligned: Sequence[AlignedExample], settings: PatchSettings, units: Sequence[Unit]) -> Donors:
    layers = tuple(sorted({unit.layer for unit in units}))
    is_mean = settings.intervention is InterventionKind.ABLATE and settings.ablation is Ablation.MEAN
    reference = [one.ids for one in aligned[:REFERENCE_EXAMPLES]]
    means = mean_z(model, reference, layers, batch_size=settings.batch_size) if is_mean else None
    pool = {one.example.id: one.ids for one in aligned}
    return Donors(settings=settings, layers=layers, means=means, pool=pool)


def _nothing_measured(task: Task, settings: PatchSettings, skipped: Counter[Skip]) -> str:
    why = ", ".join(f"{count} {reason.value.replace('_', ' ')}" for reason, count in sorted(skipped.items()))
    return (
        f"task {task.name}: none of its {len(task.examples)} examples can be measured with --intervention "
        f"{settings.intervention} --keys {settings.keys} --metric {settings.metric} ({why}). "
        "Choose other keys or another metric, or give the task what it lacks."
    )


def counts_of(
    aligned: Sequence[AlignedExample], observations: Sequence[Observation], skipped: Mapping[Skip, int]
) -> dict[str, int]:
    """How many examples and gold tokens were measured, and how many were not, by reason."""
    targets = [target for observed in observations for target in observed.subject.aligned.targets]
    scored = sum(len(observed.subject.scored) for observed in observations)
    return {
        "examples": len(aligned),
        "examples_measured": len(observations),
        **{f"examples_{reason.value}": skipped.get(reason, 0) for reason in Skip if skipped.get(reason, 0)},
        "gold_tokens": len(targets),
        "gold_tokens_scored": scored,
        "gold_tokens_unlicensed": sum(target.kind is WordKind.UNLICENSED for target in targets),
    }


def _result(
    settings: PatchSettings,
    model: Model,
    units: Sequence[Unit],
    observations: Sequence[Observation],
    counts: Mapping[str, int],
) -> PatchResult:
    n_units = len(units_of(PatchSettings(intervention=settings.intervention, site=settings.site), model.dims))
    tables = {
        kind: _table(observations, units, kind, settings.seed, n_units)
        for kind in (kinds_of(settings) or (ControlKind.NONE,))
    }
    named = settings.resolved_control
    paired = _paired(observations, named)
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


def _paired(observations: Sequence[Observation], kind: ControlKind) -> PairedEffects:
    effects = np.stack([observed.effect.mean(axis=1) for observed in observations])
    if kind is ControlKind.NONE:
        return PairedEffects(effects=effects)
    readings = [observed.controls[kind] for observed in observations]
    is_mass = kind is ControlKind.MASS
    return PairedEffects(
        effects=effects,
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
    return difference_table(units, _paired(observations, kind), fired=fired, seed=seed, n_heads=n_units)


def _clean_by_kind(observations: Sequence[Observation], seed: int) -> dict[str, Estimate]:
    kinds = sorted({kind for observed in observations for kind in observed.subject.readout.kinds})
    means = {kind: [kind_mean(observed, observed.clean, kind) for observed in observations] for kind in kinds}
    return {
        kind.value: bootstrap_interval(np.array([value for value in found if value is not None]), seed)
        for kind, found in means.items()
    }
