"""Scores of gold tokens on real models: the laws, the tables, and a circuit whose heads are known."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from attnprobe.attention.measure import score_gold_tokens
from attnprobe.attention.settings import FirstKey, Normalisation, Null, Protocol, ScoreSettings
from attnprobe.errors import PlanError, SpecError, TaskError
from attnprobe.kernels import Impl
from attnprobe.models.model import Backend, Model
from attnprobe.plan import HeadId
from attnprobe.tasks import jsonl_task
from tests.attention.scored_models import LLAMA, TASK, scored
from tests.causal.conftest import ListTask, made_up_task
from tests.circuits import INDUCTION, SHADOW, circuit_tokenizer, draw_examples, induction_gpt2, write_examples
from tests.models.architectures import D_HEAD, build_tokenizer
from tests.models.loaders import LOADERS, build, open_case


def values(frame: pd.DataFrame, columns: list[str]) -> np.ndarray:
    return frame[columns].to_numpy(dtype=np.float64)


SCORES = ["score", *(null.value for null in Null)]


@pytest.mark.parametrize("normalisation", [Normalisation.DIRECT, Normalisation.RENORMALISED, Normalisation.SAMRANK])
def test_batches_and_their_padding_change_nothing(normalisation: Normalisation) -> None:
    alone, together = (
        scored(LLAMA, ScoreSettings(normalise=normalisation, batch_size=size, impl=Impl.TORCH)) for size in (1, 4)
    )
    assert np.nanmax(np.abs(values(alone.tokens, SCORES) - values(together.tokens, SCORES))) <= 1e-6
    pd.testing.assert_frame_equal(alone.keys, together.keys)


def test_layers_left_out_change_nothing_of_the_others() -> None:
    whole, part = scored(LLAMA, ScoreSettings()), scored(LLAMA, ScoreSettings(layers=(0, 2)))
    assert [head.label for head in part.heads] == [head.label for head in whole.heads if head.layer != 1]
    kept = whole.tokens[whole.tokens["layer"] != 1].reset_index(drop=True)
    pd.testing.assert_frame_equal(part.tokens, kept)
    for head in part.heads:
        twin = next(one for one in whole.heads if one.label == head.label)
        assert (head.score, head.nulls[Null.POSITION].p) == (twin.score, twin.nulls[Null.POSITION].p)
    pd.testing.assert_frame_equal(part.keys, whole.keys)


def test_the_seed_draws_the_nulls_and_nothing_else() -> None:
    first, again, other = (scored(LLAMA, ScoreSettings(seed=seed, batch_size=size)) for seed, size in SEEDS)
    pd.testing.assert_frame_equal(first.keys, again.keys)
    assert (other.keys["keys"] == first.keys["keys"]).all()
    assert (other.keys["position"] != first.keys["position"]).any()
    assert (other.tokens["score"] == first.tokens["score"]).all()


SEEDS = ((0, 8), (0, 3), (1, 8))


def test_an_example_alone_draws_what_it_draws_among_others() -> None:
    alone = score_gold_tokens(open_case(LLAMA)[0], ListTask(examples=TASK.examples[3:4]), ScoreSettings())
    among = scored(LLAMA, ScoreSettings()).keys
    among = among[among["example"] == TASK.examples[3].id].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone.keys, among)
    assert alone.n == 1
    assert alone.overall.score.low is None
    assert all(comparison.p is None for comparison in alone.overall.nulls.values())


def test_rows_are_means_of_tokens_and_heads_are_means_of_rows() -> None:
    result = scored(LLAMA, ScoreSettings())
    grouped = result.tokens.groupby(["example", "head"], sort=False)
    np.testing.assert_allclose(result.rows["score"], grouped["score"].mean(), rtol=1e-12)
    differences = result.tokens.assign(gap=result.tokens["score"] - result.tokens["position"])
    gaps = differences.groupby(["example", "head"], sort=False)["gap"].mean()
    np.testing.assert_allclose(result.rows["position_difference"], gaps, rtol=1e-9)
    for head in result.heads:
        own = result.rows[result.rows["head"] == head.label]
        assert head.score.value == pytest.approx(own["score"].mean(), rel=1e-12)
        assert head.nulls[Null.POSITION].difference.value == pytest.approx(own["position_difference"].mean())
    assert result.overall.score.value == pytest.approx(result.rows["score"].mean(), rel=1e-12)
    assert (result.rows["n_tokens"] == 3).all()
    assert result.counts["examples"] == result.counts["examples_scored"] == result.n == 5
    assert result.counts["gold_tokens"] == 30
    assert result.counts["gold_tokens_unlicensed"] == result.counts["gold_tokens_scored"] == 15


def test_by_kind_is_the_mean_over_heads_of_the_tokens_of_a_kind() -> None:
    result = scored(LLAMA, ScoreSettings())
    assert set(result.by_kind) == {"name", "noun"}
    tokens = result.tokens[result.tokens["kind"] == "name"]
    expected = tokens.groupby("example")["score"].mean().mean()
    assert result.by_kind["name"].score.value == pytest.approx(expected, rel=1e-12)
    assert all(comparison.q is None for comparison in result.by_kind["name"].nulls.values())


@pytest.fixture(scope="module", params=list(LOADERS), ids=str)
def circuit(request: pytest.FixtureRequest) -> Model:
    return LOADERS[request.param].open(induction_gpt2(), circuit_tokenizer())


def test_the_induction_head_and_its_shadow_score_one_and_no_other_head_does(
    circuit: Model, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The gold word stands once before; the induction head looks there, and so does one that writes nothing."""
    task = jsonl_task(write_examples(tmp_path_factory.mktemp("task") / "induction.jsonl", 10))
    examples = draw_examples(10)
    for keys in ("token_match", "source_word"):
        result = score_gold_tokens(circuit, task, ScoreSettings(keys=keys))
        assert [json.loads(found) for found in result.keys["keys"]] == [[example.key] for example in examples]
        for head in result.heads:
            here = HeadId(layer=head.layer or 0, head=head.index or 0)
            score, null = head.score.value, head.nulls[Null.POSITION]
            assert score is not None
            assert (score > 0.99) == (here in (INDUCTION, SHADOW)), head
            if here in (INDUCTION, SHADOW):
                assert null.value == pytest.approx(0, abs=1e-6)
                # the smallest there is: 2 of 2^10 flips
                assert null.p == 2 / 2**10
                assert head.nulls[Null.WRONG_TOKEN].p == 2 / 2**10
            else:
                assert score < 0.35


def test_a_rollout_is_of_layers_and_goes_through_those_that_are_not_asked_for() -> None:
    whole = scored(LLAMA, ScoreSettings(normalise=Normalisation.ROLLOUT))
    last = scored(LLAMA, ScoreSettings(normalise=Normalisation.ROLLOUT, layers=(2,)))
    assert [(head.label, head.layer, head.index) for head in whole.heads] == [
        ("L0", 0, None),
        ("L1", 1, None),
        ("L2", 2, None),
    ]
    assert last.heads[0].score == whole.heads[2].score
    assert len(last.heads) == 1


def test_columns_have_one_type_whatever_is_missing() -> None:
    plain = scored(LLAMA, ScoreSettings())
    # a span of three words, no whole sentence, that all tokens share: one null of three
    span = scored(LLAMA, ScoreSettings(keys="middle", normalise=Normalisation.ROLLOUT))
    assert span.rows["wrong_token"].isna().all()
    assert span.rows["permuted"].isna().all()
    assert span.rows["position"].notna().all()
    assert span.overall.nulls[Null.PERMUTED].p is None
    assert span.overall.nulls[Null.WRONG_TOKEN].value is None
    assert span.counts["gold_tokens_without_permuted"] == span.counts["gold_tokens_scored"]
    for one, other in ((plain.rows, span.rows), (plain.tokens, span.tokens)):
        pd.testing.assert_series_equal(one.dtypes, other.dtypes)


def test_a_protocol_a_layer_or_keys_that_do_not_exist_are_refused_by_name() -> None:
    model = open_case(LLAMA)[0]
    with pytest.raises(SpecError, match="call score_paper"):
        score_gold_tokens(model, TASK, ScoreSettings(protocol=Protocol.PAPER))
    with pytest.raises(SpecError, match="layer 7 does not exist: the model has layers 0 to 2"):
        score_gold_tokens(model, TASK, ScoreSettings(layers=(0, 7)))
    with pytest.raises(SpecError, match="keys 'riddle'"):
        score_gold_tokens(model, TASK, ScoreSettings(keys="riddle"))


def test_a_task_whose_only_keys_are_sinks_is_refused() -> None:
    with pytest.raises(TaskError, match="besides special tokens and the first position"):
        score_gold_tokens(open_case(LLAMA)[0], made_up_task(2, keys=[0]), ScoreSettings())


def test_bos_is_a_first_key_only_where_the_tokenizer_adds_one() -> None:
    """This tokenizer adds nothing, so that leaving out BOS leaves out nothing."""
    none, bos = (
        scored(LLAMA, ScoreSettings(normalise=Normalisation.SUM, first_key=first))
        for first in (FirstKey.NONE, FirstKey.BOS)
    )
    pd.testing.assert_frame_equal(none.tokens, bos.tokens)
    first = scored(LLAMA, ScoreSettings(normalise=Normalisation.SUM))
    assert (first.tokens["score"] != none.tokens["score"]).any()


def test_attention_that_is_not_finite_is_an_error_and_no_missing_null() -> None:
    module: Any = build(LLAMA.family)
    model = LOADERS[Backend.NATIVE].open(module, build_tokenizer())
    with torch.no_grad():
        module.model.layers[1].self_attn.q_proj.weight[D_HEAD : 2 * D_HEAD] = float("nan")
    with pytest.raises(PlanError, match="L1H1 attends with NaN or infinite weights in example 'made-up-0'"):
        score_gold_tokens(model, TASK, ScoreSettings(layers=(0, 1)))
