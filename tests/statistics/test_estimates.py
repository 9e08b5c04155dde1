"""Intervals, corrections and paired tests: by hand, against scipy, then their laws."""

import math

import numpy as np
import pytest
from scipy import stats

from attnprobe.errors import StatisticsError
from attnprobe.statistics.estimates import (
    Estimate,
    McNemar,
    Strongest,
    benjamini_hochberg,
    bootstrap_interval,
    bootstrap_intervals,
    mcnemar_exact,
    proportion_interval,
    strongest_head_interval,
)


def test_two_samples_have_an_interval_from_one_to_the_other():
    # a resample of two is both low, both high (a quarter each) or mixed: the 2.5% quantile is the low one
    assert bootstrap_interval(np.array([0.0, 1.0]), 0) == Estimate(value=0.5, low=0.0, high=1.0, n=2)


def test_three_samples_have_the_quantiles_of_their_27_resamples():
    # means 0 (1/27 = 3.7%), 1/3 (3/27), 2/3 (3/27 of 1, 1, 0), 1 (1/27) for samples 0, 0, 1 are 8, 12, 6 and 1 of 27
    estimate = bootstrap_interval(np.array([0.0, 0.0, 1.0]), 0, level=0.9)
    assert (estimate.low, estimate.high) == (0.0, pytest.approx(2 / 3))


def test_one_sample_has_a_value_and_no_interval():
    assert bootstrap_interval(np.array([0.3]), 0) == Estimate(value=0.3, low=None, high=None, n=1)


def test_no_matched_sample_has_neither():
    estimates = bootstrap_intervals(np.ones((3, 1)), 0, matched=np.zeros((3, 1), dtype=bool))
    assert estimates == (Estimate(value=None, low=None, high=None, n=0),)


@pytest.mark.parametrize("constant", [0.0, 0.1, -1e-20, 1 / 3])
def test_constant_samples_have_an_interval_of_no_width(constant: float):
    estimate = bootstrap_interval(np.full(37, constant), 0)
    assert (estimate.low, estimate.value, estimate.high) == (constant, constant, constant)


def test_the_interval_agrees_with_scipy_to_monte_carlo_error():
    samples = np.random.default_rng(0).gamma(2, size=60)
    ours = bootstrap_interval(samples, 0, n_resamples=40_000)
    theirs = stats.bootstrap(
        (samples,), np.mean, method="percentile", n_resamples=40_000, rng=np.random.default_rng(1)
    ).confidence_interval
    # a 2.5% quantile of 40,000 draws has a standard error of about .003 standard errors of the mean over its density
    assert ours.value == pytest.approx(samples.mean(), abs=1e-12)
    slack = 4 * math.sqrt(2) * math.sqrt(0.025 * 0.975 / 40_000) / 0.0584 * samples.std() / math.sqrt(60)
    assert ours.low == pytest.approx(theirs.low, abs=slack)
    assert ours.high == pytest.approx(theirs.high, abs=slack)


def test_a_wider_level_gives_a_wider_interval():
    samples = np.random.default_rng(1).normal(size=30)
    narrow, wide = (bootstrap_interval(samples, 0, level=level) for level in (0.8, 0.99))
    ends = [wide.low, narrow.low, narrow.high, wide.high]
    assert ends == sorted(end for end in ends if end is not None)
    assert len(set(ends)) == 4


def test_a_heads_interval_does_not_depend_on_the_heads_beside_it(monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(2)
    samples, matched = rng.normal(size=(50, 12)), rng.random((50, 12)) < 0.8
    together = bootstrap_intervals(samples, 0, matched=matched)
    alone = [bootstrap_intervals(samples[:, [h]], 0, matched=matched[:, [h]])[0] for h in range(12)]
    assert list(together) == alone
    monkeypatch.setattr("attnprobe.statistics.estimates._CHUNK_ENTRIES", 50_000)
    assert bootstrap_intervals(samples, 0, matched=matched) == together


def test_unmatched_entries_are_not_looked_at():
    samples = np.array([[1.0, 1.0], [2.0, np.nan], [4.0, 4.0]])
    matched = np.array([[True, True], [True, False], [True, True]])
    second = bootstrap_intervals(samples, 0, matched=matched)[1]
    assert second == bootstrap_interval(np.array([1.0, 4.0]), 0)


def test_a_sample_that_is_not_a_number_is_refused():
    with pytest.raises(StatisticsError, match="1 of 3 samples are NaN or infinite"):
        bootstrap_interval(np.array([1.0, np.nan, 2.0]), 0)


def test_a_level_outside_0_and_1_is_refused():
    with pytest.raises(StatisticsError, match=r"level 95\.0.*expected a level in \(0, 1\)"):
        bootstrap_interval(np.array([1.0, 2.0]), 0, level=95.0)


def test_benjamini_hochberg_by_hand_with_a_missing_test():
    # sorted .01 .02 .04 of three: .01 * 3/1, .02 * 3/2, .04 * 3/3, then never above the next one
    assert benjamini_hochberg([0.04, None, 0.01, 0.02]) == pytest.approx((0.04, None, 0.03, 0.03))


def test_a_family_without_tests_has_no_q():
    assert benjamini_hochberg([None, None]) == (None, None)
    assert benjamini_hochberg([]) == ()


def test_a_p_outside_0_and_1_is_refused():
    with pytest.raises(StatisticsError, match=r"p-values \[1.5\] are outside \[0, 1\]"):
        benjamini_hochberg([0.5, 1.5])


def test_mcnemar_counts_what_changed_and_takes_the_binomial_p():
    unedited = np.array([True] * 8 + [False] * 4)
    edited = np.array([False] * 6 + [True] * 2 + [True] + [False] * 3)
    # 6 broken, 1 mended: P(|X - 3.5| >= 2.5) for X ~ B(7, 1/2) = 2 (1 + 7) / 128
    assert mcnemar_exact(unedited, edited) == McNemar(broken=6, mended=1, n=12, p=16 / 128)


def test_mcnemar_of_an_edit_that_changes_nothing_has_p_of_one():
    answers = np.array([True, False])
    assert mcnemar_exact(answers, answers).p == 1.0


@pytest.mark.usefixtures("without_shape_checks")
def test_mcnemar_of_different_examples_is_refused():
    with pytest.raises(StatisticsError, match=r"shapes \(2,\) and \(3,\)"):
        mcnemar_exact(np.ones(2, dtype=bool), np.ones(3, dtype=bool))


def test_a_perfect_score_has_the_exact_lower_end():
    # Clopper-Pearson at n of n: low = (alpha / 2) ** (1 / n)
    estimate = proportion_interval(20, 20)
    assert (estimate.value, estimate.high, estimate.n) == (1.0, 1.0, 20)
    assert estimate.low == pytest.approx(0.025 ** (1 / 20))


def test_more_successes_than_trials_are_refused():
    with pytest.raises(StatisticsError, match="3 of 2 at level"):
        proportion_interval(3, 2)


def test_the_strongest_head_is_found_and_estimated_on_the_other_half():
    samples = np.random.default_rng(3).normal(0, 0.1, size=(51, 6))
    samples[:, 4] -= 1.0
    found = strongest_head_interval(samples, 0)
    assert found is not None
    assert (found.pick, found.n_picking, found.estimate.n) == (4, 25, 26)
    assert found.estimate.value == pytest.approx(-1.0, abs=4 * 0.1 / math.sqrt(26))
    rise = strongest_head_interval(samples, 0, strongest=Strongest.RISE)
    assert rise is not None
    assert rise.pick != 4


def test_examples_that_pick_a_head_do_not_enter_its_estimate():
    """Whatever the estimating half holds, the pick stays; it alone gives the estimate."""
    samples = np.random.default_rng(5).normal(size=(40, 8))
    found = strongest_head_interval(samples, 0)
    assert found is not None
    moved = [i for i in range(40) if _estimate_with(samples, i, found.pick) != found.estimate]
    assert len(moved) == 20


def _estimate_with(samples: np.ndarray, example: int, pick: int) -> Estimate:
    # a push too small to change the pick
    pushed = samples.copy()
    pushed[example, pick] *= 1.0 + 1e-6
    found = strongest_head_interval(pushed, 0)
    assert found is not None
    assert found.pick == pick
    return found.estimate


def test_the_strongest_of_pure_noise_is_nothing_unless_it_is_estimated_on_what_picked_it():
    """Over 300 families of 30 dead heads the naive estimate is far from 0, the split one is not, and covers it."""
    rng = np.random.default_rng(4)
    naive, split, covered = [], [], 0
    for seed in range(300):
        samples = rng.normal(size=(100, 30))
        naive.append(samples.mean(axis=0).min())
        found = strongest_head_interval(samples, seed, strongest=Strongest.FALL)
        assert found is not None
        estimate = found.estimate
        assert estimate.value is not None
        assert estimate.low is not None
        assert estimate.high is not None
        split.append(estimate.value)
        covered += estimate.low <= 0 <= estimate.high
    assert abs(np.mean(split)) < 3 * np.std(split) / math.sqrt(300)
    assert np.mean(naive) < -0.15  # the expected least of 30 normal means of 100 is -2.04 / 10
    # nominal 95%, standard error over 300 families 1.3%
    assert covered / 300 > 0.95 - 3 * 0.013


def test_below_fifteen_examples_there_is_no_strongest_head():
    samples = np.random.default_rng(6).normal(size=(15, 3))
    assert strongest_head_interval(samples, 0) is not None  # 7 pick, 8 estimate
    assert strongest_head_interval(samples[:14], 0) is None


def test_an_estimating_example_without_the_picked_head_is_left_out():
    samples = np.zeros((40, 2))
    samples[:, 1] = -1.0
    matched = np.ones((40, 2), dtype=bool)
    matched[:10, 1] = False
    samples[:10, 1] = np.nan
    found = strongest_head_interval(samples, 0, matched=matched)
    assert found is not None
    assert (found.pick, found.n_picking + found.estimate.n) == (1, 30)
    assert (found.estimate.low, found.estimate.value, found.estimate.high) == (-1.0, -1.0, -1.0)
