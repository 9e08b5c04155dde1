"""Forces, transplants and sets of heads on circuits that look up a fact: they find what the circuits are made of.

The circuits' numbers are worked out in `tests/models/test_lookup_circuits.py`.
"""

import numpy as np
import pytest

from attnprobe.causal.head_sets import HeadSet
from attnprobe.causal.measure import patch_heads
from attnprobe.causal.patch_sets import patch_sets
from attnprobe.causal.set_settings import GreedyHeads, SetSettings, TopHeads
from attnprobe.causal.settings import InterventionKind, PatchSettings, ReadAt
from attnprobe.errors import TaskError
from attnprobe.models.model import Backend, Model
from tests.circuits_lookup import (
    BROKEN_VALUES,
    CARRIER,
    CAUSAL,
    ECHO,
    FAILING,
    PREVIOUS,
    READER,
    REDUNDANT,
    SECOND_READER,
    SOUND,
    TWO_PREVIOUS,
    Circuit,
    lookup_gpt2,
)
from tests.lookup_numbers import NOTHING, first_log_prob, forced, from_source, second_log_prob
from tests.lookup_texts import lookup_task, lookup_tokenizer
from tests.models.loaders import LOADERS

pytestmark = pytest.mark.usefixtures("without_shape_checks")

N = 4
KNOWN = (0, 1, 2)
NEAR = 2e-5
RIGHT, WRONG = from_source("X", "Y"), from_source("X'", "Y'")
MASK, ABLATE = PatchSettings(), PatchSettings(intervention=InterventionKind.ABLATE)
CIRCUIT = (PREVIOUS, TWO_PREVIOUS, READER, CARRIER)


def opened(circuit: Circuit) -> Model:
    return LOADERS[Backend.NATIVE].open(lookup_gpt2(circuit), lookup_tokenizer())


def force(circuit: Circuit, readout: ReadAt, *, doses: tuple[float, ...] = ()) -> dict[str, float]:
    """Heads whose forced attention at the first step raises log p by a tenth of a nat or more."""
    settings = PatchSettings(
        intervention=InterventionKind.FORCE, mass=0.5, step=0, readout=readout, doses=doses, batch_size=16
    )
    result = patch_heads(opened(circuit), lookup_task(N, subjects=KNOWN), settings)
    return {row.head: row.effect for row in result.heads if row.effect > 0.1}


def test_forcing_one_step_raises_it_and_the_next_through_the_reader_alone() -> None:
    brought = forced(("X", "Y"), ("X'", "Y'"), 0.5)
    own = first_log_prob("X", brought) - first_log_prob("X", WRONG)
    later = second_log_prob("Y", brought) - second_log_prob("Y", WRONG)
    assert force(FAILING, ReadAt.OWN) == {str(READER): pytest.approx(own, abs=NEAR)}
    assert force(FAILING, ReadAt.LATER) == {str(READER): pytest.approx(later, abs=NEAR)}


@pytest.mark.slow
def test_forcing_raises_no_later_step_where_nothing_is_carried_on() -> None:
    assert set(force(ECHO, ReadAt.OWN)) == {str(READER)}
    assert force(ECHO, ReadAt.LATER) == {}


def test_the_dose_curve_is_the_one_worked_out() -> None:
    doses = (0.25, 0.5, 1.0)
    settings = PatchSettings(intervention=InterventionKind.FORCE, heads=(READER,), step=0, doses=doses)
    curve = patch_heads(opened(FAILING), lookup_task(N), settings).curve
    assert curve is not None
    gains = [first_log_prob("X", forced(("X", "Y"), ("X'", "Y'"), mass)) - first_log_prob("X", WRONG) for mass in doses]
    assert curve.effect[:, 0] == pytest.approx(np.tile(gains, (N, 1)), abs=NEAR)


def test_a_sound_donors_patterns_repair_through_the_reader_what_looks_elsewhere_and_nothing_that_writes_else() -> None:
    transplant = PatchSettings(intervention=InterventionKind.TRANSPLANT)
    gain = first_log_prob("X", RIGHT) + second_log_prob("Y", RIGHT)
    gain -= first_log_prob("X", WRONG) + second_log_prob("Y", WRONG)
    for circuit, expected in ((FAILING, {str(READER): pytest.approx(gain / 2, abs=NEAR)}), (BROKEN_VALUES, {})):
        result = patch_heads(opened(circuit), lookup_task(N), transplant, donor=opened(SOUND))
        assert {row.head: row.effect for row in result.heads if abs(row.effect) > 1e-4} == expected


def test_of_two_readers_either_alone_does_nothing_and_both_together_do_all() -> None:
    sets = [HeadSet.of([READER]), HeadSet.of([SECOND_READER]), HeadSet.of([READER, SECOND_READER])]
    result = patch_sets(opened(REDUNDANT), lookup_task(N, subjects=KNOWN), sets, SetSettings(edit=MASK))
    one, other, both = result.sets
    twice = from_source("X", "Y", heads=2)
    clean = (first_log_prob("X", twice) + second_log_prob("Y", twice)) / 2
    lost = (first_log_prob("X", RIGHT) + second_log_prob("Y", RIGHT)) / 2 - clean
    assert [row.against.effect for row in (one, other)] == pytest.approx([lost, lost], abs=NEAR)
    assert abs(lost) < 1e-3
    assert both.against.effect == pytest.approx(NOTHING - clean, abs=NEAR)
    assert both.synergy is not None
    assert both.synergy.value == pytest.approx(NOTHING - clean - 2 * lost, abs=2 * NEAR)


def test_the_four_heads_of_the_circuit_suffice_and_no_three_of_them_do() -> None:
    sets = [HeadSet.of(CIRCUIT), *(HeadSet.of(set(CIRCUIT) - {head}) for head in CIRCUIT)]
    settings = SetSettings(edit=ABLATE, all_but=True)
    whole, *parts = patch_sets(opened(CAUSAL), lookup_task(N, subjects=KNOWN), sets, settings).sets
    assert whole.against.effect == pytest.approx(0, abs=NEAR)
    assert whole.faithfulness is not None
    assert whole.faithfulness.value == pytest.approx(1, abs=NEAR)
    assert all(part.against.effect < -0.5 for part in parts)


@pytest.mark.slow
def test_the_four_that_do_most_are_the_circuit_and_one_cannot_be_added_to_what_breaks_all() -> None:
    task = lookup_task(2 * N, subjects=KNOWN)
    top = patch_sets(opened(CAUSAL), task, TopHeads(sizes=(4,)), SetSettings(edit=ABLATE))
    assert [row.heads.heads for row in top.sets] == [tuple(sorted(CIRCUIT))]
    # without the heads that find X nothing is brought; only the word before still tells that a Y is to come
    greedy = patch_sets(opened(CAUSAL), task, GreedyHeads(most=4), SetSettings(edit=ABLATE)).selection
    assert greedy is not None
    first, second = (one.head for one in greedy.ranked)
    assert (first in (TWO_PREVIOUS, READER), second) == (True, PREVIOUS)


def test_the_greedy_choice_misses_a_pair_neither_of_which_does_anything_alone() -> None:
    """A limit, not a virtue: whoever wants pairs has to name them, or to take all heads."""
    candidates = PatchSettings(heads=(READER, SECOND_READER))
    with pytest.raises(TaskError, match="Heads may do together what none does alone"):
        patch_sets(opened(REDUNDANT), lookup_task(2 * N, subjects=KNOWN), GreedyHeads(most=2), candidates)
