"""Whose output is put in: sides of equal size, and no head of the set among the others."""

from collections import Counter

from attnprobe.evaluation.verdict.mediation import Sides, sides_of
from attnprobe.evaluation.verdict.settings import VerdictSettings
from attnprobe.plan import HeadId, ModelDims

DIMS = ModelDims(
    d_model=8, vocab=16, context=None, n_heads=(4, 4), n_kv_heads=(4, 4), d_head=(2, 2), windows=(None, None)
)
SETTINGS = VerdictSettings()


def heads(*places: tuple[int, int]) -> tuple[HeadId, ...]:
    return tuple(HeadId(layer=layer, head=head) for layer, head in places)


def drawn(chosen: tuple[HeadId, ...], *, placebo: bool = False, n: int = 60) -> list[Sides]:
    settings = VerdictSettings(placebo=placebo)
    found = [sides_of(chosen, DIMS, settings, f"example-{index}") for index in range(n)]
    return [sides for sides in found if sides is not None]


def test_a_set_that_leaves_as_many_heads_is_put_in_whole() -> None:
    chosen = heads((0, 1), (1, 0), (1, 3))
    for sides in drawn(chosen):
        assert sides.chosen == chosen
        assert Counter(head.layer for head in sides.others) == {0: 1, 1: 2}
        assert not set(sides.others) & set(chosen)


def test_of_a_set_that_leaves_fewer_heads_each_is_put_in_now_and_then() -> None:
    chosen = heads((1, 0), (1, 2), (1, 3))
    found = drawn(chosen)
    assert {sides.others for sides in found} == {heads((1, 1))}
    assert {sides.chosen for sides in found} == {heads((1, 0)), heads((1, 2)), heads((1, 3))}


def test_a_layer_that_is_whole_is_left_out_and_nothing_is_left_of_a_set_of_whole_layers() -> None:
    whole = heads((0, 0), (0, 1), (0, 2), (0, 3))
    assert sides_of(whole, DIMS, SETTINGS, "a") is None
    sides = sides_of((*whole, *heads((1, 2))), DIMS, SETTINGS, "a")
    assert sides is not None
    assert sides.chosen == heads((1, 2))


def test_a_draw_is_the_examples_own_and_comes_again() -> None:
    chosen = heads((1, 2))
    assert drawn(chosen) == drawn(chosen)
    assert len({sides.others for sides in drawn(chosen)}) == 3


def test_for_a_placebo_a_coin_says_which_side_is_chosen() -> None:
    chosen = heads((1, 2))
    sides = drawn(chosen, placebo=True, n=200)
    kept = sum(one.chosen == chosen for one in sides)
    assert all(chosen in (one.chosen, one.others) for one in sides)
    # 100 more or less four standard errors
    assert 70 <= kept <= 130
