"""Which rows share their keys, and what their controls may be drawn from."""

import numpy as np
import pytest

from attnprobe.causal.key_groups import KeyGroup, edges_of, group_mass, key_groups, null_groups, query_positions
from attnprobe.errors import SpecError
from attnprobe.plan import Edges


def test_rows_with_equal_keys_are_one_group_whose_pool_all_of_them_see():
    groups = key_groups({6: (2, 3), 7: (3, 2), 9: (4,)}, special=(1,))
    assert groups == (
        KeyGroup(q_positions=(6, 7), gold=(2, 3), pool=(4, 5, 6)),
        KeyGroup(q_positions=(9,), gold=(4,), pool=(2, 3, 5, 6, 7, 8, 9)),
    )
    assert query_positions(groups) == (6, 7, 9)


def test_the_first_token_is_never_in_a_pool_whether_or_not_it_is_special():
    (group,) = key_groups({3: (1,)})
    assert group.pool == (2, 3)


def test_a_gold_key_may_be_the_first_token_or_a_special_one():
    (group,) = key_groups({3: (0, 1)}, special=(1,))
    assert group.gold == (0, 1)
    assert group.candidates == (0, 1, 2, 3)


def test_the_row_itself_is_in_its_pool():
    (group,) = key_groups({5: (2,)})
    assert 5 in group.pool


def test_keys_outside_a_sliding_window_are_left_out_and_rows_without_any_too():
    # window 3: query 8 sees 6, 7, 8
    groups = key_groups({4: (3,), 8: (2, 6), 12: (2,)}, window=3)
    assert groups == (
        KeyGroup(q_positions=(4,), gold=(3,), pool=(2, 4), window=3),
        KeyGroup(q_positions=(8,), gold=(6,), pool=(7, 8), window=3),
    )


def test_rows_that_a_window_leaves_different_keys_are_different_groups():
    groups = key_groups({5: (3, 4), 6: (3, 4)}, window=3)
    assert [group.gold for group in groups] == [(3, 4), (4,)]


def test_one_set_of_keys_hidden_from_all_rows_is_one_group_and_each_row_sees_what_is_before_it():
    (group,) = key_groups({2: (2,), 3: (2,), 4: (2, 4), 5: (2, 4)}, shared_keys=True)
    assert group == KeyGroup(q_positions=(2, 3, 4, 5), gold=(2, 4), pool=(1, 3, 5))
    assert group.rows(group.gold) == {2: (2,), 3: (2,), 4: (2, 4), 5: (2, 4)}
    assert group.rows((5, 3)) == {3: (3,), 4: (3,), 5: (3, 5)}


def test_no_gold_key_in_sight_means_no_group():
    assert key_groups({9: (1,)}, window=2) == ()
    assert key_groups({}) == ()


def test_a_key_after_its_row_is_refused():
    with pytest.raises(SpecError, match=r"gold keys \[8\] of query 7 lie after it"):
        key_groups({7: (3, 8)})


def test_a_group_whose_gold_is_in_its_pool_is_refused():
    with pytest.raises(SpecError, match=r"\[2\] are both gold and in the pool"):
        KeyGroup(q_positions=(5,), gold=(2,), pool=(2, 3))


def test_edges_of_no_rows_are_none():
    assert edges_of({}) is None
    assert edges_of({4: (1, 2)}) == Edges(((4, (1, 2)),))


def test_the_null_draws_every_candidate_equally_often_as_gold_and_keeps_counts_and_candidates():
    groups = key_groups({7: (2, 3), 9: (4,)})
    counts = np.zeros(10)
    for seed in range(2000):
        drawn = null_groups(groups, seed=seed, example_id="a")
        assert [len(group.gold) for group in drawn] == [2, 1]
        assert [group.candidates for group in drawn] == [group.candidates for group in groups]
        counts[list(drawn[0].gold)] += 1
    # 2 of 7 candidates, 2000 times: 571 each, standard deviation 20
    assert counts[[0, 8, 9]].tolist() == [0, 0, 0]
    assert (np.abs(counts[1:8] - 2000 * 2 / 7) < 4 * 20).all()


def test_mass_is_summed_over_the_rows_of_a_group():
    group = KeyGroup(q_positions=(3, 4), gold=(1,), pool=(2,))
    pattern = np.array([[0.1, 0.2, 0.3, 0.4, 0.0], [0.0, 0.5, 0.1, 0.2, 0.2]], dtype=np.float32)
    assert group_mass(group, pattern, [0, 1]) == pytest.approx([0.7, 0.4])
