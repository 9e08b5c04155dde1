"""Results with numbers written by hand, of which every word that is made of them can be foretold."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pandas as pd
import pytest

from attnprobe.causal.controls import ControlKind
from attnprobe.causal.result import PatchResult
from attnprobe.causal.rows import HeadResult
from attnprobe.causal.settings import PatchSettings
from attnprobe.statistics.estimates import Estimate
from attnprobe.tasks.example import Example, GoldWord, Span, WordKind
from tests.report.rows import head

PROMPT = "Q: Every wumpus is red. Max is a wumpus. Prove: Max is red.\nA:"
GOLD = " Max is red."


@pytest.fixture
def example() -> Example:
    rule, fact = Span(3, 23), Span(24, 40)
    assert PROMPT[rule.start : rule.end] == "Every wumpus is red."
    return Example(
        id="toy-0",
        prompt=PROMPT,
        gold=GOLD,
        words=(
            GoldWord(span=Span(1, 4), kind=WordKind.NAME, premise=(rule, fact), source_word=(Span(24, 27),)),
            GoldWord(span=Span(5, 7), kind=WordKind.UNLICENSED, premise=(), source_word=()),
            GoldWord(span=Span(8, 11), kind=WordKind.ADJECTIVE, premise=(rule, fact), source_word=(Span(19, 22),)),
            GoldWord(span=Span(11, 12), kind=WordKind.UNLICENSED, premise=(), source_word=()),
        ),
        spans={"rules": (rule,), "facts": (fact,)},
    )


STRONGEST = Estimate(value=-0.78, low=-0.9, high=-0.66, n=16)
MakeResult = Callable[..., PatchResult]


@pytest.fixture
def make_result() -> MakeResult:
    def make(
        heads: Sequence[HeadResult] = (
            head("L0H0", -0.02, -0.01),
            head("L0H1", 0.15, -0.01, q=0.03),
            head("L1H0", -0.9, -0.1, q=0.0004),
            head("L1H1", 0.0, 0.0, q=1.0, half=0.0),
        ),
        strongest: Estimate | None = STRONGEST,
        strongest_heads: Sequence[str] = ("L1H0",),
        settings: PatchSettings | None = None,
        **changes: object,
    ) -> PatchResult:
        settings = settings or PatchSettings()
        result = PatchResult(
            settings=settings,
            n=16,
            unit=settings.metric.unit,
            clean=Estimate(value=-0.21, low=-0.3, high=-0.12, n=16),
            heads=tuple(heads),
            by_control={ControlKind.RANDOM_KEYS: tuple(heads)} if heads[0].control is not None else {},
            strongest=strongest,
            strongest_heads=tuple(strongest_heads),
            by_kind={
                "adjective": Estimate(value=-0.3, low=-0.4, high=-0.2, n=16),
                "name": Estimate(value=-0.1, low=-0.2, high=0.0, n=16),
            },
            counts={"examples": 18, "examples_measured": 16, "gold_tokens": 64, "gold_tokens_scored": 32},
            rows=pd.DataFrame({"example": ["toy-0"], "head": ["L0H0"], "effect": [-0.02]}),
            tokens=pd.DataFrame(
                {
                    "example": ["toy-0"] * 4,
                    "position": [20, 21, 22, 23],
                    "token": [5, 6, 7, 8],
                    "word": [0, 1, 2, 3],
                    "kind": ["name", "unlicensed", "adjective", "unlicensed"],
                    "scored": [True, False, True, False],
                    "clean": [-0.05, None, -2.5, None],
                }
            ),
            controls=pd.DataFrame(columns=["example", "head", "kind", "drawn"]),
        )
        return replace(result, **changes)  # type: ignore[arg-type]

    return make
