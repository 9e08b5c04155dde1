"""Contrasts of every head and of the mean over heads: score, and score less each null, pooled and within strata.

In: score rows of an example and a head, answers. Out: `HeadAssociation`s, and the frame of their numbers.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from attnprobe.evaluation.association.result import SCORE, Contrast, HeadAssociation, StrongestAssociation
from attnprobe.statistics.estimates import benjamini_hochberg
from attnprobe.statistics.ranks import Separation, separations
from attnprobe.statistics.seeds import generator

ALL_HEADS = "all"
_DIFFERENCE = "_difference"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredLabel:
    """What a column of scores is about."""

    label: str
    layer: int | None
    index: int | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoreTable:
    """Scores by example and head, and who was right.

    Attributes:
        examples: ids, in order.
        heads: of the columns.
        quantities: by name; NaN where an example has none.
        correct: by example.
        strata: by example.
    """

    examples: tuple[str, ...]
    heads: tuple[ScoredLabel, ...]
    quantities: Mapping[str, Float[np.ndarray, "example head"]]
    correct: Bool[np.ndarray, " example"]
    strata: tuple[str, ...]

    def of_examples(self, rows: Sequence[int]) -> "ScoreTable":
        """The same of some examples."""
        return ScoreTable(
            examples=tuple(self.examples[row] for row in rows),
            heads=self.heads,
            quantities={name: values[rows] for name, values in self.quantities.items()},
            correct=self.correct[rows],
            strata=tuple(self.strata[row] for row in rows),
        )

    def mean_over_heads(self) -> "ScoreTable":
        """One column, the mean over heads; heads of an example have a quantity all or none."""
        return ScoreTable(
            examples=self.examples,
            heads=(ScoredLabel(label=ALL_HEADS, layer=None, index=None),),
            quantities={name: values.mean(axis=1, keepdims=True) for name, values in self.quantities.items()},
            correct=self.correct,
            strata=self.strata,
        )


def score_table(rows: pd.DataFrame, answers: pd.DataFrame, strata: Sequence[str]) -> ScoreTable:
    """Bring scores and answers of the same examples together, in the order of the answers.

    Args:
        rows: `ScoreResult.rows`, or `PaperResult.rows`, which know no heads.
        answers: from `answer_task`.
        strata: of the answers.
    """
    if "head" not in rows.columns:
        rows = rows.assign(head=ALL_HEADS, layer=None, index=None)
    heads = tuple(
        ScoredLabel(label=str(label), layer=_whole(layer), index=_whole(index))
        for label, layer, index in rows[["head", "layer", "index"]].drop_duplicates().itertuples(index=False)
    )
    scored = set(rows["example"])
    kept = [place for place, example in enumerate(answers["example"]) if example in scored]
    examples = [str(answers["example"].iloc[place]) for place in kept]
    names = {SCORE: SCORE} | {
        column.removesuffix(_DIFFERENCE): column for column in rows.columns if column.endswith(_DIFFERENCE)
    }
    quantities: dict[str, Float[np.ndarray, "example head"]] = {}
    for name, column in names.items():
        wide = rows.pivot(index="example", columns="head", values=column)
        ordered = wide.loc[examples, [head.label for head in heads]]
        quantities[name] = ordered.to_numpy(dtype=np.float64, na_value=np.nan)
    return ScoreTable(
        examples=tuple(examples),
        heads=heads,
        quantities=quantities,
        correct=answers["correct"].to_numpy(dtype=bool)[kept],
        strata=tuple(strata[place] for place in kept),
    )


def _whole(value: Any) -> int | None:
    """A cell that holds a number, or one of the several things that say that it holds none."""
    return None if value is None or value is pd.NA or value != value else int(value)


def associations(table: ScoreTable, *, corrects: bool = True) -> tuple[HeadAssociation, ...]:
    """Every contrast of every column.

    Args:
        table: scores and classes.
        corrects: whether the columns are one family, whose p are corrected.
    """
    by_quantity = {name: _contrasts(table, name, corrects=corrects) for name in table.quantities}
    return tuple(
        HeadAssociation(
            label=head.label,
            layer=head.layer,
            index=head.index,
            contrasts={name: contrasts[column] for name, contrasts in by_quantity.items()},
        )
        for column, head in enumerate(table.heads)
    )


def _contrasts(table: ScoreTable, quantity: str, *, corrects: bool) -> list[Contrast]:
    values = table.quantities[quantity]
    matched = np.isfinite(values)
    pooled = separations(values, table.correct, matched=matched)
    within = separations(values, table.correct, matched=matched, strata=table.strata)
    q_pooled, q_within = (
        benjamini_hochberg([each.p for each in found]) if corrects else (None,) * len(found)
        for found in (pooled, within)
    )
    columns = zip(pooled, within, q_pooled, q_within, strict=True)
    return [Contrast(quantity=quantity, pooled=p, within=w, q_pooled=qp, q_within=qw) for p, w, qp, qw in columns]


def strongest(table: ScoreTable, seed: int) -> StrongestAssociation | None:
    """The head whose score parts best within strata on a random half of the examples, estimated on the other half.

    Args:
        table: of single heads.
        seed: deals the halves.

    Returns:
        None where no head has a value on the first half, or its score has no interval on the second.
    """
    n = len(table.examples)
    order = generator(seed, f"{n} examples", "", "association/halves").permutation(n)
    picking, estimating = sorted(order[: n // 2].tolist()), sorted(order[n // 2 :].tolist())
    first = table.of_examples(picking)
    scores = first.quantities[SCORE]
    found = separations(scores, first.correct, matched=np.isfinite(scores), strata=first.strata)
    values = [-np.inf if each.auroc is None else each.auroc for each in found]
    if not values or max(values) == -np.inf:
        return None
    head = associations(table.of_examples(estimating), corrects=False)[int(np.argmax(values))]
    if head.contrasts[SCORE].within.low is None:
        return None
    return StrongestAssociation(head=head, n_picking=len(picking))


def rows_frame(found: Sequence[HeadAssociation]) -> pd.DataFrame:
    """One row for each head and quantity."""
    return pd.DataFrame(
        [
            {
                "head": head.label,
                "layer": head.layer,
                "index": head.index,
                "quantity": contrast.quantity,
                **dict(_cells("pooled", contrast.pooled, contrast.q_pooled)),
                **dict(_cells("within", contrast.within, contrast.q_within)),
            }
            for head in found
            for contrast in head.contrasts.values()
        ]
    ).astype({"layer": "Int64", "index": "Int64"})


def _cells(prefix: str, found: Separation, q: float | None) -> Iterator[tuple[str, object]]:
    yield f"{prefix}_auroc", found.auroc
    yield f"{prefix}_low", found.low
    yield f"{prefix}_high", found.high
    yield f"{prefix}_rank_biserial", found.rank_biserial
    yield f"{prefix}_p", found.p
    yield f"{prefix}_q", q
    yield f"{prefix}_n_positive", found.n_positive
    yield f"{prefix}_n_negative", found.n_negative
    yield f"{prefix}_reason", found.reason
