"""Heads are chosen on one half of the examples, and nothing of the other half leaks into the choice."""

from dataclasses import replace

import pandas as pd
import pytest

from attnprobe.evaluation.verdict import HeadChoice, VerdictResult, VerdictSettings, verdict
from attnprobe.evaluation.verdict.halves import split_halves
from attnprobe.models.model import Backend, Model
from attnprobe.tasks.collected import CollectedTask
from tests.circuits_lookup import CAUSAL, READER, SHADOW, lookup_gpt2
from tests.lookup_texts import lookup_task, lookup_tokenizer
from tests.models.loaders import LOADERS

pytestmark = pytest.mark.usefixtures("without_shape_checks")
N = 20
SETTINGS = VerdictSettings(answers=False, doses=(0.5,))


@pytest.fixture(scope="module")
def model() -> Model:
    return LOADERS[Backend.NATIVE].open(lookup_gpt2(CAUSAL), lookup_tokenizer())


@pytest.fixture(scope="module")
def plain(model: Model) -> VerdictResult:
    return verdict(model, lookup_task(N), SETTINGS)


def with_other_texts(task: CollectedTask, names: tuple[str, ...]) -> CollectedTask:
    """The same task with other texts under the names of some examples."""
    others = iter(lookup_task(N, seed=1).examples)
    examples = tuple(
        replace(next(others), id=example.id) if example.id in names else example for example in task.examples
    )
    return replace(task, examples=examples)


def necessity(result: VerdictResult) -> pd.DataFrame:
    rows = result.rows
    return rows.loc[rows["test"] == "necessity"].reset_index(drop=True)


def test_what_the_testing_half_says_cannot_change_which_heads_are_chosen(model: Model, plain: VerdictResult) -> None:
    leaked = verdict(model, with_other_texts(lookup_task(N), plain.halves.testing), SETTINGS)
    assert leaked.halves == plain.halves
    assert leaked.heads == plain.heads
    assert not necessity(leaked).equals(necessity(plain))


def test_what_the_selecting_half_says_changes_the_choice_and_no_test(model: Model, plain: VerdictResult) -> None:
    other = verdict(model, with_other_texts(lookup_task(N), plain.halves.selecting), SETTINGS)
    assert other.heads.rows != plain.heads.rows
    assert other.heads.chosen == plain.heads.chosen
    assert necessity(other).equals(necessity(plain))


def test_the_heads_that_attend_to_the_gold_keys_are_aligned_whether_they_write_or_not(plain: VerdictResult) -> None:
    assert plain.heads.choice is HeadChoice.ALIGNED
    assert plain.heads.chosen == (READER, SHADOW)
    assert plain.heads.n_selecting == len(plain.halves.selecting) == N // 2
    assert {row.head for row in plain.heads.rows if row.is_aligned} == {READER, SHADOW}
    # masked alone, the shadow does nothing
    (shadow,) = (row for row in plain.heads.rows if row.head == SHADOW)
    assert shadow.effect.value == pytest.approx(0, abs=1e-4)


def test_no_example_is_both_selecting_and_tested(plain: VerdictResult) -> None:
    tested = set(necessity(plain)["example"])
    assert tested == set(plain.halves.testing)
    assert not tested & set(plain.halves.selecting)
    halves = split_halves([example.id for example in lookup_task(N).examples], SETTINGS.seed, selects=True)
    assert plain.halves == halves
