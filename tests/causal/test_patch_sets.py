"""Sets of heads on a model whose causal heads are known, number by number; and laws of joint edits.

The circuit and its numbers are worked out in `tests/models/test_known_circuit.py`. For ablation: without L1H2 the word
has log p = -log 16 whatever else is ablated. Without L0H1 alone, L1H2 attends everywhere alike. So the two are links of
one chain: together they do what the second does alone, and only together do they suffice.
"""

from dataclasses import replace

import numpy as np
import pytest

from attnprobe.causal.controls import ControlKind
from attnprobe.causal.head_sets import HeadSet
from attnprobe.causal.measure import patch_heads
from attnprobe.causal.patch_sets import patch_sets
from attnprobe.causal.set_effects import every_head, set_effects
from attnprobe.causal.set_result import SetResult
from attnprobe.causal.set_settings import GreedyHeads, SetSettings, TopHeads
from attnprobe.causal.settings import InterventionKind, Metric, PatchSettings
from attnprobe.errors import SpecError, TaskError
from attnprobe.models.model import Model, Provenance
from attnprobe.models.native import NativeModel
from attnprobe.plan import HeadId, Point
from attnprobe.tasks.collected import CollectedTask
from attnprobe.tasks.jsonl import jsonl_task
from tests.causal.conftest import made_up_task
from tests.circuits import (
    CLEAN,
    INDUCTION,
    PREVIOUS_TOKEN,
    SHADOW,
    WITHOUT_INDUCTION,
    circuit_tokenizer,
    draw_examples,
    induction_gpt2,
    with_key_masked,
    without_previous_token,
    write_examples,
)

N = 16
EXAMPLES = draw_examples(N)
NEAR = 5e-6
LOST = WITHOUT_INDUCTION - CLEAN
CIRCUIT = HeadSet.of([PREVIOUS_TOKEN, INDUCTION])
ABLATE = PatchSettings(intervention=InterventionKind.ABLATE)


@pytest.fixture(scope="module")
def model() -> Model:
    provenance = Provenance(name="circuit", revision=None, architecture="gpt2")
    return NativeModel(induction_gpt2(), tokenizer=circuit_tokenizer(), provenance=provenance)


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> CollectedTask:
    return jsonl_task(write_examples(tmp_path_factory.mktemp("task") / "induction.jsonl", N))


def without_previous(ids: tuple[str, ...] | None = None) -> float:
    """Mean log-probability without L0H1, over all examples or some."""
    chosen = [example for example in EXAMPLES if ids is None or example.id in ids]
    return float(np.mean([without_previous_token(example) for example in chosen]))


def ids_of(result: SetResult) -> tuple[str, ...]:
    return tuple(result.rows["example"].unique())


def test_the_two_heads_together_do_what_the_second_does_alone(model: Model, task: CollectedTask) -> None:
    result = patch_sets(model, task, [CIRCUIT, HeadSet.of([INDUCTION])], ABLATE)
    both, one = result.sets
    assert (both.against.effect, one.against.effect) == pytest.approx((LOST, LOST), abs=NEAR)
    assert result.everything.value == pytest.approx(LOST, abs=NEAR)
    assert both.singles is not None
    assert both.synergy is not None
    alone = LOST + without_previous() - CLEAN
    assert both.singles.value == pytest.approx(alone, abs=NEAR)
    assert both.synergy.value == pytest.approx(LOST - alone, abs=NEAR)
    assert (one.singles, one.synergy, one.faithfulness) == (None, None, None)


def test_random_sets_of_as_many_heads_a_layer_do_nothing(model: Model, task: CollectedTask) -> None:
    (row,) = patch_sets(model, task, [CIRCUIT], ABLATE).sets
    assert row.against.control_kind is ControlKind.RANDOM_HEADS
    assert row.against.difference == pytest.approx(LOST, abs=NEAR)
    assert len(set(row.random.heads)) == 8
    for heads in row.random.heads:
        assert [head.layer for head in heads] == [0, 1]
        assert not set(heads) & set(CIRCUIT.heads)
    assert max(map(abs, row.random.effects)) < 1e-4
    assert row.random.n_as_strong == 0


def test_a_set_without_effect_is_weaker_than_random_sets_that_hold_a_head_of_the_circuit(
    model: Model, task: CollectedTask
) -> None:
    idle = HeadSet.of([HeadId(layer=0, head=0), SHADOW])
    (row,) = patch_sets(model, task, [idle], ABLATE).sets
    expected = [
        LOST if INDUCTION in heads else without_previous() - CLEAN if PREVIOUS_TOKEN in heads else 0.0
        for heads in row.random.heads
    ]
    assert row.random.effects == pytest.approx(expected, abs=1e-5)
    assert any(expected)
    assert row.against.difference == pytest.approx(-np.mean(expected), abs=1e-5)


def test_the_circuit_alone_suffices_and_no_random_set_does(model: Model, task: CollectedTask) -> None:
    settings = SetSettings(edit=ABLATE, all_but=True)
    result = patch_sets(model, task, [CIRCUIT, HeadSet.of([INDUCTION]), HeadSet.of([PREVIOUS_TOKEN])], settings)
    both, second, first = (row.faithfulness for row in result.sets)
    assert result.n_gap == N
    assert both is not None
    assert (both.value, both.low, both.high) == pytest.approx((1, 1, 1), abs=1e-5)
    assert second is not None
    kept_alone = np.mean([(without_previous_token(one) - WITHOUT_INDUCTION) / -LOST for one in EXAMPLES])
    assert second.value == pytest.approx(kept_alone, abs=1e-5)
    assert first is not None
    assert first.value == pytest.approx(0, abs=1e-5)
    assert result.sets[0].random.faithfulness == pytest.approx([0] * 8, abs=1e-5)
    assert result.sets[0].random.n_as_strong == 0
    assert result.sets[0].against.difference == pytest.approx(-LOST, abs=NEAR)


def test_the_top_heads_are_the_circuit_in_order_and_a_third_adds_nothing(model: Model, task: CollectedTask) -> None:
    result = patch_sets(model, task, TopHeads(sizes=(1, 2, 3)), ABLATE)
    assert result.selection is not None
    assert (result.selection.n_choosing, result.n) == (8, 8)
    assert [one.head for one in result.selection.ranked[:2]] == [INDUCTION, PREVIOUS_TOKEN]
    assert [abs(one.value) < 1e-4 for one in result.selection.ranked] == [False] * 2 + [True] * 6
    choosing = tuple(one.id for one in EXAMPLES if one.id not in ids_of(result))
    assert result.selection.ranked[1].value == pytest.approx(without_previous(choosing) - CLEAN, abs=NEAR)
    assert [row.heads.heads for row in result.sets[:2]] == [(INDUCTION,), CIRCUIT.heads]
    assert [row.against.effect for row in result.sets] == pytest.approx([LOST] * 3, abs=NEAR)


def test_kept_heads_one_by_one_are_the_circuit_in_order_and_there_it_ends(model: Model, task: CollectedTask) -> None:
    """Nothing but L1H2 can bring anything back alone; then L0H1 brings back the rest, and nothing is left to add."""
    result = patch_sets(model, task, GreedyHeads(most=5), SetSettings(edit=ABLATE, all_but=True))
    assert result.selection is not None
    assert [one.head for one in result.selection.ranked] == [INDUCTION, PREVIOUS_TOKEN]
    assert result.selection.ranked[-1].value == pytest.approx(-LOST, abs=NEAR)
    assert result.selection.stopped == "the best head left, L0H0, adds 0, less than 0.01"
    assert [row.name for row in result.sets] == ["greedy 1", "greedy 2"]
    faithfulness = result.sets[-1].faithfulness
    assert faithfulness is not None
    assert faithfulness.value == pytest.approx(1, abs=1e-5)


def test_ablated_one_by_one_the_first_head_breaks_the_chain_and_there_it_ends(
    model: Model, task: CollectedTask
) -> None:
    result = patch_sets(model, task, GreedyHeads(most=5), ABLATE)
    assert result.selection is not None
    assert [one.head for one in result.selection.ranked] == [INDUCTION]
    assert result.selection.left_out is not None
    assert result.selection.left_out.gain == pytest.approx(0, abs=NEAR)
    assert [row.against.effect for row in result.sets] == pytest.approx([LOST], abs=NEAR)


def test_without_a_least_gain_every_head_that_is_asked_for_is_added(model: Model, task: CollectedTask) -> None:
    result = patch_sets(model, task, GreedyHeads(most=2, min_gain=0.0), ABLATE)
    assert [len(row.heads.heads) for row in result.sets] == [1, 2]
    assert result.selection is not None
    assert result.selection.stopped == "2 heads were asked for"


def test_heads_that_do_nothing_alone_make_no_greedy_set(model: Model, task: CollectedTask) -> None:
    idle = PatchSettings(intervention=InterventionKind.ABLATE, heads=(HeadId(layer=0, head=0), SHADOW))
    with pytest.raises(TaskError, match=r"adds 0, less than 0\.01, so that no set comes of it"):
        patch_sets(model, task, GreedyHeads(most=2), idle)


def test_masking_the_gold_keys_in_both_heads_does_what_the_induction_head_loses(
    model: Model, task: CollectedTask
) -> None:
    result = patch_sets(model, task, [CIRCUIT])
    (row,) = result.sets
    expected = np.mean([with_key_masked(example) for example in EXAMPLES]) - CLEAN
    assert row.against.effect == pytest.approx(expected, abs=NEAR)
    assert row.against.control_kind is ControlKind.RANDOM_KEYS
    assert set(result.by_control) == {
        ControlKind.RANDOM_KEYS,
        ControlKind.DISTANCE,
        ControlKind.MASS,
        ControlKind.RANDOM_HEADS,
    }


@pytest.mark.parametrize("site", [Point.Z, Point.V], ids=str)
def test_patching_the_circuit_restores_everything(model: Model, task: CollectedTask, site: Point) -> None:
    heads = [HeadId(layer=one.layer, head=one.head, is_kv=site is Point.V) for one in CIRCUIT.heads]
    settings = PatchSettings(intervention=InterventionKind.PATCH, metric=Metric.RECOVERY, site=site)
    (row,) = patch_sets(model, task, [HeadSet.of(heads)], settings).sets
    assert row.against.effect == pytest.approx(1, abs=NEAR)
    assert max(map(abs, row.random.effects)) < 1e-4


MADE_UP = made_up_task(6)


@pytest.mark.parametrize("control", [ControlKind.RANDOM_KEYS, ControlKind.DISTANCE, ControlKind.MASS], ids=str)
def test_a_set_of_one_head_is_that_head(tiny: Model, control: ControlKind) -> None:
    """Effects, controls, doses and what was drawn."""
    settings = PatchSettings(control=control)
    head = HeadId(layer=1, head=2)
    (of_sweep,) = patch_heads(tiny, MADE_UP, replace(settings, heads=(head,))).heads
    (alone,) = patch_sets(tiny, MADE_UP, [HeadSet.of([head])], settings).sets
    for name in ("effect", "control", "difference", "effect_at_dose", "dose"):
        assert getattr(alone.against, name) == pytest.approx(getattr(of_sweep, name), abs=NEAR), name
    assert (alone.against.fired, alone.against.n_matched) == (of_sweep.fired, of_sweep.n_matched)


def test_what_the_verdict_reads_is_what_the_rows_say(tiny: Model) -> None:
    settings = SetSettings(edit=PatchSettings())
    chosen = [one.id for one in MADE_UP.examples][:4]
    measured = set_effects(tiny, MADE_UP, [every_head(settings, tiny)], settings, examples=chosen)
    assert list(measured.examples) == chosen
    np.testing.assert_array_equal(measured.effects[:, 0], measured.everything)
    for paired in measured.controls.values():
        np.testing.assert_array_equal(paired.effects, measured.effects)
    assert measured.drawn[0].reason == "4 of 4 heads of layer 0 are in the set: too few others to draw from"
    assert measured.controls[ControlKind.RANDOM_HEADS].matched is not None
    assert not measured.controls[ControlKind.RANDOM_HEADS].matched.any()


def test_heads_that_do_not_exist_are_named(tiny: Model) -> None:
    with pytest.raises(SpecError, match="set 'L9H0': L9H0 does not exist at site attn_logits of this model"):
        patch_sets(tiny, MADE_UP, [HeadSet.parse("L9H0")])
    with pytest.raises(SpecError, match="two sets are called 'L0H0'"):
        patch_sets(tiny, MADE_UP, [HeadSet.parse("L0H0"), HeadSet.parse("L0H0")])
    with pytest.raises(SpecError, match="top 13 heads: there are 12 to choose from"):
        patch_sets(tiny, MADE_UP, TopHeads(sizes=(1, 13)))
    settings = PatchSettings(intervention=InterventionKind.PATCH, site=Point.RESID)
    with pytest.raises(SpecError, match="sets of heads at site resid: this site has no heads"):
        patch_sets(tiny, MADE_UP, [HeadSet.parse("L0H0")], settings)
    with pytest.raises(SpecError, match="example 'nobody' does not exist in task made-up"):
        set_effects(tiny, MADE_UP, [CIRCUIT], SetSettings(edit=PatchSettings()), examples=["nobody"])
