"""What an attribution found: the value that tables, figures, pages and files are made of.

In: nothing; `attribute` fills it. Out: `AttributionResult`. Scores and effects are in the metric's unit, harm negative.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from attnprobe.causal.attribution.settings import AttributionSettings
from attnprobe.statistics.agreement import Agreement
from attnprobe.statistics.estimates import Estimate

MIN_FOR_RATIO = 0.01
"""No ratio is formed to an exact effect that is smaller: it would be noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadAttribution:
    """One head, its score beside its exact effect; means over examples with 95% intervals.

    Attributes:
        head: `L5H3`.
        layer, index: the same as numbers.
        score: first order.
        exact: the head edited alone, run and read; None where it was not confirmed.
        ratio: score / exact; None where exact is missing or too small.
        is_drawn: whether it counts into the agreement, drawn without a look at its score.
    """

    head: str
    layer: int
    index: int
    score: float
    score_low: float | None
    score_high: float | None
    exact: float | None
    exact_low: float | None
    exact_high: float | None
    ratio: float | None
    is_drawn: bool

    def as_record(self) -> dict[str, str | int | float | bool | None]:
        """A row of `summary.json`."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class PathResult:
    """One path, or with `input` None the sender's whole effect by all ways; mean over examples with 95% interval."""

    path: str
    sender: str
    receiver: str | None
    input: str | None
    effect: float
    low: float | None
    high: float | None

    def as_record(self) -> dict[str, str | float | None]:
        """A row of `summary.json`."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldShare:
    """How much of all edges' scores, by size, falls on gold edges, beside their share of the number of edges."""

    of_scores: Estimate
    of_edges: Estimate


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AttributionResult:
    """An attribution over a task. What the target does not have is empty.

    Attributes:
        settings: what was asked.
        n: examples measured.
        unit: of the metric, of scores and of effects.
        clean: the metric on the unedited run.
        heads: one row a head, in model order.
        paths: one row a path, then one row a sender with its whole effect.
        gold: of edges.
        agreement: score against exact, by which cases: `heads` (all of them, or those drawn), `drawn` and `top` edges.
        counts: examples given, measured and skipped by reason; edges scored and confirmed.
        rows: target heads: one row for each example and head: example, head, layer, index, clean, score, exact.
        edges: target edges: one row for each kept edge: example, layer, head, query, key, query_token, key_token,
            score, exact, is_gold, is_top, is_drawn.
        path_rows: target paths: one row for each example and path: example, path, sender, receiver, input, effect.
    """

    settings: AttributionSettings
    n: int
    unit: str
    clean: Estimate
    heads: tuple[HeadAttribution, ...] = ()
    paths: tuple[PathResult, ...] = ()
    gold: GoldShare | None = None
    agreement: Mapping[str, Agreement]
    counts: Mapping[str, int]
    rows: pd.DataFrame
    edges: pd.DataFrame
    path_rows: pd.DataFrame

    def strongest_heads(self) -> tuple[HeadAttribution, ...]:
        """Heads by the size of their score."""
        return tuple(sorted(self.heads, key=lambda head: -abs(head.score)))

    def strongest_paths(self) -> tuple[PathResult, ...]:
        """Paths by the size of their effect, without the senders' whole effects."""
        return tuple(sorted((path for path in self.paths if path.input), key=lambda path: -abs(path.effect)))

    def strongest_edges(self) -> pd.DataFrame:
        """Kept edges of all examples by the size of their score, those drawn at random left out."""
        size = np.abs(self.edges["score"].to_numpy(dtype=float))
        is_top = self.edges["is_top"].to_numpy(dtype=bool)
        order = np.argsort(-np.where(is_top, size, -1.0), kind="stable")
        return self.edges.iloc[order[: int(is_top.sum())]]


def ratio_of(score: float, exact: float | None) -> float | None:
    """Score over exact effect, None where that is missing or too small."""
    return None if exact is None or abs(exact) < MIN_FOR_RATIO else score / exact
