"""Rows are kept one by one, and only with equal outputs."""

import json
from pathlib import Path

import pytest

from benchmarks.harness import UnequalError
from benchmarks.records import Row, finish, load, load_machine, measure_rows


def _unequal() -> Row:
    raise UnequalError("outputs differ by 1.0e+00")


def test_a_row_is_kept_with_its_load_and_commit_beside_those_measured_before(tmp_path: Path) -> None:
    measure_rows("some", {"a": lambda: {"value": 1}}, folder=tmp_path)
    measure_rows("some", {"b": lambda: {"value": 2}}, folder=tmp_path)
    rows = load("some", tmp_path)
    assert {key: row["value"] for key, row in rows.items()} == {"a": 1, "b": 2}
    assert len(rows["a"]["load_average"]) == 2
    assert "commit" in rows["a"]
    assert load_machine("some", tmp_path)["torch"]


def test_rows_stand_in_the_order_of_the_benchmark_however_they_were_measured(tmp_path: Path) -> None:
    rows = {"a": lambda: {"value": 1}, "b": lambda: {"value": 2}}
    measure_rows("some", rows, only="some b", folder=tmp_path)
    measure_rows("some", rows, only="some a", folder=tmp_path)
    assert list(load("some", tmp_path)) == ["a", "b"]


def test_missing_leaves_stored_rows_alone(tmp_path: Path) -> None:
    measure_rows("some", {"a": lambda: {"value": 1}}, folder=tmp_path)
    measure_rows("some", {"a": lambda: {"value": 2}, "b": lambda: {"value": 3}}, missing=True, folder=tmp_path)
    assert [row["value"] for row in load("some", tmp_path).values()] == [1, 3]


def test_unequal_outputs_leave_no_row_not_even_the_old_one(tmp_path: Path) -> None:
    measure_rows("some", {"a": lambda: {"value": 1}, "b": lambda: {"value": 1}}, folder=tmp_path)
    assert measure_rows("some", {"a": _unequal, "b": lambda: {"value": 2}}, folder=tmp_path) == ["a"]
    assert list(load("some", tmp_path)) == ["b"]
    with pytest.raises(SystemExit, match="not equal to the reference"):
        finish(["a"])


def test_a_run_that_stops_midway_keeps_the_rows_before(tmp_path: Path) -> None:
    def broken() -> Row:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure_rows("some", {"a": lambda: {"value": 1}, "b": broken}, folder=tmp_path)
    assert json.loads((tmp_path / "some.json").read_text())["rows"][0]["value"] == 1


def test_a_benchmark_that_never_ran_has_no_rows(tmp_path: Path) -> None:
    assert load("some", tmp_path) == {}
    assert load_machine("some", tmp_path) == {}
