"""The rule that says whether scores may be read as effects, and the sentences beside it."""

from dataclasses import replace

import pandas as pd
import pytest

from attnprobe.causal.attribution.result import AttributionResult, HeadAttribution, ratio_of
from attnprobe.causal.attribution.settings import AttributionSettings, Target
from attnprobe.report.attribution_summary import attribution_settings_record
from attnprobe.report.attribution_words import Trust, agreement_text, find_attribution, trust_in
from attnprobe.statistics.agreement import Agreement
from attnprobe.statistics.estimates import Estimate


def estimate(value: float, low: float | None, high: float | None) -> Estimate:
    return Estimate(value=value, low=low, high=high, n=8)


AGREED = Agreement(
    pearson=estimate(0.97, 0.95, 0.99),
    spearman=estimate(0.6, 0.2, 0.8),
    slope=estimate(1.0, 0.9, 1.1),
    n_cases=12,
    same_sign=0.75,
    n_signed=8,
)


@pytest.mark.parametrize(
    ("pearson", "slope", "expected"),
    [
        ((0.97, 0.95, 0.99), (1.0, 0.9, 1.1), Trust.YES),
        ((0.97, 0.95, 0.99), (2.0, 1.8, 2.2), Trust.IN_PROPORTION),
        ((0.97, 0.95, 0.99), (1.2, 1.0, 1.3), Trust.IN_PROPORTION),
        ((0.5, 0.2, 0.8), (1.0, 0.9, 1.1), Trust.NO),
        ((0.92, 0.85, 0.99), (1.0, 0.9, 1.1), Trust.UNDETERMINED),
        ((0.97, None, None), (1.0, None, None), Trust.UNDETERMINED),
    ],
)
def test_the_rule_by_hand(
    pearson: tuple[float, float | None, float | None], slope: tuple[float, float | None, float | None], expected: Trust
) -> None:
    assert trust_in(replace(AGREED, pearson=estimate(*pearson), slope=estimate(*slope))) is expected


def test_nothing_confirmed_is_undetermined() -> None:
    assert trust_in(None) is Trust.UNDETERMINED


def test_an_agreement_in_words() -> None:
    assert agreement_text(AGREED) == (
        "over 12 cases, Pearson 0.97 [0.95, 0.99], Spearman 0.60 [0.20, 0.80], effects 1.00 [0.90, 1.10] times the "
        "scores, the same sign in 75% of 8"
    )


def test_the_answer_names_the_largest_score_and_the_largest_effect() -> None:
    first = head("L0H1", score=-2.0, exact=-0.5)
    second = head("L1H0", score=0.1, exact=1.5)
    result = AttributionResult(
        settings=AttributionSettings(),
        n=8,
        unit="logits",
        clean=estimate(3.0, 2.0, 4.0),
        heads=(first, second),
        agreement={"heads": replace(AGREED, pearson=estimate(-1.0, -1.0, -1.0))},
        counts={},
        rows=pd.DataFrame(),
        edges=pd.DataFrame(),
        path_rows=pd.DataFrame(),
    )
    answer = find_attribution(result).answer
    assert answer.startswith(
        "No. The largest score is that of L0H1: −2.00 logits, exactly −0.50. The largest exact effect is that of L1H0: "
        "1.50 logits, its score 0.10."
    )


def head(name: str, *, score: float, exact: float) -> HeadAttribution:
    return HeadAttribution(
        head=name,
        layer=int(name[1]),
        index=int(name[3]),
        score=score,
        score_low=None,
        score_high=None,
        exact=exact,
        exact_low=None,
        exact_high=None,
        ratio=ratio_of(score, exact),
        is_drawn=True,
    )


def test_a_ratio_to_next_to_nothing_is_none() -> None:
    assert ratio_of(1.0, 0.5) == 2.0
    assert ratio_of(1.0, 0.009) is None
    assert ratio_of(1.0, None) is None


def test_no_setting_is_forgotten_by_the_record() -> None:
    for target in ("heads", "edges", "paths"):
        record = attribution_settings_record(AttributionSettings(target=Target(target)))
        assert record["target"] == target
        assert ("mlps" in record) is (target == "paths")
        assert ("integrated" in record) is (target != "paths")
        assert "control" not in record
