"""How well a score parts two classes: AUROC and rank-biserial correlation, with intervals and tests, within strata too.

In: scores [example, head] and which examples are positive (correct). Out: a `Separation` for each head. The unit is the
example. Strata hold what both score and class depend on, such as difficulty: only pairs of one stratum are compared.
"""

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from scipy import optimize, stats

from attnprobe.errors import StatisticsError

MIN_IN_CLASS = 5
"""With fewer examples in either class there is neither interval nor p: an interval would span most of 0..1."""

_EDGE = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Separation:
    """How well a score parts positive from negative examples.

    Attributes:
        auroc: the probability that a random positive example scores higher than a random negative one of its stratum,
            ties counted half; None where there is no such pair.
        low: lower end of its interval; None where a class is too small.
        high: upper end.
        p: two-sided p of Mann and Whitney's test that both classes score alike; None where the interval is.
        n_positive: positive examples that have a negative one in their stratum.
        n_negative: negative examples that have a positive one.
        n_left_out: examples whose stratum holds one class alone.
        reason: why something is None.
    """

    auroc: float | None
    low: float | None
    high: float | None
    p: float | None
    n_positive: int
    n_negative: int
    n_left_out: int = 0
    reason: str | None = None

    def __post_init__(self) -> None:
        assert (self.low is None) == (self.high is None) == (self.p is None)
        assert self.reason is not None or self.low is not None

    @property
    def rank_biserial(self) -> float | None:
        """2 AUROC - 1: the share of pairs in which the positive one is ahead, less the share in which it is behind."""
        return None if self.auroc is None else 2 * self.auroc - 1

    @property
    def rank_biserial_interval(self) -> tuple[float, float] | None:
        """Its interval; None where there is none."""
        return None if self.low is None or self.high is None else (2 * self.low - 1, 2 * self.high - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stratum:
    """Positive against negative scores: wins (ties half), pairs, and what the variances need."""

    n_positive: int
    n_negative: int
    wins: float
    own_variance: float | None
    null_variance: float

    @property
    def pairs(self) -> int:
        return self.n_positive * self.n_negative

    def model_variance(self, auroc: float) -> float:
        """Of this stratum's AUROC if it were `auroc`, for scores that fall off exponentially."""
        more = (self.n_positive + self.n_negative) / 2 - 1
        spread = (1 - auroc) / (2 - auroc) + auroc / (1 + auroc)
        return auroc * (1 - auroc) * (1 + more * spread) / self.pairs


def separation(
    scores: Float[np.ndarray, " example"],
    positive: Bool[np.ndarray, " example"],
    *,
    strata: Sequence[Hashable] | None = None,
    level: float = 0.95,
) -> Separation:
    """How well one score parts two classes; see `separations`."""
    return separations(scores[:, None], positive, strata=strata, level=level)[0]


def separations(
    scores: Float[np.ndarray, "example head"],
    positive: Bool[np.ndarray, " example"],
    *,
    matched: Bool[np.ndarray, "example head"] | None = None,
    strata: Sequence[Hashable] | None = None,
    level: float = 0.95,
) -> tuple[Separation, ...]:
    """How well each head's score parts two classes.

    Args:
        scores: any unit; entries that are not matched are not looked at.
        positive: the class of each example.
        matched: which entries count; all by default.
        strata: of each example; pairs across strata are not compared. All one by default.
        level: coverage aimed at, in (0, 1).

    Returns:
        For each head its AUROC, over all pairs of a positive and a negative example of one stratum, each pair of equal
        weight. The interval holds every value that a score test at the AUROC's own variance does not reject (Newcombe's
        fifth method; over strata, variances are added at one common value), with the variance raised by the ratio of
        DeLong's estimate to it where the data vary more than that. It has a width even where the classes do not
        overlap, unlike the bootstrap. p is Mann and Whitney's: exact for small classes without ties in one stratum,
        else the normal approximation with ties and continuity, sums taken over strata.

    Raises:
        StatisticsError: a matched score is NaN or infinite, shapes differ, or the level is out of range.

    Source: AUROC as Mann and Whitney's U: Bamber 1975. Intervals: Newcombe, Statistics in Medicine 25 (2006), method 5;
        DeLong, DeLong and Clarke-Pearson 1988. Putting them together, and over strata, is ours; docs/decisions/0014
        says how often it covers. Strata after van Elteren 1960, with pairs of equal weight.
    """
    _check(scores, positive, matched, strata, level)
    keep = np.ones(scores.shape, dtype=bool) if matched is None else matched
    labels = np.zeros(len(scores), dtype=np.int64) if strata is None else _numbered(strata)
    return tuple(
        _separation(scores[kept, head], positive[kept], labels[kept], level) for head, kept in enumerate(keep.T)
    )


def _check(
    scores: np.ndarray,
    positive: np.ndarray,
    matched: np.ndarray | None,
    strata: Sequence[Hashable] | None,
    level: float,
) -> None:
    n = len(scores)
    if scores.ndim != 2 or positive.shape != (n,) or (strata is not None and len(strata) != n):
        raise StatisticsError(
            f"scores of shape {scores.shape}, {len(positive)} classes, "
            f"{'no' if strata is None else len(strata)} strata: expected [example, head] and one of each an example."
        )
    if matched is not None and matched.shape != scores.shape:
        raise StatisticsError(
            f"matched has shape {matched.shape}, scores {scores.shape}; expected one flag for each score."
        )
    looked_at = scores if matched is None else scores[matched]
    if not np.isfinite(looked_at).all():
        raise StatisticsError(
            f"{int((~np.isfinite(looked_at)).sum())} of {looked_at.size} scores are NaN or infinite; expected finite "
            "numbers. Leave them out through the matched mask."
        )
    if not 0 < level < 1:
        raise StatisticsError(f"level {level}: expected a number in (0, 1).")


def _numbered(strata: Sequence[Hashable]) -> np.ndarray:
    numbers = {stratum: number for number, stratum in enumerate(dict.fromkeys(strata))}
    return np.array([numbers[stratum] for stratum in strata], dtype=np.int64)


def _separation(scores: np.ndarray, positive: np.ndarray, labels: np.ndarray, level: float) -> Separation:
    parts = [
        (scores[(labels == label) & positive], scores[(labels == label) & ~positive]) for label in np.unique(labels)
    ]
    both = [(ahead, behind) for ahead, behind in parts if len(ahead) and len(behind)]
    strata = [_stratum(ahead, behind) for ahead, behind in both]
    n_positive, n_negative = sum(each.n_positive for each in strata), sum(each.n_negative for each in strata)
    left_out = len(scores) - n_positive - n_negative
    found = partial(Separation, n_positive=n_positive, n_negative=n_negative, n_left_out=left_out)
    if not strata:
        return found(auroc=None, low=None, high=None, p=None, reason=_no_pair(positive))
    auroc = sum(each.wins for each in strata) / sum(each.pairs for each in strata)
    if min(n_positive, n_negative) < MIN_IN_CLASS:
        reason = f"{n_positive} positive and {n_negative} negative examples; each class needs at least {MIN_IN_CLASS}"
        return found(auroc=auroc, low=None, high=None, p=None, reason=reason)
    low, high = _interval(strata, auroc, level)
    return found(auroc=auroc, low=low, high=high, p=_p(both, strata))


def _no_pair(positive: np.ndarray) -> str:
    if positive.all() or not positive.any():
        what = "no example" if not len(positive) else "all examples are " + ("positive" if positive[0] else "negative")
        return f"{what}; both classes are needed"
    return "no stratum holds both classes"


def _stratum(positive: np.ndarray, negative: np.ndarray) -> _Stratum:
    m, n = len(positive), len(negative)
    together = np.concatenate([positive, negative])
    ranks = stats.rankdata(together)
    # of each example, the share of the other class that it is ahead of (behind, for negative ones)
    above = (ranks[:m] - stats.rankdata(positive)) / n
    below = 1 - (ranks[m:] - stats.rankdata(negative)) / m
    own = float(above.var(ddof=1) / m + below.var(ddof=1) / n) if min(m, n) > 1 else None
    _, tied = np.unique(together, return_counts=True)
    total = m + n
    ties = float((tied.astype(np.float64) ** 3 - tied).sum()) / (total * (total - 1))
    wins = float(ranks[:m].sum() - m * (m + 1) / 2)
    return _Stratum(
        n_positive=m, n_negative=n, wins=wins, own_variance=own, null_variance=m * n / 12 * (total + 1 - ties)
    )


def _interval(strata: Sequence[_Stratum], auroc: float, level: float) -> tuple[float, float]:
    total = sum(each.pairs for each in strata)

    def variance(value: float) -> float:
        return sum((each.pairs / total) ** 2 * each.model_variance(value) for each in strata)

    expected = variance(auroc)
    observed = sum(
        (each.pairs / total) ** 2 * (each.model_variance(auroc) if each.own_variance is None else each.own_variance)
        for each in strata
    )
    inflation = max(1.0, observed / expected) if expected > 0 else 1.0
    reach = float(stats.norm.ppf((1 + level) / 2)) ** 2 * inflation

    def beyond(value: float) -> float:
        return (auroc - value) ** 2 - reach * variance(value)

    low = 0.0 if auroc <= 0 else _root(beyond, 0.0, min(auroc, 1 - _EDGE))
    high = 1.0 if auroc >= 1 else _root(beyond, max(auroc, _EDGE), 1.0)
    return min(low, auroc), max(high, auroc)


def _root(beyond: Callable[[float], float], start: float, end: float) -> float:
    found: Any = optimize.brentq(beyond, start, end, xtol=1e-12)
    return float(found)


def _p(both: Sequence[tuple[np.ndarray, np.ndarray]], strata: Sequence[_Stratum]) -> float:
    spread = math.sqrt(sum(each.null_variance for each in strata))
    if spread == 0:
        return 1.0  # every stratum holds one value alone
    if len(both) == 1:
        return float(stats.mannwhitneyu(*both[0], alternative="two-sided").pvalue)
    distance = abs(sum(each.wins - each.pairs / 2 for each in strata)) - 0.5
    return float(min(1.0, 2 * stats.norm.sf(distance / spread)))
