"""How a score parts two classes: values by hand, laws, scipy and a brute-force count as references, coverage."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from attnprobe.errors import StatisticsError
from attnprobe.statistics.ranks import MIN_IN_CLASS, Separation, separation, separations

SCORES = np.array([3.0, 1.0, 2.0, 0.0])
RIGHT = np.array([True, True, False, False])


def counted(scores: np.ndarray, right: np.ndarray, strata: np.ndarray) -> float:
    """By its definition: every pair of one stratum."""
    pairs = [
        1.0 if a > b else 0.5 if a == b else 0.0
        for a, s in zip(scores[right], strata[right], strict=True)
        for b, t in zip(scores[~right], strata[~right], strict=True)
        if s == t
    ]
    return sum(pairs) / len(pairs)


def test_three_of_four_pairs_in_order_are_an_auroc_of_three_quarters() -> None:
    found = separation(SCORES, RIGHT)
    assert found.auroc == 0.75
    assert found.rank_biserial == 0.5
    assert (found.n_positive, found.n_negative, found.n_left_out) == (2, 2, 0)


def test_a_tie_counts_half() -> None:
    assert separation(np.array([1.0, 1.0]), np.array([True, False])).auroc == 0.5


def test_only_pairs_of_one_stratum_are_compared_and_each_pair_weighs_the_same() -> None:
    # stratum a: 1 against 2 and 0, one of two pairs; stratum b: 3 against 2.5; across them the order would be other
    scores, right = np.array([1.0, 2.0, 0.0, 3.0, 2.5, 9.0]), np.array([True, False, False, True, False, False])
    found = separation(scores, right, strata=["a", "a", "a", "b", "b", "c"])
    assert found.auroc == pytest.approx(2 / 3)
    assert (found.n_positive, found.n_negative, found.n_left_out) == (2, 3, 1)


@pytest.mark.parametrize(
    ("right", "strata", "reason"),
    [
        ([True, True], None, "all examples are positive; both classes are needed"),
        ([False, False], None, "all examples are negative; both classes are needed"),
        ([True, False], ["a", "b"], "no stratum holds both classes"),
    ],
)
def test_without_a_pair_there_is_no_value_and_the_reason_is_said(
    right: list[bool], strata: list[str] | None, reason: str
) -> None:
    found = separation(np.array([1.0, 2.0]), np.array(right), strata=strata)
    assert (found.auroc, found.low, found.high, found.p) == (None, None, None, None)
    assert (found.rank_biserial, found.rank_biserial_interval) == (None, None)
    assert found.reason == reason


def test_heads_without_a_matched_example_have_no_value() -> None:
    found = separations(SCORES[:, None], RIGHT, matched=np.zeros((4, 1), dtype=bool))[0]
    assert (found.auroc, found.reason) == (None, "no example; both classes are needed")


def test_a_class_of_four_has_a_value_and_no_interval() -> None:
    right = np.arange(30) < MIN_IN_CLASS - 1
    found = separation(np.arange(30.0), right)
    assert found.auroc == 0.0
    assert (found.low, found.p) == (None, None)
    assert found.reason == "4 positive and 26 negative examples; each class needs at least 5"


def test_classes_that_do_not_overlap_have_an_interval_that_ends_at_one_and_has_a_width() -> None:
    found = separation(np.arange(20.0), np.arange(20) >= 10)
    assert found.auroc == found.high == 1.0
    # the bootstrap says [1, 1]; Newcombe's fifth method at 10 against 10, z = 1.96: the root of
    # (1 - t)^2 = z^2 t (1 - t) (1 + 9 ((1 - t)/(2 - t) + t/(1 + t))) / 100
    low = found.low
    assert low is not None
    model = low * (1 - low) * (1 + 9 * ((1 - low) / (2 - low) + low / (1 + low))) / 100
    assert (1 - low) ** 2 == pytest.approx(stats.norm.ppf(0.975) ** 2 * model, rel=1e-6)
    assert 0.75 < low < 0.85


@given(
    st.lists(st.tuples(st.integers(0, 6), st.booleans(), st.integers(0, 2)), min_size=2, max_size=40),
    st.sampled_from([1.0, 0.125]),
)
def test_the_value_is_the_count_of_pairs_in_order_and_bounds_hold_it(
    rows: list[tuple[int, bool, int]], unit: float
) -> None:
    scores, right = np.array([unit * row[0] for row in rows]), np.array([row[1] for row in rows])
    strata = np.array([row[2] for row in rows])
    found = separation(scores, right, strata=strata.tolist())
    flipped = separation(-scores, right, strata=strata.tolist())
    swapped = separation(scores, ~right, strata=strata.tolist())
    monotone = separation(np.exp(scores), right, strata=strata.tolist())
    assert monotone == found
    if found.auroc is None:
        assert flipped.auroc is None
        return
    assert found.auroc == pytest.approx(counted(scores, right, strata), abs=1e-12)
    assert flipped.auroc == pytest.approx(1 - found.auroc, abs=1e-12)
    assert swapped.auroc == pytest.approx(1 - found.auroc, abs=1e-12)
    if found.low is not None and found.high is not None and flipped.low is not None and found.p is not None:
        assert 0 <= found.low <= found.auroc <= found.high <= 1
        assert flipped.low == pytest.approx(1 - found.high, abs=1e-6)
        assert swapped.p == pytest.approx(found.p)


def test_p_is_mann_and_whitneys_and_over_strata_the_sum_of_theirs() -> None:
    rng = np.random.default_rng(1)
    scores, right = np.round(10 * rng.normal(size=60)), rng.random(60) < 0.4
    scores[right] += 4
    found = separation(scores, right)
    assert found.p == stats.mannwhitneyu(scores[right], scores[~right]).pvalue
    # the same 60 in two strata far apart: U and its variance add up
    twice, both = np.concatenate([scores, scores + 100]), np.concatenate([right, right])
    apart = separation(twice, both, strata=[0] * 60 + [1] * 60)
    one = stats.mannwhitneyu(scores[right], scores[~right], method="asymptotic", use_continuity=False)
    z = stats.norm.isf(one.pvalue / 2)
    u, pairs = one.statistic, right.sum() * (~right).sum()
    spread = abs(u - pairs / 2) / z
    expected = 2 * stats.norm.sf((2 * abs(u - pairs / 2) - 0.5) / (spread * np.sqrt(2)))
    assert apart.p == pytest.approx(expected, rel=1e-9)
    assert apart.auroc == pytest.approx(found.auroc)


def test_scores_that_are_all_alike_part_nothing() -> None:
    found = separation(np.ones(20), np.arange(20) < 10)
    assert (found.auroc, found.p) == (0.5, 1.0)


def test_a_head_does_not_depend_on_those_beside_it_nor_on_entries_left_out() -> None:
    rng = np.random.default_rng(2)
    scores, right = rng.normal(size=(40, 3)), rng.random(40) < 0.5
    matched = rng.random((40, 3)) < 0.8
    scores[~matched] = np.nan
    together = separations(scores, right, matched=matched)
    for head, found in enumerate(together):
        kept = matched[:, head]
        assert found == separation(scores[kept, head], right[kept])


def test_more_examples_narrow_the_interval() -> None:
    rng = np.random.default_rng(3)
    widths = []
    for n in (20, 80, 320):
        found = separation(np.concatenate([rng.normal(1, 1, n), rng.normal(size=n)]), np.arange(2 * n) < n)
        assert found.low is not None
        assert found.high is not None
        widths.append(found.high - found.low)
    assert all(wide > 1.5 * narrow for wide, narrow in pairwise(widths))


def test_malformed_scores_are_refused_with_what_was_expected() -> None:
    with pytest.raises(StatisticsError, match=r"1 of 2 scores are NaN or infinite"):
        separation(np.array([1.0, np.nan]), np.array([True, False]))
    with pytest.raises(StatisticsError, match=r"level 1.0: expected a number in \(0, 1\)"):
        separation(SCORES, RIGHT, level=1.0)
    with pytest.raises(StatisticsError, match=r"3 strata: expected \[example, head\] and one of each an example"):
        separation(SCORES, RIGHT, strata=["a", "b", "c"])


@pytest.mark.parametrize(
    ("shift", "spread", "sizes"),
    [
        (0.0, 1.0, [(8, 8)]),  # nothing to find
        (3.0, 1.0, [(20, 20)]),  # nearly apart: the bootstrap covers 75%
        (0.5, 3.0, [(8, 40)]),  # one class far wider: Newcombe's variance alone covers 84%
        (1.5, 1.0, [(12, 1), (1, 12), (6, 6), (10, 3)]),  # uneven strata
    ],
)
def test_the_interval_covers_the_truth_about_as_often_as_it_says(
    shift: float, spread: float, sizes: list[tuple[int, int]]
) -> None:
    rng = np.random.default_rng(4)
    true = stats.norm.cdf(shift / np.hypot(spread, 1))
    right = np.concatenate([np.arange(m + n) < m for m, n in sizes])
    strata = np.concatenate([np.full(m + n, index) for index, (m, n) in enumerate(sizes)])
    scores = rng.normal(size=(len(right), 300))
    # strata differ in level by far more than classes do
    scores = np.where(right[:, None], shift + spread * scores, scores) + 5 * strata[:, None]
    found = separations(scores, right, strata=strata.tolist())
    assert np.mean([inside(each, true) for each in found]) >= 0.92


def inside(found: Separation, true: float) -> bool:
    assert found.low is not None
    assert found.high is not None
    return found.low <= true <= found.high


def test_on_a_null_p_is_rarely_small() -> None:
    rng = np.random.default_rng(5)
    strata = np.repeat(np.arange(4), 8).tolist()
    right = np.tile([True, False, False, True, False, False, True, False], 4)
    for labels in (None, strata):
        p = [each.p for each in separations(rng.normal(size=(32, 400)), right, strata=labels)]
        # the 99% quantile of a test that holds its level: 29 of 400
        assert sum(value is not None and value < 0.05 for value in p) <= 29
