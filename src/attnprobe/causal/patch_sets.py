"""The composition for sets of heads: a model, a task and which sets in, a `SetResult` out.

In: a `Model`, a `Task`, a `SetChoice`, `SetSettings`. Out: `SetResult`. Heads that numbers choose are chosen on one
half of the examples and tested on the other.
"""

from collections.abc import Sequence

import numpy as np

from attnprobe.causal.frames import controls_frame
from attnprobe.causal.head_sets import HeadSet, check_sets, heads_of
from attnprobe.causal.prepared import PreparedTask, Progress, counts_of, prepare_task
from attnprobe.causal.set_effects import every_head, measure_sets
from attnprobe.causal.set_result import Selection, SetResult
from attnprobe.causal.set_rows import beside_frame, gaps, set_rows, sets_frame, tables_of
from attnprobe.causal.set_selection import add_greedily, halves, rank_heads
from attnprobe.causal.set_settings import GivenSets, GreedyHeads, SetChoice, SetSettings, TopHeads
from attnprobe.causal.settings import PatchSettings
from attnprobe.causal.subject import Subject
from attnprobe.errors import SpecError, TaskError
from attnprobe.models.model import Model
from attnprobe.plan import HeadId
from attnprobe.statistics.estimates import bootstrap_interval
from attnprobe.tasks import Task


def patch_sets(
    model: Model,
    task: Task,
    choice: SetChoice | Sequence[HeadSet],
    settings: SetSettings | PatchSettings | None = None,
    *,
    donor: Model | None = None,
    progress: Progress | None = None,
) -> SetResult:
    """Edit sets of heads, each as a whole, and measure what it does, against keys and heads drawn at random.

    Args:
        model: any backend.
        task: any; its examples are the unit of every statistic.
        choice: the sets; or `TopHeads`, `GreedyHeads`: then one half of the examples chooses and the other tests.
        settings: what is done to each set; by default its attention to the gold source words is masked.
        donor: of a transplant, the model that attention is taken from.
        donor: of a transplant, the model that attention is taken from.
        progress: called with (examples done, examples in all) while the sets are tested.

    Returns:
        For each set its effect with interval, controls, p and q over the sets, the sum of its heads' effects alone,
        and what the same edit of random sets of as many heads of the same layers does; under `all_but` how much of
        what all heads do it does alone.

    Raises:
        SpecError: a head or span does not exist, or an example is longer than the model's context.
        TaskError: the task does not know the keys asked for, no example can be measured, or no head adds anything.
        PlanError: an edit cannot be honoured, leaves a row without keys, or does not fire.

    Source: ours; DESIGN.md sections 4 and 6. Faithfulness after Wang et al. 2022 (arXiv 2211.00593), per example.
    """
    if settings is None or isinstance(settings, PatchSettings):
        settings = SetSettings(edit=settings or PatchSettings())
    if not isinstance(choice, GivenSets | TopHeads | GreedyHeads):
        choice = GivenSets(sets=tuple(choice))
    candidates = _candidates(settings, model)
    if isinstance(choice, GivenSets):
        check_sets(choice.sets, settings.edit, model.dims)
    if isinstance(choice, TopHeads) and choice.sizes[-1] > len(candidates):
        raise SpecError(f"top {choice.sizes[-1]} heads: there are {len(candidates)} to choose from; ask for fewer.")
    prepared = prepare_task(model, task, settings.edit, [every_head(settings, model)], donor=donor)
    sets, selection, subjects = _chosen(prepared, settings, choice, candidates)
    measured = measure_sets(prepared, sets, settings, subjects=subjects, progress=progress)
    tables = tables_of(measured)
    seed = settings.edit.seed
    has_gap = gaps(measured)
    return SetResult(
        settings=settings,
        choice=choice,
        n=len(measured.examples),
        unit=settings.edit.metric.unit,
        clean=bootstrap_interval(measured.clean, seed),
        everything=bootstrap_interval(measured.everything, seed),
        sets=set_rows(measured, tables[settings.resolved_control]),
        by_control=tables,
        selection=selection,
        n_gap=None if has_gap is None else int(np.sum(has_gap)),
        counts=counts_of(measured.n_given, measured.observations, measured.skipped),
        rows=sets_frame(measured),
        beside=beside_frame(measured),
        controls=controls_frame(measured.observations, measured.sets),
    )


def _candidates(settings: SetSettings, model: Model) -> tuple[HeadId, ...]:
    """The heads that may be chosen, in model order.

    Raises:
        SpecError: one does not exist.
    """
    available = heads_of(settings.edit, model.dims)
    if settings.edit.heads is None:
        return available
    chosen = HeadSet.of(settings.edit.heads, "heads")
    check_sets([chosen], settings.edit, model.dims)
    return chosen.heads


def _chosen(
    prepared: PreparedTask, settings: SetSettings, choice: SetChoice, candidates: Sequence[HeadId]
) -> tuple[tuple[HeadSet, ...], Selection | None, tuple[Subject, ...]]:
    """The sets, how they were chosen, and the examples that test them."""
    if isinstance(choice, GivenSets):
        return choice.sets, None, prepared.subjects
    choosing, testing = halves(prepared.subjects, settings.edit.seed)
    if isinstance(choice, TopHeads):
        selection = rank_heads(prepared, settings, candidates, choosing)
        sizes, word = choice.sizes, "top"
    else:
        selection = add_greedily(prepared, settings, candidates, choosing, choice)
        sizes, word = tuple(range(1, len(selection.ranked) + 1)), "greedy"
        if not sizes:
            raise TaskError(
                f"greedy: {selection.stopped}, so that no set comes of it. Heads may do together what none does alone: "
                "choose a lower least gain (0 adds all that are asked for), or take the set of all heads."
            )
    heads = [one.head for one in selection.ranked]
    sets = tuple(HeadSet.of(heads[:size], f"{word} {size}") for size in sizes)
    return sets, selection, testing
