"""Let a model write its answers plainly, under an edit and under the edit's controls, and grade all of them.

In: a model of any backend, a task, `SteerSettings`. Out: `SteerResult`. All answers to one example stand in one batch,
so that its prompt is read once.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import pandas as pd

from attnprobe.causal.edits import REFERENCE_EXAMPLES, mean_z
from attnprobe.causal.gold_text import GoldText
from attnprobe.causal.lock_step import LockStep, check_donor
from attnprobe.causal.steering import Arm, Edits, edits_of, steerings_of
from attnprobe.causal.steering_settings import Replacement, SteerKind, SteerSettings
from attnprobe.errors import SpecError, TaskError
from attnprobe.evaluation.association.outcomes import questions_of
from attnprobe.evaluation.ends import End, StopTexts, cut_at
from attnprobe.evaluation.under_plan.result import CORRECT, SteerResult, comparisons_of, shares_of
from attnprobe.models.alignment import align_all
from attnprobe.models.decoding import Decoding, DecodingLimits, Ending, Steered, Steering, Written, decode_under_plan
from attnprobe.models.model import Model
from attnprobe.tasks import AlignedExample, Task, TextTokenizer
from attnprobe.tasks.questions import Outcome, Question, QuestionSet

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Asked:
    """One answer to be written."""

    aligned: AlignedExample
    arm: Arm
    gold: GoldText
    steering: Steering | None


def generate_under_plan(
    model: Model,
    task: Task,
    settings: SteerSettings,
    *,
    donor: Model | None = None,
    progress: Progress | None = None,
) -> SteerResult:
    """Let a model answer with its heads edited at every step, and count what that breaks and mends.

    Args:
        model: any backend, with a tokenizer; native keeps keys and values.
        task: its examples are the questions: proofs are judged, other text must be the gold.
        settings: which heads, what is done to them, at which keys.
        donor: for a transplant, the model whose attention is put in; it runs in lock-step.
        progress: called with (answers done, in all).

    Returns:
        Every answer with its grade, and the arms compared pair by pair on the same examples.

    Raises:
        SpecError: a head or span does not exist, an example does not fit the model, or the donor does not.
        TaskError: the task does not know the keys asked for, or no example has any.
        PlanError: an edit cannot be honoured, leaves a row without keys, or never acts in an answer.
        ModelError: one answer alone does not fit in memory.

    Source: DESIGN.md sections 1, 4 and 6.
    """
    aligned = align_all(model, task)
    questions = questions_of(task, settings.measure)
    edits = _edits(model, aligned, settings, donor)
    asked, not_written = _asked(model, aligned, edits)
    limits = DecodingLimits(
        max_new_tokens=settings.max_new_tokens or questions.max_new_tokens,
        eos=_eos(model),
        batch_size=settings.batch_size,
        mode=settings.mode,
    )
    decoded = _written(model, asked, limits, questions.stop, edits, progress)
    by_id = {question.id: question for question in questions.questions}
    items = pd.DataFrame(
        [
            _row(model, one, found, questions, by_id[one.aligned.example.id])
            for one, found in zip(asked, decoded.rows, strict=True)
        ]
    ).astype({"left_step": "Int64", "left_token": "Int64"})
    own = list(questions.grade(questions.questions[0], questions.questions[0].reference).measures)
    measures = (CORRECT, *own)
    return SteerResult(
        task=task.name,
        settings=settings,
        max_new_tokens=limits.max_new_tokens,
        stop=questions.stop,
        mode=decoded.mode,
        items=items,
        shares=shares_of(items, measures),
        comparisons=comparisons_of(items, measures),
        not_written=not_written,
        counts={
            "examples": len(aligned),
            "answers": len(items),
            "answers_off_gold": sum(items["off_gold"].tolist()),
            "edited_answers_never_edited": sum(
                one.steering is not None and not found.edited_steps
                for one, found in zip(asked, decoded.rows, strict=True)
            ),
            "batches_halved_for_memory": decoded.halvings,
        },
    )


def _edits(model: Model, aligned: Sequence[AlignedExample], settings: SteerSettings, donor: Model | None) -> Edits:
    """What is done, with whatever it takes that must be measured first."""
    edits, kind = edits_of(settings, model.dims), settings.intervention
    if (donor is None) == (kind is SteerKind.TRANSPLANT):
        raise SpecError(
            f"intervention {kind} {'without' if donor is None else 'with'} a donor: a transplant needs one, nothing "
            "else takes one."
        )
    layers = sorted({head.layer for head in settings.heads})
    if donor is not None:
        check_donor(donor, model)
        return replace(edits, donor=LockStep(donor, layers, reads_prompt=settings.reads_prompt))
    if kind is SteerKind.ABLATE and settings.ablation is Replacement.MEAN:
        texts = [one.ids for one in aligned[:REFERENCE_EXAMPLES]]
        return replace(edits, means=mean_z(model, texts, layers, batch_size=settings.batch_size))
    return edits


def _asked(
    model: Model, aligned: Sequence[AlignedExample], edits: Edits
) -> tuple[list[_Asked], Mapping[Arm, Mapping[str, int]]]:
    """Every answer to be written; and by arm, why examples have none."""
    tokenizer, missing = cast(TextTokenizer, model.tokenizer), dict[Arm, Counter[str]]()
    asked: list[_Asked] = []
    for one in aligned:
        gold = GoldText(one, tokenizer)
        asked.append(_Asked(aligned=one, arm=Arm.CLEAN, gold=gold, steering=None))
        for arm, steering in steerings_of(one, edits, gold).items():
            if isinstance(steering, str):
                missing.setdefault(arm, Counter())[steering] += 1
            else:
                asked.append(_Asked(aligned=one, arm=arm, gold=gold, steering=steering))
    if all(one.steering is None for one in asked):
        reasons = "; ".join(sorted({reason for counts in missing.values() for reason in counts}))
        raise TaskError(f"none of the {len(aligned)} examples can be edited: {reasons}. Choose other keys or a task.")
    if isinstance(edits.other_heads, str):
        missing[Arm.RANDOM_HEADS] = Counter({edits.other_heads: len(aligned)})
    return asked, {arm: dict(counts) for arm, counts in missing.items()}


def _written(
    model: Model,
    asked: Sequence[_Asked],
    limits: DecodingLimits,
    stop: tuple[str, ...],
    edits: Edits,
    progress: Progress | None,
) -> Decoding:
    stops = StopTexts(model.tokenizer, stop)
    return decode_under_plan(
        model,
        [Steered(prompt=one.aligned.ids[: one.aligned.prompt_length], steering=one.steering) for one in asked],
        limits,
        is_over=stops.ends if stop else None,
        before_step=None if edits.donor is None else edits.donor.before_step,
        on_progress=None if progress is None else lambda done: progress(done, len(asked)),
    )


def _row(
    model: Model, asked: _Asked, written: Written, questions: QuestionSet, question: Question
) -> dict[str, object]:
    aligned = asked.aligned
    prompt = aligned.ids[: aligned.prompt_length]
    output = cut_at(_text(model, prompt, written.ids), questions.stop)
    grade = questions.grade(question, output)
    ended = written.ids[:-1] if written.ending is Ending.EOS else written.ids
    place = asked.gold.place((*prompt, *ended))
    return {
        "id": question.id,
        "group": question.group,
        "arm": asked.arm.value,
        "outcome": grade.outcome.value,
        CORRECT: grade.outcome is Outcome.CORRECT,
        **grade.measures,
        "output": output,
        "n_new_tokens": len(written.ids),
        "finished": written.ending is not Ending.LIMIT,
        "end": _END[written.ending].value,
        "off_gold": place.is_off,
        "left_step": asked.gold.step(place.target) if place.is_off else None,
        "left_token": place.written if place.is_off else None,
        "gold_steps": asked.gold.step(place.target),
        "edited_steps": written.edited_steps,
        "edited_entries": written.fired.edited,
        "unreachable_entries": written.fired.unreachable,
    }


_END = {Ending.EOS: End.EOS, Ending.OVER: End.STOP, Ending.LIMIT: End.LENGTH}


def _text(model: Model, prompt: Sequence[int], new: Sequence[int]) -> str:
    """New tokens as text, read behind the prompt: some tokenizers drop the space that a first token begins with."""
    before, whole = _decoded(model, prompt), _decoded(model, (*prompt, *new))
    return whole[len(before) :] if whole.startswith(before) else _decoded(model, new)


def _decoded(model: Model, ids: Sequence[int]) -> str:
    tokenizer: Any = model.tokenizer
    return str(tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False))


def _eos(model: Model) -> frozenset[int]:
    told: Any = None if model.tokenizer is None else model.tokenizer.eos_token_id
    return frozenset() if told is None else frozenset([int(told)])
