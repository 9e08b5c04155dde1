"""Rows of sets of heads: from effects per example to numbers with intervals, p and q.

In: `SetEffects`. Out: `SetRow`s, and frames of what they rest on.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from attnprobe.causal.controls import ControlKind
from attnprobe.causal.effects import MIN_GAP_LOGITS
from attnprobe.causal.frames import Row, rows_frame
from attnprobe.causal.rows import HeadResult, difference_table
from attnprobe.causal.set_effects import SetEffects
from attnprobe.causal.set_result import RandomSets, SetRow
from attnprobe.causal.settings import Metric
from attnprobe.statistics.estimates import Estimate, bootstrap_interval


def tables_of(measured: SetEffects) -> Mapping[ControlKind, tuple[HeadResult, ...]]:
    """One table for each kind of control; q is over the sets of each."""
    seed = measured.settings.edit.seed
    return {
        kind: difference_table(measured.sets, paired, fired=measured.fired, seed=seed)
        for kind, paired in measured.controls.items()
    }


def set_rows(measured: SetEffects, against: tuple[HeadResult, ...]) -> tuple[SetRow, ...]:
    """One row for each set.

    Args:
        measured: the sets.
        against: the table against the control that is named.
    """
    return tuple(_row(measured, place, row) for place, row in enumerate(against))


def _row(measured: SetEffects, place: int, against: HeadResult) -> SetRow:
    seed, heads = measured.settings.edit.seed, measured.sets[place]
    synergy = measured.synergy(place)
    singles = None if synergy is None else bootstrap_interval(measured.effects[:, place] - synergy, seed)
    has_gap = gaps(measured)
    return SetRow(
        heads=heads,
        against=against,
        singles=singles,
        synergy=None if synergy is None else bootstrap_interval(synergy, seed),
        faithfulness=None if has_gap is None else _share(measured, measured.effects[:, place], has_gap),
        random=_random(measured, place, has_gap),
    )


def gaps(measured: SetEffects) -> Bool[np.ndarray, " example"] | None:
    """Under `all_but`, which examples lose enough without any head for shares of it to mean something; None elsewhere.

    Source: the gap rule of recovery.
    """
    if not measured.settings.all_but:
        return None
    return np.abs(measured.everything) >= MIN_GAP_LOGITS


def _share(
    measured: SetEffects, effects: Float[np.ndarray, " example"], has_gap: Bool[np.ndarray, " example"]
) -> Estimate:
    # (metric(all but set) - metric(all)) / (unedited - metric(all)), with effects in the place of metrics
    shares = (effects[has_gap] - measured.everything[has_gap]) / -measured.everything[has_gap]
    return bootstrap_interval(shares, measured.settings.edit.seed) if shares.size else _NOTHING


_NOTHING = Estimate(value=None, low=None, high=None, n=0)


def _random(measured: SetEffects, place: int, has_gap: Bool[np.ndarray, " example"] | None) -> RandomSets:
    drawn, own = measured.drawn[place], abs(float(measured.effects[:, place].mean()))
    means = drawn.effects.mean(axis=0)
    as_strong = np.abs(means) <= own if measured.settings.all_but else np.abs(means) >= own
    return RandomSets(
        heads=tuple(one.heads for one in drawn.sets),
        effects=tuple(float(mean) for mean in means),
        faithfulness=()
        if has_gap is None
        else tuple(_share(measured, column, has_gap).value for column in drawn.effects.T),
        n_as_strong=int(as_strong.sum()),
        reason=drawn.reason,
    )


def sets_frame(measured: SetEffects) -> pd.DataFrame:
    """One row for each example and set."""
    by_kind = measured.settings.edit.metric is Metric.GOLD_LOGPROB
    frame = rows_frame(measured.observations, measured.sets, with_kinds=by_kind)
    heads = {one.name: one.label for one in measured.sets}
    frame = frame.drop(columns=["layer", "index"]).rename(columns={"head": "set"})
    frame.insert(2, "heads", [heads[name] for name in frame["set"]])
    return frame


def beside_frame(measured: SetEffects) -> pd.DataFrame:
    """One row for each example and each thing that was edited beside the sets."""
    return pd.DataFrame(list(_beside(measured)), columns=["example", "set", "kind", "heads", "effect"])


def _beside(measured: SetEffects) -> Iterator[Row]:
    for at, example in enumerate(measured.examples):
        every: Row = {"example": example, "set": None, "kind": "every_head", "heads": None}
        yield every | {"effect": float(measured.everything[at])}
        for head, effects in measured.singles.items():
            single: Row = {"example": example, "set": None, "kind": "single", "heads": str(head)}
            yield single | {"effect": float(effects[at])}
        for one, drawn in zip(measured.sets, measured.drawn, strict=True):
            for other, effect in zip(drawn.sets, drawn.effects[at], strict=True):
                row: Row = {"example": example, "set": one.name, "kind": "random_heads", "heads": other.label}
                yield row | {"effect": float(effect)}
