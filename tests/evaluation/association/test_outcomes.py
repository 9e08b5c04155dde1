"""Which questions a task makes, what its examples are compared within."""

from pathlib import Path

import numpy as np

from attnprobe.evaluation.association.outcomes import questions_of, strata_of
from attnprobe.tasks import csv_task, prontoqa_task
from attnprobe.tasks.answered import AnsweredQuestions
from attnprobe.tasks.prontoqa.asked import Measure, ProntoqaQuestions
from attnprobe.tasks.questions import Outcome
from tests.evaluation.association.made_up import answers_of, task_of

CSV = Path(__file__).parents[2] / "tasks" / "data" / "logic_proving_sample.csv"


def test_proofs_keep_their_ids_and_are_judged() -> None:
    task = prontoqa_task(rule="conjunction_elimination", hops=2, distractors="relevant", n=3)
    questions = questions_of(task, Measure.CONTAIN)
    assert isinstance(questions, ProntoqaQuestions)
    for example, question in zip(task.examples, questions.questions, strict=True):
        assert (question.id, question.prompt) == (example.id, example.prompt)
        assert question.group == "conjunction_elimination/2hop/relevant"
        assert questions.grade(question, example.gold).outcome is Outcome.CORRECT
        assert questions.grade(question, " I know not.").outcome is Outcome.UNPARSEABLE


def test_the_authors_rows_are_judged_too_and_grouped_by_their_form() -> None:
    questions = questions_of(csv_task(CSV, n=10), Measure.STRICT)
    assert {question.group for question in questions.questions} >= {"implication_elimination/1hop/none"}
    assert [question.id for question in questions.questions] == [f"row {number}" for number in range(1, 11)]


def test_text_that_wants_no_proof_is_held_against_its_gold() -> None:
    questions = questions_of(task_of([1, 2]), Measure.CONTAIN)
    assert isinstance(questions, AnsweredQuestions)
    assert [question.reference for question in questions.questions] == [" g", " gg"]


def test_groups_are_strata_and_unknown_ones_are_cut_by_gold_length() -> None:
    task = task_of([1, 1, 2, 3, 4, 9])
    answers = answers_of(task, np.ones(6, dtype=bool))
    assert strata_of(answers, task) == [f"made/{n}hop/none" for n in (1, 1, 2, 3, 4, 9)]
    unknown = answers.assign(group=["other"] * 6)
    assert strata_of(unknown, task) == [
        *("other/short", "other/short", "other/middle", "other/middle", "other/long", "other/long"),
    ]
    mixed = answers.assign(group=["kind", "kind", "kind", "own_text", "own_text", "own_text"])
    assert strata_of(mixed, task) == ["kind"] * 3 + ["own_text/short", "own_text/middle", "own_text/long"]
