"""Formulas: leaves in the order of writing, and meanings without it."""

from attnprobe.tasks.prontoqa.logic import (
    And,
    Claim,
    Conjunction,
    Or,
    Universal,
    Wording,
    adjective,
    leaves,
    meaning,
    noun,
    with_leaf,
)

RULE = Universal(And((adjective("sweet"), noun("sterpus"))), noun("lempus", negated=True), Wording.PLURAL)
EITHER = Claim("Rex", Or((adjective("wooden"), noun("lorpus"))))


def test_leaves_are_in_the_order_of_writing() -> None:
    assert leaves(RULE) == ("sweet", "sterpus", "lempus")
    assert leaves(EITHER) == ("Rex", "wooden", "lorpus")
    assert leaves(Conjunction((EITHER, Claim("Max", noun("impus"))))) == ("Rex", "wooden", "lorpus", "Max", "impus")


def test_one_leaf_is_replaced_and_no_other() -> None:
    twice = Conjunction((Claim("Rex", noun("impus")), Claim("Rex", noun("lempus"))))
    assert with_leaf(twice, 2, "Max") == Conjunction((Claim("Rex", noun("impus")), Claim("Max", noun("lempus"))))


def test_meaning_forgets_order_and_wording_and_nothing_else() -> None:
    swapped = Claim("Rex", Or((noun("lorpus"), adjective("wooden"))))
    assert meaning(swapped) == meaning(EITHER)
    assert meaning(Claim("Rex", And((noun("lorpus"), adjective("wooden"))))) != meaning(EITHER)
    plural, each = (Universal(noun("impus"), noun("lempus"), wording) for wording in (Wording.PLURAL, Wording.EACH))
    assert meaning(plural) == meaning(each)
    assert meaning(Universal(noun("impus"), noun("lempus", negated=True), Wording.EACH)) != meaning(each)
