"""spaCy behind a stand-in of its pipeline: what we read of it, and what we say where it is missing."""

import sys
from types import ModuleType, SimpleNamespace

import pytest

from attnprobe.errors import SpecError
from attnprobe.tasks.collected import CollectedTask
from attnprobe.tasks.example import Example
from attnprobe.tasks.parts_of_speech import Category, PatternTagger, SpacyTagger, Tagger, spacy_tagger, tagger_for

FOUND = [
    ("Q", 0, "NOUN"),
    (":", 1, "PUNCT"),
    ("Rex", 3, "PROPN"),
    (" ", 6, "SPACE"),
    ("or", 8, "CONJ"),
    ("no", 11, "DET"),
]


def pipeline(_: str) -> list[SimpleNamespace]:
    return [SimpleNamespace(text=text, idx=at, pos_=pos, is_space=not text.strip()) for text, at, pos in FOUND]


def prose() -> CollectedTask:
    return CollectedTask(name="prose", settings={}, examples=(Example(id="1", prompt="The dog", gold=" barks."),))


def _install(monkeypatch: pytest.MonkeyPatch, *models: str) -> None:
    def load(name: str, **_: object) -> object:
        assert name in models
        loaded = lambda text: pipeline(text)  # noqa: E731
        loaded.meta = {"version": "1.2"}  # type: ignore[attr-defined]
        return loaded

    module = ModuleType("spacy")
    module.__version__ = "9.9"  # type: ignore[attr-defined]
    module.load = load  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "spacy", module)
    monkeypatch.setattr(spacy_tagger, "find_spec", lambda name: object() if name in ("spacy", *models) else None)


def test_its_universal_tags_are_taken_as_they_are_and_white_space_left_out() -> None:
    words = SpacyTagger(pipeline, name="stub").tag("Q: Rex  or no")
    assert [(word.span.start, word.span.end, word.category) for word in words] == [
        (0, 1, Category.MARK),
        (1, 2, Category.MARK),
        (3, 6, Category.PROPN),
        (8, 10, Category.CCONJ),
        (11, 13, Category.DET),
    ]
    assert isinstance(SpacyTagger(pipeline, name="stub"), Tagger)


def test_a_pipeline_without_tags_is_refused() -> None:
    untagged = SpacyTagger(lambda text: [SimpleNamespace(text=text, idx=0, pos_="", is_space=False)], name="blank")
    with pytest.raises(SpecError, match="gave 'word' the part of speech ''; expected a universal tag"):
        untagged.tag("word")


def test_without_spacy_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spacy_tagger, "find_spec", lambda _: None)
    with pytest.raises(SpecError, match=r"spaCy is not installed; run: pip install 'attnprobe\[spacy\]'"):
        SpacyTagger.load()
    assert isinstance(tagger_for(prose()), PatternTagger)


def test_without_a_model_the_message_says_what_to_download(monkeypatch: pytest.MonkeyPatch) -> None:
    _install(monkeypatch)
    with pytest.raises(SpecError, match=r"no English model is installed; run: .* spacy download en_core_web_sm"):
        SpacyTagger.load()
    with pytest.raises(SpecError, match="the model de_core_news_sm is not installed"):
        SpacyTagger.load("de_core_news_sm")


def test_the_best_installed_model_is_taken_and_auto_prefers_it_to_textblob(monkeypatch: pytest.MonkeyPatch) -> None:
    _install(monkeypatch, "en_core_web_sm", "en_core_web_md")
    assert SpacyTagger.load().name == "spacy 9.9 en_core_web_md 1.2"
    assert isinstance(tagger_for(prose()), SpacyTagger)
