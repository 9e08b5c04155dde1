"""What scoring by part of speech found.

In: nothing; `category_frames` fills it. Out: `CategoryResult`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from attnprobe.attention.queries import Queries
from attnprobe.attention.result import Scored
from attnprobe.attention.settings import ScoreSettings
from attnprobe.tasks.parts_of_speech import Category


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CategoryResult:
    """Attention between parts of speech, and on the one that comes next.

    Attributes:
        settings: what was asked.
        queries: which positions looked.
        tagger: who said what a word is, with its version.
        n: examples scored.
        impl: which kernels ran (`stored` where the library computes whole patterns anyway).
        categories: those that occur, in the order of `Category`.
        next_heads: mass on the category that comes next, of each head, against its nulls; in model order.
        next_overall: the mean over those heads.
        next_by_category: the mean over heads, for each category that comes next alone.
        counts: examples; tokens of each category (`tokens_NOUN`, ...); queries that look; queries scored
            (`next_scored`), without a visible key of the next category (`next_unseen`), and without each null
            (`next_without_position`, ...), the last three for the widest window.
        table: one row for each head, query category and key category that some example has: head, layer, index,
            query_category, key_category, mass (mean over examples of the mean over queries), low, high, base_rate (what
            even attention would give), difference (mass - base_rate), difference_low, difference_high, enrichment
            (mass / base_rate), n (examples).
        rows: the same for each example: example, head, layer, index, query_category, key_category, mass, base_rate,
            n_queries.
        next_rows: one row for each example, head and next category (`all` for all of them): example, head, layer,
            index, next_category, score, base_rate, n_queries, and for each null NULL (its mean), NULL_difference (score
            - null over the queries that have it), NULL_queries.
    """

    settings: ScoreSettings
    queries: Queries
    tagger: str
    n: int
    impl: str
    categories: tuple[Category, ...]
    next_heads: tuple[Scored, ...]
    next_overall: Scored
    next_by_category: Mapping[str, Scored]
    counts: Mapping[str, int]
    table: pd.DataFrame
    rows: pd.DataFrame
    next_rows: pd.DataFrame
