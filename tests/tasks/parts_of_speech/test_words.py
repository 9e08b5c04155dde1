"""A text of any kind cut into words, and what marks are."""

import pytest

from attnprobe.tasks.parts_of_speech import Category
from attnprobe.tasks.parts_of_speech.words import mark_category, word_spans


def cut(text: str) -> list[str]:
    return [text[span.start : span.end] for span in word_spans(text)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("isn't Ann's I'm DON'T", ["is", "n't", "Ann", "'s", "I", "'m", "DO", "N'T"]),
        ("they’ve can’t", ["they", "’ve", "ca", "n’t"]),
        ("3.5 1,000 14:24 5.", ["3.5", "1,000", "14:24", "5", "."]),
        ("the U.S. army", ["the", "U.S.", "army"]),
        ("well-known mother-in-law's -x", ["well-known", "mother-in-law", "'s", "-", "x"]),
        ("Q: a\nA: b Prove: AQ: c", ["Q:", "a", "A:", "b", "Prove:", "AQ", ":", "c"]),
        ("cafe\u0301s 北京。", ["cafe\u0301s", "北京", "。"]),
        ("👩\u200d🚀 x_1", ["👩\u200d🚀", "x_1"]),
        (" \n\t", []),
    ],
)
def test_words_are_cut_as_taggers_expect(text: str, words: list[str]) -> None:
    assert cut(text) == words


def test_the_words_of_a_text_are_all_of_it_but_white_space() -> None:
    text = "So—what's “this” (b/c #1)? naïve… 100% of €5 \u00a0end"
    assert "".join(cut(text)) == "".join(text.split())


def test_marks_are_punctuation_or_symbols_and_words_are_neither() -> None:
    assert {mark_category(mark) for mark in ".,:;!?()[]“”'\"—…-/。"} == {Category.PUNCT}
    assert {mark_category(mark) for mark in "$€+=<>^~|%&#@🙂"} == {Category.SYM}
    assert mark_category("n't") is mark_category("3.5") is None
