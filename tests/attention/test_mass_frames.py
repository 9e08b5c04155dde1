"""Masses as tables: which cells are rows, and what their means are."""

import numpy as np
import pytest

from attnprobe.attention.mass_frames import MassTable, heads_of, mass_rows, mass_table

NAN = float("nan")
# two examples, one head, queries of A and B, keys of A and B; the second example has no query of B
TABLE = MassTable(
    heads=heads_of([3], [1]),
    examples=["x", "y"],
    q_groups=["A", "B"],
    k_groups=["A", "B"],
    mass=np.array([[[[0.5, 0.5], [0.0, 0.0]]], [[[0.7, 0.1], [NAN, NAN]]]]),
    base_rate=np.array([[[[0.25, 0.25], [0.5, 0.0]]], [[[0.25, 0.5], [NAN, NAN]]]]),
    n_queries=np.array([[2, 1], [3, 0]]),
)


def test_cells_without_queries_or_visible_keys_are_no_rows() -> None:
    rows = mass_rows(TABLE, "kind")
    assert list(rows.columns) == [
        "example", "head", "layer", "index", "query_kind", "key_kind", "mass", "base_rate", "n_queries",
    ]  # fmt: skip
    assert rows[["example", "query_kind", "key_kind", "mass", "n_queries"]].to_numpy().tolist() == [
        ["x", "A", "A", 0.5, 2],
        ["x", "A", "B", 0.5, 2],
        ["x", "B", "A", 0.0, 1],
        ["y", "A", "A", 0.7, 3],
        ["y", "A", "B", 0.1, 3],
    ]
    assert set(rows["head"]) == {"L3H0"}


def test_means_are_over_the_examples_that_have_the_cell() -> None:
    table = mass_table(TABLE, 0, "kind").set_index(["query_kind", "key_kind"])
    assert table["n"].to_dict() == {("A", "A"): 2, ("A", "B"): 2, ("B", "A"): 1}
    assert table["mass"].to_dict() == pytest.approx({("A", "A"): 0.6, ("A", "B"): 0.3, ("B", "A"): 0.0})
    assert table["base_rate"].to_dict() == pytest.approx({("A", "A"): 0.25, ("A", "B"): 0.375, ("B", "A"): 0.5})
    assert table["difference"].to_dict() == pytest.approx({("A", "A"): 0.35, ("A", "B"): -0.075, ("B", "A"): -0.5})
    assert table["enrichment"].to_dict() == pytest.approx({("A", "A"): 2.4, ("A", "B"): 0.8, ("B", "A"): 0.0})
    # resamples of two examples reach from the one to the other
    assert table.loc[("A", "A"), ["low", "high"]].tolist() == pytest.approx([0.5, 0.7])
    assert np.isnan(table.loc[("B", "A"), ["low", "high"]].to_numpy(dtype=float)).all()
