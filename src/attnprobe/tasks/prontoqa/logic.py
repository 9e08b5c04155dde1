"""Formulas: what a PrOntoQA-OOD sentence says, apart from how it is said.

In: words of the vocabulary. Out: `Claim` ("Rex is a sterpus"), `Universal` ("Every sterpus is large") and
`Conjunction` ("Rex is not an impus and Rex is not a lempus"), with the predicates inside them.

A formula's *leaves* are its names, nouns and adjectives in the order in which English writes them, so that
the index of a leaf is also the index of a content word of its clause.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import StrEnum
from itertools import count

from attnprobe.tasks.example import WordKind

Change = Callable[[str], str]


class Wording(StrEnum):
    """How a universal is worded. `THAT_IS` ("Everything that is A or B is C") is the only one for an `Or`."""

    EACH = "each"
    EVERY = "every"
    PLURAL = "plural"
    THAT_IS = "everything that is"


@dataclass(frozen=True, slots=True)
class Literal:
    """A noun or an adjective, or its negation, as a predicate: `a sterpus`, `not large`."""

    lemma: str
    kind: WordKind
    negated: bool = False

    def __post_init__(self) -> None:
        assert self.kind in (WordKind.NOUN, WordKind.ADJECTIVE), self

    @property
    def negation(self) -> "Literal":
        """The literal that holds where this one does not."""
        return Literal(self.lemma, self.kind, not self.negated)

    def mapped(self, change: Change) -> "Literal":
        """The same literal of another word."""
        return Literal(change(self.lemma), self.kind, self.negated)


@dataclass(frozen=True, slots=True)
class And:
    """All of these, adjectives before the noun: `a sweet sterpus`."""

    operands: tuple[Literal, ...]

    def mapped(self, change: Change) -> "And":
        """The same predicate in other words."""
        return And(tuple(part.mapped(change) for part in self.operands))


@dataclass(frozen=True, slots=True)
class Or:
    """At least one of these: `wooden or a lorpus`."""

    operands: tuple[Literal, ...]

    def mapped(self, change: Change) -> "Or":
        """The same predicate in other words."""
        return Or(tuple(part.mapped(change) for part in self.operands))


Predicate = Literal | And | Or


@dataclass(frozen=True, slots=True)
class Claim:
    """A predicate of a named thing."""

    name: str
    predicate: Predicate

    def mapped(self, change: Change) -> "Claim":
        """The same claim in other words; `change` sees them in the order of writing."""
        return Claim(change(self.name), self.predicate.mapped(change))


@dataclass(frozen=True, slots=True)
class Universal:
    """Whatever the antecedent holds of, the consequent holds of."""

    antecedent: Predicate
    consequent: Predicate
    wording: Wording

    def __post_init__(self) -> None:
        assert isinstance(self.antecedent, Or) == (self.wording is Wording.THAT_IS), self

    def mapped(self, change: Change) -> "Universal":
        """The same rule in other words; `change` sees them in the order of writing."""
        return Universal(self.antecedent.mapped(change), self.consequent.mapped(change), self.wording)


@dataclass(frozen=True, slots=True)
class Conjunction:
    """Several claims at once."""

    claims: tuple[Claim, ...]

    def mapped(self, change: Change) -> "Conjunction":
        """The same claims in other words; `change` sees them in the order of writing."""
        return Conjunction(tuple(claim.mapped(change) for claim in self.claims))


Formula = Claim | Universal | Conjunction


def noun(lemma: str, *, negated: bool = False) -> Literal:
    """A noun as a predicate."""
    return Literal(lemma, WordKind.NOUN, negated)


def adjective(lemma: str, *, negated: bool = False) -> Literal:
    """An adjective as a predicate."""
    return Literal(lemma, WordKind.ADJECTIVE, negated)


def operands(predicate: Predicate) -> tuple[Literal, ...]:
    """The literals that a predicate is made of, in order; a literal is its own only one."""
    return (predicate,) if isinstance(predicate, Literal) else predicate.operands


def leaves(formula: Formula) -> tuple[str, ...]:
    """The names and lemmas of a formula, in the order of writing."""
    found: list[str] = []

    def note(lemma: str) -> str:
        found.append(lemma)
        return lemma

    formula.mapped(note)
    return tuple(found)


def with_leaf(formula: Formula, index: int, lemma: str) -> Formula:
    """The formula with the word at one leaf replaced."""
    position = count()
    return formula.mapped(lambda old: lemma if next(position) == index else old)


def meaning(formula: Formula) -> Hashable:
    """What a formula says, without order of operands and wording: equal for formulas that say the same."""
    match formula:
        case Claim(name=name, predicate=predicate):
            return name, _meaning(predicate)
        case Conjunction(claims=claims):
            return frozenset(meaning(claim) for claim in claims)
        case Universal(antecedent=antecedent, consequent=consequent):
            return _meaning(antecedent), _meaning(consequent)


def _meaning(predicate: Predicate) -> Hashable:
    return type(predicate), frozenset(operands(predicate))
