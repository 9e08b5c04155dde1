"""A problem on the page: sentences of the question, clauses of the proof, where each stands."""

from hypothesis import given, settings
from hypothesis import strategies as st

from attnprobe.tasks.prontoqa.generate import ProntoqaSpec, exemplars_at, problem_at
from attnprobe.tasks.prontoqa.grammar import joined
from attnprobe.tasks.prontoqa.layout import lay_out
from attnprobe.tasks.prontoqa.rules import Rule
from attnprobe.tasks.prontoqa.writing import item_of, write
from tests.tasks.prontoqa.scripted import scripted
from tests.tasks.prontoqa.test_generate import specs


def test_the_clauses_of_a_since_sentence_are_passages_of_their_own() -> None:
    writing = write(scripted(Rule.DISJUNCTION_ELIMINATION, 1, name="Fae", concepts="lempus impus shumpus"))
    text = writing.page.prompt + writing.page.gold
    assert [text[each.span.start : each.span.end] for each in writing.steps[-3:]] == [
        "Fae is a shumpus.",
        "Since Fae is a lempus or an impus,",
        "Fae is a shumpus.",
    ]


@given(specs(most_shots=2), st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_text_alone_and_text_with_all_its_words_are_the_same(spec: ProntoqaSpec, index: int) -> None:
    problem = problem_at(spec, index)
    item = item_of(problem)
    shown = exemplars_at(spec, index, beside=item)
    writing = write(problem, shown)
    assert writing.page == lay_out(item, shown)
    text = writing.page.prompt + writing.page.gold
    for passage in (*writing.given, writing.query, *writing.steps):
        assert text[passage.span.start : passage.span.end] == joined(passage.words)[0]
