"""What was found of sets of heads: the value that tables, figures, pages and files are made of.

In: nothing; `patch_sets` fills it. Out: `SetResult`. The words of a row are those of DESIGN.md section 6.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from attnprobe.causal.controls import ControlKind
from attnprobe.causal.head_sets import HeadSet
from attnprobe.causal.rows import HeadResult
from attnprobe.causal.set_settings import SetChoice, SetSettings
from attnprobe.plan import HeadId
from attnprobe.statistics.estimates import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomSets:
    """Sets of as many other heads of the same layers, to which the same was done.

    Attributes:
        heads: of each draw.
        effects: mean effect of each draw over examples, in the metric's unit.
        faithfulness: of each draw, under `all_but`; None where no example has a gap.
        n_as_strong: how many draws do as much as the set (under `all_but`: leave as little undone).
        reason: why there are none.
    """

    heads: tuple[tuple[HeadId, ...], ...]
    effects: tuple[float, ...]
    faithfulness: tuple[float | None, ...]
    n_as_strong: int
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRow:
    """One set's row.

    Attributes:
        heads: the set.
        against: its effect, against the control that is named; `head` is the set's name, `layer` its first layer.
        singles: sum of the effects of its heads alone; None for one head, and under `all_but`.
        synergy: effect of the set less that sum, with its interval; negative where together they harm more.
        faithfulness: under `all_but`, share of what all heads do that the set does alone:
            (metric(all but set) - metric(all)) / (unedited - metric(all)), mean over the examples whose gap is worth
            dividing by; None elsewhere.
        random: what the same edit of other heads does.
    """

    heads: HeadSet
    against: HeadResult
    singles: Estimate | None
    synergy: Estimate | None
    faithfulness: Estimate | None
    random: RandomSets

    @property
    def name(self) -> str:
        """Of the set."""
        return self.heads.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """A head as the choosing half of the examples saw it.

    Attributes:
        head: which.
        value: alone, the smaller of its mean effect and its mean difference to its control, 0 where they differ in sign
            (the effect, where it has no control); for a greedy step, of all heads chosen so far with it, under
            `all_but` less that of no head kept.
        gain: for a greedy step, how much further than before it, in the direction of the first; None elsewhere.
    """

    head: HeadId
    value: float
    gain: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """How heads were chosen, on examples that test none of them.

    Attributes:
        n_choosing: examples that chose.
        ranked: heads in the order in which they were chosen; of top heads all candidates.
        left_out: the best head that was not added any more, where a greedy choice ended early.
        stopped: why it ended, in words; None for top heads.
    """

    n_choosing: int
    ranked: tuple[Ranked, ...]
    left_out: Ranked | None = None
    stopped: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SetResult:
    """What sets of heads do together, on a task.

    Attributes:
        settings: what was done.
        choice: which sets were asked for.
        n: examples that tested.
        unit: of the metric and of every effect.
        clean: the metric on the unedited run (the corrupted run, for a patch into it).
        everything: effect of the same edit of all heads at once.
        sets: one row for each set, against the named control; q is over these.
        by_control: rows against every kind of control, the named one included.
        selection: how the sets were chosen; None where they were given.
        n_gap: under `all_but`, examples whose gap is worth dividing by; None elsewhere.
        counts: examples given, measured and skipped by reason; gold tokens.
        rows: one row for each example and set: example, set, heads, clean, edited, effect, fired, unreachable, and for
            each kind of control CONTROL_effect, CONTROL_gold, CONTROL_dose, CONTROL_reason.
        beside: one row for each example and each thing edited beside the sets: example, set, kind (`every_head`,
            `single`, `random_heads`), heads, effect.
        controls: what keys were drawn, one row for each example, set and kind of control, as JSON.
    """

    settings: SetSettings
    choice: SetChoice
    n: int
    unit: str
    clean: Estimate
    everything: Estimate
    sets: tuple[SetRow, ...]
    by_control: Mapping[ControlKind, tuple[HeadResult, ...]]
    selection: Selection | None
    n_gap: int | None
    counts: Mapping[str, int]
    rows: pd.DataFrame
    beside: pd.DataFrame
    controls: pd.DataFrame

    def row(self, name: str) -> SetRow:
        """The row of a set by its name."""
        return next(row for row in self.sets if row.name == name)
