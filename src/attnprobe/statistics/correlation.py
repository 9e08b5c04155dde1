"""How far two measurements order cases alike: Spearman's correlation, for few cases.

In: two numbers a case, for example a model's mean score and its accuracy. Out: `RankCorrelation`.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy import stats

from attnprobe.errors import StatisticsError

_EDGE = 1e-12
_EXACT_UP_TO = 8
_ALL_ORDERS = 10**6
_MIN_FOR_INTERVAL = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class RankCorrelation:
    """Spearman's correlation with its 95% interval and exact p; what is None has a `reason`."""

    value: float | None
    low: float | None
    high: float | None
    p: float | None
    n: int
    reason: str | None = None


def rank_correlation(
    first: Float[np.ndarray, " case"], second: Float[np.ndarray, " case"], *, level: float = 0.95
) -> RankCorrelation:
    """Spearman's correlation of two measurements of the same cases, for example models.

    Args:
        first: one number a case.
        second: the other, in the same order.
        level: coverage aimed at.

    Returns:
        The correlation; its interval on Fisher's scale with Bonett and Wright's variance, from four cases on (rough
        below some ten, and none where all agree); p from all permutations up to eight cases, else from Student's t.

    Raises:
        StatisticsError: lengths differ, or a number is NaN or infinite.

    Source: Bonett and Wright, Psychometrika 65 (2000); the rest through scipy.
    """
    if first.shape != second.shape or first.ndim != 1 or not np.isfinite([first, second]).all():
        raise StatisticsError(
            f"measurements of shapes {first.shape} and {second.shape}: expected two finite numbers for each case."
        )
    n = len(first)
    if n < 3 or len(set(first.tolist())) < 2 or len(set(second.tolist())) < 2:
        reason = f"{n} cases; expected at least 3, not all alike in either measurement"
        return RankCorrelation(value=None, low=None, high=None, p=None, n=n, reason=reason)
    value = _spearman(first, second)
    if n <= _EXACT_UP_TO:
        test: Any = stats.permutation_test(
            (first,), lambda shuffled: _spearman(shuffled, second), permutation_type="pairings", n_resamples=_ALL_ORDERS
        )
    else:
        test = stats.spearmanr(first, second)
    p = float(test.pvalue)
    if n < _MIN_FOR_INTERVAL:
        reason = f"{n} cases; an interval needs at least {_MIN_FOR_INTERVAL}"
        return RankCorrelation(value=value, low=None, high=None, p=p, n=n, reason=reason)
    if abs(value) > 1 - _EDGE:
        reason = "the order is the same (or the reverse) in all cases; Fisher's scale has no interval there"
        return RankCorrelation(value=value, low=None, high=None, p=p, n=n, reason=reason)
    middle = math.atanh(value)
    half = float(stats.norm.ppf((1 + level) / 2)) * math.sqrt((1 + value**2 / 2) / (n - 3))
    return RankCorrelation(value=value, low=math.tanh(middle - half), high=math.tanh(middle + half), p=p, n=n)


def _spearman(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(stats.rankdata(first), stats.rankdata(second))[0, 1])
