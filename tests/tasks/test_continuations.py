"""Examples of any task, to be continued by their gold: what is right, what is begun, what goes on."""

from attnprobe.tasks import CollectedTask, Example
from attnprobe.tasks.continuations import continuation_questions
from attnprobe.tasks.questions import Outcome


def test_other_text_is_right_when_it_is_the_gold() -> None:
    task = CollectedTask(
        name="own", settings={}, examples=(Example(id="one", prompt="The capital is", gold=" Lisbon"),)
    )
    questions = continuation_questions(task)
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
