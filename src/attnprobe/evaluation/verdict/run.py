"""The one composition: a model, a task and settings in, a `VerdictResult` out.

In: a `Model`, a `Task`, `VerdictSettings`. Out: `VerdictResult`. Heads are chosen on one half of the examples; nothing
that chooses them sees the other half, on which everything is tested.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd

from attnprobe.causal.subject import Skip, Subject, prepare
from attnprobe.errors import TaskError
from attnprobe.evaluation.association.result import Verdict
from attnprobe.evaluation.verdict.halves import split_halves
from attnprobe.evaluation.verdict.necessity import MaskedExample, necessity_contrasts, observe_masks
from attnprobe.evaluation.verdict.result import TestResult, VerdictResult
from attnprobe.evaluation.verdict.rules import Question, both, headline_of
from attnprobe.evaluation.verdict.selection import choose_heads
from attnprobe.evaluation.verdict.settings import VerdictSettings
from attnprobe.models.alignment import align_all
from attnprobe.models.model import Model
from attnprobe.tasks import AlignedExample, Task

Progress = Callable[[int, int], None]


def verdict(
    model: Model,
    task: Task,
    settings: VerdictSettings | None = None,
    *,
    progress: Progress | None = None,
) -> VerdictResult:
    """Ask whether a model's attention to the gold source keys causes right proofs: four tests, four verdicts.

    Args:
        model: any backend.
        task: any; its examples are the unit of every statistic.
        settings: how; by default the heads that are aligned with the source words, found on half of the examples.
        progress: called with (steps done, steps in all).

    Returns:
        A verdict for each test with the contrasts that it rests on, and what could not be asked and why.

    Raises:
        SpecError: a head or span does not exist, or an example is longer than the model's context.
        TaskError: the task does not know the keys asked for, or no example can be measured.
        PlanError: an edit cannot be honoured, leaves a row without keys, or does not fire.

    Source: DESIGN.md sections 1 and 6.
    """
    chosen = settings or VerdictSettings()
    aligned = align_all(model, task)
    halves = split_halves([one.example.id for one in aligned], chosen.seed, selects=chosen.choice.selects)
    selecting, _ = _prepared(aligned, halves.selecting, chosen)
    testing, skipped = _prepared(aligned, halves.testing, chosen)
    if not testing:
        raise TaskError(
            f"task {task.name}: none of {len(halves.testing)} examples to test has gold keys ({chosen.keys}); choose "
            "other keys, or give more examples."
        )
    steps = _Steps(total=len(selecting) + len(testing), progress=progress)
    heads = choose_heads(model, selecting, chosen, on_example=steps.step)
    masked: list[MaskedExample] = []
    for subject in testing:
        masked.append(observe_masks(model, subject, heads, chosen))
        steps.step()
    necessity = _necessity(masked, chosen)
    nothing = {
        question: TestResult(question=question, verdict=Verdict.UNDETERMINED, contrasts=()) for question in Question
    }
    tests = tuple({**nothing, Question.NECESSITY: necessity}.values())
    return VerdictResult(
        settings=chosen,
        halves=halves,
        heads=heads,
        tests=tests,
        headline=headline_of({test.question: test.verdict for test in tests}),
        counts={"examples": len(aligned), "tested": len(testing), **{f"skipped_{k}": n for k, n in skipped.items()}},
        association=None,
        rows=pd.DataFrame(),
        doses=pd.DataFrame(),
        proofs=pd.DataFrame(),
    )


@dataclass(slots=True, kw_only=True)
class _Steps:
    total: int
    progress: Progress | None
    done: int = 0

    def step(self) -> None:
        self.done += 1
        if self.progress is not None:
            self.progress(self.done, self.total)


def _prepared(
    aligned: Sequence[AlignedExample], ids: Sequence[str], settings: VerdictSettings
) -> tuple[tuple[Subject, ...], Counter[Skip]]:
    wanted = set(ids)
    found = [prepare(one, settings.masking) for one in aligned if one.example.id in wanted]
    return (
        tuple(one for one in found if isinstance(one, Subject)),
        Counter(one for one in found if isinstance(one, Skip)),
    )


def _necessity(masked: Sequence[MaskedExample], settings: VerdictSettings) -> TestResult:
    contrasts = necessity_contrasts(masked, settings)
    verdict_of_parts = both([contrast.verdict for contrast in contrasts if contrast.asked.decides])
    return TestResult(question=Question.NECESSITY, verdict=verdict_of_parts, contrasts=contrasts)
