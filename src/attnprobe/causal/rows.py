"""The rows of a head sweep: from effects per example to numbers with intervals, p and q.

In: effects [example, head] of gold and control edits. Out: one `HeadResult` a head, the words of `summary.json`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int

from attnprobe.causal.controls import ControlKind
from attnprobe.errors import StatisticsError
from attnprobe.statistics.estimates import Estimate, benjamini_hochberg, bootstrap_intervals
from attnprobe.statistics.sign_flips import max_t_p, sign_flip_p, too_few


@runtime_checkable
class Swept(Protocol):
    """What a row is about: printed `L5H3`, or `L5` for a layer at a site without heads."""

    @property
    def layer(self) -> int:
        """Which layer."""
        ...

    @property
    def index(self) -> int | None:
        """Which head, or None for the layer."""
        ...


class Correction(StrEnum):
    """How q accounts for the family: false discovery rate, or the chance of any false finding."""

    BENJAMINI_HOCHBERG = "benjamini_hochberg"
    MAX_T = "max_t"


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedEffects:
    """What was measured, each array [example, head], effects in the metric's unit.

    Attributes:
        effects: metric(edited) - metric(unedited) at full strength, for every example.
        kind: of control.
        matched: which entries have a control; None when kind is none. The arrays below count only where it is True.
        control: effects of the control edit; None when kind is none.
        at_dose: effects of the gold edit at the matched dose; only for mass.
        dose: the attention mass removed on either side, in [0, 1]; only for mass.
    """

    effects: Float[np.ndarray, "example head"]
    kind: ControlKind = ControlKind.NONE
    matched: Bool[np.ndarray, "example head"] | None = None
    control: Float[np.ndarray, "example head"] | None = None
    at_dose: Float[np.ndarray, "example head"] | None = None
    dose: Float[np.ndarray, "example head"] | None = None

    def __post_init__(self) -> None:
        wanted = {
            "matched": self.kind is not ControlKind.NONE,
            "control": self.kind is not ControlKind.NONE,
            "at_dose": self.kind is ControlKind.MASS,
            "dose": self.kind is ControlKind.MASS,
        }
        for name, is_wanted in wanted.items():
            given = getattr(self, name)
            if (given is not None) != is_wanted:
                verb = "needs" if is_wanted else "has no"
                raise StatisticsError(
                    f"control {self.kind} {verb} `{name}`; got {'an array' if given is not None else 'none'}."
                )
            if given is not None and given.shape != self.effects.shape:
                raise StatisticsError(
                    f"`{name}` has shape {given.shape}, effects {self.effects.shape}; "
                    "expected the same examples and heads."
                )
        if not np.isfinite(self.effects).all():
            raise StatisticsError(
                f"{int((~np.isfinite(self.effects)).sum())} of {self.effects.size} effects are NaN or infinite; "
                "leave examples out that have no value, and count them."
            )

    @property
    def differences(self) -> Float[np.ndarray, "example head"] | None:
        """Gold effect less control effect of each entry, both at the dose for mass; None without a control."""
        if self.control is None:
            return None
        return (self.effects if self.at_dose is None else self.at_dose) - self.control


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadResult:
    """One head's row; None where a number does not apply, never NaN.

    Attributes:
        head: `L2H1`, or `L2` for a layer.
        layer: which layer, from 0.
        index: which head, from 0; None for a layer.
        effect: mean of metric(edited) - metric(unedited) over all examples, at full strength; harm is negative.
        low: lower end of its 95% interval; None with a single example.
        high: upper end.
        control_kind: what the effect is compared with.
        control: mean effect of the control edit over matched examples; for mass, at the dose.
        difference: mean over matched examples of the gold effect (for mass, at the dose) less the control effect.
        difference_low: lower end of its 95% interval.
        difference_high: upper end.
        n_matched: examples with a control; None without one.
        p: two-sided sign-flip p of the difference, of the effect where there is no control.
        q: p corrected for all heads of the sweep.
        fired: edited (query, key) entries, or rows, of the full-strength edit, over all examples.
        effect_at_dose: mean effect of the gold edit at the dose, over matched examples; only for mass.
        dose: attention mass removed on either side, mean over matched examples; only for mass.
        reason: why p and q, or the difference, are None.
    """

    head: str
    layer: int
    index: int | None
    effect: float
    low: float | None
    high: float | None
    control_kind: ControlKind
    control: float | None
    difference: float | None
    difference_low: float | None
    difference_high: float | None
    n_matched: int | None
    p: float | None
    q: float | None
    fired: int
    effect_at_dose: float | None = None
    dose: float | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            assert not isinstance(value, float) or math.isfinite(value), field.name
        assert self.p is None or 0 < self.p <= 1
        assert (self.p is None) == (self.q is None) == (self.reason is not None)

    def as_record(self) -> dict[str, str | int | float | None]:
        """The row of `summary.json`."""
        record = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**record, "control_kind": str(self.control_kind)}


def difference_table(
    units: Sequence[Swept],
    measured: PairedEffects,
    *,
    fired: Int[np.ndarray, " head"],
    seed: int,
    n_heads: int | None = None,
    correction: Correction = Correction.BENJAMINI_HOCHBERG,
) -> tuple[HeadResult, ...]:
    """Turn a sweep's effects into its table.

    Args:
        units: the heads (or layers) that the columns stand for.
        measured: effects of one (intervention, keys, metric), which is one family.
        fired: entries edited, summed over examples.
        seed: the run's seed.
        n_heads: heads of the model; sets the number of flips, so that p does not depend on which heads are swept.
            By default the number of columns. q is over the columns in any case.
        correction: how q is made from the family.

    Returns:
        One row for each unit, in their order.

    Raises:
        StatisticsError: shapes differ, or a sample that counts is not finite.

    Source: DESIGN.md section 6.
    """
    n_columns = measured.effects.shape[1]
    if len(units) != n_columns or fired.shape != (n_columns,):
        raise StatisticsError(
            f"{len(units)} units and `fired` of shape {fired.shape} for {n_columns} columns of effects; "
            "expected one of each for every column."
        )
    effects = bootstrap_intervals(measured.effects, seed)
    nothing = (None,) * n_columns
    differences = measured.differences
    over_matched = [
        nothing if samples is None else bootstrap_intervals(samples, seed, matched=measured.matched)
        for samples in (differences, measured.control, measured.at_dose, measured.dose)
    ]
    tested = measured.effects if differences is None else differences
    p, q = _p_and_q(tested, measured.matched, seed, n_heads, correction)
    return tuple(
        _row(unit, effect, measured.kind, numbers, p=p[column], q=q[column], fired=int(fired[column]))
        for column, (unit, effect, *numbers) in enumerate(zip(units, effects, *over_matched, strict=True))
    )


def _p_and_q(
    tested: Float[np.ndarray, "example head"],
    matched: Bool[np.ndarray, "example head"] | None,
    seed: int,
    n_heads: int | None,
    correction: Correction,
) -> tuple[tuple[float | None, ...], tuple[float | None, ...]]:
    p = sign_flip_p(tested, seed, matched=matched, n_heads=n_heads)
    if correction is Correction.MAX_T:
        return p, max_t_p(tested, seed, matched=matched, n_heads=n_heads)
    return p, benjamini_hochberg(p)


def _row(
    unit: Swept,
    effect: Estimate,
    kind: ControlKind,
    numbers: Sequence[Estimate | None],
    *,
    p: float | None,
    q: float | None,
    fired: int,
) -> HeadResult:
    difference, control, at_dose, dose = numbers
    assert effect.value is not None
    n_tested = effect.n if difference is None else difference.n
    return HeadResult(
        head=str(unit),
        layer=unit.layer,
        index=unit.index,
        effect=effect.value,
        low=effect.low,
        high=effect.high,
        control_kind=kind,
        control=control.value if control else None,
        difference=difference.value if difference else None,
        difference_low=difference.low if difference else None,
        difference_high=difference.high if difference else None,
        n_matched=difference.n if difference else None,
        p=p,
        q=q,
        fired=fired,
        effect_at_dose=at_dose.value if at_dose else None,
        dose=dose.value if dose else None,
        reason=too_few(n_tested),
    )
