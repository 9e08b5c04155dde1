"""Two classes of curves against each other: which describes the models, which predicts those it has not seen.

In: `Observations` and the curves of either class. Out: `Comparison`: likelihood, BIC and held-out score of every
curve, and two p-values, each the other class's chance to look at least as much better as it does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from attnprobe.errors import StatisticsError
from attnprobe.evaluation.threshold.candidate import Candidate
from attnprobe.evaluation.threshold.fitting import DataSets, Fits
from attnprobe.evaluation.threshold.held_out import HeldOut, leave_one_out, predict_held_out
from attnprobe.evaluation.threshold.likelihood import draw_counts
from attnprobe.evaluation.threshold.observations import Observations
from attnprobe.statistics.seeds import generator


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveFit:
    """One curve, fitted to all models.

    Attributes:
        name: of the curve, and of what families have of their own.
        at: number of parameters at its break or middle; None where it has none.
        width: factor in parameters over which the middle 80% of its rise fall; None where it does not rise like that.
        coefficients: of the log-odds over log10 of parameters, as `design_of` says, counted from their mean size.
        dispersion: correlation of two items of one model.
        n_parameters: how many numbers were fitted.
        log_likelihood: beta-binomial, in nats.
        bic: lower is better.
        score: log-likelihood of each model by the curve fitted to the others, summed, in nats; None where the curve
            cannot be fitted without one of them.
        error: root mean square error of accuracy of each model by the curve fitted to the others, in proportion.
        mean: fitted accuracy of each model, in proportion.
    """

    name: str
    at: float | None
    width: float | None
    coefficients: tuple[float, ...]
    dispersion: float
    n_parameters: int
    log_likelihood: float
    bic: float
    score: float | None
    error: float
    mean: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One class of curves against another, called the null and the rival.

    Attributes:
        fits: of every curve that could be fitted, by name.
        null: the null's best curve, by BIC.
        rival: the rival's best curve, by BIC; None where none of them fits.
        bic_gain: BIC of the null's best less that of the rival's; positive speaks for the rival.
        score_gain: log-likelihood of models held out, the rival's less the null's, each class choosing its curve by BIC
            without the model that is held out; in nats.
        error_gain: root mean square error of accuracy of models held out, the null's less the rival's; in proportion.
            The verdict does not rest on it: next to a break a held-out model is guessed on either side, and half of a
            jump is a large error even where the break is beyond doubt.
        score_error: standard error of `score_gain` over models.
        p_null: how often data made by the null's best curve give so large a `bic_gain`.
        p_rival: how often data made by the rival's best curve give so small a one.
        n_simulated: how many data sets either p-value rests on.
    """

    fits: Mapping[str, CurveFit]
    null: str
    rival: str | None
    bic_gain: float | None
    error_gain: float | None
    score_gain: float | None
    score_error: float | None
    p_null: float | None
    p_rival: float | None
    n_simulated: int


def compare(
    observations: Observations,
    null: Sequence[Candidate],
    rival: Sequence[Candidate],
    *,
    seed: int,
    n_simulated: int,
    purpose: str,
    beside: Sequence[Candidate] = (),
) -> Comparison:
    """Compare two classes of curves.

    Args:
        observations: of models.
        null: curves of one class.
        rival: curves of the other.
        seed: the run's seed.
        n_simulated: data sets for each p-value, at least 19.
        purpose: what the seeds of the simulations derive from.
        beside: further curves to fit and show, that belong to neither class.

    Raises:
        StatisticsError: no curve of the null fits, or too few simulations.

    Source: parametric bootstrap of a difference between classes that are not nested, both ways: Cox 1962; Wagenmakers
        et al. 2004. Held-out scores: leave one model out.
    """
    if n_simulated < 19:
        raise StatisticsError(f"{n_simulated} simulated data sets; expected at least 19.")
    ours, theirs, others = ([c for c in side if c.can_fit(len(observations))] for side in (null, rival, beside))
    real = DataSets.of(_centred(observations), observations.k[None], observations.n)
    folds = leave_one_out(real)
    fitted = {c.name: _Fitted.of(c, real, folds) for c in (*ours, *theirs, *others)}
    fitted = {name: fit for name, fit in fitted.items() if np.isfinite(fit.all.bic[0])}
    names = [tuple(c.name for c in side if c.name in fitted) for side in (ours, theirs)]
    if not names[0]:
        raise StatisticsError(f"no curve can be fitted to {len(observations)} models; evaluate more of them.")
    fits = {name: _described(observations, fit) for name, fit in fitted.items()}
    best = [min(side, key=lambda name: fits[name].bic, default=None) for side in names]
    if best[0] is None or best[1] is None:
        return _undecided(fits, str(best[0]), n_simulated)
    held = [_by_class(fitted, side) for side in names]
    gains = held[1].score - held[0].score
    gain = fits[best[0]].bic - fits[best[1]].bic
    simulated = [
        _simulated_gains(fitted[name].all, real, [ours, theirs], seed, n_simulated, f"{purpose}/{side}")
        for side, name in zip(("null", "rival"), (best[0], best[1]), strict=True)
    ]
    return Comparison(
        fits=fits,
        null=best[0],
        rival=best[1],
        bic_gain=gain,
        error_gain=_root_mean_square(held[0].missed) - _root_mean_square(held[1].missed),
        score_gain=float(gains.sum()) if np.isfinite(gains).all() else None,
        score_error=float(gains.std(ddof=1) * np.sqrt(len(gains))) if np.isfinite(gains).all() else None,
        p_null=float((1 + (simulated[0] >= gain).sum()) / (1 + n_simulated)),
        p_rival=float((1 + (simulated[1] <= gain).sum()) / (1 + n_simulated)),
        n_simulated=n_simulated,
    )


@dataclass(frozen=True, slots=True)
class _Fitted:
    """A candidate fitted to all models, and to all but one."""

    candidate: Candidate
    all: Fits
    folds: Fits
    held: HeldOut

    @classmethod
    def of(cls, candidate: Candidate, real: DataSets, folds: DataSets) -> "_Fitted":
        without = candidate.fit(folds)
        return cls(candidate, candidate.fit(real), without, predict_held_out(candidate.curve, folds, without))


def _undecided(fits: Mapping[str, CurveFit], null: str, n_simulated: int) -> Comparison:
    return Comparison(
        fits=fits,
        null=null,
        rival=None,
        bic_gain=None,
        error_gain=None,
        score_gain=None,
        score_error=None,
        p_null=None,
        p_rival=None,
        n_simulated=n_simulated,
    )


def _centred(observations: Observations) -> Float[np.ndarray, " model"]:
    """Sizes from their mean: a unit of parameters moves nothing but the place of a break."""
    return observations.size - observations.size.mean()


def _by_class(fitted: Mapping[str, _Fitted], names: Sequence[str]) -> HeldOut:
    """Held-out models when a class takes the curve of lowest BIC on the others."""
    best = np.stack([fitted[name].folds.bic for name in names]).argmin(axis=0)
    each = [fitted[name].held for name in names]
    model = np.arange(len(best))
    return HeldOut(
        score=np.stack([held.score for held in each])[best, model],
        missed=np.stack([held.missed for held in each])[best, model],
    )


def _root_mean_square(values: Float[np.ndarray, " model"]) -> float:
    return float(np.sqrt((values**2).mean()))


def _described(observations: Observations, fitted: _Fitted) -> CurveFit:
    candidate, fits, held = fitted.candidate, fitted.all, fitted.held
    has_place = candidate.has_place
    return CurveFit(
        name=candidate.name,
        at=float(10 ** (fits.at[0] + observations.size.mean())) if has_place else None,
        width=float(10 ** fits.width[0]) if has_place and fits.width[0] > 0 else None,
        coefficients=tuple(float(value) for value in fits.coefficients[0]),
        dispersion=float(fits.dispersion[0]),
        n_parameters=candidate.n_parameters,
        log_likelihood=float(fits.log_likelihood[0]),
        bic=float(fits.bic[0]),
        score=float(held.score.sum()) if np.isfinite(held.score).all() else None,
        error=_root_mean_square(held.missed),
        mean=tuple(float(value) for value in fits.mean[0]),
    )


def _simulated_gains(
    source: Fits, real: DataSets, sides: Sequence[Sequence[Candidate]], seed: int, n_simulated: int, purpose: str
) -> Float[np.ndarray, " set"]:
    rng = generator(seed, "", "", f"threshold/{purpose}")
    k = draw_counts(source.mean[0], float(source.dispersion[0]), real.n[0], sets=n_simulated, rng=rng)
    data = DataSets.of(real.size[0], k, real.n[0])
    null, rival = (np.stack([c.fit(data).bic for c in side]).min(axis=0) for side in sides)
    # where no rival fits there is nothing to gain
    return np.where(np.isfinite(rival), null - rival, -np.inf)
