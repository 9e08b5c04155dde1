"""The composition: on a circuit set by hand scores point at the truth, and exact effects are the closed forms."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from attnprobe.causal.attribution.attribute import attribute
from attnprobe.causal.attribution.settings import Approximation, AttributionSettings, Target
from attnprobe.causal.measure import patch_heads
from attnprobe.causal.settings import InterventionKind, Metric, PatchSettings
from attnprobe.errors import SpecError
from attnprobe.models.model import Model
from attnprobe.models.native import NativeModel
from attnprobe.plan import HeadId, Point
from attnprobe.tasks.collected import CollectedTask
from attnprobe.tasks.jsonl import jsonl_task
from tests.causal.conftest import made_up_task
from tests.circuits import (
    CLEAN,
    GOLD_LOGIT,
    INDUCTION,
    PREVIOUS_TOKEN,
    WITHOUT_INDUCTION,
    circuit_tokenizer,
    draw_examples,
    induction_gpt2,
    with_key_masked,
    without_previous_token,
    write_examples,
)
from tests.models.loaders import PROVENANCE

N = 6
EXAMPLES = draw_examples(N)
NEAR = 5e-6


def asked(target: Target, metric: Metric = Metric.GOLD_LOGPROB, **changes: object) -> AttributionSettings:
    intervention = changes.pop("intervention", InterventionKind.MASK)
    patch = PatchSettings(intervention=intervention, metric=metric)  # pyright: ignore[reportArgumentType]
    return AttributionSettings(target=target, patch=patch, **changes)  # pyright: ignore[reportArgumentType]


@pytest.fixture(scope="module")
def circuit() -> Model:
    return NativeModel(induction_gpt2(), tokenizer=circuit_tokenizer(), provenance=PROVENANCE)


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> CollectedTask:
    return jsonl_task(write_examples(tmp_path_factory.mktemp("task") / "induction.jsonl", N))


@pytest.mark.parametrize("metric", [Metric.GOLD_LOGPROB, Metric.LOGIT_DIFF])
def test_the_strongest_edge_is_the_true_one_and_its_effect_the_closed_form(
    circuit: Model, task: CollectedTask, metric: Metric
) -> None:
    result = attribute(circuit, task, asked(Target.EDGES, metric, top=5, confirm=2))
    for example, (name, rows) in zip(EXAMPLES, result.edges.groupby("example", sort=False), strict=True):
        first = rows.iloc[0]
        assert name == example.id
        place = (first["layer"], first["head"], first["query"], first["key"])
        assert place == (INDUCTION.layer, INDUCTION.head, example.predicting, example.key)
        assert (first["query_token"], first["key_token"]) == (example.words[-1], example.gold)
        assert bool(first["is_gold"])
        assert bool(first["is_top"])
        if metric is Metric.GOLD_LOGPROB:
            assert first["exact"] == pytest.approx(with_key_masked(example) - CLEAN, abs=NEAR)
        else:
            assert first["exact"] == pytest.approx(-GOLD_LOGIT, abs=NEAR)
            # the norm bends a little, so that the score is near and not equal
            assert first["score"] == pytest.approx(-GOLD_LOGIT, rel=0.35)
    assert result.gold is not None
    # what is left are edges of L0H1, whose output adds to what the last norm divides by
    assert result.gold.of_scores.value == pytest.approx(0.6, abs=0.05)
    n_edges = [len(example.words) * (len(example.words) + 1) / 2 - 1 for example in EXAMPLES]
    assert result.gold.of_edges.value == pytest.approx(np.mean([1 / count for count in n_edges]))


def test_masked_heads_have_their_closed_forms_beside_their_scores(circuit: Model, task: CollectedTask) -> None:
    result = attribute(circuit, task, asked(Target.HEADS))
    expected = np.mean([with_key_masked(example) for example in EXAMPLES]) - CLEAN
    best = result.strongest_heads()[0]
    assert best.head == str(INDUCTION)
    assert best.exact == pytest.approx(expected, abs=NEAR)
    assert best.ratio == pytest.approx(best.score / expected)
    for head in result.heads:
        if head.head != str(INDUCTION):
            assert head.score == pytest.approx(0.0, abs=NEAR)
            assert head.exact == pytest.approx(0.0, abs=NEAR)
            assert head.ratio is None
    # log p is all but flat where p is .98: the score is far too small, which the exact effect beside it tells
    assert -0.1 < best.score < 0 < -1 - expected


def test_what_a_saturated_softmax_hides_from_a_derivative_the_exact_effect_tells(
    circuit: Model, task: CollectedTask
) -> None:
    """L0H1 acts through keys of L1H2, whose softmax is flat there: its score tells nothing, and all hangs on it."""
    plain = attribute(circuit, task, asked(Target.HEADS, intervention=InterventionKind.ABLATE))
    along = attribute(circuit, task, asked(Target.HEADS, intervention=InterventionKind.ABLATE, integrated=48))
    index = list(circuit.dims.heads).index(PREVIOUS_TOKEN)
    expected = np.mean([without_previous_token(example) for example in EXAMPLES]) - CLEAN
    assert plain.heads[index].exact == pytest.approx(expected, abs=NEAR)
    # without it the last norm divides by less: that alone is seen, and it has the other sign
    assert 0 < plain.heads[index].score < 0.1 < 1 < -expected
    # no other head of its layer writes, so all of the layer's effect is its own: along the path most of it is found
    assert 0.8 < along.heads[index].score / expected < 1.2
    assert along.heads[4 + INDUCTION.head].score == pytest.approx(WITHOUT_INDUCTION - CLEAN, rel=0.01)


def test_a_patch_is_scored_into_the_corrupted_run(circuit: Model, task: CollectedTask) -> None:
    result = attribute(circuit, task, asked(Target.HEADS, Metric.LOGIT_DIFF, intervention=InterventionKind.PATCH))
    best = result.strongest_heads()[0]
    assert best.head == str(INDUCTION)
    assert best.exact == pytest.approx(2 * GOLD_LOGIT, abs=2e-5)
    assert best.score == pytest.approx(2 * GOLD_LOGIT, rel=0.2)
    assert result.clean.value == pytest.approx(-GOLD_LOGIT, abs=NEAR)


@pytest.mark.parametrize("target", [Target.HEADS, Target.EDGES, Target.PATHS])
def test_where_the_metric_does_not_depend_on_attention_everything_is_0(task: CollectedTask, target: Target) -> None:
    hf_model = induction_gpt2()
    with torch.no_grad():
        for block in hf_model.transformer.h:
            block.attn.c_proj.weight.zero_()
    model = NativeModel(hf_model, tokenizer=circuit_tokenizer(), provenance=PROVENANCE)
    kind = InterventionKind.ABLATE if target is Target.PATHS else InterventionKind.MASK
    result = attribute(model, task, asked(target, Metric.LOGIT_DIFF, intervention=kind))
    assert all(head.score == 0 and head.exact == 0 for head in result.heads)
    assert all(path.effect == 0 for path in result.paths)
    assert not len(result.edges) or (not result.edges["score"].any() and not result.edges["exact"].any())
    for agreement in result.agreement.values():
        assert agreement.pearson.value is None
        assert agreement.same_sign is None


def test_exact_effects_are_those_of_a_sweep(tiny: Model) -> None:
    task, patch = made_up_task(4), PatchSettings(metric=Metric.GOLD_LOGPROB)
    result = attribute(tiny, task, AttributionSettings(patch=patch))
    swept = patch_heads(tiny, task, result.settings.patch)
    assert [head.exact for head in result.heads] == [head.effect for head in swept.heads]
    assert result.clean == pytest.approx(swept.clean) or abs(result.clean.value - swept.clean.value) < NEAR
    assert result.agreement["heads"].n_cases == 12
    rows = result.rows
    assert len(rows) == 4 * 12
    for head in result.heads:
        own = rows[rows["head"] == head.head]
        assert head.score == pytest.approx(own["score"].mean())


def test_the_same_scores_whatever_is_confirmed_and_in_whatever_batches(tiny: Model) -> None:
    task = made_up_task(3)
    first = attribute(tiny, task, asked(Target.EDGES, confirm=4, top=6))
    second = attribute(tiny, task, asked(Target.EDGES, confirm=0, top=6))
    top = first.edges[first.edges["is_top"]].drop(columns=["exact", "is_drawn"]).reset_index(drop=True)
    pd.testing.assert_frame_equal(top, second.edges.drop(columns=["exact", "is_drawn"]))
    assert second.agreement == {}
    assert first.edges["exact"].notna().sum() == first.counts["edges_confirmed"] <= 3 * 8
    assert first.edges.groupby("example")["is_drawn"].sum().tolist() == [4, 4, 4]


def test_few_heads_are_confirmed_where_few_are_asked_for(tiny: Model) -> None:
    result = attribute(tiny, made_up_task(3), asked(Target.HEADS, confirm=2))
    known = [head for head in result.heads if head.exact is not None]
    assert {head.head for head in result.strongest_heads()[:2]} <= {head.head for head in known}
    assert sum(head.is_drawn for head in result.heads) == 2 <= len(known) <= 4


def test_progress_tells_of_both_halves(tiny: Model) -> None:
    told: list[tuple[int, int]] = []
    attribute(tiny, made_up_task(2), asked(Target.HEADS), progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"patch": PatchSettings(metric=Metric.KL)}, "metric kl: attribution needs a metric with a first order"),
        (
            {"patch": PatchSettings(intervention=InterventionKind.PATCH, site=Point.K)},
            "site k: attribution scores heads' outputs",
        ),
        (
            {"target": Target.EDGES, "patch": PatchSettings(intervention=InterventionKind.ABLATE)},
            "an edge is masked, it cannot be ablate",
        ),
        ({"target": Target.PATHS, "integrated": 4}, "paths are exact"),
        ({"senders": (HeadId(layer=0, head=0),)}, "senders, receivers and MLPs are those of paths"),
        (
            {"approximation": Approximation.DERIVATIVE, "patch": PatchSettings(intervention=InterventionKind.SCALE)},
            "derivative is about the strength of a mask",
        ),
        ({"top": 0}, "integrated 0, top 0, confirm None"),
        (
            {"target": Target.EDGES, "patch": PatchSettings(heads=(HeadId(layer=0, head=0),))},
            "heads L0H0 with target edges",
        ),
    ],
)
def test_settings_without_a_meaning_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message.replace("(", r"\(")):
        AttributionSettings(**changes)  # pyright: ignore[reportArgumentType]


def test_heads_that_do_not_exist_are_told_before_anything_runs(tiny: Model, tmp_path: Path) -> None:
    patch = PatchSettings(heads=(HeadId(layer=7, head=0),))
    with pytest.raises(SpecError, match="head L7H0 does not exist"):
        attribute(tiny, made_up_task(1), AttributionSettings(patch=patch))
