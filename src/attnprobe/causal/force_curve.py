"""The dose curve of a force: what each mass does, beside control keys and the mirror, over a task.

In: a model, a task, settings, heads or sets of heads, masses. Out: `ForceCurve`, numbers by example, and `DoseRow`s,
their means with intervals. What is measured of one example stands in `dose_curve`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float

from attnprobe.causal.controls import ControlKind
from attnprobe.causal.dose_curve import Dosed, observe_doses
from attnprobe.causal.head_sets import Edited
from attnprobe.causal.prepared import PreparedTask, Progress, prepare_task
from attnprobe.causal.settings import DOSES, InterventionKind, PatchSettings
from attnprobe.causal.subject import Skip
from attnprobe.causal.units import units_of
from attnprobe.errors import SpecError, TaskError
from attnprobe.models.model import Model
from attnprobe.statistics.estimates import bootstrap_intervals
from attnprobe.tasks import Task


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ForceCurve:
    """What forces of several masses did, by example; NaN where there is nothing to compare.

    Attributes:
        settings: of the force; its own `mass` was not used.
        units: heads or sets of heads, each forced alone.
        doses: masses.
        examples: ids of the examples measured.
        clean: the metric on the unedited run, mean over the tokens read.
        effect: metric(forced) - metric(unedited); harm is negative.
        control: the same with the keys of `settings.resolved_control`; NaN where `matched` is False.
        matched: which examples have control keys.
        mirror: log p(foil) with the same mass on the foil's keys, less that of the unedited run.
        mirror_gold: log p(gold) with the mass on the gold keys of the same rows, less that of the unedited run.
        clean_mass: attention to the gold keys as it is, in [0, 1].
        skipped: examples that could not be measured, by reason.
    """

    settings: PatchSettings
    units: tuple[Edited, ...]
    doses: tuple[float, ...]
    examples: tuple[str, ...]
    clean: Float[np.ndarray, " example"]
    effect: Float[np.ndarray, "example unit dose"]
    control: Float[np.ndarray, "example unit dose"]
    matched: Bool[np.ndarray, "example unit"]
    mirror: Float[np.ndarray, "example unit dose"]
    mirror_gold: Float[np.ndarray, "example unit dose"]
    clean_mass: Float[np.ndarray, "example unit"]
    skipped: Mapping[Skip, int]

    def rows(self) -> tuple["DoseRow", ...]:
        """Means over examples with their intervals, unit by unit, mass by mass."""
        return tuple(
            self._row(place, unit, dose, mass)
            for place, unit in enumerate(self.units)
            for dose, mass in enumerate(self.doses)
        )

    def _row(self, place: int, unit: Edited, dose: int, mass: float) -> "DoseRow":
        effect, control = self.effect[:, place, dose], self.control[:, place, dose]
        mirror, mirror_gold = self.mirror[:, place, dose], self.mirror_gold[:, place, dose]
        samples = np.stack([effect, control, effect - control, mirror, mirror_gold, self.clean_mass[:, place]], axis=1)
        matched = np.isfinite(samples)
        found = bootstrap_intervals(np.where(matched, samples, 0.0), self.settings.seed, matched=matched)
        whole, other, difference, foil, gold, clean_mass = found
        assert whole.value is not None
        return DoseRow(
            head=str(unit),
            layer=unit.layer,
            index=unit.index,
            mass=mass,
            clean_mass=clean_mass.value,
            effect=whole.value,
            low=whole.low,
            high=whole.high,
            control_kind=self.settings.resolved_control,
            control=other.value,
            difference=difference.value,
            difference_low=difference.low,
            difference_high=difference.high,
            n=whole.n,
            n_matched=difference.n,
            mirror=foil.value,
            mirror_low=foil.low,
            mirror_high=foil.high,
            mirror_gold=gold.value,
            n_mirror=foil.n,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DoseRow:
    """One head, or set of heads, at one mass; None where a number does not apply.

    Attributes:
        head: `L2H1`, or the name of a set.
        layer: which layer, the first of a set.
        index: which head; None for a set.
        mass: that the keys were given.
        clean_mass: that they have in the unedited run, mean over rows and examples.
        effect: mean of metric(forced) - metric(unedited).
        low: lower end of its 95% interval; None with a single example.
        high: upper end.
        control_kind: which other keys were given the same mass.
        control: mean effect of that, over matched examples.
        difference: mean over matched examples of effect less control.
        difference_low: lower end of its 95% interval.
        difference_high: upper end.
        n: examples measured.
        n_matched: examples with control keys.
        mirror: mean change of log p(foil), in nats, with the mass on the foil's keys.
        mirror_low: lower end of its 95% interval.
        mirror_high: upper end.
        mirror_gold: mean change of log p(gold) with the mass on the gold keys of the same rows.
        n_mirror: examples in which a foil has keys.
    """

    head: str
    layer: int
    index: int | None
    mass: float
    clean_mass: float | None
    effect: float
    low: float | None
    high: float | None
    control_kind: ControlKind
    control: float | None
    difference: float | None
    difference_low: float | None
    difference_high: float | None
    n: int
    n_matched: int
    mirror: float | None
    mirror_low: float | None
    mirror_high: float | None
    mirror_gold: float | None
    n_mirror: int

    def as_record(self) -> dict[str, str | int | float | None]:
        """The row of `summary.json`."""
        record = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**record, "control_kind": str(self.control_kind)}


def force_curve(
    model: Model,
    task: Task,
    settings: PatchSettings,
    units: Sequence[Edited] | None = None,
    *,
    doses: Sequence[float] = (),
    examples: Collection[str] | None = None,
    progress: Progress | None = None,
) -> ForceCurve:
    """Force heads, or sets of heads, at several masses on a task.

    Args:
        model: any backend.
        task: any whose keys are known.
        settings: `intervention` force; which keys, which step, what is read, which control.
        units: what is forced, each alone in its run; every head (of `settings.heads`) by default.
        doses: masses in [0, 1], ascending; those of the settings, or `DOSES`, by default.
        examples: ids of those to measure; all by default.
        progress: called with (examples done, examples in all) after each example.

    Raises:
        SpecError: the settings are no force, or a head, span or example does not exist.
        TaskError: the task does not know the keys asked for, or no example can be measured.
        PlanError: a force cannot be honoured.

    Source: DESIGN.md sections 1.3 and 4.
    """
    if settings.intervention is not InterventionKind.FORCE:
        raise SpecError(f"a dose curve of {settings.intervention}: only a force has one; use intervention force.")
    chosen = units_of(settings, model.dims) if units is None else tuple(units)
    if not chosen:
        raise SpecError("a dose curve of no head: give at least one head or set of heads.")
    prepared = prepare_task(model, task, settings, chosen, examples=examples)
    return curve_of(prepared, chosen, doses or settings.doses or DOSES, progress=progress)


def curve_of(
    prepared: PreparedTask, units: Sequence[Edited], doses: Sequence[float], *, progress: Progress | None = None
) -> ForceCurve:
    """The same of a task made ready."""
    found: list[Dosed] = []
    for done, subject in enumerate(prepared.subjects, start=1):
        found.append(observe_doses(prepared.model, subject, prepared.settings, units, doses))
        if progress is not None:
            progress(done, len(prepared.subjects))
    if not found:
        raise TaskError(prepared.nothing_measured(prepared.skipped))
    return ForceCurve(
        settings=prepared.settings,
        units=tuple(units),
        doses=tuple(doses),
        examples=tuple(subject.aligned.example.id for subject in prepared.subjects),
        clean=np.array([one.clean for one in found]),
        effect=np.stack([one.effect for one in found]),
        control=np.stack([one.control for one in found]),
        matched=np.stack([one.is_matched for one in found]),
        mirror=np.stack([one.mirror for one in found]),
        mirror_gold=np.stack([one.mirror_gold for one in found]),
        clean_mass=np.stack([one.clean_mass for one in found]),
        skipped=prepared.skipped,
    )
