"""One example under one head: the same pattern as a capture has, cut to what can be shown."""

import numpy as np
import pytest

from attnprobe.attention.capture import patterns
from attnprobe.attention.measure import score_gold_tokens
from attnprobe.attention.settings import Normalisation, ScoreSettings
from attnprobe.attention.showcase import showcase
from attnprobe.attention.strongest import by_margin
from attnprobe.models.alignment import align_all
from attnprobe.models.model import Provenance
from attnprobe.models.native import NativeModel
from attnprobe.tasks import CollectedTask
from tests.causal.conftest import made_up_task
from tests.models.architectures import Architecture, build_model, build_tokenizer


@pytest.fixture(scope="module")
def model() -> NativeModel:
    provenance = Provenance(name="tiny", revision=None, architecture="LlamaForCausalLM")
    return NativeModel(build_model(Architecture.LLAMA), tokenizer=build_tokenizer(), provenance=provenance)


@pytest.fixture(scope="module")
def task() -> CollectedTask:
    return made_up_task(3)


def test_it_shows_the_first_example_under_the_head_that_exceeds_its_closest_null_by_most(
    model: NativeModel, task: CollectedTask
) -> None:
    result = score_gold_tokens(model, task)
    shown = showcase(model, task, result)
    aligned = align_all(model, task)[0]

    assert shown is not None
    assert (shown.example, str(shown.head)) == (task.examples[0].id, by_margin(result)[0].label)
    assert "".join(shown.tokens[len(aligned.special) :]) == task.examples[0].text
    keys = {target.position: target.keys["source_word"] for target in aligned.targets if target.keys["source_word"]}
    assert {link.position: link.keys for link in shown.links}.items() <= keys.items()
    assert shown.focus == shown.links[-1]


def test_its_pattern_is_that_of_a_capture_and_its_scores_the_last_row(model: NativeModel, task: CollectedTask) -> None:
    shown = showcase(model, task, score_gold_tokens(model, task))
    assert shown is not None
    ids = align_all(model, task)[0].ids[: shown.focus.position]
    whole = patterns(model, ids, [shown.head.layer])[shown.head.layer][shown.head.head].double().numpy()

    assert shown.first_query == 0
    assert shown.pattern == pytest.approx(whole, abs=1e-6)
    assert shown.scores == pytest.approx(whole[-1], abs=1e-6)
    assert shown.pattern.sum(axis=1) == pytest.approx(np.ones(len(ids)), abs=1e-5)


def test_only_so_many_rows_are_kept(model: NativeModel, task: CollectedTask) -> None:
    cut = showcase(model, task, score_gold_tokens(model, task), rows=3)
    assert cut is not None
    n = cut.focus.position
    whole = patterns(model, align_all(model, task)[0].ids[:n], [cut.head.layer])[cut.head.layer][cut.head.head]

    assert cut.window == range(n - 3, n)
    assert cut.pattern == pytest.approx(whole[-3:].double().numpy(), abs=1e-6)


def test_a_normalisation_of_keys_colours_by_its_values(model: NativeModel, task: CollectedTask) -> None:
    settings = ScoreSettings(normalise=Normalisation.SAMRANK)
    shown = showcase(model, task, score_gold_tokens(model, task, settings))
    assert shown is not None
    n = shown.focus.position
    whole = patterns(model, align_all(model, task)[0].ids[:n], [shown.head.layer])
    pattern = whole[shown.head.layer][shown.head.head].double().numpy()
    received = pattern.sum(axis=0)
    received[0] = 0.0
    given = (pattern[:, 1:] / received[1:]).sum(axis=1)
    values = received + given

    assert shown.quantity is Normalisation.SAMRANK
    assert shown.scores == pytest.approx((values - values.min()) / (values.max() - values.min()), abs=1e-5)
