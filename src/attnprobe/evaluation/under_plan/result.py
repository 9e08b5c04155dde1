"""What comes of answers written under edits: one row an answer, and arms held against each other.

In: graded answers. Out: `SteerResult`, with `Share`s (how often an arm is right) and `Comparison`s of two arms.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd
from jaxtyping import Bool

from attnprobe.causal.steering import Arm
from attnprobe.causal.steering_settings import SteerSettings
from attnprobe.errors import SpecError
from attnprobe.models.decoding import DecodingMode
from attnprobe.statistics.estimates import mcnemar_exact, proportion_interval
from attnprobe.statistics.paired_shares import paired_share_difference

CORRECT = "correct"
PAIRS = (
    (Arm.EDITED, Arm.CLEAN),
    (Arm.EDITED, Arm.RANDOM_KEYS),
    (Arm.EDITED, Arm.RANDOM_HEADS),
    (Arm.RANDOM_KEYS, Arm.CLEAN),
    (Arm.RANDOM_HEADS, Arm.CLEAN),
)
"""Which arms are held against each other: the first less the second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How often answers of one arm are so.

    Attributes:
        arm: under what they were written.
        measure: `correct`, or one of the judge's.
        text: `all`, `on_gold`, or `off_gold`: answers whose text left the gold.
        k: how many.
        n: of how many.
        value: k / n; None where there is no such answer.
        low: lower end of its exact 95% interval.
        high: upper end.
    """

    arm: Arm
    measure: str
    text: str
    k: int
    n: int
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two arms on the same examples.

    Attributes:
        arm: the first.
        other: what it is held against.
        measure: `correct`, or one of the judge's.
        n: examples that both have.
        share: of the first.
        other_share: of the second.
        difference: the first less the second, in [-1, 1].
        low: lower end of its 95% interval.
        high: upper end.
        broken: examples that the second has right and the first wrong.
        mended: the other way round.
        p: exact two-sided McNemar.
    """

    arm: Arm
    other: Arm
    measure: str
    n: int
    share: float
    other_share: float
    difference: float
    low: float
    high: float
    broken: int
    mended: int
    p: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SteerResult:
    """Answers under edits.

    Attributes:
        task: its name.
        settings: as given.
        max_new_tokens: longest answer.
        stop: texts that ended an answer.
        mode: how steps were carried out.
        items: one row an answer: `id`, `group`, `arm`, `outcome`, `correct`, the task's own measures, `output`,
            `n_new_tokens`, `finished`, `end`, `off_gold`, `left_step`, `left_token`, `gold_steps`, `edited_steps`,
            `edited_entries`, `unreachable_entries`.
        shares: by arm, measure and text.
        comparisons: by pair and measure.
        not_written: for each arm, how many examples it does not have, by the reason.
        counts: of examples and answers.
    """

    task: str
    settings: SteerSettings
    max_new_tokens: int
    stop: tuple[str, ...]
    mode: DecodingMode
    items: pd.DataFrame
    shares: tuple[Share, ...]
    comparisons: tuple[Comparison, ...]
    not_written: Mapping[Arm, Mapping[str, int]]
    counts: Mapping[str, int]

    def __post_init__(self) -> None:
        object.__setattr__(self, "not_written", MappingProxyType(dict(self.not_written)))
        object.__setattr__(self, "counts", MappingProxyType(dict(self.counts)))

    @property
    def measures(self) -> tuple[str, ...]:
        """`correct`, and the task's own measures."""
        return tuple(dict.fromkeys(share.measure for share in self.shares))

    @property
    def arms(self) -> tuple[Arm, ...]:
        """The arms that any answer was written under."""
        return tuple(dict.fromkeys(share.arm for share in self.shares))

    def compare(self, arm: Arm | str, other: Arm | str, measure: str = CORRECT) -> Comparison:
        """One comparison.

        Raises:
            SpecError: these were not compared.
        """
        wanted = (Arm(arm), Arm(other), measure)
        for found in self.comparisons:
            if (found.arm, found.other, found.measure) == wanted:
                return found
        known = ", ".join(sorted({f"{one.arm} with {one.other}" for one in self.comparisons})) or "none"
        raise SpecError(f"{arm} with {other} by {measure!r}: not compared; there are: {known}.")


def shares_of(items: pd.DataFrame, measures: Sequence[str]) -> tuple[Share, ...]:
    """How often each arm is right: in all, and apart for texts that left the gold and those that did not."""
    found: list[Share] = []
    for arm, rows in items.groupby("arm", sort=False):
        left = np.array(rows["off_gold"], dtype=bool)
        for measure in measures:
            hits = np.array(rows[measure], dtype=bool)
            for text, some in (("all", hits), ("on_gold", hits[~left]), ("off_gold", hits[left])):
                found.append(_share(Arm(str(arm)), measure, text, some))
    return tuple(found)


def comparisons_of(items: pd.DataFrame, measures: Sequence[str]) -> tuple[Comparison, ...]:
    """Every pair of arms on the examples that both have."""
    found: list[Comparison] = []
    for first, second in PAIRS:
        for measure in measures:
            right = [_right(items, arm, measure) for arm in (first, second)]
            both = [name for name in right[0] if name in right[1]]
            if both:
                ours, theirs = (np.array([one[name] for name in both], dtype=bool) for one in right)
                found.append(_comparison(first, second, measure, ours, theirs))
    return tuple(found)


def _right(items: pd.DataFrame, arm: Arm, measure: str) -> dict[str, bool]:
    """Whether each example's answer under an arm is so."""
    columns = zip(items["id"].tolist(), items["arm"].tolist(), items[measure].tolist(), strict=True)
    return {str(name): bool(hit) for name, own, hit in columns if own == arm.value}


def _share(arm: Arm, measure: str, text: str, hits: Bool[np.ndarray, " example"]) -> Share:
    k, n = int(hits.sum()), len(hits)
    found = proportion_interval(k, n) if n else None
    return Share(
        arm=arm,
        measure=measure,
        text=text,
        k=k,
        n=n,
        value=None if found is None else found.value,
        low=None if found is None else found.low,
        high=None if found is None else found.high,
    )


def _comparison(
    arm: Arm, other: Arm, measure: str, first: Bool[np.ndarray, " example"], second: Bool[np.ndarray, " example"]
) -> Comparison:
    tested = mcnemar_exact(second, first)
    low, high = paired_share_difference(first, second)
    return Comparison(
        arm=arm,
        other=other,
        measure=measure,
        n=tested.n,
        share=float(first.mean()),
        other_share=float(second.mean()),
        difference=(tested.mended - tested.broken) / tested.n,
        low=low,
        high=high,
        broken=tested.broken,
        mended=tested.mended,
        p=tested.p,
    )
