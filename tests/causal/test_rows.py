"""Rows of a sweep: the words of a row worked by hand, what is null and why, and never a NaN."""

import json
import math

import numpy as np
import pytest

from attnprobe.causal.controls import ControlKind
from attnprobe.causal.rows import Correction, HeadResult, PairedEffects, Swept, difference_table
from attnprobe.errors import StatisticsError
from attnprobe.statistics.estimates import benjamini_hochberg, bootstrap_interval
from attnprobe.statistics.sign_flips import max_t_p, sign_flip_p


class _Head:
    def __init__(self, layer: int, index: int | None) -> None:
        self.layer, self.index = layer, index

    def __str__(self) -> str:
        return f"L{self.layer}" if self.index is None else f"L{self.layer}H{self.index}"


def _heads(n: int) -> list[Swept]:
    return [_Head(0, index) for index in range(n)]


def _table(measured: PairedEffects, **more: object) -> tuple[HeadResult, ...]:
    n = measured.effects.shape[1]
    return difference_table(_heads(n), measured, fired=np.arange(n) + 10, seed=0, **more)  # type: ignore[arg-type]


def test_a_row_by_hand():
    effects = np.tile([[-0.5, 0.0], [-0.3, 0.0]], (4, 1))
    control = np.tile([[-0.1, 0.0], [0.1, 0.0]], (4, 1))
    measured = PairedEffects(
        effects=effects, control=control, kind=ControlKind.RANDOM_KEYS, matched=np.ones((8, 2), dtype=bool)
    )
    first, second = _table(measured)
    assert (first.head, first.layer, first.index, first.fired) == ("L0H0", 0, 0, 10)
    assert first.effect == pytest.approx(-0.4)
    assert first.control == pytest.approx(0.0, abs=1e-15)
    # every example differs by -.4, so the interval has no width and only two of 256 flips reach it
    assert (first.difference_low, first.difference, first.difference_high) == pytest.approx((-0.4, -0.4, -0.4))
    assert (first.p, first.q, first.n_matched) == (2 / 256, 4 / 256, 8)
    assert (first.effect_at_dose, first.dose, first.reason) == (None, None, None)
    assert (second.effect, second.low, second.high, second.p, second.q) == (0.0, 0.0, 0.0, 1.0, 1.0)


def test_numbers_are_those_of_the_statistics_on_matched_entries():
    rng = np.random.default_rng(0)
    effects, control = rng.normal(-0.2, 0.3, size=(2, 20, 3))
    matched = rng.random((20, 3)) < 0.8
    control[~matched] = np.nan
    rows = _table(PairedEffects(effects=effects, control=control, kind=ControlKind.DISTANCE, matched=matched))
    differences = np.where(matched, effects - control, 0.0)
    p = sign_flip_p(differences, 0, matched=matched)
    assert [row.p for row in rows] == list(p)
    assert [row.q for row in rows] == list(benjamini_hochberg(p))
    for head, row in enumerate(rows):
        kept = matched[:, head]
        difference = bootstrap_interval(differences[kept, head], 0)
        effect = bootstrap_interval(effects[:, head], 0)
        assert (row.difference_low, row.difference, row.difference_high) == (
            difference.low,
            difference.value,
            difference.high,
        )
        assert (row.low, row.effect, row.high) == (effect.low, effect.value, effect.high)
        assert row.control == pytest.approx(control[kept, head].mean())
        assert row.n_matched == kept.sum()


def test_with_mass_the_difference_is_at_the_dose_and_the_effect_at_full_strength():
    n = 10
    measured = PairedEffects(
        effects=np.full((n, 1), -2.0),
        kind=ControlKind.MASS,
        matched=np.ones((n, 1), dtype=bool),
        control=np.full((n, 1), 0.1),
        at_dose=np.full((n, 1), -0.3),
        dose=np.full((n, 1), 0.05),
    )
    (row,) = _table(measured)
    assert (row.effect, row.effect_at_dose, row.control, row.dose) == (-2.0, -0.3, 0.1, 0.05)
    assert row.difference == pytest.approx(-0.4)


def test_without_a_control_p_is_of_the_effect_and_the_rest_is_null():
    effects = np.random.default_rng(1).normal(-0.5, 0.3, size=(20, 2))
    rows = _table(PairedEffects(effects=effects))
    assert [row.p for row in rows] == list(sign_flip_p(effects, 0))
    for row in rows:
        assert row.control_kind is ControlKind.NONE
        assert (row.control, row.difference, row.difference_low, row.difference_high, row.n_matched) == (None,) * 5


def test_too_few_matched_examples_leave_p_null_with_the_reason_and_the_head_out_of_the_family():
    rng = np.random.default_rng(2)
    effects, control = rng.normal(size=(2, 12, 3))
    effects[:, 0] -= 5
    matched = np.ones((12, 3), dtype=bool)
    matched[5:, 1] = False
    matched[:, 2] = False
    first, second, third = _table(
        PairedEffects(effects=effects, control=control, kind=ControlKind.RANDOM_KEYS, matched=matched)
    )
    assert first.q == first.p  # a family of one
    assert (second.p, second.q, second.n_matched) == (None, None, 5)
    assert second.reason == "5 matched examples; a p-value needs at least 8"
    assert second.difference is not None
    assert (third.difference, third.difference_low, third.control, third.n_matched) == (None, None, None, 0)
    assert third.effect == pytest.approx(effects[:, 2].mean())


def test_a_single_example_has_an_effect_and_nothing_else():
    (row,) = _table(PairedEffects(effects=np.array([[-1.0]])))
    assert (row.effect, row.low, row.high, row.p, row.q) == (-1.0, None, None, None, None)
    assert row.reason == "1 matched examples; a p-value needs at least 8"


def test_max_t_may_stand_in_for_the_false_discovery_rate():
    effects = np.random.default_rng(3).normal(-0.2, 0.5, size=(30, 4))
    rows = _table(PairedEffects(effects=effects), correction=Correction.MAX_T)
    assert [row.q for row in rows] == list(max_t_p(effects, 0))


def test_a_heads_numbers_other_than_q_do_not_depend_on_which_heads_are_swept():
    effects = np.random.default_rng(4).normal(-0.2, 0.5, size=(30, 6))
    together = _table(PairedEffects(effects=effects), n_heads=6)
    (alone,) = _table(PairedEffects(effects=effects[:, :1]), n_heads=6)
    names = ("effect", "low", "high", "p")
    assert [getattr(alone, name) for name in names] == [getattr(together[0], name) for name in names]


def test_a_layer_has_no_index():
    (row,) = difference_table([_Head(3, None)], PairedEffects(effects=np.zeros((9, 1))), fired=np.array([4]), seed=0)
    assert (row.head, row.layer, row.index) == ("L3", 3, None)


def test_a_record_is_the_row_of_summary_json():
    (row,) = _table(PairedEffects(effects=np.zeros((9, 1))))
    record = json.loads(json.dumps(row.as_record(), allow_nan=False))
    assert list(record)[:15] == [
        "head", "layer", "index", "effect", "low", "high", "control_kind", "control", "difference",
        "difference_low", "difference_high", "n_matched", "p", "q", "fired",
    ]  # fmt: skip
    assert record["control_kind"] == "none"


def test_a_row_cannot_hold_a_nan():
    (row,) = _table(PairedEffects(effects=np.zeros((9, 1))))
    values = {name: getattr(row, name) for name in row.as_record()}
    with pytest.raises(AssertionError, match="effect"):
        HeadResult(**{**values, "effect": math.nan})


def test_an_effect_that_is_not_a_number_is_refused():
    with pytest.raises(StatisticsError, match="1 of 9 effects are NaN or infinite"):
        PairedEffects(effects=np.array([[0.0]] * 8 + [[np.nan]]))


def test_a_matched_control_that_is_not_a_number_is_refused():
    measured = PairedEffects(
        effects=np.zeros((9, 1)),
        kind=ControlKind.RANDOM_KEYS,
        control=np.array([[0.0]] * 8 + [[np.nan]]),
        matched=np.ones((9, 1), dtype=bool),
    )
    with pytest.raises(StatisticsError, match="1 of 9 samples are NaN or infinite"):
        _table(measured)


@pytest.mark.usefixtures("without_shape_checks")
def test_arrays_that_do_not_belong_to_the_kind_of_control_are_refused():
    ones = np.ones((9, 1))
    with pytest.raises(StatisticsError, match="control random_keys needs `matched`; got none"):
        PairedEffects(effects=ones, kind=ControlKind.RANDOM_KEYS, control=ones)
    with pytest.raises(StatisticsError, match="control none has no `control`; got an array"):
        PairedEffects(effects=ones, control=ones)
    with pytest.raises(StatisticsError, match=r"`control` has shape \(8, 1\), effects \(9, 1\)"):
        PairedEffects(effects=ones, kind=ControlKind.DISTANCE, control=ones[:8], matched=ones.astype(bool))


@pytest.mark.usefixtures("without_shape_checks")
def test_units_and_columns_must_be_as_many():
    with pytest.raises(StatisticsError, match="1 units and `fired` of shape"):
        difference_table(_heads(1), PairedEffects(effects=np.ones((9, 2))), fired=np.zeros(2, dtype=int), seed=0)
