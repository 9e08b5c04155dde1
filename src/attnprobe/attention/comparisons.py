"""Scores of heads against their nulls, with intervals and tests.

In: for each example and head a score and what each null gives. Out: `Scored` for each head, and for their mean.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from attnprobe.attention.result import NullComparison, Scored
from attnprobe.attention.settings import Null
from attnprobe.plan import HeadId
from attnprobe.statistics.estimates import Estimate, benjamini_hochberg, bootstrap_intervals
from attnprobe.statistics.sign_flips import sign_flip_p

PerHead = Float[np.ndarray, "example head"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """What examples gave, NaN where one has no such number.

    Attributes:
        score: of each example and head.
        nulls: for each null its score, over the queries that have it.
        differences: score - null over the queries that have it.
    """

    score: PerHead
    nulls: Mapping[Null, PerHead]
    differences: Mapping[Null, PerHead]

    def over_heads(self) -> "Sample":
        """The mean over heads, as one head."""
        return Sample(
            score=self.score.mean(axis=1, keepdims=True),
            nulls={null: values.mean(axis=1, keepdims=True) for null, values in self.nulls.items()},
            differences={null: values.mean(axis=1, keepdims=True) for null, values in self.differences.items()},
        )


def scored_heads(
    sample: Sample, heads: Sequence[HeadId], seed: int, *, n_heads: int | None = None
) -> tuple[Scored, ...]:
    """Each head against its nulls; q corrects for all heads of one null.

    Args:
        sample: one column for each head.
        heads: in order.
        seed: of resamples and flips.
        n_heads: of the model, so that p is the same whatever layers are looked at; by default those given.
    """
    columns = _columns(sample, seed, n_heads=n_heads)
    return tuple(
        Scored(label=str(head), layer=head.layer, index=head.head, score=score, nulls=nulls)
        for head, (score, nulls) in zip(heads, columns, strict=True)
    )


def scored_overall(sample: Sample, seed: int) -> Scored:
    """The mean over heads against its nulls; it is one test, and has no q."""
    ((score, nulls),) = _columns(sample.over_heads(), seed, corrects=False)
    return Scored(label="all", layer=None, index=None, score=score, nulls=nulls)


def _columns(
    sample: Sample, seed: int, *, corrects: bool = True, n_heads: int | None = None
) -> list[tuple[Estimate, Mapping[Null, NullComparison]]]:
    scores = bootstrap_intervals(sample.score, seed, matched=~np.isnan(sample.score))
    found: list[dict[Null, NullComparison]] = [{} for _ in scores]
    for null, differences in sample.differences.items():
        matched = ~np.isnan(differences)
        intervals = bootstrap_intervals(differences, seed, matched=matched)
        p = sign_flip_p(differences, seed, matched=matched, n_heads=n_heads)
        q = benjamini_hochberg(p) if corrects else (None,) * len(p)
        for column, comparison in enumerate(found):
            values = sample.nulls[null][:, column]
            known = values[~np.isnan(values)]
            comparison[null] = NullComparison(
                null=null,
                value=float(known.mean()) if known.size else None,
                difference=intervals[column],
                p=p[column],
                q=q[column],
            )
    return list(zip(scores, found, strict=True))
