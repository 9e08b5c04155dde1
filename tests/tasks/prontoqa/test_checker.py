"""The checker that the other tests lean on refuses what is wrong."""

import pytest

from tests.tasks.prontoqa.checker import check_proof, entails, parse, read, sentences

PROMPT = "Q: Every sterpus is a lempus. Lempuses are not hot. Rex is a sterpus. Prove: Rex is not hot.\nA:"
GOLD = " Rex is a sterpus. Every sterpus is a lempus. Rex is a lempus. Lempuses are not hot. Rex is not hot."


def test_a_right_proof_passes() -> None:
    check_proof(read(PROMPT, GOLD))


@pytest.mark.parametrize(
    "gold",
    [
        " Rex is a sterpus. Rex is a lempus. Lempuses are not hot. Rex is not hot.",
        " Rex is a sterpus. Every sterpus is a lempus. Rex is a lempus. Lempuses are hot. Rex is hot.",
        " Rex is a lempus. Lempuses are not hot. Rex is not hot.",
        " Rex is a sterpus. Every sterpus is a lempus. Rex is a lempus.",
        " Assume Rex is a lempus. Lempuses are not hot. Rex is not hot.",
    ],
    ids=["rule not restated", "rule invented", "fact invented", "goal not reached", "assumption left open"],
)
def test_a_wrong_proof_is_refused(gold: str) -> None:
    with pytest.raises(AssertionError):
        check_proof(read(PROMPT, gold))


@pytest.mark.parametrize("text", ["Rex is a impus.", "Rex is sterpus.", "Every sterpuses is hot.", "rex is hot."])
def test_bad_grammar_is_refused(text: str) -> None:
    with pytest.raises(AssertionError):
        parse(text)


def test_entailment_is_decided_by_all_models() -> None:
    given = sentences("Lempuses are hot. Everything that is hot or a wumpus is shy. Rex is a lempus or a wumpus.")
    assert entails(given, parse("Rex is shy."))
    assert not entails(given, parse("Rex is hot."))
    assert entails(given, parse("Lempuses are shy."))
    assert not entails(given, parse("Max is shy."))
