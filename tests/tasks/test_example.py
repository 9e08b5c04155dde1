"""The parts of an example refuse what cannot be."""

import pytest

from attnprobe.errors import TaskError
from attnprobe.tasks.example import Example, GoldWord, KeyDefinition, Span, WordKind


def word(start: int, end: int, **sources: object) -> GoldWord:
    return GoldWord(span=Span(start, end), kind=WordKind.OTHER, **sources)


@pytest.mark.parametrize(("start", "end"), [(3, 3), (4, 3), (-1, 2)])
def test_a_span_holds_at_least_one_character(start: int, end: int) -> None:
    with pytest.raises(TaskError, match="expected 0 <= start < end"):
        Span(start, end)


def test_prompt_and_gold_hold_text() -> None:
    with pytest.raises(TaskError, match="prompt and gold must both hold text; got 3 and 0 characters"):
        Example(id="a", prompt="Rex", gold="")


def test_spans_lie_within_the_text_and_words_within_the_gold() -> None:
    with pytest.raises(TaskError, match=r"span 'fact' \[0, 9\) ends outside its text of 8 characters"):
        Example(id="a", prompt="Rex is", gold=" x", spans={"fact": (Span(0, 9),)})
    with pytest.raises(TaskError, match=r"gold word \[0, 3\) ends outside the gold of 2 characters"):
        Example(id="a", prompt="Rex is", gold=" x", words=(word(0, 3),))


def test_words_come_in_order_and_do_not_overlap() -> None:
    with pytest.raises(TaskError, match=r"gold words \[1, 3\) and \[2, 4\) overlap or are out of order"):
        Example(id="a", prompt="Rex", gold=" hot.", words=(word(1, 3), word(2, 4)))


def test_an_example_knows_sources_only_if_every_word_does() -> None:
    sources = {"premise": (), "source_word": ()}
    both = Example(id="a", prompt="Rex", gold=" hot.", words=(word(1, 4, **sources), word(4, 5, **sources)))
    one = Example(id="a", prompt="Rex", gold=" hot.", words=(word(1, 4, **sources), word(4, 5)))
    none = Example(id="a", prompt="Rex", gold=" hot.")
    assert both.definitions == tuple(KeyDefinition)
    assert one.definitions == none.definitions == (KeyDefinition.TOKEN_MATCH,)
