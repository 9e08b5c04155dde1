"""What a head sweep found: the value that tables, figures, pages and files are made of.

In: nothing; `measure` fills it. Out: `PatchResult`. The words of a row are those of DESIGN.md section 6.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
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
        clean: the metric on the unedited recipient run, with its interval (the corrupted run, for a patch into it).
        heads: one row for each head (or layer, at sites without heads), in model order.
        strongest: effect, against the control where there is one, of the head that is strongest on examples other than
            those it is estimated on; None below 8 examples.
        strongest_heads: the heads that were so chosen, most often chosen first.
        by_kind: the unedited metric for each kind of gold token that has keys (`gold_logprob` only).
        counts: how many gold tokens were scored, were unlicensed, how many examples had no match, ...
        rows: one row for each example and head: example, head, layer, index, clean, edited, effect, then for each
            kind of control its effect and whether it matched, the dose, fired, unreachable.
        tokens: one row for each gold token of each example: example, position, text, kind, scored, clean.
    """

    settings: PatchSettings
    n: int
    unit: str
    clean: Estimate
    heads: tuple[HeadResult, ...]
    strongest: Estimate | None
    strongest_heads: tuple[str, ...]
    by_kind: Mapping[str, Estimate]
    counts: Mapping[str, int]
    rows: pd.DataFrame
    tokens: pd.DataFrame
