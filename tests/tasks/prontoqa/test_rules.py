"""Gold proofs have upstream's shape, word by word, for every rule."""

import pytest

from attnprobe.tasks.prontoqa.logic import Wording
from attnprobe.tasks.prontoqa.rules import Rule
from attnprobe.tasks.prontoqa.writing import item_of
from tests.tasks.prontoqa.scripted import scripted


def test_implication_elimination_chains_rules() -> None:
    item = item_of(
        scripted(
            Rule.IMPLICATION_ELIMINATION,
            2,
            name="Stella",
            concepts="impus zumpus",
            qualities="blue",
            wording=Wording.PLURAL,
        )
    )
    assert item.question == "Impuses are zumpuses. Zumpuses are blue. Stella is an impus."
    assert item.query == "Prove: Stella is blue."
    assert item.answer == (
        "Stella is an impus. Impuses are zumpuses. Stella is a zumpus. Zumpuses are blue. Stella is blue."
    )


def test_conjunction_introduction_joins_then_goes_on() -> None:
    item = item_of(
        scripted(Rule.CONJUNCTION_INTRODUCTION, 2, name="Rex", concepts="sterpus lempus", qualities="sweet hot")
    )
    assert item.question == "Every sweet sterpus is a lempus. Rex is a sterpus. Rex is sweet. Rex is hot."
    assert item.query == "Prove: Rex is a hot lempus."
    assert item.answer == (
        "Rex is a sterpus. Rex is sweet. Rex is a sweet sterpus. Every sweet sterpus is a lempus. Rex is a lempus. "
        "Rex is hot. Rex is a hot lempus."
    )


def test_conjunction_elimination_drops_the_property_at_each_hop() -> None:
    item = item_of(
        scripted(Rule.CONJUNCTION_ELIMINATION, 2, name="Rex", concepts="vumpus impus", qualities="angry old")
    )
    assert item.question == "Every vumpus is an old impus. Rex is an angry vumpus."
    assert item.query == "Prove: Rex is an impus."
    assert item.answer == (
        "Rex is an angry vumpus. Rex is a vumpus. Every vumpus is an old impus. Rex is an old impus. Rex is an impus."
    )


def test_disjunction_introduction_adds_the_disjunct_that_is_asked_for() -> None:
    item = item_of(
        scripted(Rule.DISJUNCTION_INTRODUCTION, 2, name="Alex", concepts="lorpus impus", qualities="wooden shy")
    )
    assert item.question == "Everything that is wooden or a lorpus is an impus. Alex is a lorpus."
    assert item.query == "Prove: Alex is shy or an impus."
    assert item.answer == (
        "Alex is a lorpus. Alex is wooden or a lorpus. Everything that is wooden or a lorpus is an impus. "
        "Alex is an impus. Alex is shy or an impus."
    )


def test_disjunction_elimination_argues_by_cases() -> None:
    item = item_of(
        scripted(Rule.DISJUNCTION_ELIMINATION, 1, name="Fae", concepts="lempus impus shumpus", wording=Wording.PLURAL)
    )
    assert item.question == "Lempuses are shumpuses. Impuses are shumpuses. Fae is a lempus or an impus."
    assert item.query == "Prove: Fae is a shumpus."
    assert item.answer == (
        "Assume Fae is a lempus. Lempuses are shumpuses. Fae is a shumpus.\n\n "
        "Assume Fae is an impus. Impuses are shumpuses. Fae is a shumpus.\n\n "
        "Since Fae is a lempus or an impus, Fae is a shumpus."
    )


def test_proof_by_contradiction_refutes_each_case() -> None:
    item = item_of(scripted(Rule.PROOF_BY_CONTRADICTION, 1, name="Fae", concepts="lempus impus shumpus"))
    assert item.question == "Everything that is a lempus or an impus is a shumpus. Fae is not a shumpus."
    assert item.query == "Prove: Fae is not an impus and Fae is not a lempus."
    middle = (
        "Fae is a lempus or an impus. Everything that is a lempus or an impus is a shumpus. Fae is a shumpus. "
        "This contradicts with Fae is not a shumpus."
    )
    assert item.answer == (
        f"Assume Fae is an impus. {middle} Fae is not an impus.\n\n "
        f"Assume Fae is a lempus. {middle} Fae is not a lempus.\n\n "
        "Fae is not an impus and Fae is not a lempus."
    )


@pytest.mark.parametrize(
    ("rule", "steps"),
    [
        (Rule.IMPLICATION_ELIMINATION, (3, 5, 7, 9, 11)),
        (Rule.CONJUNCTION_INTRODUCTION, (3, 7, 11, 15, 19)),
        (Rule.CONJUNCTION_ELIMINATION, (2, 5, 8, 11, 14)),
        (Rule.DISJUNCTION_INTRODUCTION, (2, 5, 8, 11, 14)),
    ],
)
def test_proofs_have_as_many_sentences_as_upstreams(rule: Rule, steps: tuple[int, ...]) -> None:
    """The counts are those of the logs published with arXiv 2502.15120."""
    concepts, qualities = "wumpus yumpus zumpus dumpus rompus", "blue large opaque happy dull"
    for hops, expected in enumerate(steps, start=1):
        problem = scripted(rule, hops, name="Rex", concepts=concepts, qualities=qualities)
        assert len(item_of(problem).proof) == expected
