"""The exact tagger against what the generator knows of its own words."""

from collections import Counter

import pytest

from attnprobe.errors import TaskError
from attnprobe.tasks.example import Span, WordKind
from attnprobe.tasks.parts_of_speech import Category, GrammarTagger, TaggedWord, Tagger
from attnprobe.tasks.parts_of_speech.grammar_tagger import CATEGORY_OF
from attnprobe.tasks.prontoqa.generate import prontoqa_task
from attnprobe.tasks.prontoqa.rules import Rule

OF_KIND = {WordKind.NAME: Category.PROPN, WordKind.NOUN: Category.NOUN, WordKind.ADJECTIVE: Category.ADJ}
FUNCTION = {
    **dict.fromkeys(("a", "an", "each", "every"), Category.DET),
    **dict.fromkeys(("is", "are"), Category.AUX),
    **dict.fromkeys(("and", "or"), Category.CCONJ),
    **dict.fromkeys(("everything", "that", "this"), Category.PRON),
    **dict.fromkeys(("assume", "contradicts"), Category.VERB),
    **dict.fromkeys((".", ","), Category.PUNCT),
    "not": Category.PART,
    "since": Category.SCONJ,
    "with": Category.ADP,
}


def shown(text: str) -> str:
    words = GrammarTagger().tag(text)
    return " ".join(f"{text[word.span.start : word.span.end]}/{word.category}" for word in words)


def test_a_page_by_hand() -> None:
    assert shown("Q: Every zumpus is not a cold impus. Prove: Fae is hot.\nA: A") == (
        "Q:/MARK Every/DET zumpus/NOUN is/AUX not/PART a/DET cold/ADJ impus/NOUN ./PUNCT "
        "Prove:/MARK Fae/PROPN is/AUX hot/ADJ ./PUNCT A:/MARK A/DET"
    )
    assert GrammarTagger().tag(" is ") == (TaggedWord(Span(1, 3), Category.AUX),)
    assert isinstance(GrammarTagger(), Tagger)


@pytest.mark.parametrize("rule", Rule)
@pytest.mark.parametrize("distractors", ["none", "irrelevant"])
def test_every_gold_word_has_the_class_that_the_generator_gave_it_and_none_is_unknown(
    rule: Rule, distractors: str
) -> None:
    tagger = GrammarTagger(strict=True)
    for example in prontoqa_task(rule=rule, n=5, shots=1, distractors=distractors).examples:
        by_span = {word.span: word.category for word in tagger.tag(example.gold)}
        assert len(by_span) == len(example.words)
        for word in example.words:
            text = example.gold[word.span.start : word.span.end].lower()
            # a name or noun without a licensing sentence is of kind unlicensed, and still a name or noun
            expected = FUNCTION.get(text) or OF_KIND.get(word.kind) or CATEGORY_OF[text]
            assert by_span[word.span] is expected
        counts = Counter(word.category for word in tagger.tag(example.text))
        assert counts[Category.OTHER] == 0
        assert counts[Category.MARK] == 6  # question, goal and answer, of the exemplar and of the item


def test_no_word_of_the_vocabulary_has_two_classes() -> None:
    assert {text: CATEGORY_OF[text] for text in FUNCTION if text.isalpha()} == {
        text: category for text, category in FUNCTION.items() if text.isalpha()
    }
    assert CATEGORY_OF["sterpuses"] is CATEGORY_OF["yimpus"] is Category.NOUN
    assert CATEGORY_OF["wren"] is Category.PROPN
    assert CATEGORY_OF["kind"] is Category.ADJ


def test_a_word_outside_the_vocabulary_is_counted_or_refused() -> None:
    assert shown("Lisbon is cold.") == "Lisbon/X is/AUX cold/ADJ ./PUNCT"
    assert GrammarTagger().known_share("Lisbon is cold.") == pytest.approx(2 / 3)
    assert GrammarTagger().known_share("?!") == 0
    with pytest.raises(TaskError, match="the word 'Lisbon' at character 0 is not of the PrOntoQA vocabulary"):
        GrammarTagger(strict=True).tag("Lisbon is cold.")
