"""What a verdict found: four tests, the heads that they are about, and the rows that they rest on.

In: nothing; `run` fills it. Out: `VerdictResult`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from attnprobe.evaluation.association.result import AssociationResult, Verdict
from attnprobe.evaluation.verdict.contrasts import Contrast
from attnprobe.evaluation.verdict.halves import Halves
from attnprobe.evaluation.verdict.rules import Headline, Question
from attnprobe.evaluation.verdict.selection import Heads
from attnprobe.evaluation.verdict.settings import VerdictSettings

_NUMBERS = ("effect", "effect_low", "effect_high", "control_effect", "difference", "low", "high", "p")


@dataclass(frozen=True, slots=True, kw_only=True)
class TestResult:
    """One of the four tests.

    Attributes:
        question: which.
        verdict: by the rules, from the contrasts that decide.
        contrasts: those that decide first, then what is shown beside.
        untested: what could not be asked, and why; a sentence each.
    """

    # pytest would take it for a test case by its name
    __test__ = False

    question: Question
    verdict: Verdict
    contrasts: tuple[Contrast, ...]
    untested: tuple[str, ...] = ()

    @property
    def deciding(self) -> tuple[Contrast, ...]:
        """The contrasts that the verdict rests on."""
        return tuple(contrast for contrast in self.contrasts if contrast.asked.decides)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VerdictResult:
    """Four tests of one model on one task.

    Attributes:
        settings: what was asked.
        halves: which examples chose heads and which tested them.
        heads: the set that was tested, and what it was chosen from.
        tests: the four, in the order of `Question`.
        headline: what they say together.
        counts: examples, and those left out of each part, by reason.
        association: the first test in full; None where it could not be asked.
        rows: one row for each example, test and arm: example, test, arm, unit, value.
        doses: one row for each example, dose and arm of sufficiency: example, dose, arm, value; empty without.
        proofs: one row for each generated proof: example, arm, correct, outcome, output; empty without answers.
    """

    settings: VerdictSettings
    halves: Halves
    heads: Heads
    tests: tuple[TestResult, ...]
    headline: Headline
    counts: Mapping[str, int]
    association: AssociationResult | None
    rows: pd.DataFrame
    doses: pd.DataFrame
    proofs: pd.DataFrame

    def __post_init__(self) -> None:
        assert tuple(test.question for test in self.tests) == tuple(Question)

    def test(self, question: Question | str) -> TestResult:
        """One of the four tests."""
        return self.tests[tuple(Question).index(Question(question))]

    @property
    def verdicts(self) -> Mapping[Question, Verdict]:
        """The four verdicts."""
        return {test.question: test.verdict for test in self.tests}

    def frame(self) -> pd.DataFrame:
        """One row for each contrast: the table of `tests.parquet`."""
        return pd.DataFrame(
            [
                {
                    "test": test.question.value,
                    "test_verdict": test.verdict.value,
                    "contrast": contrast.asked.name,
                    "decides": contrast.asked.decides,
                    "edit": contrast.asked.edit,
                    "control": contrast.asked.control,
                    "unit": contrast.asked.unit,
                    "direction": contrast.asked.direction,
                    "minimum": contrast.asked.minimum,
                    "n": contrast.n,
                    "n_unmatched": contrast.n_unmatched,
                    "effect": contrast.effect.value,
                    "effect_low": contrast.effect.low,
                    "effect_high": contrast.effect.high,
                    "control_effect": contrast.control,
                    "difference": contrast.difference.value,
                    "low": contrast.difference.low,
                    "high": contrast.difference.high,
                    "p": contrast.p,
                    "verdict": contrast.verdict.value,
                    "reason": contrast.reason,
                }
                for test in self.tests
                for contrast in test.contrasts
            ]
        ).astype(dict.fromkeys(_NUMBERS, "float64"))
