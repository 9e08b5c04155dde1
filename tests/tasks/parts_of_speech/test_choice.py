"""Which tagger a task gets."""

import pytest

from attnprobe.errors import SpecError
from attnprobe.tasks.collected import CollectedTask
from attnprobe.tasks.example import Example
from attnprobe.tasks.parts_of_speech import GrammarTagger, PatternTagger, TaggerChoice, spacy_tagger, tagger_for
from attnprobe.tasks.prontoqa.generate import prontoqa_task
from attnprobe.tasks.prontoqa.rules import Rule


@pytest.fixture(autouse=True)
def _no_spacy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spacy_tagger, "find_spec", lambda _: None)


@pytest.mark.parametrize("rule", Rule)
def test_auto_takes_the_grammar_for_pages_of_prontoqa(rule: Rule) -> None:
    assert isinstance(tagger_for(prontoqa_task(rule=rule, n=2, shots=1)), GrammarTagger)


def test_auto_takes_textblob_for_other_text() -> None:
    example = Example(id="1", prompt="A kind dog is not a cold cat, and that is all.", gold=" So it is.")
    task = CollectedTask(name="prose", settings={}, examples=(example,))
    assert isinstance(tagger_for(task), PatternTagger)
    assert isinstance(tagger_for(task, "grammar"), GrammarTagger)
    assert isinstance(tagger_for(task, TaggerChoice.TEXTBLOB), PatternTagger)


def test_a_few_foreign_words_do_not_turn_a_page_of_prontoqa_into_prose() -> None:
    page = prontoqa_task(n=1, shots=3).examples[0]
    example = Example(id="1", prompt=page.prompt.replace("A:", "Lisbon A:", 1), gold=page.gold)
    assert isinstance(tagger_for(CollectedTask(name="t", settings={}, examples=(example,))), GrammarTagger)


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SpecError, match="categories 'nltk': expected one of auto, grammar, spacy, textblob"):
        tagger_for(prontoqa_task(n=1), "nltk")
