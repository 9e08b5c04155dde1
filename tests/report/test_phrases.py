"""Settings become the question that they ask."""

import pytest

from attnprobe.causal.controls import ControlKind
from attnprobe.causal.settings import Ablation, Direction, InterventionKind, Metric, PatchSettings, ReadAt
from attnprobe.plan import Point
from attnprobe.report.phrases import phrases_for

ABLATE, PATCH, SCALE = InterventionKind.ABLATE, InterventionKind.PATCH, InterventionKind.SCALE


@pytest.mark.parametrize(
    ("settings", "question"),
    [
        (
            PatchSettings(),
            "Does masking one head's attention to the gold source words lower log p(gold) more than masking as many "
            "random keys does?",
        ),
        (
            PatchSettings(keys="premise", queries="all", strength=0.5, control=ControlKind.DISTANCE),
            "Does masking (strength 0.5) one head's attention to the premise sentences lower log p(gold) more than "
            "masking as many equally distant keys does?",
        ),
        (
            PatchSettings(keys="facts", queries="query", control=ControlKind.NONE, metric=Metric.KL),
            "Does masking one head's attention from the span 'query' to the span 'facts' raise the divergence from the "
            "unedited prediction?",
        ),
        (
            PatchSettings(placebo=True, control=ControlKind.MASS),
            "Does masking one head's attention to random keys in the place of the gold source words lower log p(gold) "
            "more than masking other keys of equal attention mass does?",
        ),
        (
            PatchSettings(intervention=ABLATE, ablation=Ablation.MEAN, metric=Metric.LOGIT_DIFF),
            "Does replacing one head's output by its mean lower the gold-over-foil logit difference?",
        ),
        (
            PatchSettings(intervention=PATCH, metric=Metric.RECOVERY, queries="predicting"),
            "Does putting one head's output at the predicting positions from the clean run into the corrupted one "
            "raise the share of the clean answer recovered?",
        ),
        (
            PatchSettings(intervention=PATCH, site=Point.MLP_OUT, direction=Direction.CORRUPTED_TO_CLEAN),
            "Does putting one layer's MLP output from the corrupted run into the clean one lower log p(gold)?",
        ),
        (
            PatchSettings(intervention=InterventionKind.FORCE, mass=0.5),
            "Does forcing 0.5 of one head's attention onto the premise sentences without the gold source words raise "
            "log p(gold) more than forcing as much onto as many random keys does?",
        ),
        (
            PatchSettings(intervention=InterventionKind.FORCE, readout=ReadAt.LATER, control=ControlKind.NONE),
            "Does forcing 0.9 of one head's attention in step 0 onto the premise sentences without the gold source "
            "words raise log p(gold) of later steps?",
        ),
        (
            PatchSettings(intervention=InterventionKind.TRANSPLANT),
            "Does putting one head's attention pattern from the donor model into the recipient change log p(gold) more "
            "than that of another head of the donor's layer does?",
        ),
        (
            PatchSettings(intervention=SCALE, factor=2.0),
            "Does multiplying one head's output by 2 change log p(gold)?",
        ),
    ],
)
def test_the_question_says_what_was_done_measured_and_compared(settings: PatchSettings, question: str) -> None:
    assert phrases_for(settings).question == question


@pytest.mark.parametrize("site", [site for site in Point if site is not Point.ATTN_LOGITS])
def test_every_site_and_every_setting_has_words(site: Point) -> None:
    for direction in Direction:
        for metric in Metric:
            phrases = phrases_for(PatchSettings(intervention=PATCH, site=site, direction=direction, metric=metric))
            assert phrases.unit_noun == ("head" if site.has_heads else "layer")
            assert f"one {phrases.unit_noun}" in phrases.deed
    for ablation in Ablation:
        assert phrases_for(PatchSettings(intervention=ABLATE, ablation=ablation)).expected == -1


def test_the_direction_that_says_yes_follows_from_what_is_done() -> None:
    expected = {
        -1: [
            PatchSettings(),
            PatchSettings(intervention=SCALE, factor=0.5),
            PatchSettings(intervention=PATCH, direction=Direction.CORRUPTED_TO_CLEAN, metric=Metric.RECOVERY),
        ],
        1: [PatchSettings(metric=Metric.KL), PatchSettings(intervention=PATCH, metric=Metric.RECOVERY)],
        None: [PatchSettings(intervention=SCALE, factor=1.5)],
    }
    for sign, settings in expected.items():
        assert [phrases_for(one).expected for one in settings] == [sign] * len(settings)
