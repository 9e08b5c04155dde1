"""A problem: what is given, what is to be proved, and the gold proof, each step with what it rests on.

In: formulas. Out: `Problem`, made by `rules` and `distractors`, written out by `writing`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from attnprobe.tasks.prontoqa.logic import Claim, Conjunction, Formula, Universal

ASSUME = ("assume",)


@dataclass(frozen=True, slots=True)
class Given:
    """A sentence of the question, or the goal, as something a step rests on.

    Attributes:
        formula: what the sentence says.
        operand: which operand of its `Or` or `Conjunction` is meant; None for the whole sentence.
    """

    formula: Formula
    operand: int | None = None


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier step of the proof that is no restatement, as something a step rests on."""

    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One clause of the proof.

    Attributes:
        says: what it says.
        rests_on: what licenses it.
        restates: whether it says a sentence of the question again.
        before: the function words before its clause ("assume", "this contradicts with").
        joins: whether a comma ends it and the next step goes on in the same sentence ("Since ..., ...").
        closes: whether a blank line follows.
    """

    says: Formula
    rests_on: tuple[Given | Earlier, ...]
    restates: bool = False
    before: tuple[str, ...] = ()
    joins: bool = False
    closes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A question with its gold proof.

    Attributes:
        rules: the universals of the question, in order, distractors included.
        facts: its claims, in order, distractors included.
        goal: what is to be proved.
        proof: the gold proof.
        distractors: those of `rules` and `facts` that the proof does not need.
    """

    rules: tuple[Universal, ...]
    facts: tuple[Claim, ...]
    goal: Claim | Conjunction
    proof: tuple[Step, ...]
    distractors: frozenset[Formula] = field(default_factory=frozenset[Formula])

    def assumed_at(self, step: int) -> tuple[Claim, ...]:
        """The assumptions that are open where a step stands; a blank line closes them."""
        first = max((index + 1 for index in range(step) if self.proof[index].closes), default=0)
        opened = (each.says for each in self.proof[first:step] if each.before == ASSUME)
        return tuple(claim for claim in opened if isinstance(claim, Claim))

    def renamed(self, words: Mapping[str, str]) -> "Problem":
        """The same problem in other words, replaced wherever they occur."""

        def change(lemma: str) -> str:
            return words.get(lemma, lemma)

        def moved(ground: Given | Earlier) -> Given | Earlier:
            return replace(ground, formula=ground.formula.mapped(change)) if isinstance(ground, Given) else ground

        return Problem(
            rules=tuple(rule.mapped(change) for rule in self.rules),
            facts=tuple(fact.mapped(change) for fact in self.facts),
            goal=self.goal.mapped(change),
            proof=tuple(
                replace(step, says=step.says.mapped(change), rests_on=tuple(map(moved, step.rests_on)))
                for step in self.proof
            ),
            distractors=frozenset(formula.mapped(change) for formula in self.distractors),
        )
