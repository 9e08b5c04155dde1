"""Heads scored and confirmed, example by example.

In: prepared examples. Out: an `AttributionResult` with heads.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float

from attnprobe.causal.attribution.confirm import chosen_units
from attnprobe.causal.attribution.examples import Prepared
from attnprobe.causal.attribution.heads import head_scores, integrated_gradients, output_changes, plain_gradients
from attnprobe.causal.attribution.result import AttributionResult, HeadAttribution, ratio_of
from attnprobe.causal.observe import Observation, observe
from attnprobe.causal.subject import Subject
from attnprobe.causal.units import Unit, units_of
from attnprobe.statistics.agreement import Agreement, agreement_of_means
from attnprobe.statistics.estimates import bootstrap_interval, bootstrap_intervals

Step = Callable[[], None]
_Scores = Float[np.ndarray, "example unit"]


def attribute_heads(prepared: Prepared, step: Step) -> AttributionResult:
    """Score every head on every example, confirm those chosen, and average.

    Args:
        prepared: the examples.
        step: called after each example, once for its scores and once for its exact effects.
    """
    settings, units = prepared.settings, units_of(prepared.settings.patch, prepared.model.dims)
    clean, scores = list[float](), list[np.ndarray]()
    for subject in prepared.subjects:
        value, found = _score(prepared, subject, units)
        clean.append(value)
        scores.append(found)
        step()
    table = np.stack(scores)
    top, drawn = chosen_units(table, units, settings.resolved_confirm, settings.patch.seed)
    confirmed = sorted({*top, *drawn})
    exact = np.full(table.shape, np.nan)
    if confirmed:
        for place, subject in enumerate(prepared.subjects):
            exact[place, confirmed] = _exact(prepared, subject, [units[index] for index in confirmed])
            step()
    return AttributionResult(
        settings=settings,
        n=len(prepared.subjects),
        unit=settings.patch.metric.unit,
        clean=bootstrap_interval(np.array(clean), settings.patch.seed),
        heads=_rows(units, table, exact, drawn, settings.patch.seed),
        agreement=_agreement(table, exact, drawn, len(units), settings.patch.seed),
        counts={**prepared.counts(), "heads": len(units), "heads_confirmed": len(confirmed)},
        rows=_frame(prepared, units, np.array(clean), table, exact),
        edges=pd.DataFrame(),
        path_rows=pd.DataFrame(),
    )


def _score(prepared: Prepared, subject: Subject, units: Sequence[Unit]) -> tuple[float, Float[np.ndarray, " unit"]]:
    settings = prepared.settings
    layers = sorted({unit.layer for unit in units})
    run = prepared.gradients(subject)
    changes = output_changes(run, subject, settings, layers, prepared.model.dims, prepared.values(subject))
    gradients = plain_gradients(run, layers)
    if settings.integrated:
        gradients = integrated_gradients(
            run,
            changes,
            lambda replaced: prepared.gradients(subject, replaced),
            steps=settings.integrated,
            batch_size=settings.patch.batch_size,
        )
    return float(run.values.mean()), head_scores(gradients, changes, units)


def _exact(prepared: Prepared, subject: Subject, units: Sequence[Unit]) -> Float[np.ndarray, " unit"]:
    observed = observe(prepared.model, subject, prepared.settings.patch, units, prepared.donors)
    assert isinstance(observed, Observation), "what cannot be measured was sorted out before"
    return observed.effect.mean(axis=1)


def _agreement(scores: _Scores, exact: _Scores, drawn: Sequence[int], n_units: int, seed: int) -> dict[str, Agreement]:
    if not drawn:
        return {}
    chosen = list(drawn)
    return {"heads": agreement_of_means(scores[:, chosen], exact[:, chosen], seed=seed, is_all=len(chosen) == n_units)}


def _rows(
    units: Sequence[Unit], scores: _Scores, exact: _Scores, drawn: Sequence[int], seed: int
) -> tuple[HeadAttribution, ...]:
    rows: list[HeadAttribution] = []
    estimates = bootstrap_intervals(scores, seed)
    for place, (unit, score) in enumerate(zip(units, estimates, strict=True)):
        assert unit.index is not None
        assert score.value is not None
        is_known = bool(np.isfinite(exact[:, place]).all())
        found = bootstrap_interval(exact[:, place], seed) if is_known else None
        value = None if found is None else found.value
        rows.append(
            HeadAttribution(
                head=str(unit),
                layer=unit.layer,
                index=unit.index,
                score=score.value,
                score_low=score.low,
                score_high=score.high,
                exact=value,
                exact_low=None if found is None else found.low,
                exact_high=None if found is None else found.high,
                ratio=ratio_of(score.value, value),
                is_drawn=place in drawn,
            )
        )
    return tuple(rows)


def _frame(
    prepared: Prepared, units: Sequence[Unit], clean: np.ndarray, scores: _Scores, exact: _Scores
) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "example": subject.aligned.example.id,
                "head": str(unit),
                "layer": unit.layer,
                "index": unit.index,
                "clean": clean[row],
                "score": scores[row, column],
                "exact": exact[row, column],
            }
            for row, subject in enumerate(prepared.subjects)
            for column, unit in enumerate(units)
        ]
    )
