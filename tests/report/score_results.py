"""Results of scoring with numbers written by hand, of which every word that is made of them can be foretold."""

import json
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from attnprobe.attention.result import NullComparison, PaperResult, Scored, ScoreResult
from attnprobe.attention.settings import Normalisation, Null, Protocol, ScoreSettings
from attnprobe.attention.showcase import GoldLink, Showcase
from attnprobe.plan import HeadId
from attnprobe.statistics.estimates import Estimate

N = 16


def estimate(value: float, half: float = 0.02) -> Estimate:
    """A mean with an interval that reaches `half` to either side."""
    return Estimate(value=value, low=value - half, high=value + half, n=N)


def scored(
    name: str, score: float, nulls: Mapping[Null, float | None], *, q: float | None = 0.001, half: float = 0.02
) -> Scored:
    """A head, or `all`, with the values of its nulls; None where one could not be drawn."""
    layer, _, index = name.removeprefix("L").partition("H")
    is_head = name != "all"
    comparisons = {
        null: NullComparison(
            null=null,
            value=value,
            difference=Estimate(value=None, low=None, high=None, n=0)
            if value is None
            else estimate(score - value, half),
            p=None if value is None else q,
            q=None if value is None or not is_head else q,
        )
        for null, value in nulls.items()
    }
    return Scored(
        label=name,
        layer=int(layer) if is_head else None,
        index=int(index) if is_head else None,
        score=estimate(score),
        nulls=comparisons,
    )


def against(wrong: float, position: float, permuted: float) -> dict[Null, float | None]:
    """The values of the three nulls."""
    return {Null.WRONG_TOKEN: wrong, Null.POSITION: position, Null.PERMUTED: permuted}


HEADS = (
    scored("L0H0", 0.05, against(0.06, 0.05, 0.04), q=0.4),
    scored("L0H1", 0.10, against(0.02, 0.03, 0.05)),
    scored("L2H0", 0.60, against(0.10, 0.05, 0.20)),
    scored("L2H1", 0.02, against(0.02, 0.08, 0.01), q=0.03),
)
OVERALL = scored("all", 0.19, against(0.05, 0.06, 0.08))


def score_result(
    heads: Sequence[Scored] = HEADS,
    overall: Scored = OVERALL,
    settings: ScoreSettings | None = None,
    example: str = "toy-0",
) -> ScoreResult:
    """A result whose rows agree with its heads."""
    rows = [
        {
            "example": f"{example}" if row == 0 else f"other-{row}",
            "head": head.label,
            "layer": head.layer,
            "index": head.index,
            "score": head.score.value,
            "n_tokens": 3,
            **{null.value: found.value for null, found in head.nulls.items()},
            **{f"{null.value}_difference": found.difference.value for null, found in head.nulls.items()},
            **{f"{null.value}_tokens": 3 for null in head.nulls},
        }
        for row in range(N)
        for head in heads
    ]
    return ScoreResult(
        settings=settings or ScoreSettings(),
        n=N,
        impl="torch",
        heads=tuple(heads),
        overall=overall,
        by_kind={"noun": scored("all", 0.2, against(0.05, 0.06, 0.08))},
        counts={"examples": N + 2, "examples_scored": N, "gold_tokens": 80, "gold_tokens_scored": 48},
        rows=pd.DataFrame(rows),
        tokens=pd.DataFrame({"example": [example], "token": [0], "head": ["L0H0"], "score": [0.5]}),
        keys=pd.DataFrame({"example": [example], "token": [0], "keys": [json.dumps([3, 5])]}),
    )


def paper_result(by_group: Mapping[str, tuple[float, float, int]] | None = None) -> PaperResult:
    """Two groups of two examples."""
    groups = {"MP": (0.4, 0.1, 2), "AI": (0.6, 0.0, 2)} if by_group is None else by_group
    scores = [0.3, 0.5, 0.6, 0.6]
    return PaperResult(
        settings=ScoreSettings(protocol=Protocol.PAPER, keys="token_match"),
        n=4,
        impl="torch",
        mean=0.5,
        std=0.1224744871391589,
        by_group=groups,
        counts={"examples": 4, "gold_tokens": 8},
        rows=pd.DataFrame(
            {"example": list("abcd"), "group": ["MP", "MP", "AI", "AI"], "score": scores, "n_tokens": 2, "n_passes": 1}
        ),
        tokens=pd.DataFrame({"example": ["a"], "token": [0], "text": ["x"], "n_matches": [1], "score": [0.3]}),
    )


def shown(tokens: Sequence[str], links: Sequence[GoldLink], *, rows: int = 60, example: str = "toy-0") -> Showcase:
    """A pattern in which every query attends evenly, but for its diagonal, which gets half."""
    focus = links[-1]
    n = focus.position
    pattern = np.tril(np.ones((n, n)))
    pattern = pattern / pattern.sum(axis=1, keepdims=True) / 2 + np.eye(n) / 2
    kept = pattern[max(0, n - rows) :]
    return Showcase(
        example=example,
        head=HeadId(layer=2, head=0),
        tokens=tuple(tokens),
        links=tuple(links),
        focus=focus,
        pattern=kept,
        first_query=n - len(kept),
        scores=kept[-1].copy(),
        quantity=Normalisation.DIRECT,
    )


WORDS = ("<s>", "Q:", " Every", " wumpus", " is", " red", ".", " Max", " is", " a", " wumpus", ".", "\n", "A:", " Max")
WORDS += (" is", " red")
LINKS = (GoldLink(position=14, keys=(7,)), GoldLink(position=16, keys=(5,)))
