"""Formulas: leaves in the order of writing, and derivation that is sound."""

from hypothesis import given, settings
from hypothesis import strategies as st

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
    follows,
    forward_closure,
    leaves,
    meaning,
    noun,
    with_leaf,
)
from attnprobe.tasks.prontoqa.writing import item_of
from tests.tasks.prontoqa.checker import entails, parse, sentences
from tests.tasks.prontoqa.test_generate import specs

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


def test_closure_chains_rules_and_skips_those_whose_antecedent_is_not_met() -> None:
    rules = [
        Universal(noun("lempus"), adjective("hot"), Wording.EACH),
        Universal(noun("sterpus"), noun("lempus"), Wording.EACH),
        Universal(noun("wumpus"), adjective("shy"), Wording.EACH),
    ]
    assert forward_closure([noun("sterpus")], rules) == {noun("sterpus"), noun("lempus"), adjective("hot")}


def test_a_universal_follows_when_each_of_its_cases_leads_to_its_consequent() -> None:
    rules = [Universal(noun(case), noun("yumpus"), Wording.EACH) for case in ("lempus", "impus")]
    both = Universal(Or((noun("lempus"), noun("impus"))), noun("yumpus"), Wording.THAT_IS)
    assert follows(both, [], rules)
    assert not follows(both, [], rules[:1])


def formulas_over(name: str, lemmas: tuple[str, ...]) -> st.SearchStrategy[Formula]:
    literals = st.builds(noun, st.sampled_from(lemmas), negated=st.booleans())
    pairs = st.permutations(lemmas).map(lambda drawn: tuple(noun(lemma) for lemma in drawn[:2]))
    subjects = st.builds(noun, st.sampled_from(lemmas))
    return st.one_of(
        st.builds(Claim, st.just(name), st.one_of(literals, pairs.map(Or))),
        st.builds(Universal, subjects, literals, st.just(Wording.EACH)),
    )


@given(specs(most_hops=2), st.integers(0, 10**6), st.data())
@settings(max_examples=100, deadline=None)
def test_what_follows_is_entailed(spec: ProntoqaSpec, index: int, data: st.DataObject) -> None:
    """Soundness against all models, for formulas over the problem's own concepts."""
    problem = problem_at(spec, index)
    own = sorted({leaf for rule in (*problem.rules, *problem.facts) for leaf in leaves(rule) if leaf.endswith("pus")})
    formula = data.draw(formulas_over(problem.facts[0].name, (*own, "quimpus", "boompus")))
    if follows(formula, problem.facts, problem.rules):
        assert entails(sentences(item_of(problem).question), parse(joined(sentence(clause(formula)))[0]))


@given(specs(), st.integers(0, 10**6))
@settings(max_examples=100, deadline=None)
def test_goals_without_cases_or_contradiction_follow(spec: ProntoqaSpec, index: int) -> None:
    problem = problem_at(spec, index)
    expected = spec.hops >= 1 and spec.rule.value not in ("disjunction_elimination", "proof_by_contradiction")
    assert follows(problem.goal, problem.facts, problem.rules) == expected
