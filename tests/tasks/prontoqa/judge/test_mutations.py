"""What a change in one place does to the verdicts, expected from how the change was made."""

from collections import Counter
from random import Random

import pytest

from attnprobe.tasks.prontoqa.distractors import Distractors
from attnprobe.tasks.prontoqa.generate import ProntoqaSpec, problem_at
from attnprobe.tasks.prontoqa.judge import judge
from attnprobe.tasks.prontoqa.judge.sound import soundness_of
from attnprobe.tasks.prontoqa.judge.verdict import conclusion_of
from attnprobe.tasks.prontoqa.layout import Item
from attnprobe.tasks.prontoqa.logic import Universal
from attnprobe.tasks.prontoqa.problem import Problem
from attnprobe.tasks.prontoqa.rules import MOST_HOPS, ONE_HOP_RULES, Rule
from attnprobe.tasks.prontoqa.writing import item_of
from tests.tasks.prontoqa.judge.mutations import mutations_of, text_of

# with their mutations more than 2,000 proofs of the seven rules
PROOFS_PER_RULE = 20


def problems(rule: Rule, count: int) -> list[Problem]:
    """All hops and distractors in turn."""
    hops = (1,) if rule in ONE_HOP_RULES else range(1, MOST_HOPS + 1)
    specs = [ProntoqaSpec(rule=rule, hops=each, distractors=kind, seed=41) for each in hops for kind in Distractors]
    return [problem_at(specs[index % len(specs)], index) for index in range(count)]


def is_valid(problem: Problem, answer: str) -> bool:
    item = item_of(problem)
    return soundness_of(answer, question=item.question, goal=conclusion_of(query=item.query)).valid


@pytest.mark.parametrize("rule", Rule)
def test_every_gold_is_valid_and_every_mutation_is_as_it_was_made(rule: Rule) -> None:
    check(rule, PROOFS_PER_RULE)


@pytest.mark.slow
@pytest.mark.parametrize("rule", Rule)
def test_the_same_of_many_more(rule: Rule) -> None:
    check(rule, 300)


def check(rule: Rule, count: int) -> None:
    seen = Counter[tuple[str, bool]]()
    for index, problem in enumerate(problems(rule, count)):
        gold = item_of(problem).answer
        assert is_valid(problem, gold), gold
        for mutation in mutations_of(problem, Random(index)):
            found = is_valid(problem, mutation.text)
            assert found == mutation.is_valid, (mutation.kind, item_of(problem), mutation.text)
            seen[mutation.kind, mutation.is_valid] += 1
    assert {kind for kind, _ in seen} >= {"deleted", "negated", "renamed", "cut", "restatement_dropped"}
    assert sum(seen.values()) > 4 * count


# (strict, contain, valid) of the conclusion alone and of the question followed by it, where all items agree: for strict
# and contain the published baselines; for valid, whether one application to sentences of the question gives the goal
BASELINES = {
    (Rule.IMPLICATION_ELIMINATION, 1): ((False, False, True), (True, True, True)),
    (Rule.CONJUNCTION_INTRODUCTION, 1): ((False, True, True), (True, True, True)),
    (Rule.CONJUNCTION_ELIMINATION, 1): ((False, True, True), (True, True, True)),
    (Rule.DISJUNCTION_INTRODUCTION, 1): ((False, True, True), (True, True, True)),
    (Rule.DISJUNCTION_ELIMINATION, 1): ((False, False, False), (False, False, False)),
    (Rule.PROOF_BY_CONTRADICTION, 1): ((False, False, False), (False, True, False)),
    (Rule.IMPLICATION_ELIMINATION, 2): ((False, False, False), (False, True, False)),
    (Rule.CONJUNCTION_ELIMINATION, 2): ((False, False, False), (False, True, False)),
    (Rule.DISJUNCTION_INTRODUCTION, 2): ((False, False, False), (False, True, False)),
}


@pytest.mark.parametrize(("rule", "hops"), BASELINES)
def test_what_copying_is_worth(rule: Rule, hops: int) -> None:
    for index in range(12):
        item = item_of(problem_at(ProntoqaSpec(rule=rule, hops=hops, seed=8), index))
        goal = item.query.removeprefix("Prove: ")
        found = [verdicts(item, text) for text in (goal, f"{item.question} {goal}")]
        assert tuple(found) == BASELINES[rule, hops]


# (strict, contain) after the first, second, ... restated rule is dropped. A step from a rule that stands in the
# question alone is non-atomic, and so is what passes that on; an introduction asks only that its premise is not
# incorrect. In the second case of a disjunction the rule of the first case is taken instead, for it stands before an
# equal step: then the conclusion rests on the other case's assumption
WITHOUT_A_RULE = {
    (Rule.IMPLICATION_ELIMINATION, 1): ((False, True),),
    (Rule.IMPLICATION_ELIMINATION, 3): ((False, True),) * 3,
    (Rule.CONJUNCTION_INTRODUCTION, 2): ((True, True),),
    (Rule.CONJUNCTION_ELIMINATION, 2): ((False, True),),
    (Rule.DISJUNCTION_INTRODUCTION, 2): ((True, True),),
    (Rule.DISJUNCTION_ELIMINATION, 1): ((False, True), (False, False)),
    (Rule.PROOF_BY_CONTRADICTION, 1): ((True, True), (True, True)),
}


@pytest.mark.parametrize(("rule", "hops"), WITHOUT_A_RULE)
def test_a_rule_need_not_be_restated_but_strict_may_ask_for_it(rule: Rule, hops: int) -> None:
    for index in range(8):
        problem = problem_at(ProntoqaSpec(rule=rule, hops=hops, seed=8), index)
        places = [at for at, step in enumerate(problem.proof) if isinstance(step.says, Universal)]
        for at, expected in zip(places, WITHOUT_A_RULE[rule, hops], strict=True):
            text = text_of(problem, problem.proof[:at] + problem.proof[at + 1 :])
            assert verdicts(item_of(problem), text) == (*expected, True)


def verdicts(item: Item, text: str) -> tuple[bool, bool, bool]:
    found = judge(text, question=item.question, query=item.query, gold=item.answer)
    return found.strict, found.contain, found.valid
