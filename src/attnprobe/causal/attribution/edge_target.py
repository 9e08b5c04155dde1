"""Attention edges scored and confirmed, example by example.

In: prepared examples. Out: an `AttributionResult` with edges.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from jaxtyping import Float

from attnprobe.causal.attribution.confirm import exact_edges
from attnprobe.causal.attribution.edges import Edge, ScoredEdges, score_edges
from attnprobe.causal.attribution.examples import Prepared
from attnprobe.causal.attribution.heads import integrated_gradients
from attnprobe.causal.attribution.result import AttributionResult, GoldShare
from attnprobe.causal.subject import Subject
from attnprobe.models.gradients import GradientRun
from attnprobe.statistics.agreement import Agreement, agreement_of_cases
from attnprobe.statistics.estimates import Estimate, bootstrap_interval

Step = Callable[[], None]
_PLACE = ("example", "layer", "head", "query", "key", "query_token", "key_token")
_COLUMNS = [*_PLACE, "score", "exact", "is_gold", "is_top", "is_drawn"]


def attribute_edges(prepared: Prepared, step: Step) -> AttributionResult:
    """Score every edge of every example, keep the strongest, confirm some, and average.

    Args:
        prepared: the examples.
        step: called twice after each example.
    """
    patch = prepared.settings.patch
    clean, found, frames = list[float](), list[ScoredEdges](), list[pd.DataFrame]()
    for subject in prepared.subjects:
        value, scored = _score(prepared, subject)
        step()
        clean.append(value)
        found.append(scored)
        frames.append(_frame(prepared, subject, scored))
        step()
    edges = pd.concat(frames, ignore_index=True)
    return AttributionResult(
        settings=prepared.settings,
        n=len(prepared.subjects),
        unit=patch.metric.unit,
        clean=bootstrap_interval(np.array(clean), patch.seed),
        gold=_gold(found, patch.seed),
        agreement=_agreement(edges, patch.seed),
        counts={
            **prepared.counts(),
            "edges": sum(one.n_edges for one in found),
            "edges_confirmed": int(np.isfinite(_column(edges, "exact")).sum()),
        },
        rows=pd.DataFrame(),
        edges=edges,
        path_rows=pd.DataFrame(),
    )


def _score(prepared: Prepared, subject: Subject) -> tuple[float, ScoredEdges]:
    settings, name = prepared.settings, subject.aligned.example.id
    run = prepared.gradients(subject)
    if settings.integrated:
        run = _integrated(prepared, subject, run)
    scored = score_edges(
        run,
        subject.rows,
        top=max(settings.top, settings.resolved_confirm),
        drawn=settings.resolved_confirm,
        strength=settings.patch.strength,
        seed=settings.patch.seed,
        example_id=name,
    )
    return float(run.values.mean()), scored


def _integrated(prepared: Prepared, subject: Subject, run: GradientRun) -> GradientRun:
    """The run with derivatives averaged along the line from each layer's outputs to none: no keys are favoured."""
    averages = integrated_gradients(
        run,
        {index: -layer.z[0].double() for index, layer in enumerate(run.layers)},
        lambda replaced: prepared.gradients(subject, replaced),
        steps=prepared.settings.integrated,
        batch_size=prepared.settings.patch.batch_size,
    )
    layers = (replace(layer, gradient=averages[index][None]) for index, layer in enumerate(run.layers))
    return replace(run, layers=tuple(layers))


def _frame(prepared: Prepared, subject: Subject, scored: ScoredEdges) -> pd.DataFrame:
    kept = {**scored.top, **scored.drawn}
    count = prepared.settings.resolved_confirm
    confirmed = list({**dict.fromkeys(list(scored.top)[:count]), **dict.fromkeys(scored.drawn)})
    exact = dict[Edge, float]()
    if confirmed:
        effects = exact_edges(prepared.model, subject, prepared.settings.patch, confirmed).effects
        exact = dict(zip(confirmed, effects.tolist(), strict=True))
    tokens = _tokens(prepared, subject)
    rows = [
        {
            "example": subject.aligned.example.id,
            "layer": edge.layer,
            "head": edge.head,
            "query": edge.query,
            "key": edge.key,
            "query_token": tokens[edge.query],
            "key_token": tokens[edge.key],
            "score": score,
            "exact": exact.get(edge, np.nan),
            "is_gold": edge.key in subject.rows.get(edge.query, ()),
            "is_top": edge in scored.top,
            "is_drawn": edge in scored.drawn,
        }
        for edge, score in kept.items()
    ]
    return pd.DataFrame(rows, columns=_COLUMNS)


def _tokens(prepared: Prepared, subject: Subject) -> Sequence[str]:
    tokenizer = prepared.model.tokenizer
    assert tokenizer is not None, "examples were aligned with it"
    return [str(tokenizer.decode([token])) for token in subject.ids]


def _gold(found: Sequence[ScoredEdges], seed: int) -> GoldShare:
    """Examples whose every score is 0 have no share of scores."""
    shares = [one.gold_size / one.size for one in found if one.size]
    counts = [one.n_gold / one.n_edges for one in found if one.size]
    if not shares:
        nothing = Estimate(value=None, low=None, high=None, n=0)
        return GoldShare(of_scores=nothing, of_edges=nothing)
    of_scores, of_edges = (bootstrap_interval(np.array(each), seed) for each in (shares, counts))
    return GoldShare(of_scores=of_scores, of_edges=of_edges)


def _agreement(edges: pd.DataFrame, seed: int) -> dict[str, Agreement]:
    score, exact = _column(edges, "score"), _column(edges, "exact")
    names = np.unique(edges["example"].to_numpy(dtype=str), return_inverse=True)[1]
    found: dict[str, Agreement] = {}
    for name in ("drawn", "top"):
        chosen = np.isfinite(exact) & edges[f"is_{name}"].to_numpy(dtype=bool)
        if chosen.any():
            found[name] = agreement_of_cases(score[chosen], exact[chosen], names[chosen], seed=seed)
    return found


def _column(frame: pd.DataFrame, name: str) -> Float[np.ndarray, " row"]:
    return frame[name].to_numpy(dtype=float)
