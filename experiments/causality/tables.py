"""From stored rows to what the experiment says: each test of each model, over all rules and rule by rule.

In: the rows of `measure`. Out: records. Nothing is measured here; the rules are those of `attnprobe verdict`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from attnprobe.evaluation.association.result import Verdict
from attnprobe.evaluation.verdict.contrasts import Asked, Contrast, contrast_of, share_contrast
from attnprobe.evaluation.verdict.rules import Question, both, repaired
from attnprobe.evaluation.verdict.settings import VerdictSettings
from experiments.causality.measure import settings_of, stored
from experiments.causality.problems import rule_of

ALL = "all"
_MASK = {part: f"mask_{part}" for part in ("gold", "random_keys", "distance")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """The rows of one question to one model, or those of one rule among them."""

    rows: pd.DataFrame
    doses: pd.DataFrame
    proofs: pd.DataFrame

    @classmethod
    def of(cls, place: Path, stem: str) -> "Frames":
        """As they were measured."""
        return cls(
            rows=stored(place, stem, "rows"), doses=stored(place, stem, "doses"), proofs=stored(place, stem, "proofs")
        )

    def of_rule(self, rule: str) -> "Frames":
        """Those of one rule."""

        def part(frame: pd.DataFrame) -> pd.DataFrame:
            return frame[[rule_of(example) == rule for example in frame["example"]]]

        return Frames(rows=part(self.rows), doses=part(self.doses), proofs=part(self.proofs))

    @property
    def rules(self) -> tuple[str, ...]:
        """In the order in which they stand."""
        return tuple(dict.fromkeys(rule_of(example) for example in self.rows["example"]))


def records_of(place: Path, model: str, asked: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every contrast of one question to one model: over all rules, then rule by rule."""
    frames, settings = Frames.of(place, f"{model}_{asked['name']}"), settings_of(asked)
    for scope in (ALL, *frames.rules):
        part = frames if scope == ALL else frames.of_rule(scope)
        for question, contrasts in contrasts_of(part, settings).items():
            verdict = verdict_of(question, contrasts)
            for contrast in contrasts:
                yield {
                    "model": model,
                    "asked": asked["name"],
                    "scope": scope,
                    "test": question.value,
                    "test_verdict": verdict.value,
                    **record_of(contrast),
                }


def record_of(contrast: Contrast) -> dict[str, Any]:
    """One comparison as it is stored."""
    return {
        "contrast": contrast.asked.name,
        "unit": contrast.asked.unit,
        "n": contrast.n,
        "n_unmatched": contrast.n_unmatched,
        "effect": contrast.effect.value,
        "effect_low": contrast.effect.low,
        "effect_high": contrast.effect.high,
        "control": contrast.control,
        "difference": contrast.difference.value,
        "low": contrast.difference.low,
        "high": contrast.difference.high,
        "p": contrast.p,
        "verdict": contrast.verdict.value,
    }


def verdict_of(question: Question, contrasts: Sequence[Contrast]) -> Verdict:
    """By the rules of `attnprobe verdict`; nothing to compare is undetermined."""
    parts = [contrast.verdict for contrast in contrasts]
    if not parts:
        return Verdict.UNDETERMINED
    match question:
        case Question.NECESSITY:
            return both(parts)
        case Question.SUFFICIENCY:
            return repaired(parts[0], parts[1])
        case _:
            return parts[0]


def contrasts_of(frames: Frames, settings: VerdictSettings) -> dict[Question, tuple[Contrast, ...]]:
    """The contrasts that decide, from rows; none where a test had no example."""
    masked, patched = (
        frames.rows[frames.rows["test"] == question.value] for question in (Question.NECESSITY, Question.MEDIATION)
    )
    forced = frames.doses[frames.doses["dose"] == settings.dose]
    right = _by_arm(frames.proofs, "correct")
    clean = right["clean"].astype(bool)
    found: dict[Question, tuple[Contrast, ...]] = {
        Question.NECESSITY: (
            _values(_asked(Question.NECESSITY, settings, -1), masked, "gold", "random_keys", settings),
            _shares(
                _asked(Question.NECESSITY, settings, -1), right[clean], _MASK["gold"], _MASK["random_keys"], "clean"
            ),
        ),
        Question.SUFFICIENCY: (),
        Question.MEDIATION: (),
    }
    if len(forced):
        found[Question.SUFFICIENCY] = (
            _values(_asked(Question.SUFFICIENCY, settings, 1), forced, "gold", "random_keys", settings),
            _shares(_asked(Question.SUFFICIENCY, settings, 1), right, "force_gold", "force_random_keys", "force_none"),
        )
    if len(patched):
        asked = _asked(Question.MEDIATION, settings, 1)
        found[Question.MEDIATION] = (_values(asked, patched, "z", "random_heads", settings),)
    return found


def _asked(question: Question, settings: VerdictSettings, direction: int) -> Asked:
    minimum = settings.minimum
    is_recovery = question is Question.MEDIATION
    return Asked(
        question=question,
        name="recovery" if is_recovery else "nats",
        edit="",
        control="",
        unit="share of the gap" if is_recovery else "nats",
        minimum=minimum.recovery if is_recovery else minimum.nats,
        direction=direction,
        decides=True,
    )


def _by_arm(frame: pd.DataFrame, value: str) -> pd.DataFrame:
    """One row an example, one column an arm, NaN where an arm was not run."""
    return frame.pivot(index="example", columns="arm", values=value)


def _values(asked: Asked, frame: pd.DataFrame, edit: str, control: str, settings: VerdictSettings) -> Contrast:
    wide = _by_arm(frame, "value").reindex(columns=[edit, control]).to_numpy(dtype=float)
    return contrast_of(asked, wide[:, 0], wide[:, 1], seed=settings.seed)


def _shares(asked: Asked, right: pd.DataFrame, edit: str, control: str, unedited: str) -> Contrast:
    wide = right.reindex(columns=[edit, control, unedited])
    arms = wide.dropna(subset=[edit, control, unedited]).to_numpy(dtype=bool)
    # examples that have something to force are those with a row of any kind
    asked_of = wide if edit.startswith("mask") else wide.dropna(how="all", subset=[edit, control])
    share = Asked(
        question=asked.question,
        name="proofs",
        edit="",
        control="",
        unit="share of proofs",
        minimum=VerdictSettings().minimum.accuracy,
        direction=asked.direction,
        decides=True,
    )
    n_unmatched = len(asked_of) - len(arms)
    return share_contrast(share, arms[:, 0], arms[:, 1], arms[:, 2], n_unmatched=n_unmatched)


def transplant_records(frame: pd.DataFrame, settings: VerdictSettings) -> Iterator[dict[str, Any]]:
    """Each rule, direction and site: the donor's attention against that of its other heads.

    Its attention on another problem stands beside: where problems share a layout it looks at the same places.
    """
    for (rule, direction, site), rows in frame.groupby(["rule", "direction", "site"], sort=False):
        asked = _asked(Question.MEDIATION, settings, 1 if direction == "repair" else -1)
        nats = Asked(
            question=asked.question,
            name="nats",
            edit="",
            control="",
            unit="nats",
            minimum=settings.minimum.nats,
            direction=asked.direction,
            decides=True,
        )
        effect, other_text, other_heads = (
            rows[name].to_numpy(dtype=float) for name in ("effect", "control", "other_heads")
        )
        found = contrast_of(nats, effect, other_heads, seed=settings.seed)
        gap = float(rows["gap"].mean())
        yield {
            "rule": rule,
            "direction": direction,
            "site": site,
            **record_of(found),
            "other_text": float(other_text.mean()),
            "clean": float(rows["clean"].mean()),
            "gap": gap,
            "share_of_gap": None if np.isclose(gap, 0) else float(rows["effect"].mean()) / gap,
        }
