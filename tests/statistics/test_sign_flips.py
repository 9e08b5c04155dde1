"""Sign-flip tests: by hand, then against scipy, then the laws that make their p-values honest."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from attnprobe.errors import StatisticsError
from attnprobe.statistics.sign_flips import flips_needed, max_t_p, sign_flip_p, too_few


def _column(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float64)[:, None]


def test_eight_equal_samples_reach_two_flips_of_256():
    assert sign_flip_p(_column(*[0.1] * 8), 0) == (2 / 256,)


def test_seven_against_one_is_reached_by_eighteen_flips_of_256():
    # |sum| >= 6: all plus, one minus (8 ways), and their negatives
    assert sign_flip_p(_column(*[0.1] * 7, -0.1), 0) == (18 / 256,)


def test_sums_that_are_equal_on_paper_but_not_in_floats_are_ties():
    # .1 + .2 - .3 is 5.6e-17 in floats and 0 on paper, where every flip reaches it
    assert sign_flip_p(_column(0.1, 0.2, -0.3, 0, 0, 0, 0, 0), 0) == (1.0,)


def test_a_head_that_does_nothing_has_p_of_exactly_one():
    samples = np.zeros((30, 2))
    samples[:, 1] = np.random.default_rng(0).normal(1, 0.1, 30)
    p = sign_flip_p(samples, 0)
    assert p[0] == 1.0
    assert max_t_p(samples, 0)[0] == 1.0
    assert p[1] is not None
    assert p[1] < 0.001


def test_below_eight_examples_there_is_no_p_and_a_reason():
    assert sign_flip_p(_column(*[1.0] * 7), 0) == (None,)
    assert max_t_p(_column(*[1.0] * 7), 0) == (None,)
    assert too_few(7) == "7 matched examples; a p-value needs at least 8"
    assert too_few(8) is None


def test_all_flips_are_taken_when_there_are_few_and_agree_with_scipy():
    samples = np.random.default_rng(3).normal(0.3, 1, size=(11, 3))
    ours = sign_flip_p(samples, 0)
    theirs = stats.permutation_test(
        (samples,), lambda x, axis: x.mean(axis=axis), permutation_type="samples", n_resamples=2**11, axis=0
    ).pvalue
    assert ours == pytest.approx(theirs, abs=1e-12)


def test_random_flips_agree_with_the_exact_p_to_monte_carlo_error():
    samples = np.random.default_rng(4).normal(0.4, 1, size=(17, 4))
    signs = 1.0 - 2.0 * ((np.arange(2**16)[:, None] >> np.arange(17)) & 1)
    exact = (np.abs(signs @ samples) >= np.abs(samples.sum(axis=0)) * (1 - 1e-9)).mean(axis=0)
    sampled = np.array(sign_flip_p(samples, 0), dtype=float)
    error = np.sqrt(exact * (1 - exact) / flips_needed(4))
    assert (np.abs(sampled - exact) < 4 * error + 1 / flips_needed(4)).all()


def test_random_flips_never_give_zero():
    p = sign_flip_p(_column(*[1.0] * 100), 0)
    assert p == (1 / (1 + flips_needed(1)),)


def test_the_number_of_flips_is_forty_for_each_twentieth_of_a_head_and_ten_thousand_at_least():
    assert flips_needed(1) == 10_000
    assert flips_needed(144) == 115_200
    assert flips_needed(1024) == 819_200


def test_a_heads_p_does_not_depend_on_the_heads_beside_it():
    samples = np.random.default_rng(5).normal(0.2, 1, size=(40, 9))
    together = sign_flip_p(samples, 0, n_heads=9)
    alone = tuple(sign_flip_p(samples[:, [head]], 0, n_heads=9)[0] for head in range(9))
    assert together == alone


def test_the_size_of_a_chunk_of_flips_changes_nothing(monkeypatch: pytest.MonkeyPatch):
    samples = np.random.default_rng(6).normal(0.2, 1, size=(70, 3))
    whole = sign_flip_p(samples, 0), max_t_p(samples, 0)
    monkeypatch.setattr("attnprobe.statistics.sign_flips._CHUNK_ENTRIES", 10_007)
    assert (sign_flip_p(samples, 0), max_t_p(samples, 0)) == whole


def test_scale_and_sign_of_the_samples_change_nothing():
    samples = np.random.default_rng(7).normal(0.3, 1, size=(25, 2))
    assert sign_flip_p(samples * [1e-9, -3.0], 0) == sign_flip_p(samples, 0)
    assert max_t_p(samples * [1e-9, -3.0], 0) == max_t_p(samples, 0)


def test_unmatched_entries_are_not_looked_at():
    rng = np.random.default_rng(8)
    samples = rng.normal(0.5, 1, size=(12, 2))
    matched = np.ones((12, 2), dtype=bool)
    matched[9:, 1] = False
    alone = sign_flip_p(samples[:9, [1]], 0)
    samples[9:, 1] = np.nan
    assert sign_flip_p(samples, 0, matched=matched)[1] == alone[0]


def test_max_t_of_one_head_is_its_own_p():
    samples = np.random.default_rng(9).normal(0.3, 1, size=(30, 1))
    assert max_t_p(samples, 0) == sign_flip_p(samples, 0)


def test_max_t_counts_the_flips_whose_largest_statistic_reaches_the_head():
    samples = np.array([[1.0, 1.0]] * 6 + [[1.0, -1.0]] * 2)
    # columns have norm sqrt 8; sums are 8 and 4. By enumeration, |first| or |second| must reach 8, or 4
    sums = [np.abs(np.array(signs) @ samples) for signs in product((1, -1), repeat=8)]
    expected = tuple(np.mean([max(pair) >= reach for pair in sums]) for reach in (8, 4))
    assert max_t_p(samples, 0) == pytest.approx(expected, abs=0)


def test_heads_with_too_few_examples_do_not_raise_the_maximum():
    rng = np.random.default_rng(10)
    samples = rng.normal(0.4, 1, size=(30, 2))
    matched = np.ones((30, 2), dtype=bool)
    matched[5:, 1] = False
    assert max_t_p(samples, 0, matched=matched) == (max_t_p(samples[:, [0]], 0)[0], None)


def test_p_values_of_symmetric_samples_are_uniform():
    samples = np.random.default_rng(11).standard_t(2, size=(12, 4000))
    p = np.array(sign_flip_p(samples, 0), dtype=float)
    for level in (0.01, 0.05, 0.2, 0.5):
        assert (p <= level).mean() == pytest.approx(level, abs=4 * np.sqrt(level * (1 - level) / 4000))


def test_a_sample_that_is_not_finite_is_refused():
    with pytest.raises(StatisticsError, match="1 of 8 samples are NaN"):
        sign_flip_p(_column(*[1.0] * 7, np.nan), 0)


@pytest.mark.usefixtures("without_shape_checks")
def test_a_mask_of_another_shape_is_refused():
    with pytest.raises(StatisticsError, match=r"matched has shape \(7, 1\), samples \(8, 1\)"):
        sign_flip_p(_column(*[1.0] * 8), 0, matched=np.ones((7, 1), dtype=bool))
