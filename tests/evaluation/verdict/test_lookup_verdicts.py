"""Whole verdicts on models of which it is known whether attention makes the answer: they say just that.

All circuits of `tests/circuits_lookup.py` attend to the fact that the question asks about, and those that fail on a
subject look at another fact there. So attention is aligned in all of them, and aligned better where the answer is
right, whether it makes the answer or not.
"""

import pytest

from attnprobe.evaluation.association.result import Verdict
from attnprobe.evaluation.verdict import HeadChoice, Headline, Question, VerdictResult, VerdictSettings, verdict
from attnprobe.models.model import Backend
from attnprobe.plan import HeadId
from tests.circuits_lookup import (
    BYPASS,
    CAUSAL,
    ECHO,
    FAILING,
    INERT,
    READER,
    REDUNDANT,
    RESIDUAL,
    SECOND_READER,
    SHADOW,
    Circuit,
    Writer,
    lookup_gpt2,
)
from tests.lookup_numbers import NOTHING, first_log_prob, forced, from_source, second_log_prob
from tests.lookup_texts import Texts, lookup_task, lookup_tokenizer
from tests.models.loaders import LOADERS

pytestmark = pytest.mark.usefixtures("without_shape_checks")

N = 32
"""A quarter of them is misled: eight, the fewest that a verdict rests on."""
slow = pytest.mark.slow
NEAR = 2e-5
YES, NO, OPEN = Verdict.SUPPORTED, Verdict.CONTRADICTED, Verdict.UNDETERMINED


def asked(circuit: Circuit, *heads: HeadId, n: int = N) -> VerdictResult:
    model = LOADERS[Backend.NATIVE].open(lookup_gpt2(circuit), lookup_tokenizer())
    texts = Texts.FREE if circuit.writer is Writer.ATTENTION else Texts.FIXED
    return verdict(model, lookup_task(n, texts=texts), VerdictSettings(heads=heads or None))


def said(result: VerdictResult) -> tuple[Verdict, ...]:
    return tuple(result.verdicts[question] for question in Question)


@pytest.fixture(scope="module")
def causal() -> VerdictResult:
    return asked(CAUSAL, READER)


def test_where_one_head_makes_the_answer_all_four_are_supported(causal: VerdictResult) -> None:
    assert said(causal) == (YES, YES, YES, YES)
    assert causal.headline is Headline.CAUSE


@pytest.mark.parametrize(
    ("circuit", "head"),
    [
        pytest.param(BYPASS, READER, id="an mlp"),
        pytest.param(RESIDUAL, READER, id="the unembedding", marks=slow),
        pytest.param(CAUSAL, SHADOW, id="another head", marks=slow),
    ],
)
def test_where_something_else_makes_it_aligned_attention_is_a_by_product(circuit: Circuit, head: HeadId) -> None:
    result = asked(circuit, head)
    assert said(result) == (YES, NO, NO, NO)
    assert result.headline is Headline.BY_PRODUCT
    for test in result.tests[1:]:
        for contrast in test.deciding:
            if contrast.asked.unit != "share of proofs":
                assert contrast.effect.value == pytest.approx(0, abs=NEAR)


@slow
def test_left_to_itself_it_chooses_the_two_heads_that_are_aligned_and_finds_the_cause() -> None:
    result = asked(CAUSAL, n=80)
    assert result.settings.choice is HeadChoice.ALIGNED
    assert result.heads.chosen == (READER, SHADOW)
    assert READER in result.heads.strongest
    assert said(result) == (YES, YES, YES, YES)


@pytest.mark.parametrize("head", [READER, pytest.param(SECOND_READER, marks=slow)], ids=str)
def test_of_two_heads_each_of_which_is_enough_neither_is_needed(head: HeadId) -> None:
    result = asked(REDUNDANT, head)
    assert result.test(Question.NECESSITY).verdict is NO
    # gold and foil, one from each head
    (z,) = result.test(Question.MEDIATION).deciding
    assert z.effect.value == pytest.approx(0.5, abs=NEAR)


def test_together_they_are_the_cause() -> None:
    assert said(asked(REDUNDANT, READER, SECOND_READER)) == (YES, YES, YES, YES)


@pytest.mark.parametrize(
    ("circuit", "sufficient"),
    [
        pytest.param(FAILING, YES, id="both steps", marks=slow),
        pytest.param(ECHO, OPEN, id="the forced step alone"),
        pytest.param(INERT, NO, id="nothing", marks=slow),
    ],
)
def test_forcing_is_sufficient_only_where_it_repairs_the_later_step_too(circuit: Circuit, sufficient: Verdict) -> None:
    result = asked(circuit, READER)
    assert result.test(Question.SUFFICIENCY).verdict is sufficient
    assert result.test(Question.NECESSITY).verdict is not YES
    # no answer is right, so that there is nothing to compare and no run to take an output from
    assert {result.verdicts[Question.ASSOCIATION], result.verdicts[Question.MEDIATION]} == {OPEN}


def test_the_numbers_are_those_worked_out(causal: VerdictResult) -> None:
    right, wrong = from_source("X", "Y"), from_source("X'", "Y'")
    clean = (first_log_prob("X", right) + second_log_prob("Y", right)) / 2
    mask = causal.test(Question.NECESSITY).deciding[0]
    # one question in four is misled, and looks at other keys
    assert mask.effect.value == pytest.approx(0.75 * (NOTHING - clean), abs=NEAR)
    force = causal.test(Question.SUFFICIENCY).deciding[0]
    brought = forced(("X", "Y"), ("X'", "Y'"), causal.settings.dose)
    assert force.n == N / 4
    assert force.effect.value == pytest.approx(first_log_prob("X", brought) - first_log_prob("X", wrong), abs=NEAR)
    (z,) = causal.test(Question.MEDIATION).deciding
    assert (z.effect.value, z.control) == (pytest.approx(1, abs=NEAR), pytest.approx(0, abs=NEAR))


@pytest.mark.parametrize(("dose", "repairs"), [(0.25, False), (0.5, True), (0.75, True)])
def test_a_step_turns_right_between_the_doses_where_its_word_comes_first(
    causal: VerdictResult, dose: float, *, repairs: bool
) -> None:
    brought = forced(("X", "Y"), ("X'", "Y'"), dose)
    gain = first_log_prob("X", brought) - first_log_prob("X", from_source("X'", "Y'"))
    rows = causal.doses[(causal.doses["dose"] == dose) & (causal.doses["arm"] == "gold")]
    assert rows["value"].tolist() == pytest.approx([gain] * len(rows), abs=NEAR)
    assert (first_log_prob("X", brought) > first_log_prob("X'", brought)) == repairs
