"""Masses between groups as tables: one row for each example, and means with intervals.

In: masses and base rates of all examples. Out: data frames. Cells that an example cannot have, a group without queries
or without a visible key, are no rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from attnprobe.plan import HeadId
from attnprobe.statistics.estimates import bootstrap_intervals

N_RESAMPLES = 2_000
"""Of the table's intervals: it has a row for every head and pair of groups, and no test rests on them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MassTable:
    """Masses of every example.

    Attributes:
        heads: in order.
        examples: ids.
        q_groups, k_groups: names.
        mass: mean over each group's queries; NaN where there is none.
        base_rate: what even attention would give.
        n_queries: of each example and group of queries.
    """

    heads: Sequence[HeadId]
    examples: Sequence[str]
    q_groups: Sequence[str]
    k_groups: Sequence[str]
    mass: Float[np.ndarray, "example head q_group k_group"]
    base_rate: Float[np.ndarray, "example head q_group k_group"]
    n_queries: Int[np.ndarray, "example q_group"]

    @property
    def exists(self) -> np.ndarray:
        """Where an example has queries of the one group that see keys of the other."""
        with np.errstate(invalid="ignore"):
            return self.base_rate > 0


def heads_of(layers: Sequence[int], n_heads: Sequence[int]) -> tuple[HeadId, ...]:
    """The heads of some layers in model order."""
    pairs = zip(layers, n_heads, strict=True)
    return tuple(HeadId(layer=layer, head=head) for layer, count in pairs for head in range(count))


def mass_rows(table: MassTable, what: str) -> pd.DataFrame:
    """One row for each example, head and pair of groups.

    Args:
        table: the masses.
        what: what the groups are, as the columns are named: `query_category`, `key_category`.
    """
    example, head, q_group, k_group = np.nonzero(table.exists)
    cells = (example, head, q_group, k_group)
    return pd.DataFrame(
        {
            "example": np.array(table.examples, dtype=object)[example],
            **head_columns(table.heads, head),
            f"query_{what}": np.array(table.q_groups, dtype=object)[q_group],
            f"key_{what}": np.array(table.k_groups, dtype=object)[k_group],
            "mass": table.mass[cells],
            "base_rate": table.base_rate[cells],
            "n_queries": table.n_queries[example, q_group],
        }
    )


def mass_table(table: MassTable, seed: int, what: str) -> pd.DataFrame:
    """Means over examples, with percentile bootstrap intervals, of each head and pair of groups.

    Args:
        table: the masses.
        seed: of the resamples.
        what: as for `mass_rows`.
    """
    exists = table.exists.reshape(len(table.examples), -1)
    columns = np.flatnonzero(exists.any(axis=0))
    matched = exists[:, columns]
    mass = table.mass.reshape(len(exists), -1)[:, columns]
    base = table.base_rate.reshape(len(exists), -1)[:, columns]
    means = bootstrap_intervals(mass, seed, matched=matched, n_resamples=N_RESAMPLES)
    differences = bootstrap_intervals(mass - base, seed, matched=matched, n_resamples=N_RESAMPLES)
    head, q_group, k_group = np.unravel_index(columns, table.mass.shape[1:])
    base_rate = np.where(matched, base, 0.0).sum(axis=0) / matched.sum(axis=0)
    value = np.array([one.value for one in means], dtype=np.float64)
    return pd.DataFrame(
        {
            **head_columns(table.heads, head),
            f"query_{what}": np.array(table.q_groups, dtype=object)[q_group],
            f"key_{what}": np.array(table.k_groups, dtype=object)[k_group],
            "mass": value,
            "low": [one.low for one in means],
            "high": [one.high for one in means],
            "base_rate": base_rate,
            "difference": [one.value for one in differences],
            "difference_low": [one.low for one in differences],
            "difference_high": [one.high for one in differences],
            "enrichment": value / base_rate,
            "n": matched.sum(axis=0),
        }
    )


def head_columns(heads: Sequence[HeadId], which: np.ndarray) -> dict[str, np.ndarray]:
    """The columns that say of which head a row is.

    Args:
        heads: all of them.
        which: for each row, the index of its head.
    """
    return {
        "head": np.array([str(one) for one in heads], dtype=object)[which],
        "layer": np.array([one.layer for one in heads])[which],
        "index": np.array([one.head for one in heads])[which],
    }
