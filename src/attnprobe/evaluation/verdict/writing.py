"""Which edited proofs the model writes for a verdict: under masks, and after one forced word.

In: the subjects of the testing half, what was forced, the heads. Out: `ToWrite`s.
"""

from collections.abc import Iterator, Mapping, Sequence

from attnprobe.causal.controls import ControlKind
from attnprobe.causal.subject import Subject
from attnprobe.evaluation.verdict.joint import KeyRows, draw_rows, gold_rows, groups_of, windows_of
from attnprobe.evaluation.verdict.proofs import FORCE_ARMS, MASK_ARMS, ToWrite
from attnprobe.evaluation.verdict.selection import Heads
from attnprobe.evaluation.verdict.settings import VerdictSettings
from attnprobe.evaluation.verdict.steerings import FollowingMask, OneForcedWord, acts
from attnprobe.evaluation.verdict.sufficiency import ForcedExample
from attnprobe.plan import ModelDims
from attnprobe.tasks import AlignedExample, CollectedTask, Task


def n_proofs(n_examples: int, n_forced: int) -> int:
    """How many proofs are written at most."""
    return n_examples * (1 + len(MASK_ARMS)) + n_forced * len(FORCE_ARMS)


def testing_task(task: Task, aligned: Sequence[AlignedExample]) -> CollectedTask:
    """The task with the examples of the testing half alone."""
    return CollectedTask(name=task.name, settings=task.settings, examples=tuple(one.example for one in aligned))


def edited_proofs(
    subjects: Sequence[Subject],
    forced: Sequence[ForcedExample],
    heads: Heads,
    settings: VerdictSettings,
    dims: ModelDims,
) -> list[ToWrite]:
    """Every proof that the tests need beside the unedited ones.

    Args:
        subjects: of the testing half.
        forced: those with a wrong word.
        heads: whose attention is edited.
        settings: of the verdict.
        dims: of the model.
    """
    by_id = {subject.aligned.example.id: subject.aligned for subject in subjects}
    return [
        *(one for subject in subjects for one in _masked(subject, heads, settings, dims)),
        *(one for found in forced for one in _forced(found, by_id, heads, settings, dims)),
    ]


def _masked(subject: Subject, heads: Heads, settings: VerdictSettings, dims: ModelDims) -> Iterator[ToWrite]:
    """The arms of one example; none where no control can be drawn, since nothing could be compared."""
    groups = groups_of(subject, windows_of(heads.chosen, dims))
    sides: dict[str, KeyRows | None] = {"mask_gold": gold_rows(subject, heads.chosen, dims)}
    for kind in (ControlKind.RANDOM_KEYS, ControlKind.DISTANCE):
        drawn = draw_rows(kind, groups, example_id=subject.aligned.example.id, seed=settings.seed)
        sides[f"mask_{kind.value}"] = drawn.rows
    if sides["mask_random_keys"] is None:
        return
    aligned = subject.aligned
    for arm in MASK_ARMS:
        rows = sides[arm]
        if rows is None:
            continue
        steering = FollowingMask(
            prompt_length=aligned.prompt_length,
            gold=aligned.ids[aligned.prompt_length :],
            rows=rows,
            heads=heads.chosen,
            settings=settings,
            dims=dims,
        )
        yield ToWrite(aligned=aligned, arm=arm, steering=steering if acts(rows, heads.chosen, dims) else None)


def _forced(
    found: ForcedExample,
    by_id: Mapping[str, AlignedExample],
    heads: Heads,
    settings: VerdictSettings,
    dims: ModelDims,
) -> Iterator[ToWrite]:
    aligned = by_id[found.example]
    given = found.word.first_row + 1 - aligned.prompt_length
    yield ToWrite(aligned=aligned, arm="force_none", given=given)
    for arm, rows in (("force_gold", found.gold), ("force_random_keys", found.control)):
        steering = OneForcedWord(rows=rows, heads=heads.chosen, mass=settings.dose, settings=settings, dims=dims)
        yield ToWrite(aligned=aligned, arm=arm, steering=steering, given=given)
