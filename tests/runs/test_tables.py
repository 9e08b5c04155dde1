"""Tables become the same bytes every time."""

import io

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from attnprobe.errors import RunError
from attnprobe.runs.tables import parquet_bytes


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {"head": ["L0H0", "L0H1"], "effect": [-0.25, np.nan], "fired": [3, 0], "matched": [True, False]},
        index=[7, 9],
    )


def test_the_same_rows_are_the_same_bytes() -> None:
    assert parquet_bytes(frame()) == parquet_bytes(frame())


def test_rows_come_back_as_they_were_with_null_for_nan_and_without_the_index() -> None:
    table = pq.read_table(io.BytesIO(parquet_bytes(frame())))

    assert table.to_pylist() == [
        {"head": "L0H0", "effect": -0.25, "fired": 3, "matched": True},
        {"head": "L0H1", "effect": None, "fired": 0, "matched": False},
    ]


def test_a_table_without_rows_keeps_its_columns() -> None:
    table = pq.read_table(io.BytesIO(parquet_bytes(frame().iloc[:0])))

    assert table.num_rows == 0
    assert table.column_names == ["head", "effect", "fired", "matched"]


def test_infinite_numbers_are_refused_by_column() -> None:
    bad = frame()
    bad["effect"] = [np.inf, 0.0]

    with pytest.raises(RunError, match="column 'effect' of a results table holds infinite numbers"):
        parquet_bytes(bad)
