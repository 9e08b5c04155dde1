"""The verdict on attention scores follows from the numbers by the rules, and can be no."""

from dataclasses import replace

import numpy as np
import pytest

from attnprobe.attention.settings import Normalisation, Null, ScoreSettings
from attnprobe.report.finding import Verdict
from attnprobe.report.score_finding import (
    SCORE_RULES,
    find_score,
    finite,
    head_q,
    noun_of,
    paper_sentence,
    quantity,
    score_rules_record,
    stands_out,
)
from tests.report.score_results import HEADS, N, against, paper_result, score_result, scored


def test_yes_needs_every_null_to_be_exceeded() -> None:
    finding = find_score(score_result())

    assert finding.verdict is Verdict.SUPPORTED
    assert finding.question == "Is there more attention on the gold source words than chance puts there?"
    assert finding.answer == (
        "Yes. For the mean over 4 heads, gold keys score 0.190 [0.170, 0.210]: 0.110 [0.090, 0.130] more than the keys "
        f"of other gold tokens, the closest null (n = {N}). 2 of 4 heads exceed every null (q < 0.05): L2H0, L0H1. "
        "On the 8 examples that did not pick it, L2H0 exceeds the keys of other gold tokens by 0.400 [0.400, 0.400]."
    )


@pytest.mark.parametrize(
    ("nulls", "half", "verdict"),
    [
        (against(0.05, 0.06, 0.25), 0.02, Verdict.CONTRADICTED),
        (against(0.05, 0.06, 0.188), 0.005, Verdict.CONTRADICTED),
        (against(0.05, 0.06, 0.18), 0.02, Verdict.UNDETERMINED),
        (against(0.05, 0.06, 0.183), 0.004, Verdict.UNDETERMINED),
        (against(0.05, 0.06, 0.16), 0.02, Verdict.SUPPORTED),
        ({}, 0.02, Verdict.UNDETERMINED),
    ],
    ids=["less", "equivalent", "covers-0", "too-small", "more", "no-null"],
)
def test_one_null_that_is_not_exceeded_is_enough_for_no(
    nulls: dict[Null, float | None], half: float, verdict: Verdict
) -> None:
    finding = find_score(score_result(overall=scored("all", 0.19, nulls, half=half)))

    assert finding.verdict is verdict
    assert (
        finding.answer.split(".")[0]
        == {
            Verdict.SUPPORTED: "Yes",
            Verdict.CONTRADICTED: "No",
            Verdict.UNDETERMINED: "Undetermined",
        }[verdict]
    )


@pytest.mark.parametrize("permuted", [0.05, 0.25], ids=["more", "less"])
@pytest.mark.parametrize(("n", "is_told"), [(2, False), (7, False), (8, True)])
def test_a_few_examples_say_neither_yes_nor_no(n: int, is_told: bool, permuted: float) -> None:
    overall = scored("all", 0.19, against(0.05, 0.06, permuted))
    few = {null: replace(found, difference=replace(found.difference, n=n)) for null, found in overall.nulls.items()}

    verdict = find_score(score_result(overall=replace(overall, nulls=few))).verdict

    assert (verdict is not Verdict.UNDETERMINED) == is_told


def test_less_than_a_null_is_said_with_a_positive_size_and_its_interval_turned() -> None:
    finding = find_score(score_result(overall=scored("all", 0.19, against(0.05, 0.06, 0.25))))

    assert "0.060 [0.040, 0.080] less than the keys of other gold tokens" in finding.answer


def test_a_head_stands_out_only_against_every_null() -> None:
    assert stands_out(HEADS[2])
    # one null is exceeded with a small q, another is not exceeded
    assert not stands_out(HEADS[3])
    assert not stands_out(scored("L0H0", 0.5, {}))
    assert not stands_out(scored("L0H0", 0.105, against(0.1, 0.1, 0.1)))


def test_the_q_of_a_head_is_its_largest_and_none_if_one_is_missing() -> None:
    head = HEADS[2]
    doubtful = replace(head.nulls[Null.POSITION], q=0.2)
    untested = replace(head.nulls[Null.POSITION], q=None)

    assert head_q(replace(head, nulls={**head.nulls, Null.POSITION: doubtful})) == 0.2
    assert head_q(replace(head, nulls={**head.nulls, Null.POSITION: untested})) is None


def test_without_tests_that_is_said() -> None:
    heads = [
        replace(head, nulls={name: replace(found, q=None) for name, found in head.nulls.items()}) for head in HEADS
    ]

    assert "No head could be tested: that takes 8 examples and every null." in find_score(score_result(heads)).answer


def test_rollout_speaks_of_layers() -> None:
    settings = ScoreSettings(normalise=Normalisation.ROLLOUT)

    assert noun_of(settings) == "layer"
    assert "the mean over 4 layers" in find_score(score_result(settings=settings)).answer


@pytest.mark.parametrize("normalise", list(Normalisation))
def test_every_normalisation_has_a_name_for_its_quantity(normalise: Normalisation) -> None:
    assert "_" not in quantity(normalise)


def test_the_rules_are_those_of_the_manifest() -> None:
    record = score_rules_record()

    assert record["verdict"] == dict(SCORE_RULES)
    assert record["minimum"] == 0.01


def test_the_papers_sentence_says_that_it_has_no_null() -> None:
    said = paper_sentence(paper_result())

    assert said.startswith(
        "The mean score is 0.500 (standard deviation 0.122) over 4 examples. This protocol has no null"
    )
    lost = replace(paper_result(), mean=float("nan"), counts={"nan_examples": 1})
    assert "The mean score is – " in paper_sentence(lost)
    assert "1 example hold" in paper_sentence(lost)


def test_what_is_not_a_number_is_none() -> None:
    assert finite(0.5) == 0.5
    assert finite(float("nan")) is None
    assert finite(float(np.inf)) is None
