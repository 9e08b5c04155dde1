"""Settings refuse what has no meaning before anything is loaded."""

import os
import subprocess
import sys

import pytest

from attnprobe.causal.controls import ControlKind
from attnprobe.causal.settings import InterventionKind, Metric, PatchSettings, ReadAt
from attnprobe.errors import SpecError
from attnprobe.plan import Point


def test_a_mask_defaults_to_predicting_queries_and_random_keys() -> None:
    settings = PatchSettings()
    assert settings.resolved_queries == "predicting"
    assert settings.resolved_control is ControlKind.RANDOM_KEYS


def test_a_force_defaults_to_the_premise_without_the_answer_and_a_transplant_to_the_pattern() -> None:
    force = PatchSettings(intervention=InterventionKind.FORCE)
    assert (force.keys, force.resolved_queries) == ("premise_rest", "predicting")
    assert force.resolved_control is ControlKind.RANDOM_KEYS
    assert (force.forced_step, PatchSettings(intervention=force.intervention, readout=ReadAt.LATER).forced_step) == (
        None,
        0,
    )
    pattern = PatchSettings(intervention=InterventionKind.TRANSPLANT)
    assert (pattern.resolved_site, pattern.resolved_control) == (Point.PATTERN, ControlKind.OTHER_HEAD)
    output = PatchSettings(intervention=InterventionKind.TRANSPLANT, site=Point.Z)
    assert output.resolved_control is ControlKind.OTHER_EXAMPLE
    assert PatchSettings().resolved_site is Point.Z


def test_other_interventions_default_to_all_queries_and_no_control() -> None:
    settings = PatchSettings(intervention=InterventionKind.ABLATE)
    assert settings.resolved_queries == "all"
    assert settings.resolved_control is ControlKind.NONE


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"strength": 0.0}, r"strength 0.0: expected a number in \(0, 1\]"),
        ({"strength": 1.5}, r"strength 1.5: expected a number in \(0, 1\]"),
        ({"batch_size": 0}, "batch size 0: expected at least 1"),
        ({"site": Point.ATTN_LOGITS}, "site attn_logits: expected one of z, pattern"),
        ({"intervention": InterventionKind.SCALE, "control": ControlKind.MASS}, "control mass does not apply to scale"),
        ({"metric": Metric.RECOVERY}, "metric recovery needs two runs, clean and corrupted or donor and recipient"),
        ({"intervention": InterventionKind.ABLATE, "placebo": True}, "placebo keys are for --intervention mask"),
        ({"intervention": InterventionKind.FORCE, "mass": 1.5}, r"mass 1.5: expected a number in \[0, 1\]"),
        ({"intervention": InterventionKind.FORCE, "doses": (0.5, 0.1)}, "expected ascending masses"),
        ({"intervention": InterventionKind.FORCE, "control": ControlKind.MASS}, "control mass does not apply to force"),
        ({"intervention": InterventionKind.FORCE, "step": 1, "queries": "all"}, "Leave --queries out"),
        ({"intervention": InterventionKind.FORCE, "step": -1}, "steps of a proof are counted from 0"),
        ({"step": 1}, "doses, step and readout are of a force; mask has none"),
        ({"intervention": InterventionKind.TRANSPLANT, "site": Point.Q}, "site q: expected one of pattern, z"),
        (
            {"intervention": InterventionKind.TRANSPLANT, "control": ControlKind.DISTANCE},
            "control distance does not apply to transplant",
        ),
        ({"control": ControlKind.OTHER_HEAD}, "control other_head is of a transplant; mask has no donor"),
    ],
)
def test_a_combination_without_meaning_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        PatchSettings(**changes)  # pyright: ignore[reportArgumentType]


def test_a_choice_given_by_name_becomes_its_member_or_is_refused() -> None:
    """A name that stayed text would compare equal to its member and yet take another branch.

    In a fresh process, because the shape checker of the tests refuses text before the settings see it.
    """
    code = (
        "from attnprobe.causal.settings import Metric, PatchSettings\n"
        "from attnprobe.errors import SpecError\n"
        "assert PatchSettings(metric='kl', control='mass').metric is Metric.KL\n"
        "assert PatchSettings(metric='kl') == PatchSettings(metric=Metric.KL)\n"
        "try:\n    PatchSettings(metric='logprob')\n"
        "except SpecError as error:\n    assert 'expected one of gold_logprob, logit_diff' in str(error)\n"
        "else:\n    raise AssertionError('accepted')\n"
    )
    subprocess.run(
        [sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )


@pytest.mark.parametrize("metric", list(Metric))
def test_every_metric_has_a_unit(metric: Metric) -> None:
    assert metric.unit in {"nats", "logits", "share"}
