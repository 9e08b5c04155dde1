"""The rule that cuts text into sentences."""

import pytest

from attnprobe.tasks.prontoqa.generate import prontoqa_task
from attnprobe.tasks.prontoqa.rules import Rule
from attnprobe.tasks.sentence_spans import sentence_spans


def cut(text: str) -> list[str]:
    return [text[span.start : span.end] for span in sentence_spans(text)]


def test_full_stops_questions_exclamations_and_line_breaks_end_sentences() -> None:
    assert cut("It rains. Does it?\nYes! no") == ["It rains.", "Does it?", "Yes!", "no"]
    assert cut("one\n\n two") == ["one", "two"]
    assert cut(" \n ") == cut("") == []


def test_layout_marks_are_part_of_no_sentence() -> None:
    assert cut("Q: Rex is hot. Prove: Rex is hot.\nA: Rex is hot.") == ["Rex is hot.", "Rex is hot.", "Rex is hot."]
    assert cut("A:") == []


@pytest.mark.parametrize(
    "whole",
    [
        "Dr. Smith costs 3.5 units.",
        "J. Smith came.",
        "That is, e.g. this.",
        "See approx. five.",
        'He said "no." twice.',
    ],
)
def test_some_full_stops_end_no_sentence(whole: str) -> None:
    assert cut(whole) == [whole]


def test_an_initial_or_abbreviation_at_the_end_of_the_text_ends_it() -> None:
    assert cut("This is plan B.") == ["This is plan B."]
    assert cut('He said "no." Then he left.') == ['He said "no."', "Then he left."]


@pytest.mark.parametrize("rule", Rule)
def test_a_proof_has_as_many_sentences_as_full_stops(rule: Rule) -> None:
    for example in prontoqa_task(rule=rule, n=5, shots=1, distractors="relevant").examples:
        found = cut(example.text)
        assert len(found) == example.text.count(".")
        assert all(sentence[0].isupper() and sentence.endswith(".") and "\n" not in sentence for sentence in found)
