"""What holding scores against answers found.

In: nothing; `associate` fills it. Out: `AssociationResult` and its parts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import pandas as pd

from attnprobe.evaluation.association.settings import AssociationSettings
from attnprobe.statistics.correlation import RankCorrelation
from attnprobe.statistics.ranks import Separation

SCORE = "score"
"""The quantity that is the score itself; the others are called by the null that is taken off it."""


class Verdict(StrEnum):
    """What the numbers say to the question."""

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    UNDETERMINED = "undetermined"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """How well one quantity tells examples that the model answers rightly from the others.

    Attributes:
        quantity: `score`, or a null's name for score - null.
        pooled: over all pairs of a right and a wrong example.
        within: over pairs of one stratum, which have the same rule, hops and distractors.
        q_pooled: p of `pooled`, corrected over the heads of this quantity; None where p is, and for means over heads.
        q_within: the same for `within`.
    """

    quantity: str
    pooled: Separation
    within: Separation
    q_pooled: float | None = None
    q_within: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadAssociation:
    """All contrasts of one head, or of the mean over heads.

    Attributes:
        label: `L5H3`; `all` for the mean over all scored heads.
        layer: None for `all`.
        index: which head of the layer; None for `all`, and where the score has no heads.
        contrasts: by quantity.
    """

    label: str
    layer: int | None
    index: int | None
    contrasts: Mapping[str, Contrast]


@dataclass(frozen=True, slots=True, kw_only=True)
class StrongestAssociation:
    """The head that parts best on one half of the examples, estimated on the other.

    Attributes:
        head: of the second half.
        n_picking: examples of the first.
    """

    head: HeadAssociation
    n_picking: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Confound:
    """Something beside attention that may move score and correctness together.

    Attributes:
        name: `hops`, `gold_length`, `prompt_length`.
        separation: how well it alone tells right from wrong; below .5 where more of it goes with wrong answers.
        correlation: with the mean score over heads.
    """

    name: str
    separation: Separation
    correlation: RankCorrelation


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AssociationResult:
    """Scores against answers.

    Attributes:
        settings: as given.
        measure: what made an answer right: `strict`, `contain`, `valid`, `exact`.
        n: examples with a score and an answer.
        n_correct: of these, how many were answered rightly.
        n_unparseable: how many of the others hold nothing readable.
        overall: the mean over heads. The verdict rests on it.
        by_group: the mean over heads within each stratum that holds both classes.
        heads: one for each scored head, in model order; empty for the paper's protocol.
        strongest: None where there are no heads, or too few examples.
        confounds: what else tells right from wrong.
        verdict: by the rules of `verdict`, within strata.
        because: the numbers it rests on, in a sentence.
        counts: examples left out, by reason; strata.
        examples: one row an example: example, stratum, group, correct, outcome, output, n_new_tokens, finished,
            gold_length, prompt_length, score (mean over heads), and for each null NULL_difference.
        rows: one row for each head (`all` first), and quantity: head, layer, index, quantity, and for pooled and
            within: auroc, low, high, rank_biserial, p, q, n_positive, n_negative, reason.
    """

    settings: AssociationSettings
    measure: str
    n: int
    n_correct: int
    n_unparseable: int
    overall: HeadAssociation
    by_group: Mapping[str, HeadAssociation]
    heads: tuple[HeadAssociation, ...]
    strongest: StrongestAssociation | None
    confounds: tuple[Confound, ...]
    verdict: Verdict
    because: str
    counts: Mapping[str, int]
    examples: pd.DataFrame
    rows: pd.DataFrame
