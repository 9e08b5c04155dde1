"""Dealing out key sets anew: every admissible way as often, exact means, and p-values that err at their level."""

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnprobe.attention.exchange import Exchange, chances, draw_assignments

LADDER = np.array([[1, 0, 0], [1, 1, 0], [1, 1, 1]], dtype=bool)
FREE = np.ones((3, 3), dtype=bool)
MIXED = np.array([[1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1], [1, 1, 1, 1]], dtype=bool)


def admissible(reach: np.ndarray) -> list[tuple[int, ...]]:
    n = len(reach)
    return [way for way in permutations(range(n)) if all(reach[group, way[group]] for group in range(n))]


@pytest.mark.parametrize("reach", [LADDER, FREE, MIXED], ids=["ladder", "free", "mixed"])
def test_every_admissible_assignment_is_drawn_as_often(reach: np.ndarray) -> None:
    ways = admissible(reach)
    drawn = Counter(map(tuple, draw_assignments(reach, 6000, np.random.default_rng(0)).tolist()))
    assert set(drawn) == set(ways)
    expected = 6000 / len(ways)
    assert all(abs(count - expected) <= 5 * np.sqrt(expected) for count in drawn.values())


def test_where_each_set_lies_behind_the_tokens_before_it_nothing_can_move() -> None:
    # three prefixes, each of which adds its own set alone: one way for the first, then what is left
    assert admissible(LADDER) == [(0, 1, 2)]
    assert chances(LADDER).tolist() == np.eye(3).tolist()


nested = st.integers(1, 5).flatmap(
    lambda n: st.lists(st.integers(0, n), min_size=n, max_size=n).map(
        lambda extra: np.array([[s <= max(g, *extra[: g + 1]) for s in range(n)] for g in range(n)])
    )
)


@settings(max_examples=60, deadline=None)
@given(reach=nested)
def test_chances_are_those_of_counting_all_assignments(reach: np.ndarray) -> None:
    ways = np.array(admissible(reach))
    counted = np.array([[(ways[:, g] == s).mean() for s in range(len(reach))] for g in range(len(reach))])
    np.testing.assert_allclose(chances(reach), counted, atol=1e-12)


def p_of(parts: np.ndarray, *, seed: int = 0, n_draws: int = 2000) -> tuple[float | None, ...]:
    exchange = Exchange(parts.shape[1], seed, n_draws)
    for number, example in enumerate(parts):
        exchange.add(f"example {number}", FREE, example)
    return exchange.p()


def test_a_head_that_knows_its_own_keys_has_the_smallest_p_and_a_dead_one_has_one() -> None:
    parts = np.zeros((10, 2, 3, 3))
    parts[:, 0] = np.eye(3)
    found = p_of(parts)
    assert found == (2 / 2001, 1.0)
    # the other way round is found too
    assert p_of(-parts) == found


def test_fewer_than_eight_examples_have_no_p_and_examples_without_a_value_do_not_count() -> None:
    parts = np.zeros((8, 2, 3, 3))
    parts[0, 1] = np.nan
    assert p_of(parts) == (1.0, None)


def test_a_column_has_the_same_p_whatever_stands_beside_it() -> None:
    parts = np.random.default_rng(1).random((9, 4, 3, 3))
    whole = p_of(parts)
    assert p_of(parts[:, 2:3]) == whole[2:3]
    assert p_of(parts, seed=1) != whole


def test_p_errs_at_its_level_where_any_assignment_is_as_good_as_any() -> None:
    """Skewed scores, of sets that differ in size: only which token has which set is left to chance."""
    rng = np.random.default_rng(5)
    n_columns = 400
    parts = rng.exponential(size=(8, n_columns, 4, 4)) * np.array([1.0, 1.0, 3.0, 9.0])
    exchange = Exchange(n_columns, 0, 999)
    for number, example in enumerate(parts):
        exchange.add(f"example {number}", np.ones((4, 4), dtype=bool), example)
    p = np.array(exchange.p(), dtype=float)
    # binomial(400, .05): 20, standard deviation 4.4
    assert (p <= 0.05).sum() <= 20 + 4 * 4.4
    assert (p <= 0.5).sum() == pytest.approx(200, abs=4 * 10)
