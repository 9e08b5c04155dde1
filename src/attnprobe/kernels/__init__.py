"""The hot path: sums over attention patterns that are never held whole.

In: queries and keys of one layer. Out: column sums of prefixes, attention with any value columns, and their transposes.
`ops` is the contract, `reference` the law.
"""

from attnprobe.kernels.attention import Attention, Keys, Queries, StoredPattern
from attnprobe.kernels.ops import (
    Impl,
    KeyScores,
    column_sums,
    key_scores,
    resolve,
    weighted_queries,
    weighted_values,
)

__all__ = [
    "Attention",
    "Impl",
    "KeyScores",
    "Keys",
    "Queries",
    "StoredPattern",
    "column_sums",
    "key_scores",
    "resolve",
    "weighted_queries",
    "weighted_values",
]
