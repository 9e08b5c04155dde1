"""Scores of heads: what linear models give exactly, what integrated gradients add up to."""

import numpy as np
import pytest
import torch

from attnprobe.causal.attribution.examples import Prepared
from attnprobe.causal.attribution.heads import head_scores, integrated_gradients, output_changes, plain_gradients
from attnprobe.causal.attribution.settings import Approximation, AttributionSettings
from attnprobe.causal.observe import Observation, observe
from attnprobe.causal.settings import InterventionKind, Metric, PatchSettings
from attnprobe.causal.units import units_of
from attnprobe.models.native import NativeModel
from attnprobe.plan import Plan, Point, Replace, Site, Tokens, Write
from attnprobe.tasks import Task
from tests.causal.attribution.doubles import double_model
from tests.causal.conftest import made_up_task
from tests.models.architectures import Architecture

TASK: Task = made_up_task(2)


def prepared(model: NativeModel, **changes: object) -> Prepared:
    patch = PatchSettings(metric=Metric.GOLD_LOGPROB, **changes)  # pyright: ignore[reportArgumentType]
    return Prepared.of(model, TASK, AttributionSettings(patch=patch))


@pytest.mark.parametrize("kind", [InterventionKind.ABLATE, InterventionKind.SCALE])
def test_a_score_is_the_slope_of_the_effect(kind: InterventionKind) -> None:
    """Scaling a head by 1 - t moves the metric by t times the score of ablating it, for small t."""
    model, step = double_model(Architecture.LLAMA), 1e-5
    ready = prepared(model, intervention=kind, factor=0.0)
    subject, units = ready.subjects[0], units_of(ready.settings.patch, model.dims)
    run = ready.gradients(subject)
    changes = output_changes(run, subject, ready.settings, range(3), model.dims, None)
    scores = head_scores(plain_gradients(run, range(3)), changes, units)
    for unit, score in zip(units, scores, strict=True):
        z = run.layers[unit.layer].z[0]
        moved = [z.clone() for _ in range(2)]
        for sign, one in zip((1, -1), moved, strict=True):
            one[:, unit.index] *= 1 - sign * step
        up, down = (ready.gradients(subject, {unit.layer: one[None]}).values.mean() for one in moved)
        assert score == pytest.approx(float(up - down) / (2 * step), rel=1e-5, abs=1e-9)
    assert np.abs(scores).min() > 1e-6


def test_the_derivative_of_a_mask_is_that_of_its_strength() -> None:
    model = double_model(Architecture.GPT2)
    patch = PatchSettings(metric=Metric.GOLD_LOGPROB)
    ready = Prepared.of(model, TASK, AttributionSettings(patch=patch, approximation=Approximation.DERIVATIVE))
    subject, units = ready.subjects[0], units_of(patch, model.dims)
    run = ready.gradients(subject)
    changes = output_changes(run, subject, ready.settings, range(3), model.dims, None)
    scores = head_scores(plain_gradients(run, range(3)), changes, units)
    weak = PatchSettings(metric=Metric.GOLD_LOGPROB, strength=1e-6)
    tiny = Prepared.of(model, TASK, AttributionSettings(patch=weak))
    observed = observe(model, subject, tiny.settings.patch, units, tiny.donors)
    assert isinstance(observed, Observation)
    assert scores == pytest.approx(observed.effect.mean(axis=1) / 1e-6, rel=1e-3, abs=1e-7)
    assert np.abs(scores).max() > 1e-3


def test_integrated_gradients_add_up_to_the_effect_of_the_whole_layer() -> None:
    """Completeness, on the path that is stated: all heads of one layer from z straight to 0."""
    model = double_model(Architecture.GPT2)
    ready = prepared(model, intervention=InterventionKind.ABLATE)
    subject, units = ready.subjects[1], units_of(ready.settings.patch, model.dims)
    run = ready.gradients(subject)
    changes = output_changes(run, subject, ready.settings, range(3), model.dims, None)
    averaged = integrated_gradients(
        run, changes, lambda replaced: ready.gradients(subject, replaced), steps=200, batch_size=80
    )
    scores = head_scores(averaged, changes, units).reshape(3, 4)
    plain = head_scores(plain_gradients(run, range(3)), changes, units).reshape(3, 4)
    joint = np.array([_whole_layer(model, ready, layer) for layer in range(3)]) - float(run.values.mean())
    assert scores.sum(axis=1) == pytest.approx(joint, abs=1e-4)
    assert np.abs(plain.sum(axis=1) - joint).max() > 2e-2


def _whole_layer(model: NativeModel, ready: Prepared, layer: int) -> float:
    subject = ready.subjects[1]
    write = Write(site=Site(point=Point.Z, layer=layer), intervention=Replace(values=torch.zeros(())))
    logits = model.forward(Tokens.of([subject.ids]), Plan(writes=(write,))).logits[0]
    log_probs = torch.log_softmax(logits.double(), -1)
    readout = subject.readout
    found = [log_probs[position, gold].item() for position, gold in zip(readout.positions, readout.gold, strict=True)]
    return float(np.mean(found))


def test_one_step_at_the_start_of_no_path_is_the_plain_derivative() -> None:
    """Where the intervention changes nothing, every point of the path is the unedited run."""
    model = double_model(Architecture.GPT2)
    ready = prepared(model, intervention=InterventionKind.SCALE, factor=1.0)
    subject = ready.subjects[0]
    run = ready.gradients(subject)
    changes = output_changes(run, subject, ready.settings, (1,), model.dims, None)
    averaged = integrated_gradients(
        run, changes, lambda replaced: ready.gradients(subject, replaced), steps=3, batch_size=2
    )
    torch.testing.assert_close(averaged[1], run.layers[1].gradient[0])
    assert float(changes[1].abs().max()) == 0.0


def test_only_the_positions_asked_for_are_edited() -> None:
    model = double_model(Architecture.GPT2)
    ready = prepared(model, intervention=InterventionKind.ABLATE, queries="middle")
    subject = ready.subjects[0]
    run = ready.gradients(subject)
    (change,) = output_changes(run, subject, ready.settings, (0,), model.dims, None).values()
    assert subject.positions == (6, 7, 8)
    torch.testing.assert_close(change[6:9], -run.layers[0].z[0, 6:9])
    assert float(change[:6].abs().max()) == float(change[9:].abs().max()) == 0.0
