"""Sets of heads: their names, what is left without them, and the sets that they are compared with."""

import pytest

from attnprobe.causal.head_sets import HeadSet, all_but, drawn_sets
from attnprobe.errors import SpecError
from attnprobe.plan import HeadId

HEADS = tuple(HeadId(layer=layer, head=head) for layer in range(3) for head in range(4))


def test_a_set_is_its_heads_in_model_order_whatever_order_they_come_in() -> None:
    one = HeadSet.parse("L1H2, L0H3,L1H2")
    assert one.heads == (HeadId(layer=0, head=3), HeadId(layer=1, head=2))
    assert (str(one), one.label, one.layer, one.index) == ("L0H3+L1H2", "L0H3+L1H2", 0, None)
    assert [str(member) for member in one.members] == ["L0H3", "L1H2"]
    named = HeadSet.of(one.heads, "circuit")
    assert (str(named), named.label) == ("circuit", "L0H3+L1H2")


def test_sets_that_mean_nothing_are_refused() -> None:
    with pytest.raises(SpecError, match="set 'none': it has no heads"):
        HeadSet.of([], "none")
    with pytest.raises(SpecError, match="must be sorted and distinct"):
        HeadSet(name="wrong", heads=(HEADS[1], HEADS[0]))
    with pytest.raises(SpecError, match="mixes query heads"):
        HeadSet.parse("L0H0,L0KV0")
    with pytest.raises(SpecError, match="head 'H2': expected a layer and a head"):
        HeadSet.parse("L0H0,H2")


def test_all_but_a_set_is_every_other_head_under_its_name() -> None:
    others = all_but(HeadSet.of(HEADS[:10], "most"), HEADS)
    assert (others.name, others.heads) == ("most", HEADS[10:])
    with pytest.raises(SpecError, match="all but 'every': the set holds every head"):
        all_but(HeadSet.of(HEADS, "every"), HEADS)


def test_drawn_sets_have_as_many_other_heads_of_each_layer_and_no_two_are_alike() -> None:
    chosen = HeadSet.parse("L0H1,L2H0,L2H3")
    drawn, reason = drawn_sets(chosen, HEADS, seed=3, draws=3)
    assert reason is None
    assert len({one.heads for one in drawn}) == len(drawn) == 3
    for one in drawn:
        assert [head.layer for head in one.heads] == [0, 2, 2]
        assert not set(one.heads) & set(chosen.heads)
        assert {head.head for head in one.heads if head.layer == 2} == {1, 2}


def test_there_are_no_more_drawn_sets_than_there_can_be() -> None:
    """Of layer 0 one of three others, of layer 2 the other two: three sets."""
    drawn, _ = drawn_sets(HeadSet.parse("L0H1,L2H0,L2H3"), HEADS, seed=3, draws=50)
    assert {str(one.heads[0]) for one in drawn} == {"L0H0", "L0H2", "L0H3"}
    assert len(drawn) == 3


def test_too_few_others_are_a_reason_and_no_error() -> None:
    drawn, reason = drawn_sets(HeadSet.parse("L1H0,L1H1,L1H2"), HEADS, seed=0)
    assert (drawn, reason) == ((), "3 of 4 heads of layer 1 are in the set: too few others to draw from")


def test_the_draw_depends_on_seed_and_heads_and_not_on_the_name() -> None:
    chosen = HeadSet.parse("L0H0,L1H0,L2H0")
    first, _ = drawn_sets(chosen, HEADS, seed=0)
    named, _ = drawn_sets(HeadSet.of(chosen.heads, "other"), HEADS, seed=0)
    assert [one.heads for one in first] == [one.heads for one in named]
    assert [one.heads for one in first] != [one.heads for one in drawn_sets(chosen, HEADS, seed=1)[0]]


def test_sets_of_key_and_value_heads_are_compared_with_such() -> None:
    available = tuple(HeadId(layer=0, head=head, is_kv=True) for head in range(4))
    drawn, _ = drawn_sets(HeadSet.parse("L0KV1"), available, seed=0)
    assert {str(one.heads[0]) for one in drawn} == {"L0KV0", "L0KV2", "L0KV3"}
