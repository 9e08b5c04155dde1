"""What scoring found: the values that tables, figures, pages and files are made of.

In: nothing; `measure` and `paper` fill them. Out: `ScoreResult` (aligned protocol) and `PaperResult`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from attnprobe.attention.settings import Null, ScoreSettings
from attnprobe.statistics.estimates import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class NullComparison:
    """A score against one null, over the examples and gold tokens that have both.

    Attributes:
        null: which.
        value: mean score of the null's keys.
        difference: score - null, with its interval; paired by gold token, averaged by example.
        p: two-sided permutation p that is exact where gold keys are nothing special among those that the null is drawn
            from: by sign flips of the difference; for PERMUTED by dealing the gold key sets out anew. Of parts of
            speech and sentences it is approximate: all by sign flips (docs/decisions/0015-parts-of-speech.md). None
            below 8 examples.
        q: p corrected for all heads of this null; None where p is, and for the mean over heads.
    """

    null: Null
    value: float | None
    difference: Estimate
    p: float | None
    q: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """The score of gold keys, of one head or of a mean over heads.

    Attributes:
        label: `L5H3`; `L5` for a layer, where a normalisation has no heads (rollout); `all` for the mean over all.
        layer: None for `all`.
        index: which head of the layer; None for a layer and for `all`.
        score: mean over examples of the mean over gold tokens that have keys, with its interval.
        nulls: one comparison for each null.
    """

    label: str
    layer: int | None
    index: int | None
    score: Estimate
    nulls: Mapping[Null, NullComparison]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoreResult:
    """Scores of gold tokens by the aligned protocol.

    Attributes:
        settings: what was asked.
        n: examples scored.
        impl: which kernels ran (`stored` where the library computes whole patterns anyway).
        heads: one for each scored head, in model order.
        overall: the mean over those heads.
        by_kind: the same for each kind of gold word.
        counts: examples given and scored; gold tokens in all, scored, unlicensed, and without each null.
        rows: one row for each example and head: example, head, layer, index, score, n_tokens, and for each null NULL
            (its mean score), NULL_difference (score - null over the tokens that have it), NULL_tokens.
        tokens: one row for each example, scored gold token and head: example, token (which gold token), token_position,
            word (text of the whole word), kind, n_keys, head, layer, index, score, and one column for each null.
        keys: one row for each example and scored gold token: example, token, token_position, keys, and one column for
            each null that is drawn (wrong_token, position): positions, as JSON.
    """

    settings: ScoreSettings
    n: int
    impl: str
    heads: tuple[Scored, ...]
    overall: Scored
    by_kind: Mapping[str, Scored]
    counts: Mapping[str, int]
    rows: pd.DataFrame
    tokens: pd.DataFrame
    keys: pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PaperResult:
    """Scores by the protocol of arXiv 2502.15120.

    Attributes:
        settings: what was asked.
        n: examples scored.
        impl: which kernels ran.
        mean: over examples.
        std: over examples, ddof 0.
        by_group: the same for each group of 100 rows or rule, where the task names one: {group: (mean, std, n)}.
        counts: examples; gold tokens; prefixes whose tokens did not nest, which took a forward pass of their own.
        rows: one row for each example: example, group, score, n_tokens, n_passes.
        tokens: one row for each gold token: example, token, text, n_matches, score.
    """

    settings: ScoreSettings
    n: int
    impl: str
    mean: float
    std: float
    by_group: Mapping[str, tuple[float, float, int]]
    counts: Mapping[str, int]
    rows: pd.DataFrame
    tokens: pd.DataFrame
