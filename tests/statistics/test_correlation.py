"""Spearman's correlation of few cases: values by hand, scipy as reference, what cannot be said is not said."""

import numpy as np
import pytest
from scipy import stats

from attnprobe.errors import StatisticsError
from attnprobe.statistics.correlation import rank_correlation


def test_one_swap_of_neighbours_among_six_is_worked_out_by_hand() -> None:
    found = rank_correlation(np.arange(6.0), np.array([0.0, 1.0, 2.0, 3.0, 5.0, 4.0]))
    # 1 - 6 * 2 / (6 * 35); 1 + 5 of 720 orders reach it, as many on the other side
    assert found.value == pytest.approx(1 - 12 / 210)
    assert found.p == pytest.approx(2 * 6 / 720)
    middle, half = np.arctanh(1 - 12 / 210), 1.959964 * np.sqrt((1 + (1 - 12 / 210) ** 2 / 2) / 3)
    assert (found.low, found.high) == pytest.approx((np.tanh(middle - half), np.tanh(middle + half)), rel=1e-5)


def test_many_cases_agree_with_scipy() -> None:
    rng = np.random.default_rng(0)
    first = rng.normal(size=40)
    second = first + rng.normal(size=40)
    found, known = rank_correlation(first, second), stats.spearmanr(first, second)
    assert (found.value, found.p) == pytest.approx((known.statistic, known.pvalue))


def test_a_perfect_order_has_an_exact_p_and_no_interval() -> None:
    found = rank_correlation(np.arange(6.0), np.arange(6.0) ** 3)
    assert (found.value, found.low, found.high) == (pytest.approx(1.0), None, None)
    assert found.p == pytest.approx(2 / 720)
    assert "Fisher's scale has no interval there" in str(found.reason)


@pytest.mark.parametrize(("first", "second"), [([1, 2], [1, 2]), ([1, 1, 1], [1, 2, 3])])
def test_without_an_order_there_is_no_correlation(first: list[float], second: list[float]) -> None:
    found = rank_correlation(np.array(first, dtype=float), np.array(second, dtype=float))
    assert (found.value, found.p) == (None, None)
    assert "expected at least 3, not all alike" in str(found.reason)


def test_three_cases_have_no_interval() -> None:
    found = rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0]))
    assert (found.value, found.low) == (pytest.approx(0.5), None)


def test_numbers_that_do_not_fit_are_refused() -> None:
    with pytest.raises(StatisticsError, match="expected two finite numbers for each case"):
        rank_correlation(np.array([1.0, np.nan, 2.0]), np.arange(3.0))
