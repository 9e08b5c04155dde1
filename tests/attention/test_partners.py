"""Who stands in for whom: by hand, and the law that makes the tests of differences exact."""

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from attnprobe.attention.partners import draw_partner


def draw(kinds: list[str], sizes: list[int], gold: int, seed: int) -> int | None:
    return draw_partner(kinds, sizes, gold, np.random.default_rng(seed))


def test_a_unit_of_the_same_kind_and_size_is_taken_before_any_other() -> None:
    kinds, sizes = ["noun", "noun", "name", "noun", "noun"], [3, 3, 3, 2, 3]
    drawn = Counter(draw(kinds, sizes, 0, seed) for seed in range(600))
    assert set(drawn) == {1, 4}
    # each of two as often: 300 +- 5 standard deviations
    assert min(drawn.values()) > 300 - 5 * 12.3


def test_a_unit_alone_of_its_size_gets_a_neighbour_in_size_of_its_kind() -> None:
    kinds, sizes = ["noun", "noun", "noun", "name", "noun"], [1, 2, 4, 3, 9]
    # lone nouns by size are 0 1 2 4: a partner is at most two places away
    assert {draw(kinds, sizes, 0, seed) for seed in range(40)} == {1, 2}
    assert {draw(kinds, sizes, 2, seed) for seed in range(40)} == {0, 4}


def test_a_kind_with_nobody_left_pairs_with_other_kinds_of_which_nobody_is_left() -> None:
    kinds, sizes = ["name", "noun", "noun", "adjective"], [1, 3, 3, 3]
    assert {draw(kinds, sizes, 0, seed) for seed in range(20)} == {3}
    assert {draw(kinds, sizes, 3, seed) for seed in range(20)} == {0}


def test_nobody_is_left_for_a_unit_alone() -> None:
    assert draw(["noun"], [3], 0, 0) is None
    assert draw(["name", "noun", "noun"], [1, 3, 3], 0, 0) is None


@settings(max_examples=40, deadline=None)
@given(units=st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 4)), min_size=2, max_size=6))
def test_a_pair_is_drawn_as_often_whichever_of_the_two_is_gold(units: list[tuple[str, int]]) -> None:
    kinds, sizes = [kind for kind, _ in units], [size for _, size in units]
    n = 400
    drawn = [Counter(draw(kinds, sizes, gold, seed) for seed in range(n)) for gold in range(len(units))]
    for one in range(len(units)):
        for other in range(one):
            there, back = drawn[one][other], drawn[other][one]
            # the same pairs are possible; where chance picks, five standard deviations of a difference
            assert (there == 0) == (back == 0) or there + back < 25
            assert abs(there - back) <= 5 * np.sqrt(2 * n * 0.25), (units, one, other)
