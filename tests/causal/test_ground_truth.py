"""The whole measurement on a model whose causal heads are known: it finds those, with their numbers, and no others.

The circuit and its numbers are worked out in `tests/models/test_known_circuit.py`. Every backend, from a JSONL task to
the rows of the result.
"""

from collections.abc import Mapping
from pathlib import Path

import pytest

from attnprobe.causal.controls import ControlKind
from attnprobe.causal.measure import patch_heads
from attnprobe.causal.settings import InterventionKind, Metric, PatchSettings
from attnprobe.models.model import Backend, Model
from attnprobe.plan import Point
from attnprobe.tasks.collected import CollectedTask
from attnprobe.tasks.jsonl import jsonl_task
from tests.circuits import (
    CLEAN,
    INDUCTION,
    PREVIOUS_TOKEN,
    WITHOUT_INDUCTION,
    circuit_tokenizer,
    draw_examples,
    induction_gpt2,
    with_key_masked,
    without_previous_token,
    write_examples,
)
from tests.models.loaders import LOADERS

N = 10
EXAMPLES = draw_examples(N)
NEAR = 5e-6


@pytest.fixture(scope="module", params=list(LOADERS), ids=str)
def model(request: pytest.FixtureRequest) -> Model:
    backend: Backend = request.param
    return LOADERS[backend].open(induction_gpt2(), circuit_tokenizer())


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> CollectedTask:
    return jsonl_task(write_examples(tmp_path_factory.mktemp("task") / "induction.jsonl", N))


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def check_effects(model: Model, task: CollectedTask, settings: PatchSettings, expected: Mapping[str, float]) -> None:
    """The heads expected have their effect and the smallest p there is, 2 in 2^n; all others do nothing."""
    result = patch_heads(model, task, settings)
    assert result.n == N
    assert len(result.heads) == 8
    for row in result.heads:
        if row.head in expected:
            assert row.effect == pytest.approx(expected[row.head], abs=NEAR), row.head
            assert row.p == pytest.approx(2 / 2**N), row.head
            assert row.q is not None
            assert row.q < 0.05, row.head
        else:
            assert abs(row.effect) < 1e-4, row.head


def test_masking_the_gold_keys_finds_the_induction_head_alone(model: Model, task: CollectedTask) -> None:
    expected = mean([with_key_masked(example) for example in EXAMPLES]) - CLEAN
    check_effects(model, task, PatchSettings(control=ControlKind.RANDOM_KEYS), {str(INDUCTION): expected})


def test_ablation_finds_the_induction_head_and_the_head_that_it_rests_on(model: Model, task: CollectedTask) -> None:
    expected = {
        str(INDUCTION): WITHOUT_INDUCTION - CLEAN,
        str(PREVIOUS_TOKEN): mean([without_previous_token(example) for example in EXAMPLES]) - CLEAN,
    }
    check_effects(model, task, PatchSettings(intervention=InterventionKind.ABLATE), expected)


@pytest.mark.parametrize("site", [Point.Z, Point.V], ids=str)
def test_patching_restores_everything_through_the_induction_head(
    model: Model, task: CollectedTask, site: Point
) -> None:
    settings = PatchSettings(intervention=InterventionKind.PATCH, metric=Metric.RECOVERY, site=site)
    head = str(INDUCTION) if site is Point.Z else f"L{INDUCTION.layer}KV{INDUCTION.head}"
    check_effects(model, task, settings, {head: 1.0})


def test_the_clean_value_is_the_one_worked_out(model: Model, task: CollectedTask) -> None:
    result = patch_heads(model, task, PatchSettings(control=ControlKind.NONE))
    assert result.clean.value == pytest.approx(CLEAN, abs=NEAR)
    assert (result.clean.low, result.clean.high) == pytest.approx((CLEAN, CLEAN), abs=NEAR)


def test_the_task_file_says_where_the_gold_word_comes_from(tmp_path: Path) -> None:
    task = jsonl_task(write_examples(tmp_path / "task.jsonl", N))
    for made, read in zip(EXAMPLES, task.examples, strict=True):
        assert read.prompt == " ".join(made.words)
        assert read.gold == f" {made.gold}"
        (word,) = read.words
        assert word.source_word is not None
        assert [read.text[key.start : key.end] for key in word.source_word] == [made.gold]
        assert len(read.text[: word.source_word[0].start].split()) == made.key
        assert word.foils == (made.foil,)
