"""Which questions a task makes, what its examples are compared within."""

from pathlib import Path

import pytest

from attnprobe.evaluation.association.outcomes import questions_of, strata_of
from attnprobe.tasks import CollectedTask, Example, csv_task, prontoqa_task
from attnprobe.tasks.continuations import continuation_questions
from attnprobe.tasks.prontoqa.asked import Measure, ProntoqaQuestions, prontoqa_task_questions
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


def test_other_text_is_right_when_it_is_the_gold() -> None:
    task = CollectedTask(
        name="own", settings={}, examples=(Example(id="one", prompt="The capital is", gold=" Lisbon"),)
    )
    questions = questions_of(task, Measure.STRICT)
    (question,) = questions.questions
    graded = {
        text: questions.grade(question, text)
        for text in (" Lisbon", "Lisbon\nand so on", " Lisbon, of", " ", "Lisbons")
    }
    assert [each.outcome for each in graded.values()] == [
        *(Outcome.CORRECT, Outcome.CORRECT, Outcome.WRONG, Outcome.UNPARSEABLE, Outcome.WRONG),
    ]
    assert [each.measures["lenient"] for each in graded.values()] == [True, True, True, False, False]


def test_a_gold_of_two_lines_is_compared_on_two_lines() -> None:
    task = CollectedTask(name="own", settings={}, examples=(Example(id="one", prompt="p", gold="a\nb"),))
    questions = continuation_questions(task)
    (question,) = questions.questions
    assert questions.grade(question, "a\nb\nc").outcome is Outcome.CORRECT
    assert questions.grade(question, "a").outcome is Outcome.WRONG
    assert questions.max_new_tokens == 3 + 4


def test_a_task_without_questions_cannot_be_proved() -> None:
    with pytest.raises(Exception, match="no question and query in it; expected a task of proofs"):
        prontoqa_task_questions(task_of([1]))


def test_groups_are_strata_and_unknown_ones_are_cut_by_gold_length() -> None:
    task = task_of([1, 1, 2, 3, 4, 9])
    answers = answers_of(task, answers_correct := [True] * 6)  # type: ignore[arg-type]
    assert strata_of(answers, task) == [f"made/{n}hop/none" for n in (1, 1, 2, 3, 4, 9)]
    assert answers_correct == [True] * 6
    unknown = answers.assign(group=["other"] * 6)
    assert strata_of(unknown, task) == [
        *("other/short", "other/short", "other/middle", "other/middle", "other/long", "other/long"),
    ]
    mixed = answers.assign(group=["kind", "kind", "kind", "own_text", "own_text", "own_text"])
    assert strata_of(mixed, task) == ["kind"] * 3 + ["own_text/short", "own_text/middle", "own_text/long"]
