"""Sweeps of single heads on circuits that look up a fact: they find what carries the answer, and nothing else.

The circuits' numbers are worked out in `tests/models/test_lookup_circuits.py`. All of them attend alike.
"""

import pytest

from attnprobe.causal.controls import ControlKind
from attnprobe.causal.measure import patch_heads
from attnprobe.causal.settings import InterventionKind, Metric, PatchSettings
from attnprobe.models.model import Backend, Model
from attnprobe.plan import Point
from tests.circuits_lookup import (
    BYPASS,
    CARRIER,
    CAUSAL,
    PREVIOUS,
    READER,
    REDUNDANT,
    RESIDUAL,
    TWO_PREVIOUS,
    Circuit,
    Writer,
    lookup_gpt2,
)
from tests.lookup_numbers import NOTHING, first_log_prob, from_source, second_log_prob
from tests.lookup_texts import Texts, lookup_task, lookup_tokenizer
from tests.models.loaders import LOADERS

pytestmark = pytest.mark.usefixtures("without_shape_checks")

N = 4
RIGHT = from_source("X", "Y")
WELL = (first_log_prob("X", RIGHT) + second_log_prob("Y", RIGHT)) / 2
KNOWN = (0, 1, 2)
"""Subjects about which the circuits are not misled."""
NEAR = 2e-5


def opened(circuit: Circuit) -> Model:
    return LOADERS[Backend.NATIVE].open(lookup_gpt2(circuit), lookup_tokenizer())


def effects(circuit: Circuit, settings: PatchSettings) -> dict[str, float]:
    """Effects of at least a ten thousandth, by head."""
    texts = Texts.FREE if circuit.writer is Writer.ATTENTION else Texts.FIXED
    result = patch_heads(opened(circuit), lookup_task(N, texts=texts, subjects=KNOWN), settings)
    assert result.n == N
    return {row.head: row.effect for row in result.heads if abs(row.effect) >= 1e-4}


@pytest.mark.parametrize("keys", ["source_word", "premise"])
def test_masking_the_gold_keys_finds_the_head_that_reads_them(keys: str) -> None:
    assert effects(CAUSAL, PatchSettings(keys=keys)) == {str(READER): pytest.approx(NOTHING - WELL, abs=NEAR)}


def test_masking_other_keys_does_nothing_to_the_head_that_reads_the_gold_ones() -> None:
    result = patch_heads(opened(CAUSAL), lookup_task(N, subjects=KNOWN), PatchSettings(heads=(READER,)))
    for kind in (ControlKind.RANDOM_KEYS, ControlKind.DISTANCE):
        (row,) = result.by_control[kind]
        assert (row.n_matched, row.control) == (N, pytest.approx(0, abs=NEAR))
    # no other keys have any mass to take away
    assert result.by_control[ControlKind.MASS][0].n_matched == 0


@pytest.mark.parametrize("circuit", [BYPASS, RESIDUAL], ids=["mlp", "residual"])
@pytest.mark.parametrize("intervention", [InterventionKind.MASK, InterventionKind.ABLATE], ids=str)
def test_no_head_is_found_where_something_else_carries_the_answer(
    circuit: Circuit, intervention: InterventionKind
) -> None:
    found = effects(circuit, PatchSettings(intervention=intervention))
    # the word before, which the MLP and the grammar go by, is brought by a head, though no gold key is in sight of it
    assert set(found) == ({str(PREVIOUS)} if intervention is InterventionKind.ABLATE else set())


@pytest.mark.parametrize("intervention", [InterventionKind.MASK, InterventionKind.ABLATE], ids=str)
def test_of_two_heads_each_of_which_is_enough_neither_is_found(intervention: InterventionKind) -> None:
    found = effects(REDUNDANT, PatchSettings(intervention=intervention))
    rest_on = {str(PREVIOUS), str(TWO_PREVIOUS), str(CARRIER)} if intervention is InterventionKind.ABLATE else set()
    # either alone costs what one head has less than two, -2e-4 for Y
    assert {head for head, effect in found.items() if abs(effect) >= 0.01} == rest_on


RESTORING = {
    Point.Z: (CAUSAL, {str(READER)}),
    Point.Q: (CAUSAL, {str(READER)}),
    Point.PATTERN: (CAUSAL, {str(READER)}),
    Point.V: (CAUSAL, set()),
    Point.MLP_OUT: (BYPASS, {"L2"}),
    Point.RESID: (RESIDUAL, {"L0", "L1", "L2"}),
}
"""Asked about another subject, all that differs is at the question, and the texts, keys and values are the same."""


@pytest.mark.parametrize("site", RESTORING, ids=str)
def test_patching_from_another_question_restores_through_what_carries_the_answer(site: Point) -> None:
    circuit, heads = RESTORING[site]
    settings = PatchSettings(intervention=InterventionKind.PATCH, metric=Metric.RECOVERY, site=site)
    assert effects(circuit, settings) == {head: pytest.approx(1, abs=NEAR) for head in heads}


def test_patching_heads_restores_nothing_where_an_mlp_knows_the_answer() -> None:
    assert effects(BYPASS, PatchSettings(intervention=InterventionKind.PATCH, metric=Metric.RECOVERY)) == {}
