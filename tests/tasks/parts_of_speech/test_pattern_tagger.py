"""TextBlob's tagger as we use it: our words, universal categories, no download."""

import socket

import pytest

from attnprobe.tasks.parts_of_speech import PatternTagger, Tagger


def shown(text: str) -> str:
    words = PatternTagger().tag(text)
    return " ".join(f"{text[word.span.start : word.span.end]}/{word.category}" for word in words)


def test_plain_english_by_hand() -> None:
    assert shown("The well-known dog isn't happy, but Ann's 3.5 plans cost $5.") == (
        "The/DET well-known/ADJ dog/NOUN is/AUX n't/PART happy/ADJ ,/PUNCT but/CCONJ Ann/PROPN 's/PART "
        "3.5/NUM plans/NOUN cost/NOUN $/SYM 5/NUM ./PUNCT"
    )
    assert isinstance(PatternTagger(), Tagger)
    assert PatternTagger().name.startswith("textblob ")


def test_layout_marks_slashes_and_other_scripts_each_have_their_place() -> None:
    assert shown("Q: either/or?\nA: 北京 🙂 50%") == (
        "Q:/MARK either/DET //PUNCT or/CCONJ ?/PUNCT A:/MARK 北京/NOUN 🙂/SYM 50/NUM %/SYM"
    )
    assert shown(" \n ") == ""


def test_accents_written_apart_stay_with_their_letter() -> None:
    assert shown("cafe\u0301s") == "cafe\u0301s/NOUN"


def test_it_asks_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was asked for")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert shown("Dogs bark.") == "Dogs/NOUN bark/NOUN ./PUNCT"  # coarse, and so it is
