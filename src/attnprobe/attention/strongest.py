"""The head that stands out most, judged by examples that did not pick it.

In: a `ScoreResult`. Out: per head the null that comes closest, and an interval that picking did not inflate.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from attnprobe.attention.result import NullComparison, Scored, ScoreResult
from attnprobe.attention.settings import Null
from attnprobe.statistics.estimates import Estimate, Strongest, strongest_head_interval


@dataclass(frozen=True, slots=True, kw_only=True)
class StrongestScore:
    """The head that exceeds its closest null by most.

    Attributes:
        label: `L5H3`, picked on one half of the examples.
        null: the one that it is held against.
        difference: score - null on the other half.
    """

    label: str
    null: Null
    difference: Estimate


def closest_null(scored: Scored) -> NullComparison | None:
    """The null that a score exceeds by least; None where none could be drawn."""
    drawn = [found for found in scored.nulls.values() if found.difference.value is not None]
    return min(drawn, key=lambda found: found.difference.value or 0.0, default=None)


def by_margin(result: ScoreResult) -> tuple[Scored, ...]:
    """The heads of a result, those first that exceed their closest null by most; see `sorted_by_margin`."""
    return sorted_by_margin(result.heads)


def sorted_by_margin(heads: Sequence[Scored]) -> tuple[Scored, ...]:
    """Heads by how far they exceed their closest null, farthest first; those without a null by score, at the end."""

    def margin(head: Scored) -> tuple[bool, float, float]:
        closest, score = closest_null(head), head.score.value or 0.0
        return closest is None, -(closest.difference.value or 0.0) if closest else 0.0, -score

    return tuple(sorted(heads, key=margin))


def strongest_score(result: ScoreResult) -> StrongestScore | None:
    """Pick a head on one half of the examples and estimate its margin on the other.

    Args:
        result: of the aligned protocol.

    Returns:
        None where there are too few examples, or no null.

    Source: ours; `strongest_head_interval`. Which null is a head's closest is seen on all examples; it can only make
    the margin smaller.
    """
    compared = [(head, closest) for head in result.heads if (closest := closest_null(head)) is not None]
    if not compared:
        return None
    samples, matched = _differences(result, [(head.label, closest.null) for head, closest in compared])
    found = strongest_head_interval(samples, result.settings.seed, matched=matched, strongest=Strongest.RISE)
    if found is None:
        return None
    head, closest = compared[found.pick]
    return StrongestScore(label=head.label, null=closest.null, difference=found.estimate)


def _differences(
    result: ScoreResult, heads: list[tuple[str, Null]]
) -> tuple[Float[np.ndarray, "example head"], Bool[np.ndarray, "example head"]]:
    tables = {
        null: result.rows.pivot_table(
            index="example", columns="head", values=f"{null.value}_difference", sort=False, dropna=False
        )
        for null in dict.fromkeys(null for _, null in heads)
    }
    columns = [tables[null][label].to_numpy(dtype=float) for label, null in heads]
    samples = np.stack(columns, axis=1)
    matched = ~np.isnan(samples)
    return np.where(matched, samples, 0.0), matched
