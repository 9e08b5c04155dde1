"""The word lists are upstream's, and words take their right form."""

import pytest

from attnprobe.tasks.prontoqa.vocabulary import (
    CONCEPTS,
    FAMILY_OF,
    IRRELEVANT_CONCEPTS,
    NAMES,
    PROPERTY_FAMILIES,
    article,
    plural,
)


def test_the_lists_have_upstreams_sizes_and_no_word_twice() -> None:
    words = [*NAMES, *CONCEPTS, *IRRELEVANT_CONCEPTS, *FAMILY_OF]
    assert (len(NAMES), len(CONCEPTS), len(IRRELEVANT_CONCEPTS), len(PROPERTY_FAMILIES)) == (9, 17, 21, 13)
    assert len(FAMILY_OF) == 45
    assert len(set(words)) == len(words)


@pytest.mark.parametrize(
    ("word", "expected"), [("impus", "an"), ("lempus", "a"), ("opaque", "an"), ("euphoric", "a"), ("earthy", "an")]
)
def test_the_article_follows_the_first_letters(word: str, expected: str) -> None:
    assert article(word) == expected


def test_concepts_take_es() -> None:
    assert plural("sterpus") == "sterpuses"
