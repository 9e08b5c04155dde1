"""The one composition: a model, a task and settings in, a `VerdictResult` out.

In: a `Model`, a `Task`, `VerdictSettings`. Out: `VerdictResult`. Heads are chosen on one half of the examples; nothing
that chooses them sees the other half, on which everything is tested.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from attnprobe.causal.donor_models import check_donor
from attnprobe.causal.subject import Skip, Subject, prepare
from attnprobe.errors import TaskError
from attnprobe.evaluation.association.outcomes import questions_of
from attnprobe.evaluation.association.result import AssociationResult
from attnprobe.evaluation.verdict.association import associate_heads
from attnprobe.evaluation.verdict.conclude import NO_ANSWERS, conclude
from attnprobe.evaluation.verdict.frames import doses_frame, rows_frame
from attnprobe.evaluation.verdict.halves import split_halves
from attnprobe.evaluation.verdict.mediation import NoPatch, PatchedExample, observe_patches
from attnprobe.evaluation.verdict.necessity import MaskedExample, observe_masks
from attnprobe.evaluation.verdict.observed import Observed
from attnprobe.evaluation.verdict.proofs import CLEAN, ToWrite, write_proofs
from attnprobe.evaluation.verdict.repair import NoRepair
from attnprobe.evaluation.verdict.result import VerdictResult
from attnprobe.evaluation.verdict.rules import headline_of
from attnprobe.evaluation.verdict.selection import Heads, choose_heads
from attnprobe.evaluation.verdict.settings import VerdictSettings
from attnprobe.evaluation.verdict.sufficiency import ForcedExample, observe_forces
from attnprobe.evaluation.verdict.transplant import Transplanted, observe_transplant
from attnprobe.evaluation.verdict.writing import edited_proofs, n_proofs, testing_task
from attnprobe.models.alignment import align_all
from attnprobe.models.model import Model
from attnprobe.plan import Point
from attnprobe.tasks import AlignedExample, Task

Progress = Callable[[int, int], None]


def verdict(
    model: Model,
    task: Task,
    settings: VerdictSettings | None = None,
    *,
    donor: Model | None = None,
    progress: Progress | None = None,
) -> VerdictResult:
    """Ask whether a model's attention to the gold source keys causes right proofs: four tests, four verdicts.

    Args:
        model: any backend.
        task: any; its examples are the unit of every statistic.
        settings: how; by default the heads that are aligned with the source words, found on half of the examples.
        donor: a model of the same shape and tokenizer, whose attention patterns are put in beside; the model itself
            stays as it is.
        progress: called with (steps done, steps in all).

    Returns:
        A verdict for each test with the contrasts that it rests on, and what could not be asked and why.

    Raises:
        SpecError: a head or span does not exist, an example is longer than the model's context, or the donor does not
            fit.
        TaskError: the task does not know the keys asked for, or no example can be measured.
        PlanError: an edit cannot be honoured, leaves a row without keys, or does not fire.

    Source: DESIGN.md sections 1 and 6.
    """
    chosen = settings or VerdictSettings()
    aligned = align_all(model, task)
    if donor is not None:
        check_donor(model, donor, task, aligned, Point.PATTERN)
    halves = split_halves([one.example.id for one in aligned], chosen.seed, selects=chosen.choice.selects)
    selecting, _ = _prepared(_of(aligned, halves.selecting), chosen)
    tested = _of(aligned, halves.testing)
    testing, skipped = _prepared(tested, chosen)
    if not testing:
        raise TaskError(
            f"task {task.name}: none of the {len(tested)} examples to test has gold keys ({chosen.keys}); choose other "
            "keys, or give more examples."
        )
    # what there is to force is known only when it is found: a fourth of the examples is a guess for the bar
    n_written = n_proofs(len(testing), len(testing) // 4) if chosen.answers else 0
    steps = _Steps(total=len(selecting) + len(testing) + n_written, tell=progress)
    heads = choose_heads(model, selecting, chosen, on_example=steps.step)
    observed = _observe(model, task, testing, heads, chosen, steps, donor)
    association: AssociationResult | str = f"association: {NO_ANSWERS}"
    if chosen.answers:
        task_of_half = testing_task(task, [subject.aligned for subject in testing])
        association = associate_heads(model, task_of_half, heads.chosen, observed.proofs, chosen)
    tests = conclude(observed, association, chosen)
    steps.finish()
    return VerdictResult(
        settings=chosen,
        halves=halves,
        heads=heads,
        tests=tests,
        headline=headline_of({test.question: test.verdict for test in tests}),
        counts={
            "examples": len(aligned),
            "examples_selecting": len(halves.selecting),
            "examples_testing": len(tested),
            "examples_measured": len(testing),
            **_by_reason(skipped, observed),
        },
        association=None if isinstance(association, str) else association,
        rows=rows_frame(observed.masked, observed.forced, observed.patched),
        doses=doses_frame(observed.forced),
        proofs=observed.proofs,
    )


def _by_reason(skipped: Mapping[Skip, int], observed: Observed) -> dict[str, int]:
    """Examples that took no part in something, by what and why."""
    return {
        **{f"examples_{reason.value}": count for reason, count in sorted(skipped.items())},
        **{f"repair_{reason.value}": count for reason, count in sorted(observed.without_repair.items())},
        **{f"patch_{reason.value}": count for reason, count in sorted(observed.without_patch.items())},
    }


@dataclass(slots=True, kw_only=True)
class _Steps:
    """How far a run is, told as it goes."""

    total: int
    tell: Progress | None
    done: int = 0

    def step(self) -> None:
        self.reach(self.done + 1)

    def reach(self, done: int) -> None:
        self.done = min(done, self.total)
        if self.tell is not None:
            self.tell(self.done, self.total)

    def finish(self) -> None:
        self.reach(self.total)


def _of(aligned: Sequence[AlignedExample], ids: Sequence[str]) -> tuple[AlignedExample, ...]:
    wanted = set(ids)
    return tuple(one for one in aligned if one.example.id in wanted)


def _prepared(
    aligned: Sequence[AlignedExample], settings: VerdictSettings
) -> tuple[tuple[Subject, ...], Counter[Skip]]:
    found = [prepare(one, settings.masking) for one in aligned]
    # a span may lie behind every gold token: then there is nothing to mask
    kept = [Skip.NO_SCORED_TOKENS if isinstance(one, Subject) and not one.rows else one for one in found]
    return (
        tuple(one for one in kept if isinstance(one, Subject)),
        Counter(one for one in kept if isinstance(one, Skip)),
    )


def _observe(
    model: Model,
    task: Task,
    testing: Sequence[Subject],
    heads: Heads,
    settings: VerdictSettings,
    steps: _Steps,
    donor: Model | None,
) -> Observed:
    half = testing_task(task, [subject.aligned for subject in testing])
    written: list[pd.DataFrame] = []

    def write(asked: Sequence[ToWrite]) -> pd.DataFrame:
        before = steps.done
        questions = questions_of(half, settings.measure)
        found = write_proofs(model, asked, questions, settings, on_written=lambda done: steps.reach(before + done))
        written.append(found)
        return found

    wrong: frozenset[str] | None = None
    if settings.answers:
        clean = write([ToWrite(aligned=subject.aligned, arm=CLEAN) for subject in testing])
        wrong = frozenset(clean["example"][~clean["correct"].astype(bool)])
    masked, forced, patched = list[MaskedExample](), list[ForcedExample](), list[PatchedExample]()
    transplanted: list[Transplanted] = []
    without_repair, without_patch = Counter[NoRepair](), Counter[NoPatch]()
    for subject in testing:
        masked.append(observe_masks(model, subject, heads, settings))
        repair = _repair(model, subject, heads, settings, wrong)
        if isinstance(repair, NoRepair):
            without_repair[repair] += 1
        else:
            forced.append(repair)
        patch = observe_patches(model, subject.aligned, heads.chosen, settings)
        if isinstance(patch, NoPatch):
            without_patch[patch] += 1
        else:
            patched.append(patch)
        moved = None if donor is None else observe_transplant(model, donor, subject, heads.chosen, settings)
        transplanted += [] if moved is None else [moved]
        steps.step()
    if settings.answers:
        write(edited_proofs(testing, forced, heads, settings, model.dims))
    return Observed(
        masked=tuple(masked),
        forced=tuple(forced),
        patched=tuple(patched),
        transplanted=None if donor is None else tuple(transplanted),
        without_repair=without_repair,
        without_patch=without_patch,
        proofs=pd.concat(written, ignore_index=True) if written else pd.DataFrame(),
    )


def _repair(
    model: Model, subject: Subject, heads: Heads, settings: VerdictSettings, wrong: frozenset[str] | None
) -> ForcedExample | NoRepair:
    if wrong is not None and subject.aligned.example.id not in wrong:
        return NoRepair.PROOF_RIGHT
    return observe_forces(model, subject.aligned, heads, settings)
