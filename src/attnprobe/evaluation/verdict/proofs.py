"""Proofs that the model writes itself: unedited, under masks, and after one forced word; each judged.

In: a model, aligned examples, steerings. Out: a frame with one row a proof, and `Contrast`s of accuracy.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import pandas as pd
from jaxtyping import Bool

from attnprobe.evaluation.ends import cut_at
from attnprobe.evaluation.verdict.contrasts import Asked, Contrast, share_contrast
from attnprobe.evaluation.verdict.rules import Question as Test
from attnprobe.evaluation.verdict.settings import VerdictSettings
from attnprobe.models.decoding import DecodingLimits, Ending, Steered, Steering, Written, decode_under_plan
from attnprobe.models.model import Model
from attnprobe.tasks import AlignedExample, TextTokenizer
from attnprobe.tasks.questions import Outcome, Question, QuestionSet

CLEAN = "clean"
MASK_ARMS = ("mask_gold", "mask_random_keys", "mask_distance")
FORCE_ARMS = ("force_none", "force_gold", "force_random_keys")
_COLUMNS = ["example", "arm", "group", "correct", "outcome", "output", "n_new_tokens", "finished", "edited_steps"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ToWrite:
    """One proof to be written.

    Attributes:
        aligned: whose.
        arm: under what.
        steering: what is edited; None for nothing.
        given: gold tokens that stand there already.
    """

    aligned: AlignedExample
    arm: str
    steering: Steering | None = None
    given: int = 0


def write_proofs(
    model: Model,
    asked: Sequence[ToWrite],
    questions: QuestionSet,
    settings: VerdictSettings,
    *,
    on_written: Callable[[int], None] | None = None,
) -> pd.DataFrame:
    """Let the model write, and judge what it writes.

    Args:
        model: any backend, with a tokenizer.
        asked: what is to be written.
        questions: grade the answers to the examples.
        settings: of the verdict.
        on_written: called with the number of proofs that are done.

    Returns:
        One row a proof, in order: example, arm, group, correct, outcome, output (what was given included),
        n_new_tokens, finished, edited_steps.

    Raises:
        SpecError: a prompt leaves no room for an answer.
        PlanError: an edit cannot be honoured here or never acted.
    """
    tokenizer = cast(TextTokenizer, model.tokenizer)
    by_id = {question.id: question for question in questions.questions}
    prompts = [one.aligned.ids[: one.aligned.prompt_length + one.given] for one in asked]
    limits = DecodingLimits(
        max_new_tokens=settings.max_new_tokens or questions.max_new_tokens,
        eos=_eos(model),
        batch_size=settings.batch_size,
    )
    stop = questions.stop

    def is_over(new: Sequence[int]) -> bool:
        # a token is a byte at the least, so that a stop text ends within as many tokens as it has bytes, and a few
        tail = new[-max((len(text.encode()) for text in stop), default=0) - 4 :]
        return any(text in _decoded(tokenizer, tail) for text in stop)

    rows = [Steered(prompt=prompt, steering=one.steering) for prompt, one in zip(prompts, asked, strict=True)]
    written = decode_under_plan(model, rows, limits, is_over=is_over if stop else None, on_progress=on_written).rows
    graded = [
        _graded(tokenizer, one, found, questions, by_id[one.aligned.example.id])
        for one, found in zip(asked, written, strict=True)
    ]
    return pd.DataFrame(graded, columns=_COLUMNS)


def _eos(model: Model) -> frozenset[int]:
    told: Any = None if model.tokenizer is None else model.tokenizer.eos_token_id
    return frozenset() if told is None else frozenset([int(told)])


def _graded(
    tokenizer: TextTokenizer, one: ToWrite, written: Written, questions: QuestionSet, question: Question
) -> dict[str, object]:
    prompt = one.aligned.ids[: one.aligned.prompt_length]
    given = one.aligned.ids[len(prompt) : len(prompt) + one.given]
    before, whole = _decoded(tokenizer, prompt), _decoded(tokenizer, (*prompt, *given, *written.ids))
    # some tokenizers drop the space that a first token begins with: what follows a prompt is read behind it
    text = whole[len(before) :] if whole.startswith(before) else _decoded(tokenizer, (*given, *written.ids))
    output = cut_at(text, questions.stop)
    grade = questions.grade(question, output)
    return {
        "example": question.id,
        "arm": one.arm,
        "group": question.group,
        "correct": grade.outcome is Outcome.CORRECT,
        "outcome": grade.outcome.value,
        "output": output,
        "n_new_tokens": len(written.ids),
        "finished": written.ending is not Ending.LIMIT,
        "edited_steps": written.edited_steps,
    }


def _decoded(tokenizer: TextTokenizer, ids: Sequence[int]) -> str:
    return str(tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False))


def right_by_arm(proofs: pd.DataFrame) -> Mapping[str, Mapping[str, bool]]:
    """Whether each example is right, by arm."""
    return {
        str(arm): dict(zip(rows["example"], rows["correct"].astype(bool), strict=True))
        for arm, rows in proofs.groupby("arm", sort=False)
    }


def broken_contrasts(right: Mapping[str, Mapping[str, bool]], settings: VerdictSettings) -> tuple[Contrast, ...]:
    """Necessity's second part: of proofs that are right unedited, how many still are under the mask and its control."""
    usual = Asked(
        question=Test.NECESSITY,
        name="proofs/random_keys",
        edit="mask while the proof is written",
        control="as many random keys",
        unit="share of proofs",
        minimum=settings.minimum.accuracy,
        direction=-1,
        decides=True,
    )
    distance = replace(usual, name="proofs/distance", control="as many keys about as far back", decides=False)
    to_break = [example for example, is_right in right[CLEAN].items() if is_right]
    reason = f"{len(to_break)} of {len(right[CLEAN])} proofs are right unedited"
    pairs = ((usual, "mask_random_keys"), (distance, "mask_distance"))
    return tuple(
        _compared(asked, right.get("mask_gold", {}), right.get(control, {}), right[CLEAN], to_break, reason)
        for asked, control in pairs
    )


def mended_contrasts(right: Mapping[str, Mapping[str, bool]], settings: VerdictSettings) -> tuple[Contrast, ...]:
    """Sufficiency's second part: how many proofs are right when only one word of them was forced."""
    asked = Asked(
        question=Test.SUFFICIENCY,
        name="proofs/random_keys",
        edit=f"force {settings.dose:g} at one word, then write on unforced",
        control="onto as many random keys",
        unit="share of proofs",
        minimum=settings.minimum.accuracy,
        direction=1,
        decides=True,
    )
    unforced = replace(asked, name="proofs/unforced", control="nothing forced", decides=False)
    gold = right.get("force_gold", {})
    reason = f"{len(gold)} proofs have a wrong word to force"
    return tuple(
        _compared(one, gold, right.get(control, {}), right.get("force_none", {}), list(gold), reason)
        for one, control in ((asked, "force_random_keys"), (unforced, "force_none"))
    )


def _compared(
    asked: Asked,
    edit: Mapping[str, bool],
    control: Mapping[str, bool],
    unedited: Mapping[str, bool],
    examples: Sequence[str],
    reason: str,
) -> Contrast:
    both = [example for example in examples if example in edit and example in control]

    def column(right: Mapping[str, bool]) -> Bool[np.ndarray, " example"]:
        return np.array([right[example] for example in both], dtype=bool)

    return share_contrast(
        asked,
        column(edit),
        column(control),
        column(unedited),
        n_unmatched=len(examples) - len(both),
        reason=reason,
    )
