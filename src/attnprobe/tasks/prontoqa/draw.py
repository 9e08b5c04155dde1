"""Words drawn at random, each at most once, so that two words of a problem are equal only where they must be.

In: a seeded generator. Out: names, concepts, properties, wordings.
"""

from copy import copy
from random import Random
from typing import TypeVar

from attnprobe.tasks.prontoqa.logic import Literal, Wording, adjective, noun
from attnprobe.tasks.prontoqa.vocabulary import CONCEPTS, IRRELEVANT_CONCEPTS, NAMES, PROPERTY_FAMILIES

WordT = TypeVar("WordT")

# shares measured on the upstream generator's 1-hop implication eliminations
NEGATED_SHARE = 0.47
PLURAL_SHARE = 0.5


class Draw:
    """A supply of fresh words for one problem.

    A property is drawn from a family that gave none before, so that no two properties of a problem exclude
    each other.
    """

    def __init__(self, random: Random) -> None:
        self.random = random
        self._names = _shuffled(NAMES, random)
        self._concepts = _shuffled(CONCEPTS, random)
        self._irrelevant = _shuffled(IRRELEVANT_CONCEPTS, random)
        self._families = _shuffled(PROPERTY_FAMILIES, random)

    def name(self) -> str:
        """A name not drawn before."""
        return self._names.pop()

    def concept(self) -> Literal:
        """A concept not drawn before."""
        return noun(self._concepts.pop())

    def concepts(self, number: int) -> tuple[Literal, ...]:
        """Several concepts not drawn before."""
        return tuple(self.concept() for _ in range(number))

    def aside(self) -> "Draw":
        """A supply whose concepts are the irrelevant ones, with names and property families shared."""
        other = copy(self)
        other._concepts = self._irrelevant
        return other

    def quality(self) -> Literal:
        """A property from a family not drawn from before."""
        return adjective(self.random.choice(self._families.pop()))

    def qualities(self, number: int) -> tuple[Literal, ...]:
        """Several properties, each of a family not drawn from before."""
        return tuple(self.quality() for _ in range(number))

    def maybe_negated(self, literal: Literal) -> Literal:
        """The literal, or its negation in 47 of 100 cases."""
        return literal.negation if self.random.random() < NEGATED_SHARE else literal

    def wording(self) -> Wording:
        """Plural in half of the cases, else `each` or `every`."""
        if self.random.random() < PLURAL_SHARE:
            return Wording.PLURAL
        return self.random.choice((Wording.EACH, Wording.EVERY))


def _shuffled(words: tuple[WordT, ...], random: Random) -> list[WordT]:
    return random.sample(words, len(words))
