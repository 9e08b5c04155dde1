"""The composition: what a head sweep reports is what one forward at a time says, and laws of every intervention."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
import torch

from attnprobe.causal.control_arms import KINDS
from attnprobe.causal.controls import ControlKind
from attnprobe.causal.measure import patch_heads
from attnprobe.causal.settings import PATCHABLE, Ablation, Direction, InterventionKind, Metric, PatchSettings
from attnprobe.errors import PlanError, SpecError, TaskError
from attnprobe.models.model import Model
from attnprobe.plan import Edges, EmptyRow, HeadId, Plan, Point, Tokens, mask_edges
from attnprobe.tasks.alignment import align
from attnprobe.tasks.example import KeyDefinition
from tests.causal.conftest import ListTask, made_up, made_up_task

TASK = made_up_task()


def settings(**changes: object) -> PatchSettings:
    return PatchSettings(**changes)  # pyright: ignore[reportArgumentType]


def test_the_effect_of_a_mask_is_the_difference_of_two_plain_forwards(tiny: Model) -> None:
    """Every number of the table for one head, worked out one forward at a time."""
    result = patch_heads(tiny, TASK, settings(heads=(HeadId(layer=1, head=2),)))
    effects = []
    for example in TASK.examples:
        aligned = align(example, tiny.tokenizer)
        scored = [target for target in aligned.targets if target.keys[KeyDefinition.SOURCE_WORD]]
        edges = Edges.of({target.predicting: target.keys[KeyDefinition.SOURCE_WORD] for target in scored})
        write = mask_edges(layer=1, heads=(2,), edges=edges)
        runs = [tiny.forward(Tokens.of([aligned.ids]), plan) for plan in (Plan(), Plan(writes=(write,)))]
        plain, masked = (
            [torch.log_softmax(run.logits[0, t.predicting].double(), -1)[t.token].item() for t in scored]
            for run in runs
        )
        effects.append(np.mean(masked) - np.mean(plain))
    assert result.rows["effect"].to_numpy() == pytest.approx(effects, abs=5e-6)
    assert result.heads[0].effect == pytest.approx(np.mean(effects), abs=5e-6)
    assert abs(result.heads[0].effect) > 1e-3
    assert result.heads[0].fired == sum(3 * 3 for _ in TASK.examples)


def test_every_row_adds_up(tiny: Model) -> None:
    result = patch_heads(tiny, TASK)
    assert [head.head for head in result.heads] == [str(head) for head in tiny.dims.heads]
    rows = result.rows
    assert len(rows) == len(TASK.examples) * len(tiny.dims.heads)
    assert rows["edited"].to_numpy() == pytest.approx((rows["clean"] + rows["effect"]).to_numpy())
    for head in result.heads:
        own = rows[rows["head"] == head.head]
        assert head.effect == pytest.approx(own["effect"].mean())
        assert head.control == pytest.approx(own["random_keys_effect"].mean())
        assert head.difference == pytest.approx((own["effect"] - own["random_keys_effect"]).mean())
        assert head.low is not None
        assert head.low <= head.effect <= (head.high or 0)
    assert set(result.by_control) == set(KINDS)
    assert result.by_control[ControlKind.RANDOM_KEYS] == result.heads
    assert result.counts["gold_tokens"] == 60
    assert result.counts["gold_tokens_scored"] == 30
    assert result.counts["gold_tokens_unlicensed"] == 30
    assert set(result.by_kind) == {"name", "noun"}


def test_tokens_say_what_was_scored(tiny: Model) -> None:
    tokens = patch_heads(tiny, TASK).tokens
    assert len(tokens) == 60
    assert tokens["scored"].sum() == 30
    assert tokens.loc[~tokens["scored"], "clean"].isna().all()
    assert (tokens.loc[tokens["scored"], "clean"] < 0).all()


def test_the_same_settings_give_the_same_numbers_to_the_last_bit(tiny: Model) -> None:
    first, second = (patch_heads(tiny, TASK, settings(control=ControlKind.MASS)) for _ in range(2))
    pd.testing.assert_frame_equal(first.rows, second.rows, check_exact=True)
    assert first.heads == second.heads


def test_neither_the_choice_of_heads_nor_the_batch_changes_what_is_drawn(tiny: Model) -> None:
    every = patch_heads(tiny, TASK)
    one = patch_heads(tiny, TASK, settings(heads=(HeadId(layer=2, head=1),), batch_size=1))
    drawn = every.controls[every.controls["head"] == "L2H1"]["drawn"]
    assert [_keys(text) for text in one.controls["drawn"]] == [_keys(text) for text in drawn]
    row = next(head for head in every.heads if head.head == "L2H1")
    assert one.heads[0].effect == pytest.approx(row.effect, abs=5e-6)
    assert one.heads[0].difference_low == pytest.approx(row.difference_low, abs=5e-6)


def _keys(drawn: str) -> list[list[tuple[int, list[int]]]]:
    """Rows and keys of both sides; strengths follow from patterns, which differ in the last bits with the batch."""
    record = json.loads(drawn)
    return [[(row["q_pos"], row["keys"]) for row in record[side]] for side in ("gold", "control")]


def test_the_mass_control_compares_both_sides_at_the_dose_and_keeps_the_full_effect(tiny: Model) -> None:
    result = patch_heads(tiny, TASK, settings(control=ControlKind.MASS))
    full = patch_heads(tiny, TASK)
    for head, other in zip(result.heads, full.heads, strict=True):
        assert head.effect == other.effect
        if head.difference is None:
            continue
        assert head.effect_at_dose is not None
        assert head.control is not None
        assert head.difference == pytest.approx(head.effect_at_dose - head.control)
        assert 0.01 <= (head.dose or 0) < 1
    assert any(head.difference is not None for head in result.heads)


@pytest.mark.parametrize("site", PATCHABLE)
@pytest.mark.parametrize("direction", list(Direction))
def test_patching_every_position_of_the_first_residual_gives_the_source_run(
    tiny: Model, site: Point, direction: Direction
) -> None:
    """RESID of layer 0 carries all that differs; any other site carries only part of it."""
    changes = {"intervention": InterventionKind.PATCH, "site": site, "direction": direction}
    recovered = patch_heads(tiny, TASK, settings(metric=Metric.RECOVERY, **changes))
    into_corrupted = direction is Direction.CLEAN_TO_CORRUPTED
    assert recovered.clean.value == pytest.approx(0.0 if into_corrupted else 1.0)
    if site is Point.RESID:
        assert [head.effect for head in recovered.heads] == pytest.approx(
            [1.0 if into_corrupted else -1.0] * 3, abs=1e-4
        )
    else:
        assert max(abs(head.effect) for head in recovered.heads) > 1e-3
    diffs = patch_heads(tiny, TASK, settings(metric=Metric.LOGIT_DIFF, **changes))
    assert diffs.n == len(TASK.examples)


def test_scaling_by_one_does_nothing_and_by_zero_is_zero_ablation(tiny: Model) -> None:
    same = patch_heads(tiny, TASK, settings(intervention=InterventionKind.SCALE, factor=1.0))
    assert max(abs(head.effect) for head in same.heads) < 5e-6
    scaled = patch_heads(tiny, TASK, settings(intervention=InterventionKind.SCALE, factor=0.0))
    ablated = patch_heads(tiny, TASK, settings(intervention=InterventionKind.ABLATE))
    assert [head.effect for head in scaled.heads] == pytest.approx([head.effect for head in ablated.heads], abs=1e-9)


@pytest.mark.parametrize("ablation", list(Ablation))
def test_every_ablation_fires_on_every_position(tiny: Model, ablation: Ablation) -> None:
    result = patch_heads(tiny, TASK, settings(intervention=InterventionKind.ABLATE, ablation=ablation))
    lengths = [len(align(example, tiny.tokenizer).ids) for example in TASK.examples]
    if ablation is Ablation.RESAMPLE:
        # the longest examples have a donor only in each other; none is left out unless it is the only one
        assert result.counts["examples_measured"] + result.counts.get("examples_no_donor", 0) == len(lengths)
    else:
        assert {head.fired for head in result.heads} == {sum(lengths)}
    assert max(abs(head.effect) for head in result.heads) > 1e-3
    assert {head.control_kind for head in result.heads} == {ControlKind.NONE}
    assert {head.control for head in result.heads} == {None}


def test_resampling_leaves_out_and_counts_an_example_longer_than_all_others(tiny: Model) -> None:
    examples = [made_up(str(number), seed=number, length=18) for number in range(9)]
    task = ListTask(examples=[*examples, made_up("long", seed=99, length=22)])
    result = patch_heads(tiny, task, settings(intervention=InterventionKind.ABLATE, ablation=Ablation.RESAMPLE))
    assert result.n == 9
    assert result.counts["examples_no_donor"] == 1
    assert "long" not in set(result.rows["example"])


def test_kl_is_never_negative_and_moves_with_the_edit(tiny: Model) -> None:
    result = patch_heads(tiny, TASK, settings(metric=Metric.KL))
    assert (result.rows["effect"] >= 0).all()
    assert result.rows["effect"].max() > 1e-3
    assert result.clean.value == 0.0


@pytest.mark.parametrize("queries", ["all", "middle"])
def test_other_queries_hide_all_keys_from_each_row_after_them(tiny: Model, queries: str) -> None:
    result = patch_heads(tiny, TASK, settings(queries=queries, heads=(HeadId(layer=0, head=0),)))
    expected = 0
    for example in TASK.examples:
        aligned = align(example, tiny.tokenizer)
        keys = {key for target in aligned.targets for key in target.keys[KeyDefinition.SOURCE_WORD]}
        rows = range(len(aligned.ids)) if queries == "all" else aligned.spans["middle"]
        expected += sum(key <= query for query in rows for key in keys)
    assert result.heads[0].fired == expected


def test_a_span_may_be_the_keys(tiny: Model) -> None:
    result = patch_heads(tiny, TASK, settings(keys="middle"))
    assert result.counts["gold_tokens_scored"] == 30
    assert result.heads[0].fired == 30 * 3


def test_keys_outside_a_window_are_counted_and_have_no_effect(windowed: Model) -> None:
    """Keys 1 to 3 are out of reach of every predicting position: no edit, an effect of exactly 0, no control."""
    result = patch_heads(windowed, made_up_task(keys=(1, 2, 3)))
    assert {head.effect for head in result.heads} == {0.0}
    assert {head.fired for head in result.heads} == {0}
    assert {head.difference for head in result.heads} == {None}
    assert (result.rows["unreachable"] == 9).all()
    assert set(result.rows["random_keys_reason"]) == {"no gold key is in sight of an edited row"}


def test_a_placebo_draws_other_keys_of_the_same_number(tiny: Model) -> None:
    placebo = patch_heads(tiny, TASK, settings(placebo=True))
    plain = patch_heads(tiny, TASK)
    assert {head.fired for head in placebo.heads} == {head.fired for head in plain.heads}
    assert placebo.rows["effect"].tolist() != plain.rows["effect"].tolist()


def test_progress_is_told_after_each_example(tiny: Model) -> None:
    seen: list[tuple[int, int]] = []
    patch_heads(tiny, made_up_task(3), settings(heads=(HeadId(layer=0, head=0),)), progress=lambda *at: seen.append(at))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_fewer_than_eight_examples_have_no_p_and_say_why(tiny: Model) -> None:
    head = patch_heads(tiny, made_up_task(4)).heads[0]
    assert head.p is None
    assert head.q is None
    assert head.reason is not None
    assert "8" in head.reason


def test_a_mask_that_leaves_a_row_without_keys_raises_unless_told_what_to_do(tiny: Model) -> None:
    """Position 3 is a row of the span, and keys 0 to 3 are all that it sees."""
    task = made_up_task(8, keys=(0, 1, 2, 3, 4, 5, 6))
    with pytest.raises(PlanError, match="has no visible key left at query position"):
        patch_heads(tiny, task, settings(queries="middle", control=ControlKind.NONE))
    for policy in (EmptyRow.SELF, EmptyRow.ZERO):
        changed = settings(queries="middle", control=ControlKind.NONE, empty_row=policy)
        assert patch_heads(tiny, task, changed).n == 8


def test_bad_input_is_one_clear_error(tiny: Model) -> None:
    with pytest.raises(TaskError, match="task made-up is empty"):
        patch_heads(tiny, ListTask(examples=[]))
    with pytest.raises(SpecError, match="middle"):
        patch_heads(tiny, TASK, settings(keys="nowhere"))
    with pytest.raises(SpecError, match="span 'nowhere' does not exist"):
        patch_heads(tiny, TASK, settings(queries="nowhere"))
    with pytest.raises(SpecError, match="more than the context of 32"):
        patch_heads(tiny, ListTask(examples=[made_up("long", seed=0, length=40)]))
    plain = [dataclasses.replace(example, corruptions=()) for example in TASK.examples]
    with pytest.raises(TaskError, match=r"none of its 10 examples can be measured .*10 no corruption"):
        patch_heads(tiny, ListTask(examples=plain), settings(intervention=InterventionKind.PATCH))
