"""Controls: counts, pools and doses by hand; then that gold and control could change places."""

import json
from collections import Counter

import numpy as np
import pytest

from attnprobe.causal.controls import Control, ControlKind, random_heads, sample_control
from attnprobe.causal.key_groups import KeyGroup, key_groups, query_positions
from attnprobe.errors import SpecError, StatisticsError
from attnprobe.plan import Edges, HeadId

GROUP = KeyGroup(q_positions=(9, 10), gold=(3, 4), pool=(1, 2, 5, 6, 7, 8, 9))


def _sample(kind: ControlKind, groups: tuple[KeyGroup, ...], seed: int = 0, **more: object) -> Control:
    return sample_control(kind, groups, seed=seed, example_id="a", **more)  # type: ignore[arg-type]


def _keys(edges: Edges | None) -> list[tuple[int, ...]]:
    assert edges is not None
    return [keys for _, keys in edges.rows]


@pytest.mark.parametrize("kind", [ControlKind.RANDOM_KEYS, ControlKind.DISTANCE])
def test_a_control_has_as_many_keys_of_the_pool_the_same_for_all_rows_of_a_group(kind: ControlKind):
    for seed in range(20):
        control = _sample(kind, (GROUP,), seed)
        assert control.is_matched
        assert control.gold == Edges(((9, (3, 4)), (10, (3, 4))))
        first, second = _keys(control.control)
        assert first == second
        assert len(first) == 2
        assert set(first) <= set(GROUP.pool)
        assert control.gold_strengths == control.control_strengths == (1.0, 1.0)
        assert control.dose is None


def test_random_keys_are_uniform_over_the_pool():
    counts = Counter(
        key for seed in range(2000) for key in _keys(_sample(ControlKind.RANDOM_KEYS, (GROUP,), seed).control)[0]
    )
    # 2 of 7, 2000 times: 571 each, standard deviation 20
    assert set(counts) == set(GROUP.pool)
    assert all(abs(count - 2000 * 2 / 7) < 4 * 20 for count in counts.values())


def test_distance_takes_the_keys_around_the_gold_ones():
    drawn = {_keys(_sample(ControlKind.DISTANCE, (GROUP,), seed).control)[0] for seed in range(20)}
    # outwards 9 8 7 6 5 4 3 2 1, ring 9 7 5 3 1 2 4 6 8: from 3 and 4 either way
    assert drawn == {(1, 6), (2, 5)}


def test_draws_of_one_example_differ_and_repeat():
    keys = [_sample(ControlKind.RANDOM_KEYS, (GROUP,), draw=draw) for draw in (0, 1, 2, 3, 0)]
    assert keys[0] == keys[4]
    assert len({_keys(drawn.control)[0] for drawn in keys}) > 1


def test_a_pool_smaller_than_the_gold_keys_leaves_the_example_unmatched():
    small = KeyGroup(q_positions=(4,), gold=(1, 2), pool=(3,))
    control = _sample(ControlKind.RANDOM_KEYS, (GROUP, small))
    assert not control.is_matched
    assert control.reason == "1 keys to draw controls from for 2 gold keys"


def test_an_example_without_gold_keys_in_sight_is_unmatched():
    assert _sample(ControlKind.RANDOM_KEYS, ()).reason == "no gold key is in sight of an edited row"


def test_mass_by_hand():
    """Masses by key: 1 .02, 2 .05, 3 .40 (gold), 4 .10 (gold), 5 .08, 6 .12, 7 .03, the first token .20."""
    group = KeyGroup(q_positions=(7,), gold=(3, 4), pool=(1, 2, 5, 6, 7))
    pattern = np.array([[0.20, 0.02, 0.05, 0.40, 0.10, 0.08, 0.12, 0.03]])
    control = _sample(ControlKind.MASS, (group,), head="L0H0", pattern=pattern)
    # in order of mass 3 6 | 4 5 | 2 7 | 1: 3 is swapped with 6 and 4 with 5
    assert control.gold == Edges(((7, (3, 4)),))
    assert control.control == Edges(((7, (5, 6)),))
    # .50 against .20: the control is masked whole, the gold keys by .20 / .50
    assert control.dose == pytest.approx(0.20)
    assert control.control_strengths == (1.0,)
    assert control.gold_strengths == pytest.approx((0.4,))


def test_each_row_has_its_own_dose_and_the_examples_is_their_mean():
    group = KeyGroup(q_positions=(3, 4), gold=(1,), pool=(2,))
    pattern = np.array([[0.2, 0.5, 0.3, 0.0, 0.0], [0.2, 0.1, 0.7, 0.0, 0.0]])
    control = _sample(ControlKind.MASS, (group,), pattern=pattern)
    assert control.dose == pytest.approx((0.3 + 0.1) / 2)
    assert control.gold_strengths == pytest.approx((0.3 / 0.5, 1.0))
    assert control.control_strengths == pytest.approx((1.0, 0.1 / 0.7))


def test_a_row_without_mass_on_either_side_is_not_edited_and_counts_as_dose_zero():
    group = KeyGroup(q_positions=(3, 4), gold=(1,), pool=(2,))
    pattern = np.array([[0.4, 0.6, 0.0, 0.0, 0.0], [0.2, 0.1, 0.7, 0.0, 0.0]])
    control = _sample(ControlKind.MASS, (group,), pattern=pattern)
    assert control.gold == Edges(((4, (1,)),))
    assert control.dose == pytest.approx(0.05)


def test_a_dose_below_a_hundredth_leaves_the_example_unmatched():
    group = KeyGroup(q_positions=(3,), gold=(1,), pool=(2,))
    control = _sample(ControlKind.MASS, (group,), pattern=np.array([[0.1, 0.891, 0.009, 0.0]]))
    assert not control.is_matched
    assert control.reason == "matched dose 0.009 of attention mass is below 0.01"
    assert control.dose == pytest.approx(0.009)


def test_a_gold_key_without_a_buddy_is_left_alone_on_both_sides_and_counted():
    group = KeyGroup(q_positions=(3,), gold=(1, 3), pool=(2,))
    control = _sample(ControlKind.MASS, (group,), pattern=np.array([[0.1, 0.6, 0.25, 0.05]]))
    assert (control.gold, control.control, control.left_out) == (Edges(((3, (1,)),)), Edges(((3, (2,)),)), 1)


def test_both_sides_of_a_dose_take_equal_mass_through_the_softmax():
    """The mass that masking takes before renormalising is equal, and every other key gains by 1 / (1 - m)."""
    rng = np.random.default_rng(0)
    groups = key_groups({20: (4, 5, 6), 21: (4, 5, 6), 25: (11,)}, special=(0,))
    logits = rng.normal(0, 2, size=(3, 26))
    for row, q_pos in enumerate(query_positions(groups)):
        logits[row, q_pos + 1 :] = -np.inf
    weights = np.exp(logits)
    pattern = weights / weights.sum(axis=1, keepdims=True)
    control = _sample(ControlKind.MASS, groups, pattern=pattern)
    taken = np.zeros((2, 3))
    for side, (edges, strengths) in enumerate(
        ((control.gold, control.gold_strengths), (control.control, control.control_strengths))
    ):
        assert edges is not None
        for row, ((_, keys), strength) in enumerate(zip(edges.rows, strengths, strict=True)):
            edited = logits[row].copy()
            with np.errstate(divide="ignore"):
                edited[list(keys)] += np.log1p(-strength)
            taken[side, row] = 1 - np.exp(edited).sum() / weights[row].sum()
            after = np.exp(edited) / np.exp(edited).sum()
            others = [key for key in range(query_positions(groups)[row] + 1) if key not in keys]
            assert after[others] == pytest.approx(pattern[row, others] / (1 - taken[side, row]), abs=1e-12)
    assert taken[0] == pytest.approx(taken[1], abs=1e-12)
    assert control.dose == pytest.approx(taken[0].mean(), abs=1e-12)
    assert (taken > 0).all()


@pytest.mark.parametrize("kind", [ControlKind.RANDOM_KEYS, ControlKind.DISTANCE, ControlKind.MASS])
def test_gold_and_control_change_places(kind: ControlKind):
    """Over gold keys drawn at random, (gold, control) is as frequent as (control, gold)."""
    candidates = (1, 2, 3, 4, 5, 6)
    pattern = np.array([[0.10, 0.30, 0.05, 0.20, 0.15, 0.12, 0.08]])
    rng = np.random.default_rng(1)
    pairs = Counter[tuple[tuple[int, ...], tuple[int, ...]]]()
    n_draws = 6000
    for seed in range(n_draws):
        gold = tuple(sorted(rng.choice(candidates, size=2, replace=False).tolist()))
        group = KeyGroup(q_positions=(6,), gold=gold, pool=tuple(sorted(set(candidates) - set(gold))))
        drawn = _sample(kind, (group,), seed, pattern=pattern)
        if drawn.is_matched:
            pairs[_keys(drawn.gold)[0], _keys(drawn.control)[0]] += 1
    assert sum(pairs.values()) > n_draws / 2
    for gold, control in pairs:
        there, back = pairs[gold, control], pairs[control, gold]
        assert abs(there - back) < 4.5 * np.sqrt(there + back)


def test_ties_of_mass_are_not_broken_by_place():
    group = KeyGroup(q_positions=(6,), gold=(2,), pool=(1, 3, 4, 5, 6))
    pattern = np.full((1, 7), 1 / 7)
    drawn = {_keys(_sample(ControlKind.MASS, (group,), seed, pattern=pattern).control)[0][0] for seed in range(60)}
    assert drawn == {1, 3, 4, 5, 6}


def test_hidden_from_all_rows_a_control_is_a_set_of_keys_too_each_row_seeing_those_before_it():
    groups = key_groups(
        {q_pos: tuple(key for key in (3, 4) if key <= q_pos) for q_pos in range(3, 9)}, shared_keys=True
    )
    for seed in range(20):
        control = _sample(ControlKind.RANDOM_KEYS, groups, seed)
        rows = dict(control.control.rows if control.control else ())
        chosen = rows[8]
        assert len(chosen) == 2
        assert all(keys == tuple(key for key in chosen if key <= q_pos) for q_pos, keys in rows.items())


def test_a_stored_control_is_plain_json():
    record = json.loads(json.dumps(_sample(ControlKind.RANDOM_KEYS, (GROUP,)).as_record()))
    assert record["kind"] == "random_keys"
    assert record["gold"] == [
        {"q_pos": 9, "keys": [3, 4], "strength": 1.0},
        {"q_pos": 10, "keys": [3, 4], "strength": 1.0},
    ]
    assert len(record["control"]) == 2
    assert (record["reason"], record["dose"], record["left_out"]) == (None, None, 0)


def test_mass_without_a_pattern_is_refused():
    with pytest.raises(SpecError, match="got no pattern; give the head's clean attention"):
        _sample(ControlKind.MASS, (GROUP,))


@pytest.mark.parametrize("kind", [ControlKind.NONE, ControlKind.RANDOM_HEADS])
def test_kinds_that_draw_no_keys_are_refused(kind: ControlKind):
    with pytest.raises(SpecError, match=f"control {kind} draws no keys"):
        _sample(kind, (GROUP,))


def test_a_pattern_of_other_rows_is_refused():
    with pytest.raises(StatisticsError, match=r"shape \(1, 11\); expected \[2, at least 10\]"):
        _sample(ControlKind.MASS, (GROUP,), pattern=np.full((1, 11), 0.05))


@pytest.mark.parametrize("bad", [np.full((2, 11), 0.5), np.full((2, 11), np.nan), np.full((2, 11), -0.01)])
def test_attention_before_the_softmax_is_refused(bad: np.ndarray):
    with pytest.raises(StatisticsError, match="expected attention after the softmax"):
        _sample(ControlKind.MASS, (GROUP,), pattern=bad)


def test_random_heads_are_as_many_of_each_layer_and_none_of_the_set():
    chosen = (HeadId(layer=0, head=1), HeadId(layer=2, head=0), HeadId(layer=2, head=3))
    seen = set[HeadId]()
    for seed in range(50):
        drawn = random_heads(chosen, (4, 4, 6), seed=seed)
        assert [head.layer for head in drawn] == [0, 2, 2]
        assert len(set(drawn)) == 3
        seen |= set(drawn)
    expected = {(0, head) for head in (0, 2, 3)} | {(2, head) for head in (1, 2, 4, 5)}
    assert {(head.layer, head.head) for head in seen} == expected


def test_random_heads_need_as_many_heads_outside_the_set():
    with pytest.raises(SpecError, match="2 of 3 heads of layer 0 are in the set, only 1 are left"):
        random_heads((HeadId(layer=0, head=0), HeadId(layer=0, head=1)), (3,), seed=0)


def test_a_head_that_does_not_exist_has_no_control():
    with pytest.raises(SpecError, match="head L0H5 does not exist: layer 0 has heads 0 to 3"):
        random_heads((HeadId(layer=0, head=5),), (4,), seed=0)
    with pytest.raises(SpecError, match="layer 1 does not exist"):
        random_heads((HeadId(layer=1, head=0),), (4,), seed=0)
    with pytest.raises(SpecError, match="got an empty set of heads"):
        random_heads((), (4,), seed=0)
