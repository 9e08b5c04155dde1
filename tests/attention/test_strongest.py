"""Which null a head comes closest to, which head exceeds it by most, and how sure one is of that."""

from dataclasses import replace

import pytest

from attnprobe.attention.settings import Null
from attnprobe.attention.strongest import by_margin, closest_null, strongest_score
from tests.report.score_results import HEADS, N, score_result, scored


def test_the_closest_null_is_the_one_exceeded_by_least() -> None:
    closest = closest_null(HEADS[2])

    assert closest is not None
    assert closest.null is Null.PERMUTED
    assert closest.difference.value == pytest.approx(0.4)
    assert closest_null(scored("L0H0", 0.5, {Null.POSITION: None})) is None


def test_heads_are_ordered_by_how_far_they_exceed_it_and_those_without_a_null_come_last() -> None:
    lone = scored("L1H0", 0.9, {Null.POSITION: None})
    ordered = by_margin(score_result(heads=(*HEADS, lone)))

    assert [head.label for head in ordered] == ["L2H0", "L0H1", "L0H0", "L2H1", "L1H0"]


def test_the_strongest_head_is_estimated_on_examples_that_did_not_pick_it() -> None:
    found = strongest_score(score_result())

    assert found is not None
    assert (found.label, found.null, found.difference.n) == ("L2H0", Null.PERMUTED, N // 2)
    few = score_result()
    assert strongest_score(replace(few, rows=few.rows.iloc[: 4 * 8])) is None


def test_examples_without_a_null_take_no_part() -> None:
    result = score_result()
    rows = result.rows.copy()
    # 7 of 16 are left, fewer than 8 in any half
    rows.loc[rows["example"].isin([f"other-{row}" for row in range(1, 10)]), "permuted_difference"] = float("nan")

    assert strongest_score(replace(result, rows=rows)) is None


def test_without_nulls_no_head_is_the_strongest() -> None:
    assert strongest_score(score_result(heads=(scored("L0H0", 0.5, {}),))) is None
