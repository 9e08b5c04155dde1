"""Choosing heads on one half of the examples, so that the other half may test them.

In: a task made ready, settings, candidates. Out: `Selection`. The halves are dealt by the seed; no example of the
testing half is run here.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from attnprobe.causal.controls import ControlKind
from attnprobe.causal.head_sets import HeadSet, all_but
from attnprobe.causal.measure import paired_effects
from attnprobe.causal.prepared import PreparedTask
from attnprobe.causal.set_effects import every_head
from attnprobe.causal.set_result import Ranked, Selection
from attnprobe.causal.set_settings import GreedyHeads, SetSettings
from attnprobe.causal.subject import Subject
from attnprobe.errors import TaskError
from attnprobe.plan import HeadId
from attnprobe.statistics.seeds import generator

LEAST_EXAMPLES = 2
"""One to choose and one to test."""


def halves(subjects: Sequence[Subject], seed: int) -> tuple[tuple[Subject, ...], tuple[Subject, ...]]:
    """Deal examples into those that choose (the smaller half, where they are odd) and those that test, in task order.

    Raises:
        TaskError: there are too few to have both.
    """
    n = len(subjects)
    if n < LEAST_EXAMPLES:
        raise TaskError(
            f"{n} examples can be measured: choosing heads needs some that choose and others that test, at least "
            f"{LEAST_EXAMPLES}. Give more, or name the heads of the set."
        )
    order = generator(seed, f"{n} examples", "", "halves").permutation(n)
    return (
        tuple(subjects[place] for place in sorted(order[: n // 2])),
        tuple(subjects[place] for place in sorted(order[n // 2 :])),
    )


def rank_heads(
    prepared: PreparedTask, settings: SetSettings, candidates: Sequence[HeadId], subjects: Sequence[Subject]
) -> Selection:
    """Heads by what each does alone, strongest first; ties stay in model order.

    Args:
        prepared: the task.
        settings: what is done.
        candidates: which heads.
        subjects: the examples that choose.
    """
    values = _values(prepared, settings, [HeadSet.of([head]) for head in candidates], subjects)
    order = sorted(range(len(candidates)), key=lambda place: -abs(values[place]))
    ranked = tuple(Ranked(head=candidates[place], value=float(values[place])) for place in order)
    return Selection(n_choosing=len(subjects), ranked=ranked)


def _values(
    prepared: PreparedTask, settings: SetSettings, edited: Sequence[HeadSet], subjects: Sequence[Subject]
) -> Float[np.ndarray, " head_set"]:
    """What each edit is judged by: the smaller of its mean effect and its mean difference to its own control.

    The difference alone would rank first a head whose control does something and whose edit does nothing; so where the
    two differ in sign the value is 0. Where nothing matches, or there is no such control, it is the effect.
    """
    named = settings.edit.resolved_control
    kinds = () if named is ControlKind.NONE else (named,)
    observations, _ = prepared.observe(edited, kinds=kinds, subjects=subjects)
    paired = paired_effects(observations, named)
    effects = paired.effects.mean(axis=0)
    if paired.differences is None or paired.matched is None:
        return effects
    counts = paired.matched.sum(axis=0)
    differences = np.where(paired.matched, paired.differences, 0.0).sum(axis=0) / np.maximum(counts, 1)
    both = np.where(effects * differences > 0, np.sign(effects) * np.minimum(abs(effects), abs(differences)), 0.0)
    return np.where(counts > 0, both, effects)


def add_greedily(
    prepared: PreparedTask,
    settings: SetSettings,
    candidates: Sequence[HeadId],
    subjects: Sequence[Subject],
    choice: GreedyHeads,
) -> Selection:
    """Add heads one at a time, each the one that takes the metric furthest beside those before it.

    The first step may go either way; later ones are measured in its direction. Under `all_but` a step is how much
    nearer to the unedited run the model comes when the head is kept too, from where no head is kept.

    Args:
        prepared: the task.
        settings: what is done.
        candidates: which heads may be added.
        subjects: the examples that choose.
        choice: when to end.

    Returns:
        The heads in the order in which they were added; none where the first already adds too little.

    Source: ours; forward selection.
    """
    every = every_head(settings, prepared.model)
    start = float(_values(prepared, settings, [every], subjects)[0]) if settings.all_but else 0.0
    # kept heads bring the metric back, whatever way losing all of them had moved it
    sign = -np.sign(start) if settings.all_but else 0.0
    chosen: list[Ranked] = []
    reached = 0.0
    while len(chosen) < choice.most:
        left = [head for head in candidates if head not in {one.head for one in chosen}]
        grown = [HeadSet.of([*(one.head for one in chosen), head]) for head in left]
        if settings.all_but:
            grown = [all_but(one, every.heads) for one in grown if len(one.heads) < len(every.heads)]
        if not grown:
            break
        values = _values(prepared, settings, grown, subjects) - start
        towards = np.abs(values) if sign == 0 else sign * values
        place = int(np.argmax(towards))
        best = Ranked(head=left[place], value=float(values[place]), gain=float(towards[place]) - reached)
        if best.gain is not None and best.gain < choice.min_gain:
            stopped = f"the best head left, {best.head}, adds {best.gain:.3g}, less than {choice.min_gain:.3g}"
            return Selection(n_choosing=len(subjects), ranked=tuple(chosen), left_out=best, stopped=stopped)
        chosen.append(best)
        sign = sign or float(np.sign(values[place]))
        reached = float(towards[place])
    return Selection(
        n_choosing=len(subjects),
        ranked=tuple(chosen),
        stopped=f"{len(chosen)} heads were asked for" if len(chosen) == choice.most else "no further head is left",
    )
