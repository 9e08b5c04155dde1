"""Fixed-point samples: close to what they stand for, and exact to add."""

import math

import numpy as np
import pytest

from attnprobe.errors import StatisticsError
from attnprobe.statistics.fixed_point import to_fixed_point


def test_powers_of_two_are_held_without_rounding():
    multiples, unit = to_fixed_point(np.array([[0.75], [-0.5], [0.0]]), 3)
    assert (multiples * unit).tolist() == [[0.75], [-0.5], [0.0]]


def test_multiples_are_whole_and_their_weighted_sums_stay_below_two_to_the_53():
    samples = np.random.default_rng(0).normal(size=(1000, 5)) * [1e-300, 1e-20, 1.0, 1e20, 1e300]
    multiples, unit = to_fixed_point(samples, 1000)
    assert (multiples == np.rint(multiples)).all()
    assert np.abs(multiples).max() * 1000 <= 2**53
    assert (np.abs(multiples * unit - samples) <= unit / 2).all()
    assert (unit <= 2 * 1000 * 2.0**-52 * np.abs(samples).max(axis=0)).all()


def test_sums_agree_with_exact_summation_in_any_order():
    samples = np.random.default_rng(1).normal(size=(200, 3))
    multiples, unit = to_fixed_point(samples, 200)
    order = np.random.default_rng(2).permutation(200)
    assert (multiples.sum(axis=0) == multiples[order].sum(axis=0)).all()
    exact = [math.fsum(column) for column in (multiples * unit).T]
    assert (multiples.sum(axis=0) * unit).tolist() == exact


def test_columns_of_zeros_and_of_the_smallest_numbers_have_a_usable_unit():
    multiples, unit = to_fixed_point(np.array([[0.0, 5e-324], [0.0, -5e-324]]), 2)
    assert np.isfinite(multiples).all()
    assert (unit > 0).all()
    assert multiples[:, 0].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_sample_that_is_not_finite_is_refused(bad: float):
    with pytest.raises(StatisticsError, match="1 of 2 samples are NaN or infinite; expected finite numbers"):
        to_fixed_point(np.array([[1.0], [bad]]), 2)
