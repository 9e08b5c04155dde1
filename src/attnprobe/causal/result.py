"""What a head sweep found: the value that tables, figures, pages and files are made of.

In: nothing; `measure` fills it. Out: `PatchResult`. The words of a row are those of DESIGN.md section 6.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from attnprobe.causal.controls import ControlKind
from attnprobe.causal.force_curve import ForceCurve
from attnprobe.causal.rows import HeadResult
from attnprobe.causal.settings import PatchSettings
from attnprobe.statistics.estimates import Estimate


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PatchResult:
    """A head sweep over a task.

    Attributes:
        settings: what was asked.
        n: examples measured.
        unit: of the metric and of every effect.
        clean: the metric on the unedited run, with its interval (the corrupted run, for a patch into it).
        heads: one row for each head (or layer, at sites without heads), in model order, against the named control.
        by_control: the same rows against every kind of control that was run, the named one included; empty without.
        strongest: the difference (the effect, without control) of the strongest head, from examples that did not pick
            it; None below 15 examples.
        strongest_heads: the head that was so picked; empty where there are too few examples.
        by_kind: the unedited metric for each kind of gold token (`gold_logprob` only).
        counts: examples given, measured and skipped by reason; gold tokens scored, unscored and unlicensed.
        rows: one row for each example and head: example, head, layer, index, clean, edited, effect, effect_KIND for
            each kind of gold token (`gold_logprob` only), fired, unreachable, and for each kind of control
            CONTROL_effect, CONTROL_gold, CONTROL_dose, CONTROL_reason.
        tokens: one row for each gold token of each measured example: example, position, kind, scored, clean.
        controls: what was drawn, one row for each example, head and kind of control, as JSON.
        curve: of a force: what each dose does, beside control keys and the mirror; None for other interventions.
    """

    settings: PatchSettings
    n: int
    unit: str
    clean: Estimate
    heads: tuple[HeadResult, ...]
    by_control: Mapping[ControlKind, tuple[HeadResult, ...]]
    strongest: Estimate | None
    strongest_heads: tuple[str, ...]
    by_kind: Mapping[str, Estimate]
    counts: Mapping[str, int]
    rows: pd.DataFrame
    tokens: pd.DataFrame
    controls: pd.DataFrame
    curve: ForceCurve | None = None

    def frame(self) -> pd.DataFrame:
        """One row for each head, the columns of `HeadResult`."""
        return pd.DataFrame([head.as_record() for head in self.heads])

    def strongest_first(self) -> tuple[HeadResult, ...]:
        """Heads by the size of what they are judged by; heads that lack the control the others have come last."""
        has_control = any(head.difference is not None for head in self.heads)
        return tuple(
            sorted(self.heads, key=lambda head: (has_control and head.difference is None, -abs(leading(head))))
        )

    def __str__(self) -> str:
        """What was found, in a few lines: the unedited metric, then the five strongest heads."""
        clean = _with_interval(self.clean.value, self.clean.low, self.clean.high)
        first = f"{self.settings.metric} {clean} {self.unit}, n = {self.n}"
        return "\n".join([first, *(_line(head) for head in self.strongest_first()[:5])])


def leading(head: HeadResult) -> float:
    """The number that a row is judged by: the difference to its control, or the effect where there is none."""
    return head.effect if head.difference is None else head.difference


def _line(head: HeadResult) -> str:
    parts: Sequence[str | None] = (
        f"{head.head:<6} effect {_with_interval(head.effect, head.low, head.high)}",
        None if head.control is None else f"{head.control_kind} {_signed(head.control)}",
        None
        if head.difference is None
        else f"difference {_with_interval(head.difference, head.difference_low, head.difference_high)}",
        None if head.q is None else f"q {head.q:.2g}",
    )
    return "  ".join(part for part in parts if part)


def _with_interval(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return "none"
    return _signed(value) if low is None or high is None else f"{_signed(value)} [{_signed(low)}, {_signed(high)}]"


def _signed(value: float) -> str:
    text = f"{value:+.2f}"
    # a sign before zeros would tell a direction that the digits do not show
    return text if float(text) else "0.00"
