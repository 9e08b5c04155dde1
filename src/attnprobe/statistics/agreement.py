"""How far a cheap score agrees with the exact number that it stands for.

In: score and exact effect of the same cases. Out: `Agreement`: correlations with intervals over examples, how often the
signs agree, how many of the strongest are found. Cases of one example hang together, so examples are resampled, not
cases.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy import stats

from attnprobe.errors import StatisticsError
from attnprobe.statistics.estimates import Estimate
from attnprobe.statistics.seeds import generator

SIGN_FLOOR = 1e-4
"""An exact effect of less has a sign that rounding may have made; it is left out of the agreement of signs."""
STRONGEST = 10
N_RESAMPLES = 1_000
_MIN_CASES = 3
_Cases = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Agreement of scores with exact effects.

    Attributes:
        pearson: linear correlation; its `n` is the number of examples. Value None where one side does not vary.
        spearman: rank correlation, likewise.
        slope: least squares of exact on score through 0: what a score is to be multiplied by; likewise.
        n_cases: how many cases were compared.
        same_sign: share of `n_signed` cases on which the signs agree; None where there are none.
        n_signed: cases whose exact effect is at least `SIGN_FLOOR`.
        recall: share of the `n_strongest` largest exact effects that are among as many largest scores; None where
            cases were chosen by their scores, or are too few.
        n_strongest: how many.
    """

    pearson: Estimate
    spearman: Estimate
    slope: Estimate
    n_cases: int
    same_sign: float | None
    n_signed: int
    recall: float | None = None
    n_strongest: int = 0


def agreement_of_means(
    score: Float[np.ndarray, "example case"], exact: Float[np.ndarray, "example case"], *, seed: int, is_all: bool
) -> Agreement:
    """Agreement of means over examples, case by case: of heads, for example.

    Args:
        score: for each example and case.
        exact: the same.
        seed: the run's seed.
        is_all: whether these are all cases there are, or drawn without a look at their scores: recall means nothing
            otherwise.

    Returns:
        Correlations over cases of the means; intervals by resampling examples (percentile bootstrap).

    Raises:
        StatisticsError: shapes differ, or a number is NaN or infinite.
    """
    _check(score, exact)
    n = len(score)

    def resampled(rows: Int[np.ndarray, " row"]) -> _Cases:
        return score[rows].mean(axis=0), exact[rows].mean(axis=0)

    return _agreement(score.mean(axis=0), exact.mean(axis=0), resampled, n, seed, is_all=is_all)


def agreement_of_cases(
    score: Float[np.ndarray, " case"],
    exact: Float[np.ndarray, " case"],
    example: Int[np.ndarray, " case"],
    *,
    seed: int,
) -> Agreement:
    """Agreement of cases that every example has its own of: attention edges, for example.

    Args:
        score: of each case.
        exact: the same.
        example: the number of the example that each case is of, from 0.
        seed: the run's seed.

    Returns:
        Correlations over all cases; intervals by resampling examples with all their cases. No recall.

    Raises:
        StatisticsError: shapes differ, or a number is NaN or infinite.
    """
    _check(score, exact)
    names = np.unique(example)
    members = [np.flatnonzero(example == name) for name in names]

    def resampled(rows: Int[np.ndarray, " row"]) -> _Cases:
        chosen = np.concatenate([members[row] for row in rows]) if len(rows) else np.zeros(0, dtype=int)
        return score[chosen], exact[chosen]

    return _agreement(score, exact, resampled, len(names), seed, is_all=False)


def _check(score: np.ndarray, exact: np.ndarray) -> None:
    if score.shape != exact.shape or not (np.isfinite(score).all() and np.isfinite(exact).all()):
        raise StatisticsError(
            f"scores of shape {score.shape} and exact effects of shape {exact.shape}: expected finite numbers for the "
            "same cases."
        )


def _agreement(
    score: np.ndarray,
    exact: np.ndarray,
    resampled: Callable[[np.ndarray], _Cases],
    n_examples: int,
    seed: int,
    *,
    is_all: bool,
) -> Agreement:
    signed = np.abs(exact) >= SIGN_FLOOR
    n_strongest = STRONGEST if is_all and len(score) >= 2 * STRONGEST else 0
    strongest = _largest(exact, n_strongest) & _largest(score, n_strongest)
    return Agreement(
        pearson=_estimate(_pearson, score, exact, resampled, n_examples, seed),
        spearman=_estimate(_spearman, score, exact, resampled, n_examples, seed),
        slope=_estimate(_slope, score, exact, resampled, n_examples, seed),
        n_cases=len(score),
        same_sign=float((np.sign(score) == np.sign(exact))[signed].mean()) if signed.any() else None,
        n_signed=int(signed.sum()),
        recall=len(strongest) / n_strongest if n_strongest else None,
        n_strongest=n_strongest,
    )


def _largest(values: np.ndarray, count: int) -> set[int]:
    return set(np.argsort(-np.abs(values), kind="stable")[:count].tolist())


def _estimate(
    correlate: Callable[[np.ndarray, np.ndarray], float],
    score: np.ndarray,
    exact: np.ndarray,
    resampled: Callable[[np.ndarray], _Cases],
    n_examples: int,
    seed: int,
) -> Estimate:
    value = correlate(score, exact)
    if not np.isfinite(value):
        return Estimate(value=None, low=None, high=None, n=0)
    found = np.array([correlate(*resampled(rows)) for rows in _resamples(n_examples, seed)])
    found = found[np.isfinite(found)]
    # where hardly any resample varies there is nothing to take quantiles of
    if n_examples < 2 or len(found) < N_RESAMPLES / 2:
        return Estimate(value=float(value), low=None, high=None, n=n_examples)
    low, high = np.quantile(found, [0.025, 0.975])
    return Estimate(value=float(value), low=float(low), high=float(high), n=n_examples)


def _resamples(n_examples: int, seed: int) -> Iterator[Int[np.ndarray, " row"]]:
    rng = generator(seed, f"{n_examples} examples", "", "agreement")
    for _ in range(N_RESAMPLES if n_examples > 1 else 0):
        yield rng.integers(0, n_examples, size=n_examples)


def _pearson(first: np.ndarray, second: np.ndarray) -> float:
    if len(first) < _MIN_CASES or np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    one, other = first - first.mean(), second - second.mean()
    length = float(np.sqrt((one @ one) * (other @ other)))
    # rounding may carry it past 1
    return float(np.clip(one @ other / length, -1.0, 1.0)) if length else float("nan")


def _slope(score: np.ndarray, exact: np.ndarray) -> float:
    squares = float(score @ score)
    return float(score @ exact) / squares if squares else float("nan")


def _spearman(first: np.ndarray, second: np.ndarray) -> float:
    return _pearson(stats.rankdata(first), stats.rankdata(second))
