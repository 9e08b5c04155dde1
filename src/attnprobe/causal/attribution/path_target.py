"""Paths patched, example by example.

In: prepared examples. Out: an `AttributionResult` with paths; they are exact, nothing is left to confirm.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from attnprobe.causal.attribution.examples import Prepared
from attnprobe.causal.attribution.paths import Path, PathEffects, path_effects, paths_of
from attnprobe.causal.attribution.result import AttributionResult, PathResult
from attnprobe.plan import HeadId
from attnprobe.statistics.estimates import bootstrap_interval, bootstrap_intervals

Step = Callable[[], None]


def attribute_paths(prepared: Prepared, step: Step) -> AttributionResult:
    """Patch every path on every example, and average.

    Args:
        prepared: the examples.
        step: called twice after each example.

    Raises:
        SpecError: a head does not exist, or there is no path.
    """
    settings, seed = prepared.settings, prepared.settings.patch.seed
    paths = paths_of(settings, prepared.model.dims)
    found: list[PathEffects] = []
    for subject in prepared.subjects:
        found.append(path_effects(prepared.model, subject, settings, paths, prepared.values(subject)))
        step()
        step()
    senders = sorted({path.sender for path in paths})
    return AttributionResult(
        settings=settings,
        n=len(prepared.subjects),
        unit=settings.patch.metric.unit,
        clean=bootstrap_interval(np.array([one.clean for one in found]), seed),
        paths=(*_paths(found, paths, seed), *_totals(found, senders, seed)),
        agreement={},
        counts={**prepared.counts(), "paths": len(paths)},
        rows=pd.DataFrame(),
        edges=pd.DataFrame(),
        path_rows=_frame(prepared, found, paths),
    )


def _paths(found: Sequence[PathEffects], paths: Sequence[Path], seed: int) -> list[PathResult]:
    effects = np.array([[one.effects[path] for path in paths] for one in found])
    estimates = bootstrap_intervals(effects, seed)
    rows: list[PathResult] = []
    for path, estimate in zip(paths, estimates, strict=True):
        assert estimate.value is not None
        rows.append(
            PathResult(
                path=str(path),
                sender=str(path.sender),
                receiver=None if path.receiver is None else str(path.receiver),
                input=path.input.value,
                effect=estimate.value,
                low=estimate.low,
                high=estimate.high,
            )
        )
    return rows


def _totals(found: Sequence[PathEffects], senders: Sequence[HeadId], seed: int) -> list[PathResult]:
    effects = np.array([[one.totals[sender] for sender in senders] for one in found])
    rows: list[PathResult] = []
    for sender, estimate in zip(senders, bootstrap_intervals(effects, seed), strict=True):
        assert estimate.value is not None
        rows.append(
            PathResult(
                path=f"{sender}→all",
                sender=str(sender),
                receiver=None,
                input=None,
                effect=estimate.value,
                low=estimate.low,
                high=estimate.high,
            )
        )
    return rows


def _frame(prepared: Prepared, found: Sequence[PathEffects], paths: Sequence[Path]) -> pd.DataFrame:
    rows: list[dict[str, str | float | None]] = []
    for subject, one in zip(prepared.subjects, found, strict=True):
        name = subject.aligned.example.id
        for path in paths:
            receiver = None if path.receiver is None else str(path.receiver)
            ends = {"path": str(path), "sender": str(path.sender), "receiver": receiver, "input": path.input.value}
            rows.append({"example": name, **ends, "effect": one.effects[path]})
        for sender, effect in one.totals.items():
            ends = {"path": f"{sender}→all", "sender": str(sender), "receiver": None, "input": None}
            rows.append({"example": name, **ends, "effect": effect})
    return pd.DataFrame(rows)
