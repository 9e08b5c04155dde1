"""The answer follows from the numbers by the rules, and can be no."""

from collections.abc import Callable

import pytest

from attnprobe.causal.result import PatchResult
from attnprobe.causal.settings import InterventionKind, Metric, PatchSettings
from attnprobe.report.finding import MINIMUM, RULES, Verdict, find_answer, rules_record
from attnprobe.statistics.estimates import Estimate
from tests.report.rows import head

MakeResult = Callable[..., PatchResult]
WEAK = [head("L0H0", -0.02, -0.01), head("L0H1", 0.01, 0.0)]
CLEAR = [head("L0H0", -0.9, -0.1, q=0.001), head("L0H1", 0.01, 0.0)]


def strongest(value: float, low: float, high: float) -> Estimate:
    return Estimate(value=value, low=low, high=high, n=16)


def test_a_head_that_harms_more_than_its_control_says_yes_with_its_numbers(make_result: MakeResult) -> None:
    finding = find_answer(make_result())

    assert finding.verdict is Verdict.SUPPORTED
    assert finding.answer == (
        "Yes. The strongest head (L1H0), on the 16 examples that did not pick it, changes log p(gold) by "
        "−0.78 [−0.90, −0.66] nats against masking as many random keys. "
        "2 of 4 heads differ from their control (q < 0.05, n = 16): 1 downward, 1 upward."
    )
    assert [row.head for row in finding.standing_out] == ["L1H0"]
    assert [row.head for row in finding.opposite] == ["L0H1"]


def test_nothing_but_small_effects_says_no(make_result: MakeResult) -> None:
    finding = find_answer(
        make_result(heads=WEAK, strongest=strongest(-0.01, -0.04, 0.02), strongest_heads=["L0H0", "L0H1"])
    )

    assert finding.verdict is Verdict.CONTRADICTED
    assert finding.answer == (
        "No. Even the strongest head (L0H0 or L0H1), on the 16 examples that did not pick it, changes log p(gold) by "
        "−0.01 [−0.04, 0.02] nats against masking as many random keys: less than 0.1 nats, the smallest change that "
        "counts. None of 2 heads differs from its control (q < 0.05, n = 16)."
    )


def test_an_effect_the_other_way_says_no(make_result: MakeResult) -> None:
    finding = find_answer(
        make_result(heads=[head("L0H0", 0.5, 0.0, q=0.001), head("L0H1", 0.0, 0.0)], strongest=strongest(0.5, 0.3, 0.7))
    )

    assert finding.verdict is Verdict.CONTRADICTED
    assert finding.answer.startswith("No. The strongest head")
    assert ": the other way round. 1 of 2 heads differs from its control" in finding.answer
    assert finding.answer.endswith(": 1 upward.")


@pytest.mark.parametrize(
    ("heads", "estimate", "verdict"),
    [
        (CLEAR, strongest(-0.5, -0.7, -0.3), Verdict.SUPPORTED),
        # its interval touches 0
        (CLEAR, strongest(-0.5, -1.0, 0.0), Verdict.UNDETERMINED),
        # clear of 0, yet smaller than the minimum on average, and not within it
        (CLEAR, strongest(-0.09, -0.15, -0.03), Verdict.UNDETERMINED),
        # clear of 0 and large, but no head passes the correction for the family
        (WEAK, strongest(-0.5, -0.7, -0.3), Verdict.UNDETERMINED),
        # wide on both sides of 0
        (WEAK, strongest(-0.01, -0.4, 0.4), Verdict.UNDETERMINED),
        # within the minimum, whatever stands out
        (CLEAR, strongest(-0.05, -0.09, -0.01), Verdict.CONTRADICTED),
        # exactly the minimum is not within it
        (WEAK, strongest(-0.05, -0.1, 0.0), Verdict.UNDETERMINED),
        # the strongest helps, while another head harms: neither yes nor no
        (CLEAR, strongest(0.5, 0.3, 0.7), Verdict.UNDETERMINED),
        (CLEAR, None, Verdict.UNDETERMINED),
    ],
)
def test_the_verdict_is_the_rules(
    make_result: MakeResult, heads: list, estimate: Estimate | None, verdict: Verdict
) -> None:
    assert find_answer(make_result(heads=heads, strongest=estimate)).verdict is verdict


def test_too_few_examples_are_said_to_be_too_few(make_result: MakeResult) -> None:
    finding = find_answer(
        make_result(heads=[head("L0H0", -0.9, -0.1, q=None)], strongest=None, strongest_heads=(), n=5)
    )

    assert finding.answer == (
        "Undetermined. With 5 examples no half is large enough to estimate the strongest head. "
        "No head could be tested: that takes 8 examples."
    )


def test_without_a_control_effects_are_compared_with_nothing(make_result: MakeResult) -> None:
    heads = [head("L0", -0.9, q=0.001), head("L1", 0.2, q=0.4)]
    settings = PatchSettings(intervention=InterventionKind.ABLATE)
    finding = find_answer(make_result(heads=heads, settings=settings, strongest_heads=["L0"]))

    assert "against" not in finding.answer
    assert finding.answer.endswith("1 of 2 heads differs from 0 (q < 0.05, n = 16): 1 downward.")


def test_a_difference_that_is_real_but_tiny_is_counted_and_does_not_stand_out(make_result: MakeResult) -> None:
    heads = [head("L0H0", -0.9, -0.1, q=0.001), head("L0H1", -2e-6, 0.0, q=0.001), head("L0H2", 3e-4, 0.0, q=0.01)]
    finding = find_answer(make_result(heads=heads))

    assert finding.answer.endswith("(q < 0.05, n = 16): 2 downward, 1 upward, 2 of them by less than 0.1 nats.")
    assert [row.head for row in finding.standing_out] == ["L0H0"]
    assert finding.opposite == ()
    only_small = find_answer(make_result(heads=heads[1:]))
    assert only_small.answer.endswith("1 downward, 1 upward, all by less than 0.1 nats.")


def test_a_strong_head_without_a_matched_control_is_named(make_result: MakeResult) -> None:
    """A saturated head has no keys of like mass; against this control it cannot be judged, and that is said."""
    finding = find_answer(make_result(heads=[head("L0H0", -3.4), head("L0H1", -0.01, 0.0), head("L0H2", -0.02)]))

    assert finding.answer.endswith("L0H0 found no matching control; its own effect is −3.40 nats.")


def test_a_patch_that_restores_says_yes_upward(make_result: MakeResult) -> None:
    settings = PatchSettings(intervention=InterventionKind.PATCH, metric=Metric.RECOVERY)
    finding = find_answer(
        make_result(heads=[head("L0H0", 0.6, q=0.001)], settings=settings, strongest=strongest(0.6, 0.5, 0.7))
    )

    assert finding.verdict is Verdict.SUPPORTED
    assert "changes the share of the clean answer recovered by 0.60 [0.50, 0.70]." in finding.answer


def test_heads_are_ordered_by_what_they_are_judged_by_and_those_without_a_control_come_last(
    make_result: MakeResult,
) -> None:
    rows = [head("L0H0", -5.0), head("L0H1", -0.9, -0.8), head("L0H2", 0.3, -0.1), head("L0H3", -0.2, 0.1)]

    assert [row.head for row in make_result(heads=rows).strongest_first()] == ["L0H2", "L0H3", "L0H1", "L0H0"]


def test_the_manifest_can_store_every_rule() -> None:
    record = rules_record()

    assert record["verdict"] == RULES
    assert {verdict.value for verdict in Verdict} < set(RULES)
    assert {metric.unit for metric in Metric} == set(MINIMUM)
