"""Scores and answers from a random generator, with what is true of them known.

In: sizes and effects. Out: a task, a `ScoreResult` whose rows alone are filled, answers.
"""

import numpy as np
import pandas as pd

from attnprobe.attention.result import Scored, ScoreResult
from attnprobe.attention.settings import ScoreSettings
from attnprobe.statistics.estimates import Estimate
from attnprobe.tasks import CollectedTask, Example

HEADS = ("L0H0", "L0H1", "L1H0")
NULLS = ("wrong_token", "position", "permuted")


def task_of(hops: list[int]) -> CollectedTask:
    """Examples that want no proof; the more hops, the longer the gold."""
    examples = tuple(
        Example(
            id=f"e{index}",
            prompt="p" * (10 + count),
            gold=" " + "g" * count,
            facts={"rule": "made", "hops": count, "distractors": "none"},
        )
        for index, count in enumerate(hops)
    )
    return CollectedTask(name="made", settings={"task": "made"}, examples=examples)


def answers_of(task: CollectedTask, correct: np.ndarray) -> pd.DataFrame:
    """One greedy answer an example, grouped by hops."""
    return pd.DataFrame(
        {
            "example": [example.id for example in task.examples],
            "group": [f"made/{example.facts['hops']}hop/none" for example in task.examples],
            "correct": correct,
            "outcome": ["correct" if right else "wrong" for right in correct],
            "output": "said",
            "n_new_tokens": 3,
            "finished": True,
        }
    )


def result_of(task: CollectedTask, score: np.ndarray, differences: np.ndarray) -> ScoreResult:
    """Scores [example, head], and score less null, the same for every null."""
    rows = pd.DataFrame(
        [
            {
                "example": example.id,
                "head": head,
                "layer": int(head[1]),
                "index": int(head[3]),
                "score": score[row, column],
                **{f"{null}_difference": _cell(differences[row, column]) for null in NULLS},
            }
            for row, example in enumerate(task.examples)
            for column, head in enumerate(HEADS)
        ]
    )
    nothing = Scored(
        label="all", layer=None, index=None, nulls={}, score=Estimate(value=None, low=None, high=None, n=0)
    )
    empty = pd.DataFrame()
    return ScoreResult(
        settings=ScoreSettings(),
        n=len(task.examples),
        impl="torch",
        heads=(),
        overall=nothing,
        by_kind={},
        counts={},
        rows=rows,
        tokens=empty,
        keys=empty,
    )


def _cell(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
