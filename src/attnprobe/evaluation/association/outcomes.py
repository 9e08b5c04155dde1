"""Whether a model's own answer to each example of a task is right.

In: a model, a task. Out: one row an example. What is scored is attention on the gold continuation, whatever the model
would have written; what is judged here is what it writes.
"""

import numpy as np
import pandas as pd

from attnprobe.evaluation.association.settings import AssociationSettings
from attnprobe.evaluation.evaluate import evaluate
from attnprobe.evaluation.generation import OnProgress
from attnprobe.evaluation.grading import MODEL
from attnprobe.models.language_model import LanguageModel
from attnprobe.tasks.continuations import OWN_TEXT, continuation_questions
from attnprobe.tasks.example import Task
from attnprobe.tasks.prontoqa.asked import OTHER_GROUP, Measure, is_theorem, prontoqa_task_questions
from attnprobe.tasks.questions import QuestionSet

ANSWER_COLUMNS = ("example", "group", "correct", "outcome", "output", "n_new_tokens", "finished")
_UNKNOWN_GROUPS = (OTHER_GROUP, OWN_TEXT)
_LENGTHS = ("short", "middle", "long")


def questions_of(task: Task, measure: Measure) -> QuestionSet:
    """The examples of a task as questions: proofs where all of them want one, else continuations.

    Raises:
        TaskError: a gold proof cannot be read.
    """
    if _wants_proofs(task):
        return prontoqa_task_questions(task, measure=measure)
    return continuation_questions(task)


def measure_of(task: Task, measure: Measure) -> Measure:
    """What makes an answer right, where `measure` is asked for: text that wants no proof must be the gold."""
    return measure if _wants_proofs(task) else Measure.EXACT


def _wants_proofs(task: Task) -> bool:
    return all(is_theorem(example) for example in task.examples)


def answer_task(
    model: LanguageModel,
    task: Task,
    settings: AssociationSettings | None = None,
    *,
    progress: OnProgress | None = None,
) -> pd.DataFrame:
    """Let a model answer every example of a task, and judge what it writes.

    Args:
        model: from `load_language_model`. Before its module is handed to a backend that rebuilds it.
        task: the one that is scored.
        settings: greedy and `strict` if None.
        progress: called with (answers done, in all).

    Returns:
        One row an example, in order, with the columns `ANSWER_COLUMNS`; `group` is `rule/hops/distractors` where known.

    Raises:
        ModelError: the model has no tokenizer, or cannot write.
        SpecError: a prompt leaves no room for an answer.
        TaskError: a gold proof cannot be read.
    """
    chosen = settings or AssociationSettings()
    answered = evaluate(model, questions_of(task, chosen.measure), chosen.answering, progress=progress)
    items = answered.items.rename(columns={"id": "example"})
    own = np.flatnonzero((items["source"] == MODEL).to_numpy())
    return items.iloc[own].loc[:, list(ANSWER_COLUMNS)].reset_index(drop=True)


def strata_of(answers: pd.DataFrame, task: Task) -> list[str]:
    """What each answer's example is compared within: its group, and thirds of gold length where no group is known.

    Longer proofs are harder, and their gold tokens compete with more keys: both score and correctness fall.

    Args:
        answers: from `answer_task`; `example` and `group` are looked at.
        task: has the golds.
    """
    length = {example.id: len(example.gold) for example in task.examples}
    labels = [str(group) for group in answers["group"]]
    for group in set(labels) & set(_UNKNOWN_GROUPS):
        rows = [index for index, label in enumerate(labels) if label == group]
        lengths = np.array([length[str(answers["example"].iloc[index])] for index in rows])
        thirds = np.searchsorted(np.quantile(lengths, [1 / 3, 2 / 3]), lengths, side="left")
        for index, third in zip(rows, thirds.tolist(), strict=True):
            labels[index] = f"{group}/{_LENGTHS[third]}"
    return labels
