"""Penn tags as universal categories."""

import pytest

from attnprobe.tasks.parts_of_speech import Category
from attnprobe.tasks.parts_of_speech.penn import universal


@pytest.mark.parametrize(
    ("word", "tag", "category"),
    [
        ("dogs", "NNS", Category.NOUN),
        ("Fae", "NNP-PERS", Category.PROPN),
        ("is", "VBZ", Category.AUX),
        ("'m", "VBP", Category.AUX),
        ("has", "VBZ", Category.VERB),
        ("must", "MD", Category.AUX),
        ("not", "RB", Category.PART),
        ("quickly", "RB", Category.ADV),
        ("to", "TO", Category.PART),
        ("'s", "POS", Category.PART),
        ("since", "IN", Category.SCONJ),
        ("with", "IN", Category.ADP),
        ("That", "WDT", Category.PRON),
        ("what", "WDT", Category.DET),
        ("there", "EX", Category.PRON),
        ("my", "PRP$", Category.PRON),
        ("oh", "UH", Category.INTJ),
        (";", ":", Category.PUNCT),
        ("etwas", "FW", Category.OTHER),
        ("w", "no such tag", Category.OTHER),
    ],
)
def test_a_tag_and_where_it_is_not_enough_the_word_decide(word: str, tag: str, category: Category) -> None:
    assert universal(word, tag) is category
