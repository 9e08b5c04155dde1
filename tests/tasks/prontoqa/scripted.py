"""Problems whose words are chosen by hand, so that their text can be written down in a test."""

from random import Random

from attnprobe.tasks.prontoqa.draw import Draw
from attnprobe.tasks.prontoqa.logic import Literal, Wording, adjective, noun
from attnprobe.tasks.prontoqa.problem import Problem
from attnprobe.tasks.prontoqa.rules import Rule, compose


class ScriptedDraw(Draw):
    """Gives words in the order of a script; negates nothing; words every rule alike."""

    def __init__(self, *, name: str, concepts: str = "", qualities: str = "", wording: Wording = Wording.EVERY) -> None:
        super().__init__(Random(0))
        self._script = {"concept": concepts.split(), "quality": qualities.split()}
        self._name, self._wording = name, wording

    def name(self) -> str:
        return self._name

    def concept(self) -> Literal:
        return noun(self._script["concept"].pop(0))

    def quality(self) -> Literal:
        return adjective(self._script["quality"].pop(0))

    def maybe_negated(self, literal: Literal) -> Literal:
        return literal

    def wording(self) -> Wording:
        return self._wording


def scripted(rule: Rule, hops: int, **script: object) -> Problem:
    return compose(rule, hops, ScriptedDraw(**script))
