"""What sets of heads do together, example by example, with every control. No average over examples is taken here.

In: a task made ready, sets, settings. Out: `SetEffects`, arrays [example, head_set]; `set_effects` makes one from a
model and a task at once.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from attnprobe.causal.control_arms import kinds_of
from attnprobe.causal.controls import ControlKind
from attnprobe.causal.head_sets import EVERY_HEAD, Edited, HeadSet, all_but, check_sets, drawn_sets, heads_of
from attnprobe.causal.measure import paired_effects
from attnprobe.causal.observe import Observation
from attnprobe.causal.prepared import PreparedTask, Progress, prepare_task
from attnprobe.causal.rows import PairedEffects
from attnprobe.causal.set_settings import SetSettings
from attnprobe.causal.subject import Skip, Subject
from attnprobe.causal.units import Unit
from attnprobe.models.model import Model
from attnprobe.plan import HeadId
from attnprobe.tasks import Task


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DrawnSets:
    """The sets of other heads that one set is compared with.

    Attributes:
        sets: what was drawn; empty where there are too few other heads.
        effects: of the same edit of each, in the metric's unit.
        reason: why there are none.
    """

    sets: tuple[HeadSet, ...]
    effects: Float[np.ndarray, "example draw"]
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SetEffects:
    """What was measured of some sets on some examples.

    Attributes:
        settings: what was done.
        sets: which sets, in the order of every axis `head_set`.
        examples: ids, in the order of every axis `example`.
        clean: the metric of the unedited run.
        effects: metric(edited) - metric(unedited) of each set (of all heads but it, under `all_but`).
        controls: by kind, effects beside those of the control; `random_heads` always, mean over the draws.
        fired: entries edited, summed over examples.
        everything: effect of the same edit of all heads at once.
        singles: effect of each head alone that some set holds; empty under `all_but`.
        drawn: for each set what it is compared with under `random_heads`.
        observations: what all this was taken from; columns of sets first.
        skipped: examples that could not be measured, by reason.
        n_given: examples of the task.
    """

    settings: SetSettings
    sets: tuple[HeadSet, ...]
    examples: tuple[str, ...]
    clean: Float[np.ndarray, " example"]
    effects: Float[np.ndarray, "example head_set"]
    controls: Mapping[ControlKind, PairedEffects]
    fired: Int[np.ndarray, " head_set"]
    everything: Float[np.ndarray, " example"]
    singles: Mapping[HeadId, Float[np.ndarray, " example"]]
    drawn: tuple[DrawnSets, ...]
    observations: tuple[Observation, ...]
    skipped: Mapping[Skip, int]
    n_given: int

    def synergy(self, place: int) -> Float[np.ndarray, " example"] | None:
        """Effect of a set less the sum of its heads' effects alone; None for one head, and under `all_but`."""
        heads = self.sets[place].heads
        if self.settings.all_but or len(heads) < 2:
            return None
        return self.effects[:, place] - np.sum([self.singles[head] for head in heads], axis=0)


def set_effects(
    model: Model,
    task: Task,
    sets: Sequence[HeadSet],
    settings: SetSettings,
    *,
    examples: Collection[str] | None = None,
    donor: Model | None = None,
    progress: Progress | None = None,
) -> SetEffects:
    """Edit sets of heads, each as a whole, and keep what it does to every example.

    Args:
        model: any backend.
        task: any.
        sets: what to edit; `every_head(settings, model)` is the set of all.
        settings: what is done.
        examples: ids of those to measure; all by default.
        donor: of a transplant, the model that attention is taken from.
        progress: called with (examples done, examples in all) after each example.

    Raises:
        SpecError: a head, a span or an example does not exist.
        TaskError: the task does not know the keys asked for, or no example can be measured.
        PlanError: an edit cannot be honoured, leaves a row without keys, or does not fire.
    """
    check_sets(sets, settings.edit, model.dims)
    prepared = prepare_task(model, task, settings.edit, [every_head(settings, model)], examples=examples, donor=donor)
    return measure_sets(prepared, sets, settings, progress=progress)


def every_head(settings: SetSettings, model: Model) -> HeadSet:
    """The set of all heads that the edit can be made at."""
    return HeadSet.of(heads_of(settings.edit, model.dims), EVERY_HEAD)


def measure_sets(
    prepared: PreparedTask,
    sets: Sequence[HeadSet],
    settings: SetSettings,
    *,
    subjects: Sequence[Subject] | None = None,
    progress: Progress | None = None,
) -> SetEffects:
    """The same of a task made ready, on all its examples or on some of them."""
    everything = every_head(settings, prepared.model)
    drawn = [drawn_sets(one, everything.heads, seed=settings.edit.seed, draws=settings.draws) for one in sets]
    edited = [_edited(one, settings, everything) for one in sets]
    heads = () if settings.all_but else tuple(sorted({head for one in sets for head in one.heads}))
    singles = [Unit(layer=head.layer, index=head.head, is_kv=head.is_kv) for head in heads]
    # the name of a set given as `all` is its own
    whole = HeadSet.of(everything.heads, "every head")
    beside: list[Edited] = [whole, *singles]
    beside += [_edited(one, settings, everything) for found, _ in drawn for one in found]
    observations, skipped = prepared.observe(edited, beside=beside, subjects=subjects, progress=progress)
    effects = np.stack([observed.effect.mean(axis=1) for observed in observations])
    n = len(sets)
    first_draw = n + 1 + len(singles)
    compared: list[DrawnSets] = []
    for found, reason in drawn:
        compared.append(DrawnSets(sets=found, effects=effects[:, first_draw : first_draw + len(found)], reason=reason))
        first_draw += len(found)
    kinds = kinds_of(settings.edit)
    return SetEffects(
        settings=settings,
        sets=tuple(sets),
        examples=tuple(observed.subject.aligned.example.id for observed in observations),
        clean=np.array([observed.clean.mean() for observed in observations]),
        effects=effects[:, :n],
        controls={
            **{kind: paired_effects(observations, kind) for kind in kinds},
            ControlKind.RANDOM_HEADS: _beside_random_heads(effects[:, :n], compared),
        },
        fired=np.sum([observed.fired for observed in observations], axis=0)[:n],
        everything=effects[:, n],
        singles={head: effects[:, n + 1 + place] for place, head in enumerate(heads)},
        drawn=tuple(compared),
        observations=observations,
        skipped=skipped,
        n_given=len(prepared.aligned),
    )


def _edited(one: HeadSet, settings: SetSettings, everything: HeadSet) -> HeadSet:
    return all_but(one, everything.heads) if settings.all_but else one


def _beside_random_heads(effects: Float[np.ndarray, "example head_set"], drawn: Sequence[DrawnSets]) -> PairedEffects:
    n = len(effects)
    means = [one.effects.mean(axis=1) if one.sets else np.full(n, np.nan) for one in drawn]
    return PairedEffects(
        effects=effects,
        kind=ControlKind.RANDOM_HEADS,
        matched=np.tile([bool(one.sets) for one in drawn], (n, 1)),
        control=np.stack(means, axis=1),
    )
