"""Where a break lies, and how sure: models and their items drawn again.

In: `Observations` and a curve that breaks. Out: `Location`.
"""

from dataclasses import dataclass

import numpy as np

from attnprobe.evaluation.threshold.candidate import Candidate
from attnprobe.evaluation.threshold.curves import grid_of
from attnprobe.evaluation.threshold.fitting import DataSets, Fits, fit_curve
from attnprobe.evaluation.threshold.observations import Observations
from attnprobe.statistics.seeds import generator

_FEWEST_RESAMPLES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A break, in parameters.

    Attributes:
        curve: that breaks.
        at: the break; between two sizes any place is as good, and this is the geometric middle.
        below: the largest size at or below it.
        above: the smallest size above it.
        low: lower end of the 95% interval; None where too few resamples have a break.
        high: upper end.
        before: accuracy that the curve has just below, in proportion.
        after: accuracy just above.
        n_resamples: resamples that have a break.
    """

    curve: str
    at: float
    below: float
    above: float
    low: float | None
    high: float | None
    before: float
    after: float
    n_resamples: int


def locate(observations: Observations, candidate: Candidate, *, seed: int, n_resamples: int) -> Location:
    """Find a curve's break and its interval.

    Args:
        observations: of models.
        candidate: a curve that fits them; one line for all.
        seed: the run's seed.
        n_resamples: how many.

    Returns:
        The break and its percentile interval. Models are drawn with replacement, and of each model drawn its items
        are, which is a binomial draw at its own rate. The interval's ends are sizes: between neighbours nothing can be
        told apart, so an interval reaches from the last size below its lowest break to the first above its highest.

    Source: Efron 1979; the percentile interval of a break is conservative at best, and its coverage is tested.
    """
    size, k, n = observations.size - observations.size.mean(), observations.k, observations.n
    fit = candidate.fit(DataSets.of(size, k[None], n))
    rng = generator(seed, "", "", f"threshold/location/{candidate.name}")
    drawn = rng.integers(0, len(observations), size=(n_resamples, len(observations)))
    again = rng.binomial(n.astype(np.int64)[drawn], (k / n)[drawn]).astype(float)
    data = DataSets(
        size=size[drawn],
        k=again,
        n=n[drawn],
        weights=np.ones(drawn.shape),
        levels=np.zeros((*drawn.shape, 0)),
    )
    resampled = fit_curve(candidate.curve, data, grid=grid_of(candidate.curve, size))
    breaks = resampled.at[np.isfinite(resampled.bic)]
    sizes, parameters = np.unique(size), np.unique([row.n_params for row in observations])
    at = float(fit.at[0])
    ends = (None, None)
    if len(breaks) >= _FEWEST_RESAMPLES:
        low, high = np.quantile(breaks, [0.025, 0.975])
        ends = (float(parameters[_last_below(sizes, low)]), float(parameters[_first_above(sizes, high)]))
    before, after = _sides(fit, size, at)
    return Location(
        curve=candidate.name,
        at=float(10 ** (at + observations.size.mean())),
        below=float(parameters[_last_below(sizes, at)]),
        above=float(parameters[_first_above(sizes, at)]),
        low=ends[0],
        high=ends[1],
        before=before,
        after=after,
        n_resamples=len(breaks),
    )


def _last_below(sizes: np.ndarray, at: float) -> int:
    return max(0, int(np.searchsorted(sizes, at + 1e-9)) - 1)


def _first_above(sizes: np.ndarray, at: float) -> int:
    return min(len(sizes) - 1, int(np.searchsorted(sizes, at + 1e-9)))


def _sides(fit: Fits, size: np.ndarray, at: float) -> tuple[float, float]:
    """The curve's accuracy at the sizes next to the break, below and above."""
    below, above = size[size <= at + 1e-9], size[size > at + 1e-9]
    mean = fit.mean[0]
    return float(mean[size == below.max()][0]), float(mean[size == above.min()][0])
