"""The two matchings: values by hand, and the symmetry that makes controls fair."""

from collections import Counter
from itertools import combinations

import pytest

from attnprobe.statistics.matching import buddies, folded_neighbours


def _flags(gold: tuple[int, ...], n: int) -> list[bool]:
    return [place in gold for place in range(n)]


def test_a_single_key_is_matched_two_places_away_on_either_side():
    assert folded_neighbours(_flags((4,), 9), ahead=True) == [6]
    assert folded_neighbours(_flags((4,), 9), ahead=False) == [2]


def test_the_first_and_last_candidate_are_matched_close_by_not_across_the_ring():
    assert folded_neighbours(_flags((0,), 9), ahead=True) == [2]
    assert folded_neighbours(_flags((0,), 9), ahead=False) == [1]
    assert folded_neighbours(_flags((8,), 9), ahead=True) == [7]
    assert folded_neighbours(_flags((8,), 9), ahead=False) == [6]


def test_a_run_of_gold_keys_gets_controls_on_both_sides():
    # ring 0 2 4 6 8 10 | 11 9 7 5 3 1: 4 and 6 close on 8 and 10, 5 closes on 3
    assert folded_neighbours(_flags((4, 5, 6), 12), ahead=True) == [3, 8, 10]


def test_neighbours_run_out_when_most_candidates_are_gold():
    assert folded_neighbours(_flags((0, 1, 2), 5), ahead=True) == [3, 4]


def test_buddies_of_a_run_at_the_head_are_the_run_right_after_it():
    assert buddies(_flags((0, 1, 2), 8)) == ([0, 1, 2], [3, 4, 5])


def test_a_buddy_is_the_neighbour_in_the_pair():
    assert buddies(_flags((2,), 8)) == ([2], [3])
    assert buddies(_flags((3,), 8)) == ([3], [2])


def test_a_gold_key_without_a_buddy_is_left_out():
    assert buddies(_flags((0, 4), 5)) == ([0], [1])


@pytest.mark.parametrize("n", range(2, 10))
def test_folded_neighbours_are_undone_by_walking_the_other_way(n: int):
    for size in range(1, n // 2 + 1):
        for gold in combinations(range(n), size):
            for ahead in (True, False):
                control = tuple(folded_neighbours(_flags(gold, n), ahead=ahead))
                assert len(control) == size
                assert not set(control) & set(gold)
                assert tuple(folded_neighbours(_flags(control, n), ahead=not ahead)) == gold


@pytest.mark.parametrize("n", range(2, 11))
def test_buddies_run_on_their_own_result_swap_back(n: int):
    for size in range(1, n):
        for gold in combinations(range(n), size):
            matched, control = buddies(_flags(gold, n))
            left_out = set(gold) - set(matched)
            assert len(matched) == len(control)
            assert not set(control) & set(gold)
            assert buddies(_flags(tuple(left_out | set(control)), n)) == (control, matched)


def test_nearest_key_matching_is_not_symmetric_and_the_folded_one_is():
    """The reason for this module: over all single gold keys of a line, every key must be a control equally often."""
    n = 7
    nearest = Counter[int]()
    for gold in range(n):
        best = min(abs(key - gold) for key in range(n) if key != gold)
        ties = [key for key in range(n) if abs(key - gold) == best]
        for key in ties:
            nearest[key] += 6 // len(ties)
    folded = Counter(
        folded_neighbours(_flags((gold,), n), ahead=ahead)[0] for gold in range(n) for ahead in (True, False)
    )
    assert nearest[1] == 9  # 1.5 times its share of 6
    assert nearest[0] == 3  # half its share
    assert set(folded.values()) == {2}
