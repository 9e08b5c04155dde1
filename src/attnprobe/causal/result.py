"""What a head sweep found: the value that tables, figures, pages and files are made of.

In: nothing; `measure` fills it. Out: `PatchResult`. The words of a row are those of DESIGN.md section 6.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
from attnprobe.causal.controls import ControlKind
from attnprobe.causal.rows import HeadResult
from attnprobe.causal.statistics import Estimate

from attnprobe.causal.settings import PatchSettings


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
            it; None below 8 examples.
        strongest_heads: the heads that were so picked, most often first.
        by_kind: the unedited metric for each kind of gold token (`gold_logprob` only).
        counts: examples given, measured and skipped by reason; gold tokens scored, unscored and unlicensed.
        rows: one row for each example and head: example, head, layer, index, clean, edited, effect, effect_KIND for
            each kind of gold token (`gold_logprob` only), fired, unreachable, and for each kind of control
            CONTROL_effect, CONTROL_gold, CONTROL_dose, CONTROL_reason.
        tokens: one row for each gold token of each measured example: example, position, kind, scored, clean.
        controls: what was drawn, one row for each example, head and kind of control, as JSON.
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
