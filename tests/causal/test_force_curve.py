"""Forces on circuits set by hand: what a head is made to look at is what it writes, if anything reads it."""

from functools import cache

import numpy as np
import pytest

from attnprobe.causal.controls import ControlKind
from attnprobe.causal.force_curve import ForceCurve, force_curve
from attnprobe.causal.head_sets import HeadSet
from attnprobe.causal.measure import patch_heads
from attnprobe.causal.settings import InterventionKind, PatchSettings, ReadAt
from attnprobe.errors import SpecError, TaskError
from attnprobe.models.model import Model, Provenance
from attnprobe.models.native import NativeModel
from tests.causal.conftest import made_up_task
from tests.circuits_lookup import ECHO, FAILING, INERT, READER, SHADOW, Circuit, lookup_gpt2
from tests.lookup_texts import lookup_task, lookup_tokenizer

TASK = lookup_task(8)
FORCE = InterventionKind.FORCE


@cache
def lookup_model(circuit: Circuit) -> Model:
    provenance = Provenance(name="lookup", revision=None, architecture="lookup")
    return NativeModel(lookup_gpt2(circuit), tokenizer=lookup_tokenizer(), provenance=provenance)


def curve(circuit: Circuit, readout: ReadAt = ReadAt.OWN, **changes: object) -> ForceCurve:
    settings = PatchSettings(intervention=FORCE, step=0, readout=readout, **changes)  # pyright: ignore
    return force_curve(lookup_model(circuit), TASK, settings, [HeadSet.of([READER])], doses=(0.0, 0.5, 1.0))


def test_a_head_that_looked_elsewhere_writes_the_gold_word_once_it_is_made_to_look() -> None:
    found = curve(FAILING)
    # log p(gold) goes from -14 or so to 0; keys that have nothing lose nothing
    assert found.clean.max() < -10
    assert found.clean + found.effect[:, 0, 2] == pytest.approx(0, abs=1e-3)
    assert found.effect[:, 0, 0] == pytest.approx(0, abs=1e-6)
    assert (found.effect[:, 0, 1] > found.control[:, 0, 1] + 1).all()
    assert found.matched.all()
    assert found.clean_mass.max() < 1e-6


@pytest.mark.parametrize(("circuit", "recovers"), [(FAILING, True), (ECHO, False), (INERT, False)])
def test_only_a_model_that_carries_on_gets_the_next_step_right_too(circuit: Circuit, recovers: bool) -> None:
    found = curve(circuit, ReadAt.LATER)
    after = found.clean + found.effect[:, 0, 2]
    if recovers:
        assert after == pytest.approx(0, abs=1e-3)
    else:
        assert found.effect == pytest.approx(0, abs=1e-6)


def test_the_mirror_makes_the_foil_of_what_the_gold_keys_make_the_gold_word() -> None:
    found = curve(FAILING)
    assert (found.mirror[:, 0, 2] > 5).any()
    assert found.mirror_gold[:, 0] == pytest.approx(found.effect[:, 0])
    assert curve(INERT).mirror == pytest.approx(0, abs=1e-6)


def test_rows_are_means_with_intervals_by_unit_and_mass() -> None:
    found = curve(FAILING)
    rows = found.rows()
    assert [(row.head, row.mass) for row in rows] == [(str(READER), mass) for mass in (0.0, 0.5, 1.0)]
    for dose, row in enumerate(rows):
        assert row.effect == pytest.approx(found.effect[:, 0, dose].mean())
        assert row.difference == pytest.approx((found.effect - found.control)[:, 0, dose].mean())
        assert row.low is not None
        assert row.low <= row.effect
        assert (row.n, row.n_matched, row.n_mirror) == (8, 8, 8)
        assert row.control_kind is ControlKind.RANDOM_KEYS


def test_a_sweep_of_forces_has_the_numbers_of_the_curve_at_its_mass() -> None:
    heads = (READER, SHADOW)
    settings = PatchSettings(intervention=FORCE, step=0, mass=0.5, doses=(0.25, 0.5), heads=heads)
    result = patch_heads(lookup_model(FAILING), TASK, settings)
    assert result.curve is not None
    at_mass = {row.head: row for row in result.curve.rows() if row.mass == 0.5}
    for head in result.heads:
        assert head.effect == pytest.approx(at_mass[head.head].effect, abs=1e-6)
        assert head.difference == pytest.approx(at_mass[head.head].difference, abs=1e-6)
    assert [head.effect for head in result.heads] == [pytest.approx(result.heads[0].effect), pytest.approx(0, abs=1e-6)]
    assert set(result.by_control) == {ControlKind.RANDOM_KEYS, ControlKind.DISTANCE}


def test_without_a_control_or_a_foil_there_is_nothing_to_compare(tiny: Model) -> None:
    settings = PatchSettings(intervention=FORCE, keys="source_word", control=ControlKind.NONE)
    found = force_curve(tiny, made_up_task(3), settings, doses=(0.5,))
    assert np.isnan(found.control).all()
    assert not found.matched.any()
    assert found.effect.shape == (3, 12, 1)
    assert np.abs(found.effect).max() > 1e-4
    spans = PatchSettings(intervention=FORCE, keys="middle")
    assert np.isnan(force_curve(tiny, made_up_task(2), spans, doses=(0.5,)).mirror).all()


def test_keys_outside_a_window_are_not_forced(windowed: Model) -> None:
    settings = PatchSettings(intervention=FORCE, keys="source_word")
    found = force_curve(windowed, made_up_task(3, keys=(1, 2)), settings, doses=(0.5,))
    assert not found.effect.any()
    assert np.isnan(found.control).all()


def test_what_cannot_be_forced_is_refused(tiny: Model) -> None:
    with pytest.raises(SpecError, match="a dose curve of mask: only a force has one"):
        force_curve(tiny, made_up_task(1), PatchSettings())
    with pytest.raises(SpecError, match="a dose curve of no head"):
        force_curve(tiny, made_up_task(1), PatchSettings(intervention=FORCE), [])
    step = PatchSettings(intervention=FORCE, keys="source_word", step=7)
    with pytest.raises(TaskError, match=r"none of its 2 examples can be measured .* \(2 no step\)"):
        force_curve(tiny, made_up_task(2), step)
