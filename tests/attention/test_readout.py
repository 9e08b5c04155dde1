"""Scores taken while a model runs, against the formulas on patterns that are read whole: every backend and family."""

import json
from dataclasses import replace
from functools import cache
from typing import cast

import numpy as np
import pytest
import torch

from attnprobe.attention.key_sets import key_sets
from attnprobe.attention.readout import GoldReadout, LayerScores
from attnprobe.attention.settings import Normalisation, ScoreSettings
from attnprobe.attention.value_norms import ValueNorms
from attnprobe.kernels import Attention, Impl
from attnprobe.models.alignment import align_all
from attnprobe.models.load import load_model
from attnprobe.models.model import Backend, Model
from attnprobe.plan import LayerAttention, Plan, Point, Read, Stream, Tokens
from attnprobe.tasks import TextTokenizer, align, prontoqa_task
from tests.attention.literal import literal_score
from tests.attention.scored_models import LLAMA, TASK, scored
from tests.causal.conftest import ListTask
from tests.models.architectures import build_tokenizer
from tests.models.loaders import CASES, Case, open_case

FEW = ListTask(examples=TASK.examples[:2])
NEAR = 5e-6
ONE_OF_EACH = tuple(case for case in CASES if case.backend is Backend.NATIVE or case.family in ("llama", "gemma2"))

ON_EVERY_MODEL = (
    Normalisation.DIRECT,
    Normalisation.RENORMALISED,
    Normalisation.VALUE_WEIGHTED,
    Normalisation.ROLLOUT,
    Normalisation.SAMRANK,
)
COMBINED = [
    (case, normalisation)
    for case in ONE_OF_EACH
    for normalisation in Normalisation
    if case == LLAMA or normalisation in ON_EVERY_MODEL
]


@cache
def patterns_of(case: Case) -> dict[tuple[str, str], np.ndarray]:
    """Whole patterns of every example and head, by its label."""
    model = open_case(case)[0]
    found: dict[tuple[str, str], np.ndarray] = {}
    reads = tuple(Read(point=Point.PATTERN, layer=layer) for layer in range(model.dims.n_layers))
    for example in FEW.examples:
        run = model.forward(Tokens.of([align(example, build_tokenizer()).ids]), Plan(reads=reads))
        for head in model.dims.heads:
            pattern = run.read(Point.PATTERN, head.layer, 0)[head.head]
            found[example.id, str(head)] = pattern.double().numpy()
    return found


@cache
def carried(case: Case) -> dict[tuple[str, str], np.ndarray]:
    """Norm of what each key carries, ||W_O v||, formed as it stands."""
    model = open_case(case)[0]
    found: dict[tuple[str, str], np.ndarray] = {}
    reads = tuple(Read(point=Point.V, layer=layer) for layer in range(model.dims.n_layers))
    for example in FEW.examples:
        run = model.forward(Tokens.of([align(example, build_tokenizer()).ids]), Plan(reads=reads))
        for head in model.dims.heads:
            value, weight = run.read(Point.V, head.layer, 0), model.output_projection(head.layer)[head.head]
            served = model.dims.n_heads[head.layer] // model.dims.n_kv_heads[head.layer]
            moved = value[:, head.head // served].double() @ weight.double()
            found[example.id, str(head)] = moved.norm(dim=1).numpy()
    return found


@cache
def rolled_out(case: Case) -> dict[tuple[str, str], np.ndarray]:
    """Rollout matrices of every example, by layer: the product of all below."""
    found: dict[tuple[str, str], np.ndarray] = {}
    dims = open_case(case)[0].dims
    for example in FEW.examples:
        rolled: np.ndarray | None = None
        for layer in range(dims.n_layers):
            heads = [str(head) for head in dims.heads if head.layer == layer]
            mean = np.mean([patterns_of(case)[example.id, head] for head in heads], axis=0)
            step = (mean + np.eye(len(mean))) / 2
            rolled = step if rolled is None else step @ rolled
            found[example.id, f"L{layer}"] = rolled
    return found


@pytest.mark.parametrize(("case", "normalisation"), COMBINED, ids=str)
def test_streamed_scores_are_those_of_the_whole_patterns(case: Case, normalisation: Normalisation) -> None:
    """Every backend and family: grouped keys, windows, softcaps, head counts that differ by layer."""
    result = scored(case, ScoreSettings(normalise=normalisation, sink_share=0.3), FEW)
    keys, dims = result.keys.set_index(["example", "token"]), open_case(case)[0].dims
    is_rollout, is_rank = normalisation is Normalisation.ROLLOUT, normalisation is Normalisation.RANK
    assert len(result.tokens) == len(keys) * (dims.n_layers if is_rollout else len(dims.heads))
    patterns = rolled_out(case) if is_rollout else patterns_of(case)
    for row in result.tokens.to_dict("records"):
        found, at = keys.loc[(row["example"], row["token"])], (row["example"], row["head"])
        for column, positions in (("score", found["keys"]), ("position", found["position"])):
            expected = literal_score(
                patterns[at],
                row["token_position"],
                json.loads(positions),
                Normalisation.DIRECT if is_rollout else normalisation,
                zeroed={0},
                share=0.3,
                weights=carried(case)[at] if normalisation is Normalisation.VALUE_WEIGHTED else None,
            )
            # percentiles of values that differ by rounding alone may change places: one place of some twenty
            slack = 1.01 / (row["token_position"] - 1) if is_rank else NEAR
            assert row[column] == pytest.approx(expected, abs=slack), (row, column)


class Upcast:
    """The same statistic on the same inputs, in float64."""

    def __init__(self, readout: GoldReadout) -> None:
        self._readout = readout

    def __call__(self, seen: LayerAttention) -> LayerScores:
        source = seen.source
        assert isinstance(source, Attention)
        return self._readout(
            replace(seen, source=replace(source, query=source.query.double(), key=source.key.double()))
        )


@pytest.fixture(scope="module")
def zoo() -> Model:
    return load_model("zoo:elimination-144k", device="cpu")


@pytest.mark.parametrize("normalisation", Normalisation)
@pytest.mark.parametrize("impl", [Impl.REFERENCE, Impl.TORCH])
def test_single_precision_agrees_with_the_reference_in_double(
    zoo: Model, normalisation: Normalisation, impl: Impl
) -> None:
    """On the queries and keys of a trained model, padded on the left."""
    settings = ScoreSettings(normalise=normalisation, impl=impl)
    exact = replace(settings, impl=Impl.REFERENCE)
    task = prontoqa_task(n=3, hops=2)
    keys = [key_sets(one, settings, cast(TextTokenizer, zoo.tokenizer)) for one in align_all(zoo, task)]
    tokens = Tokens.of([one.aligned.ids for one in keys])
    assert len(set(tokens.lengths)) > 1
    norms = ValueNorms(zoo, range(3))
    statistics = (GoldReadout(keys, tokens, settings, norms), Upcast(GoldReadout(keys, tokens, exact, norms)))
    streams = tuple(Stream(layer=layer, statistic=one) for layer in range(3) for one in statistics)
    found = zoo.forward(tokens, Plan(streams=streams, last_logits=0)).streamed
    assert {layer.impl for layer in found[::2]} == {impl}
    n_compared = 0
    for single, double in zip(found[::2], found[1::2], strict=True):
        for one, other, own in zip(single.scores, double.scores, keys, strict=True):
            assert other.dtype is torch.float64
            # sets that reach beyond a prefix, and sets that could not be drawn, are nobody's scores
            n_sets = len(own.sets)
            reach = torch.tensor(own.exchangeable())[list(own.owners)]
            difference = (one[:, :, :n_sets].double() - other[:, :, :n_sets]).abs()[:, reach]
            assert difference.max() <= NEAR
            n_compared += difference.numel()
    assert n_compared > 1000
