"""The verdict's rules on made-up intervals, and what its settings refuse."""

import pytest

from attnprobe.errors import SpecError
from attnprobe.evaluation.association.result import SCORE, Contrast, HeadAssociation, Verdict
from attnprobe.evaluation.association.settings import AssociationSettings
from attnprobe.evaluation.association.verdict import rules_record, verdict_on
from attnprobe.evaluation.settings import EvalSettings
from attnprobe.statistics.ranks import Separation
from attnprobe.tasks.prontoqa.asked import Measure

Ends = tuple[float, float, float]
UP, NONE, DOWN, WIDE = (0.7, 0.6, 0.8), (0.51, 0.47, 0.54), (0.4, 0.3, 0.49), (0.6, 0.45, 0.75)


def overall(**intervals: Ends | None) -> HeadAssociation:
    """The mean over heads with these AUROCs within strata; pooled ones say the opposite, and must not matter."""
    contrasts = {
        name: Contrast(
            quantity=name, pooled=found(None if ends is None else (1 - ends[0], 0.0, 1.0)), within=found(ends)
        )
        for name, ends in intervals.items()
    }
    return HeadAssociation(label="all", layer=None, index=None, contrasts=contrasts)


def found(ends: Ends | None) -> Separation:
    if ends is None:
        return Separation(auroc=None, low=None, high=None, p=None, n_positive=0, n_negative=0, reason="none")
    return Separation(auroc=ends[0], low=ends[1], high=ends[2], p=0.5, n_positive=9, n_negative=7)


@pytest.mark.parametrize(
    ("score", "wrong_token", "position", "expected"),
    [
        (UP, UP, UP, Verdict.SUPPORTED),
        (UP, UP, WIDE, Verdict.UNDETERMINED),
        (UP, NONE, UP, Verdict.CONTRADICTED),
        (UP, UP, DOWN, Verdict.CONTRADICTED),
        (DOWN, UP, UP, Verdict.CONTRADICTED),
        (UP, None, UP, Verdict.UNDETERMINED),
        ((0.54, 0.51, 0.57), UP, UP, Verdict.UNDETERMINED),
    ],
)
def test_score_and_both_nulls_must_agree(
    score: Ends, wrong_token: Ends | None, position: Ends, expected: Verdict
) -> None:
    verdict, _ = verdict_on(
        overall(score=score, wrong_token=wrong_token, position=position, permuted=DOWN), AssociationSettings()
    )
    assert verdict is expected


def test_without_nulls_a_score_supports_nothing_but_may_contradict() -> None:
    assert verdict_on(overall(**{SCORE: NONE}), AssociationSettings())[0] is Verdict.CONTRADICTED
    verdict, because = verdict_on(overall(**{SCORE: UP}), AssociationSettings())
    assert verdict is Verdict.UNDETERMINED
    assert because == "score: AUROC 0.700 within strata (0.600 to 0.800; 9 right and 7 wrong)"


def test_the_minimum_moves_what_counts() -> None:
    assert verdict_on(overall(**{SCORE: UP}), AssociationSettings(minimum_auroc=0.75))[0] is Verdict.UNDETERMINED
    assert verdict_on(overall(**{SCORE: NONE}), AssociationSettings(minimum_auroc=0.53))[0] is Verdict.UNDETERMINED


def test_the_rules_are_in_the_manifest_with_their_numbers() -> None:
    record = rules_record(AssociationSettings(minimum_auroc=0.6, measure=Measure.VALID))
    assert (record["minimum_auroc"], record["measure"], record["interval"]) == (0.6, "valid", 0.95)
    assert {"supported", "contradicted", "undetermined", "rests_on"} <= set(record)


def test_settings_without_meaning_are_refused() -> None:
    with pytest.raises(SpecError, match=r"minimum AUROC 0.5: expected a number above .5 and below 1"):
        AssociationSettings(minimum_auroc=0.5)
    with pytest.raises(SpecError, match="4 samples: an example is right or wrong by one answer"):
        AssociationSettings(answering=EvalSettings(samples=4))


@pytest.mark.usefixtures("without_shape_checks")
def test_an_unknown_measure_is_refused() -> None:
    with pytest.raises(SpecError, match="measure 'kind': expected one of strict, contain, valid, exact"):
        AssociationSettings(measure="kind")  # pyright: ignore[reportArgumentType] # as from a file
