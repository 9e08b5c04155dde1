"""Agreement of scores with exact effects: by hand, by laws, and what has no answer."""

import numpy as np
import pytest

from attnprobe.errors import StatisticsError
from attnprobe.statistics.agreement import agreement_of_cases, agreement_of_means


def test_by_hand() -> None:
    """Scores 1, 2, 3 and effects 1, 3, 2: deviations -1 0 1 and -1 1 0, so r = 1/2, of ranks too; slope 13/14."""
    score = np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
    exact = np.array([[1.0, 3.0, 2.0], [1.0, 3.0, 2.0]])
    found = agreement_of_means(score, exact, seed=0, is_all=True)
    assert (found.pearson.value, found.spearman.value) == pytest.approx((0.5, 0.5))
    # two examples alike: however they are drawn the means are the same
    assert (found.pearson.low, found.pearson.high) == pytest.approx((0.5, 0.5))
    assert found.slope.value == pytest.approx(13 / 14)
    assert (found.n_cases, found.pearson.n, found.same_sign, found.n_signed) == (3, 2, 1.0, 3)
    assert (found.recall, found.n_strongest) == (None, 0)


def test_signs_count_where_effects_are_more_than_rounding() -> None:
    score = np.array([1.0, -1.0, 1.0, 2.0])
    exact = np.array([1.0, 1.0, 5e-5, -1.0])
    found = agreement_of_cases(score, exact, np.array([0, 0, 1, 1]), seed=0)
    assert found.n_signed == 3
    assert found.same_sign == pytest.approx(1 / 3)


def test_recall_counts_the_ten_strongest_by_size() -> None:
    exact = np.arange(1.0, 31.0)[None]
    score = exact.copy()
    # of the ten largest, two lose their size; one of the small ones becomes the largest
    score[0, [29, 28]] = 0.0
    score[0, 0] = -99.0
    found = agreement_of_means(score, exact, seed=0, is_all=True)
    assert (found.recall, found.n_strongest) == (0.8, 10)
    assert agreement_of_means(score, exact, seed=0, is_all=False).recall is None


def test_intervals_cover_the_truth_and_depend_on_seed_alone() -> None:
    rng = np.random.Generator(np.random.PCG64(0))
    effects = rng.normal(size=20)
    exact = effects + 0.5 * rng.normal(size=(30, 20))
    score = effects + 0.5 * rng.normal(size=(30, 20))
    found = agreement_of_means(score, exact, seed=1, is_all=True)
    assert found == agreement_of_means(score, exact, seed=1, is_all=True)
    assert found.pearson.low is not None
    assert found.pearson.value is not None
    assert found.pearson.high is not None
    assert 0.9 < found.pearson.low <= found.pearson.value <= found.pearson.high < 1.0


def test_examples_are_resampled_with_all_their_cases() -> None:
    """One example holds everything there is to see: drawn without it nothing correlates, so the interval is wide."""
    score = np.concatenate([np.arange(10.0), np.tile([0.0, 1.0, 1.0, 0.0], 10)])
    exact = np.concatenate([np.arange(10.0), np.tile([0.0, 1.0, 0.0, 1.0], 10)])
    example = np.concatenate([np.zeros(10, dtype=int), np.repeat(np.arange(1, 11), 4)])
    found = agreement_of_cases(score, exact, example, seed=0)
    assert found.pearson.value is not None
    assert found.pearson.value > 0.9
    assert found.pearson.low == pytest.approx(0.0, abs=1e-12)


def test_what_does_not_vary_has_no_correlation() -> None:
    flat = agreement_of_means(np.zeros((4, 5)), np.ones((4, 5)), seed=0, is_all=True)
    assert (flat.pearson.value, flat.spearman.value, flat.slope.value) == (None, None, None)
    two = agreement_of_means(np.eye(2), np.eye(2), seed=0, is_all=True)
    assert two.pearson.value is None


def test_numbers_that_are_none_are_refused() -> None:
    with pytest.raises(StatisticsError, match="expected finite numbers for the same cases"):
        agreement_of_means(np.full((2, 3), np.nan), np.zeros((2, 3)), seed=0, is_all=True)
