"""Formulas in English: hand-written sentences, and every word in its place."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnprobe.tasks.example import Span, WordKind
from attnprobe.tasks.prontoqa.generate import ProntoqaSpec, problem_at
from attnprobe.tasks.prontoqa.grammar import clause, joined, sentence
from attnprobe.tasks.prontoqa.logic import (
    And,
    Claim,
    Conjunction,
    Formula,
    Or,
    Universal,
    Wording,
    adjective,
    leaves,
    noun,
)
from attnprobe.tasks.prontoqa.writing import write
from tests.tasks.prontoqa.test_generate import specs

IMPUS, LEMPUS, OLD, SHY = noun("impus"), noun("lempus"), adjective("opaque"), adjective("shy")


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        (Claim("Rex", LEMPUS), "Rex is a lempus."),
        (Claim("Rex", IMPUS.negation), "Rex is not an impus."),
        (Claim("Rex", SHY.negation), "Rex is not shy."),
        (Claim("Rex", And((OLD, LEMPUS))), "Rex is an opaque lempus."),
        (Claim("Rex", Or((SHY, IMPUS))), "Rex is shy or an impus."),
        (Claim("Rex", Or((LEMPUS, IMPUS))), "Rex is a lempus or an impus."),
        (Universal(LEMPUS, SHY, Wording.EACH), "Each lempus is shy."),
        (Universal(LEMPUS, IMPUS.negation, Wording.EVERY), "Every lempus is not an impus."),
        (Universal(LEMPUS, IMPUS.negation, Wording.PLURAL), "Lempuses are not impuses."),
        (Universal(LEMPUS, And((OLD, IMPUS)), Wording.PLURAL), "Lempuses are opaque impuses."),
        (Universal(And((SHY, LEMPUS)), IMPUS, Wording.PLURAL), "Shy lempuses are impuses."),
        (Universal(And((SHY, LEMPUS)), IMPUS, Wording.EVERY), "Every shy lempus is an impus."),
        (Universal(Or((SHY, LEMPUS)), IMPUS, Wording.THAT_IS), "Everything that is shy or a lempus is an impus."),
        (
            Conjunction((Claim("Rex", IMPUS.negation), Claim("Rex", LEMPUS.negation))),
            "Rex is not an impus and Rex is not a lempus.",
        ),
    ],
)
def test_a_formula_is_written_as_upstream_writes_it(formula: Formula, text: str) -> None:
    assert joined(sentence(clause(formula)))[0] == text


def test_words_know_lemma_kind_number_leaf_and_operand() -> None:
    words = clause(Claim("Rex", Or((SHY, IMPUS))))
    assert [(word.text, word.kind, word.leaf, word.operand) for word in words] == [
        ("Rex", WordKind.NAME, 0, None),
        ("is", WordKind.UNLICENSED, None, None),
        ("shy", WordKind.ADJECTIVE, 1, 0),
        ("or", WordKind.UNLICENSED, None, None),
        ("an", WordKind.UNLICENSED, None, 1),
        ("impus", WordKind.NOUN, 2, 1),
    ]
    first, _, last, _ = sentence(clause(Universal(LEMPUS, IMPUS, Wording.PLURAL)))
    assert (first.text, first.lemma, first.plural) == ("Lempuses", "lempus", True)
    assert first.spelled("sterpus") == "Sterpuses"
    assert last.spelled("sterpus") == "sterpuses"


def test_marks_stand_close_and_offsets_count_from_where_the_text_begins() -> None:
    text, spans = joined(sentence("since", clause(Claim("Rex", SHY)), ",", clause(Claim("Rex", LEMPUS))), offset=10)
    assert text == "Since Rex is shy, Rex is a lempus."
    assert spans[:5] == (Span(10, 15), Span(16, 19), Span(20, 22), Span(23, 26), Span(26, 27))


@given(specs(), st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_every_word_stands_on_the_page_where_it_says(spec: ProntoqaSpec, index: int) -> None:
    writing = write(problem_at(spec, index))
    text = writing.page.prompt + writing.page.gold
    for passage in (*writing.given, writing.query, *writing.steps):
        for word, span in zip(passage.words, passage.spans, strict=True):
            assert text[span.start : span.end] == word.text
        content = [word.lemma for word in passage.words if word.kind is not WordKind.UNLICENSED]
        assert tuple(content) == leaves(passage.formula)
        assert [word.leaf for word in passage.words if word.leaf is not None] == list(range(len(content)))
