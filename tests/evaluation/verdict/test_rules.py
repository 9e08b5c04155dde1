"""The rules of a verdict, on numbers made up for each of their cases."""

import pytest

from attnprobe.evaluation.association.result import Verdict
from attnprobe.evaluation.verdict.rules import (
    RULES,
    Headline,
    Question,
    both,
    headline_of,
    repaired,
    rules_record,
    verdict_on,
)
from attnprobe.evaluation.verdict.settings import Minimum, VerdictSettings
from attnprobe.statistics.estimates import Estimate

YES, NO, OPEN = Verdict.SUPPORTED, Verdict.CONTRADICTED, Verdict.UNDETERMINED


def found(low: float, high: float, n: int = 20) -> Estimate:
    return Estimate(value=(low + high) / 2, low=low, high=high, n=n)


FALL = found(-0.5, -0.3)


@pytest.mark.parametrize(
    ("effect", "difference", "p", "said"),
    [
        pytest.param(FALL, found(-0.5, -0.1), 0.001, YES, id="both fall far enough"),
        pytest.param(FALL, found(-0.14, -0.04), 0.001, OPEN, id="less than the minimum, and not surely so"),
        pytest.param(FALL, found(-0.09, -0.02), 0.001, NO, id="surely less than the minimum"),
        pytest.param(FALL, found(-0.5, 0.1), 0.2, OPEN, id="the difference may be nothing"),
        pytest.param(FALL, found(-0.5, -0.1), 0.06, OPEN, id="the exact test disagrees"),
        pytest.param(FALL, found(0.1, 0.5), 0.001, NO, id="the control does more"),
        pytest.param(found(-0.01, 0.01), found(-0.5, -0.1), 0.001, NO, id="the edit does nothing, its control helps"),
        pytest.param(found(-0.3, 0.2), found(-0.5, -0.1), 0.001, OPEN, id="the edit may do nothing"),
        pytest.param(FALL, found(-0.5, -0.1, n=7), 0.001, OPEN, id="seven examples"),
        pytest.param(FALL, Estimate(value=-0.5, low=None, high=None, n=9), 0.001, OPEN, id="no interval"),
    ],
)
def test_a_fall_is_supported_only_where_effect_and_difference_fall(
    effect: Estimate, difference: Estimate, p: float, said: Verdict
) -> None:
    assert verdict_on(effect, difference, p, minimum=0.1, direction=-1) is said

    def mirrored(one: Estimate) -> Estimate:
        ends = (None, None) if one.low is None or one.high is None else (-one.high, -one.low)
        return Estimate(value=-(one.value or 0.0), low=ends[0], high=ends[1], n=one.n)

    assert verdict_on(mirrored(effect), mirrored(difference), p, minimum=0.1, direction=1) is said


def test_a_claim_of_two_parts_needs_both_and_falls_with_one_unless_the_other_stands() -> None:
    assert both([YES, YES]) is YES
    assert both([YES, OPEN]) is OPEN
    assert both([NO, OPEN]) is NO
    assert both([NO, YES]) is OPEN
    assert both([]) is OPEN


def test_a_forced_word_suffices_only_if_what_is_written_after_it_becomes_right() -> None:
    assert repaired(YES, YES) is YES
    assert repaired(YES, None) is OPEN
    assert repaired(YES, NO) is OPEN
    assert repaired(OPEN, YES) is OPEN
    assert repaired(NO, YES) is NO


@pytest.mark.parametrize(
    ("necessity", "sufficiency", "mediation", "said"),
    [
        (YES, YES, YES, Headline.CAUSE),
        (YES, OPEN, YES, Headline.CAUSE),
        (YES, NO, YES, Headline.NEEDED),
        (YES, OPEN, OPEN, Headline.NEEDED),
        (NO, NO, NO, Headline.BY_PRODUCT),
        (NO, OPEN, OPEN, Headline.BY_PRODUCT),
        (NO, YES, OPEN, Headline.CONTRIBUTES),
        (OPEN, OPEN, YES, Headline.CONTRIBUTES),
        (OPEN, NO, NO, Headline.OPEN),
    ],
)
def test_the_headline_rests_on_the_three_causal_tests(
    necessity: Verdict, sufficiency: Verdict, mediation: Verdict, said: Headline
) -> None:
    for association in Verdict:
        verdicts = (association, necessity, sufficiency, mediation)
        assert headline_of(dict(zip(Question, verdicts, strict=True))) is said


def test_every_word_of_a_verdict_has_a_rule_and_the_record_holds_the_minimums() -> None:
    words = {*(question.value for question in Question), *(verdict.value for verdict in Verdict)}
    assert words <= RULES.keys()
    assert {f"headline_{headline.value}" for headline in Headline} <= RULES.keys()
    record = rules_record(VerdictSettings(minimum=Minimum(nats=0.2)))
    assert record["minimum"] == {"nats": 0.2, "accuracy": 0.05, "auroc": 0.55, "recovery": 0.1}
    assert record["deciding_dose"] == 0.5
