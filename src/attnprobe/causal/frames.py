"""Observations laid out as tables: what is stored beside the summary.

In: observations and units. Out: pandas frames whose columns `PatchResult` names. No statistics here.
"""

import json
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from attnprobe.causal.head_sets import Edited
from attnprobe.causal.observe import Observation
from attnprobe.tasks.example import WordKind

Row = dict[str, str | int | float | bool | None]


def rows_frame(observations: Sequence[Observation], units: Sequence[Edited], *, with_kinds: bool) -> pd.DataFrame:
    """One row for each example and unit."""
    kinds = sorted({kind for observed in observations for kind in observed.subject.readout.kinds}) if with_kinds else []
    return pd.DataFrame(list(_rows(observations, units, kinds)))


def _rows(observations: Sequence[Observation], units: Sequence[Edited], kinds: Sequence[WordKind]) -> Iterator[Row]:
    for observed in observations:
        clean = float(observed.clean.mean())
        for place, unit in enumerate(units):
            effect = float(observed.effect[place].mean())
            row: Row = {
                "example": observed.subject.aligned.example.id,
                "head": str(unit),
                "layer": unit.layer,
                "index": unit.index,
                "clean": clean,
                "edited": clean + effect,
                "effect": effect,
            }
            row |= {f"effect_{kind}": kind_mean(observed, observed.effect[place], kind) for kind in kinds}
            row |= {"fired": int(observed.fired[place]), "unreachable": int(observed.unreachable[place])}
            for kind, reading in observed.controls.items():
                row[f"{kind}_effect"] = _known(reading.effect[place])
                row[f"{kind}_gold"] = _known(reading.gold[place])
                row[f"{kind}_dose"] = _known(reading.dose[place])
                row[f"{kind}_reason"] = reading.reasons[place]
            yield row


def kind_mean(observed: Observation, values: np.ndarray, kind: WordKind) -> float | None:
    """Mean over an example's tokens of one kind, None where it has none."""
    chosen = [value for value, other in zip(values, observed.subject.readout.kinds, strict=True) if other is kind]
    return float(np.mean(chosen)) if chosen else None


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def tokens_frame(observations: Sequence[Observation]) -> pd.DataFrame:
    """One row for each gold token."""
    return pd.DataFrame(list(_tokens(observations)))


def _tokens(observations: Sequence[Observation]) -> Iterator[Row]:
    for observed in observations:
        subject = observed.subject
        clean = dict(zip(subject.scored, observed.clean.tolist(), strict=True))
        for index, target in enumerate(subject.aligned.targets):
            yield {
                "example": subject.aligned.example.id,
                "position": target.position,
                "token": target.token,
                "word": target.word,
                "kind": target.kind.value,
                "scored": index in clean,
                "clean": clean.get(index),
            }


def controls_frame(observations: Sequence[Observation], units: Sequence[Edited]) -> pd.DataFrame:
    """One row for each example, unit and kind of control: the edges and strengths that were drawn."""
    drawn = [
        {
            "example": observed.subject.aligned.example.id,
            "head": str(unit),
            "kind": kind.value,
            "drawn": json.dumps(control.as_record(), allow_nan=False, sort_keys=True),
        }
        for observed in observations
        for kind, reading in observed.controls.items()
        for unit, control in zip(units, reading.controls, strict=True)
    ]
    return pd.DataFrame(drawn, columns=["example", "head", "kind", "drawn"])
