"""Gold text cut into words where nothing but the text is known."""

from attnprobe.tasks.example import WordKind
from attnprobe.tasks.prontoqa.generate import prontoqa_task
from attnprobe.tasks.prontoqa.rules import Rule
from attnprobe.tasks.segments import kind_by_vocabulary, segments


def cut(text: str, *cuts: int) -> list[str]:
    return [text[span.start : span.end] for span in segments(text, cuts)]


def test_words_and_marks_are_cut_apart_and_white_space_left_out() -> None:
    assert cut(" It's 42,\n né.") == ["It", "'", "s", "42", ",", "né", "."]
    assert cut("  ") == []


def test_further_cuts_are_made_inside_words_only() -> None:
    assert cut("Lisbon x", 0, 3, 6, 7) == ["Lis", "bon", "x"]


def test_the_vocabulary_gives_the_kinds_that_the_generator_knows() -> None:
    """Generated examples know the kind of each word from their formulas: both must agree."""
    for rule in Rule:
        example = prontoqa_task(rule=rule, distractors="irrelevant", n=3).examples[2]
        assert tuple(word.span for word in example.words) == segments(example.gold)
        for word in example.words:
            assert kind_by_vocabulary(example.gold[word.span.start : word.span.end]) is word.kind


def test_a_word_that_is_none_of_ours_is_of_another_kind() -> None:
    assert kind_by_vocabulary("Lisbon") is WordKind.OTHER
    assert kind_by_vocabulary("Gorpuses") is WordKind.NOUN
    assert kind_by_vocabulary("?") is WordKind.UNLICENSED
