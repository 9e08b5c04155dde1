"""From numbers of examples to contrasts."""

import numpy as np
import pytest

from attnprobe.evaluation.association.result import Verdict
from attnprobe.evaluation.verdict.contrasts import Asked, contrast_of, share_contrast
from attnprobe.evaluation.verdict.rules import Question

ASKED = Asked(
    question=Question.NECESSITY,
    name="gold/random_keys",
    edit="mask",
    control="random keys",
    unit="nats",
    minimum=0.1,
    direction=-1,
    decides=True,
)


def test_examples_without_a_control_are_left_out_of_both_sides_and_counted() -> None:
    edit = np.array([-1.0] * 9 + [-100.0])
    control = np.array([-0.25] * 9 + [np.nan])
    found = contrast_of(ASKED, edit, control, seed=0)
    assert found.n == 9
    assert found.n_unmatched == 1
    assert found.effect.value == pytest.approx(-1.0)
    assert found.control == pytest.approx(-0.25)
    assert found.difference.value == pytest.approx(-0.75)
    assert found.p == pytest.approx(2 / 2**9)
    assert found.verdict is Verdict.SUPPORTED
    assert found.reason is None


def test_below_eight_examples_there_is_no_verdict_but_a_reason() -> None:
    found = contrast_of(ASKED, np.full(7, -1.0), np.zeros(7), seed=0)
    assert found.verdict is Verdict.UNDETERMINED
    assert found.p is None
    assert found.reason == "7 examples; a verdict needs at least 8"


def test_without_any_example_nothing_is_claimed() -> None:
    found = contrast_of(ASKED, np.array([np.nan]), np.array([0.0]), seed=0, reason="no keys")
    assert (found.n, found.n_unmatched, found.reason) == (0, 1, "no keys")
    assert found.effect.value is None
    assert found.verdict is Verdict.UNDETERMINED


def test_shares_are_compared_pair_by_pair_and_the_effect_is_against_the_unedited() -> None:
    unedited, control = np.ones(20, dtype=bool), np.ones(20, dtype=bool)
    edit = np.arange(20) >= 10
    found = share_contrast(ASKED, edit, control, unedited)
    assert found.effect.value == pytest.approx(-0.5)
    assert found.control == pytest.approx(0.0)
    assert found.difference.value == pytest.approx(-0.5)
    assert found.p == pytest.approx(2 / 2**10)
    assert found.verdict is Verdict.SUPPORTED


def test_where_no_proof_changes_few_examples_do_not_show_that_none_would() -> None:
    few, many = np.ones(40, dtype=bool), np.ones(80, dtype=bool)
    asked = Asked(
        question=Question.NECESSITY, name="proofs", edit="", control="", unit="share of proofs", minimum=0.05,
        direction=-1, decides=True,
    )  # fmt: skip
    assert share_contrast(asked, few, few, few).verdict is Verdict.UNDETERMINED
    assert share_contrast(asked, many, many, many).verdict is Verdict.CONTRADICTED
