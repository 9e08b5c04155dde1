"""Proofs as questions: prompts, baselines, grades."""

from collections.abc import Callable
from pathlib import Path

import pytest

from attnprobe.errors import SpecError, TaskError
from attnprobe.tasks.collected import CollectedTask
from attnprobe.tasks.example import Example
from attnprobe.tasks.prontoqa.asked import (
    COPY_CONCLUSION,
    COPY_QUESTION,
    SIX_RULES,
    Measure,
    ProntoqaQuestions,
    prontoqa_file_questions,
    prontoqa_questions,
    prontoqa_task_questions,
)
from attnprobe.tasks.prontoqa.distractors import Distractors
from attnprobe.tasks.prontoqa.generate import prontoqa_task
from attnprobe.tasks.prontoqa.rules import Rule
from attnprobe.tasks.questions import Outcome, Question, QuestionSet

DATA = Path(__file__).parents[1] / "data"
Strategy = Callable[[ProntoqaQuestions, Question], str]
IE, CI, CE, DI, DE, PC = SIX_RULES
N = 20


def first_and_last(asked: ProntoqaQuestions, question: Question) -> str:
    sentences = [sentence.strip() for sentence in asked.theorems[question.id].gold.split(".") if sentence.strip()]
    return f" {sentences[0]}. {sentences[-1]}."


STRATEGIES: dict[str, Strategy] = {
    "conclusion": lambda asked, question: question.baselines[COPY_CONCLUSION],
    "question": lambda asked, question: question.baselines[COPY_QUESTION],
    "ends": first_and_last,
}
# contain and strict in percent, of the conclusion alone, of the question and then the conclusion, and of the first and
# last sentence of the gold proof: upstream's evaluator on 200 of its own problems of each kind, notes on arXiv
# 2502.15120; problems here are our generator's
TABLE = {
    (IE, 1): [(0, 0), (100, 100), (100, 0)],
    (CI, 1): [(100, 0), (100, 100), (100, 0)],
    (CE, 1): [(100, 0), (100, 100), (100, 100)],
    (DI, 1): [(100, 0), (100, 100), (100, 100)],
    (DE, 1): [(0, 0), (0, 0), (0, 0)],
    (PC, 1): [(0, 0), (100, 0), (0, 0)],
    (IE, 2): [(0, 0), (100, 0), (100, 0)],
    (IE, 3): [(0, 0), (100, 0), (100, 0)],
    (CE, 2): [(0, 0), (100, 0), (100, 0)],
    (DI, 2): [(0, 0), (100, 0), (100, 0)],
}


def percent(asked: ProntoqaQuestions, strategy: Strategy) -> tuple[float, float]:
    grades = [asked.grade(question, strategy(asked, question)).measures for question in asked.questions]
    contain, strict = (100 * sum(grade[name] for grade in grades) / len(grades) for name in ("contain", "strict"))
    return contain, strict


@pytest.mark.parametrize(("rule", "hops"), TABLE)
def test_trivial_strategies_get_what_upstreams_evaluator_gives_them(rule: Rule, hops: int) -> None:
    asked = prontoqa_questions(rules=[rule], hops=[hops], n=N)
    assert [percent(asked, strategy) for strategy in STRATEGIES.values()] == TABLE[rule, hops]


def test_copies_of_two_hop_conjunctions_depend_on_the_order_of_the_question() -> None:
    """Upstream's evaluator: 66.5% of 200."""
    contain, strict = percent(prontoqa_questions(rules=[CI], hops=[2], n=N), STRATEGIES["question"])
    assert 30 < contain < 95
    assert strict == 0


def test_every_gold_proof_is_right_by_every_measure() -> None:
    asked = prontoqa_questions(hops=(1, 2), distractors=tuple(Distractors), n=2)
    # ten kinds (four rules at two hops, two at one), three sorts of distractors
    assert len(asked.questions) == 10 * 3 * 2
    for question in asked.questions:
        grade = asked.grade(question, question.reference)
        assert grade.outcome is Outcome.CORRECT
        assert all(grade.measures.values())
        assert grade.extracted is not None


def test_what_is_right_is_what_the_measure_says() -> None:
    for measure, expected in [
        (Measure.STRICT, Outcome.WRONG),
        (Measure.CONTAIN, Outcome.CORRECT),
        (Measure.VALID, Outcome.WRONG),
        (Measure.EXACT, Outcome.WRONG),
    ]:
        asked = prontoqa_questions(rules=[PC], n=1, measure=measure)
        (question,) = asked.questions
        grade = asked.grade(question, question.baselines[COPY_QUESTION])
        assert grade.outcome is expected, measure
        assert dict(grade.measures) == {"strict": False, "contain": True, "valid": False, "exact": False}
        assert asked.settings["measure"] == measure


def test_an_answer_of_which_no_sentence_can_be_read_is_unparseable() -> None:
    asked = prontoqa_questions(rules=[IE], n=1)
    (question,) = asked.questions
    for output in ("", "   ", "Of of of.", "no full stop"):
        grade = asked.grade(question, output)
        assert (grade.outcome, grade.extracted) == (Outcome.UNPARSEABLE, None), output
    grade = asked.grade(question, " Of of of. Rex is a lorpus.")
    assert (grade.outcome, grade.extracted) == (Outcome.WRONG, "Rex is a lorpus.")


def test_prompts_are_those_of_the_task_that_heads_are_measured_on() -> None:
    task = prontoqa_task(rule=CE, hops=2, shots=2, distractors="relevant", n=3, seed=5, side="test")
    asked = prontoqa_questions(rules=[CE], hops=[2], shots=2, distractors=["relevant"], n=3, seed=5)

    assert isinstance(asked, QuestionSet)
    assert [(each.prompt, each.reference) for each in asked.questions] == [
        (each.prompt, each.gold) for each in task.examples
    ]
    assert {each.group for each in asked.questions} == {"conjunction_elimination/2hop/relevant"}
    assert len({each.id for each in asked.questions}) == 3
    assert (asked.stop, asked.max_new_tokens) == (("Q:",), 256)


def test_more_questions_leave_the_first_ones_as_they_are() -> None:
    few, many = (prontoqa_questions(rules=[DI], n=n, seed=3).questions for n in (2, 5))
    assert many[:2] == few


def test_files_are_asked_as_they_stand() -> None:
    asked = prontoqa_file_questions(DATA / "logic_proving_sample.csv", n=2)
    assert [question.id for question in asked.questions] == ["row 1", "row 2"]
    first = asked.questions[0]
    assert first.prompt.count("Q: ") == 4
    assert first.prompt.endswith("\nA:")
    assert first.baselines[COPY_CONCLUSION] == " Wren is transparent."
    assert asked.grade(first, first.reference).outcome is Outcome.CORRECT
    assert asked.settings["n"] == 2
    json = prontoqa_file_questions(DATA / "prontoqa_sample.json")
    assert all(json.grade(each, each.reference).measures["strict"] for each in json.questions)


def test_what_does_not_exist_is_refused(tmp_path: Path) -> None:
    for options, message in [
        ({"rules": ["magic"]}, "rule 'magic' is not known"),
        ({"distractors": ["many"]}, "distractors 'many' is not known"),
        ({"hops": [9]}, "at 9 hops"),
        ({"rules": [DE], "hops": [2]}, "rules disjunction_elimination at 2 hops: no such problems"),
        ({"shots": 9}, "9 shots: expected 0 to 8"),
        ({"side": "left"}, "side 'left' is not known"),
        ({"measure": "charm"}, "measure 'charm' is not known"),
        ({"n": 0}, "0 questions of each kind: expected at least 1"),
    ]:
        with pytest.raises(SpecError, match=message):
            prontoqa_questions(**{"n": 1, **options})  # type: ignore[arg-type]
    with pytest.raises(SpecError, match="expected a file of upstream's generator"):
        prontoqa_file_questions(tmp_path / "a.txt")
    with pytest.raises(TaskError, match="cannot be read"):
        prontoqa_file_questions(tmp_path / "a.csv")


def test_a_task_s_own_examples_are_asked_under_their_ids_and_grouped_by_what_is_known() -> None:
    task = prontoqa_task(rule=CE, hops=2, distractors=Distractors.RELEVANT, n=3, seed=5)
    asked = prontoqa_task_questions(task, measure="valid")
    assert [(each.id, each.prompt) for each in asked.questions] == [(each.id, each.prompt) for each in task.examples]
    assert {each.group for each in asked.questions} == {"conjunction_elimination/2hop/relevant"}
    assert (asked.measure, asked.settings["measure"], asked.settings["seed"]) == (Measure.VALID, "valid", 5)
    for example, each in zip(task.examples, asked.questions, strict=True):
        assert asked.grade(each, example.gold).outcome is Outcome.CORRECT


def test_a_task_that_wants_no_proof_is_refused() -> None:
    task = CollectedTask(name="own", settings={}, examples=(Example(id="one", prompt="p", gold="g"),))
    with pytest.raises(TaskError, match="task own, example 'one': no question and query in it"):
        prontoqa_task_questions(task)


def test_a_csv_of_other_text_asks_for_no_proof(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text('input,label\n"What is red?", Blood.\n', encoding="utf-8")
    with pytest.raises(TaskError, match=r"row 1: the input is not in the authors' layout; expected it to end with"):
        prontoqa_file_questions(path)
