"""A corrupted example is a valid example in which the foil is right."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from attnprobe.tasks.example import Example
from attnprobe.tasks.prontoqa.examples import example_of
from attnprobe.tasks.prontoqa.generate import ProntoqaSpec, exemplars_at, problem_at
from attnprobe.tasks.prontoqa.rules import Rule
from attnprobe.tasks.prontoqa.writing import item_of
from tests.tasks.prontoqa.checker import check_proof, read
from tests.tasks.prontoqa.scripted import scripted
from tests.tasks.prontoqa.test_generate import specs


@given(specs(most_shots=2), st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_corrupted_proofs_are_valid_and_part_from_the_clean_one_at_the_target(spec: ProntoqaSpec, index: int) -> None:
    problem = problem_at(spec, index)
    example = example_of(problem, example_id="law", exemplars=exemplars_at(spec, index, beside=item_of(problem)))
    assert example.corruptions
    for corruption in example.corruptions:
        check_proof(read(corruption.prompt, corruption.gold))
        target = example.words[corruption.word].span
        assert corruption.gold.startswith(example.gold[: target.start] + corruption.foil)
        assert corruption.gold[: target.end] != example.gold[: target.end]
        stem = corruption.foil.lower().removesuffix("es")
        assert not re.search(rf"\b{stem}(es)?\b", example.prompt.lower())
        exemplars = example.spans["exemplars"]
        assert corruption.prompt.startswith(example.prompt[: exemplars[0].end] if exemplars else "Q: ")


def targets_of(example: Example) -> list[str]:
    """The words at which corruptions part from the clean text, in order, each once."""
    spans = [example.words[corruption.word].span for corruption in example.corruptions]
    return list(dict.fromkeys(example.gold[span.start : span.end] for span in spans))


def test_the_first_target_is_the_deepest_word_that_the_query_does_not_name() -> None:
    problem = scripted(Rule.IMPLICATION_ELIMINATION, 2, name="Rex", concepts="sterpus lempus", qualities="sweet")
    example = example_of(problem, example_id="deepest")
    assert targets_of(example) == ["lempus", "sterpus", "sweet"]
    first = example.corruptions[0]
    assert first.prompt == example.prompt.replace("lempus", first.foil)
    assert first.gold == example.gold.replace("lempus", first.foil)


def test_articles_are_mended_after_the_target_and_bar_a_target_before_it() -> None:
    """`impus` is the only concept with `an`: after "is an" no other fits, in the plural any does."""
    problem = scripted(Rule.DISJUNCTION_ELIMINATION, 1, name="Fae", concepts="lempus impus shumpus")
    example = example_of(problem, example_id="articles")
    assert targets_of(example) == ["lempus", "shumpus", "Fae"]
