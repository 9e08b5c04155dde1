"""Heads against their nulls: values worked by hand, and what enters which mean."""

import numpy as np
import pytest

from attnprobe.attention.comparisons import Sample, scored_heads, scored_overall
from attnprobe.attention.settings import Null
from attnprobe.plan import HeadId

HEADS = (HeadId(layer=0, head=1), HeadId(layer=2, head=0))
NAN = float("nan")


def sample(score: list[list[float]], null: list[list[float]]) -> Sample:
    scores, values = np.array(score), np.array(null)
    return Sample(score=scores, nulls={Null.POSITION: values}, differences={Null.POSITION: scores - values})


def test_values_and_differences_are_means_over_the_examples_that_have_them() -> None:
    given = sample([[1.0, 0.0], [3.0, 0.0], [5.0, 3.0]], [[0.5, 0.0], [NAN, NAN], [1.5, 0.0]])
    first, second = scored_heads(given, HEADS, 0)
    assert (first.label, first.layer, first.index) == ("L0H1", 0, 1)
    assert first.score.value == 3.0
    assert first.nulls[Null.POSITION].value == 1.0
    assert first.nulls[Null.POSITION].difference.value == 2.0
    assert first.nulls[Null.POSITION].difference.n == 2
    assert (second.score.value, second.nulls[Null.POSITION].difference.value) == (1.0, 1.5)
    overall = scored_overall(given, 0)
    assert (overall.label, overall.layer, overall.index) == ("all", None, None)
    assert overall.score.value == 2.0
    assert overall.nulls[Null.POSITION].difference.value == 1.75


def test_below_eight_examples_there_is_no_p_and_the_mean_over_heads_has_no_q() -> None:
    rng = np.random.default_rng(0)
    few, enough = (sample(rng.random((n, 2)) + 1, rng.random((n, 2))) for n in (7, 8))
    for scored in scored_heads(few, HEADS, 0):
        assert scored.nulls[Null.POSITION].p is None
        assert scored.nulls[Null.POSITION].q is None
    for scored in scored_heads(enough, HEADS, 0):
        # all 8 differences are above 0: both of the 2**8 flips that leave no sign mixed
        assert scored.nulls[Null.POSITION].p == pytest.approx(2 / 2**8)
        assert scored.nulls[Null.POSITION].q == pytest.approx(2 / 2**8)
    overall = scored_overall(enough, 0).nulls[Null.POSITION]
    assert overall.p == pytest.approx(2 / 2**8)
    assert overall.q is None


def test_a_null_that_no_example_has_is_missing() -> None:
    (scored, _) = scored_heads(sample([[1.0, 1.0]] * 3, [[NAN, NAN]] * 3), HEADS, 0)
    comparison = scored.nulls[Null.POSITION]
    assert comparison.value is None
    assert comparison.difference.value is None
    assert comparison.difference.n == 0
