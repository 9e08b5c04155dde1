"""The nnsight backend: what it is handed, what it leaves behind, what it refuses. Its numbers are the contract's."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as hf
from torch import nn

from attnprobe.errors import ModelError, PlanError, SpecError
from attnprobe.models.model import Backend, Provenance
from attnprobe.models.nnsight import NnsightModel
from attnprobe.plan import Edges, Plan, Point, Read, Scale, Site, Tokens, Write, mask_edges
from tests.models.architectures import (
    N_KV_HEADS,
    N_LAYERS,
    VOCAB,
    WINDOW,
    Architecture,
    build_model,
    build_tokenizer,
    draw_sequences,
)

PROVENANCE = Provenance(name="tiny", revision=None, architecture="tiny")
TOKENS = Tokens.of(draw_sequences())
READ_ALL = Plan(reads=tuple(Read(point=point, layer=layer) for point in Point for layer in range(N_LAYERS)))
# every key that the query sees in a model without windows: the row is left empty, and refused
EMPTIES_A_ROW = Plan(writes=(mask_edges(layer=1, edges=Edges.of({2: (0, 1, 2)})),))


def _open(model: Any, **options: Any) -> NnsightModel:
    return NnsightModel(model, **({"tokenizer": None, "provenance": PROVENANCE} | options))


def _inside(model: hf.PreTrainedModel) -> list[Any]:
    """All that a backend could leave behind on a model."""
    parts = [(module, dict(vars(module)), dict(module._forward_hooks)) for module in model.modules()]
    return [parts, model.config._attn_implementation]


@pytest.mark.parametrize("architecture", Architecture)
def test_patterns_and_logits_are_those_of_transformers_eager_attention(architecture: Architecture) -> None:
    model = build_model(architecture)
    model.set_attn_implementation("eager")
    with torch.no_grad():
        plain = model(
            input_ids=TOKENS.ids,
            attention_mask=TOKENS.attention_mask(),
            position_ids=TOKENS.position_ids(),
            output_attentions=True,
            output_hidden_states=True,
            use_cache=False,
        )
    run = _open(model).forward(TOKENS, READ_ALL)
    for row, length in enumerate(TOKENS.lengths):
        assert torch.equal(run.logits_at(row, range(length)), plain.logits[row, -length:])
        for layer in range(N_LAYERS):
            pattern = plain.attentions[layer][row, :, -length:, -length:]
            assert torch.equal(run.read(Point.PATTERN, layer, row), pattern)
            assert torch.equal(run.read(Point.RESID, layer, row), plain.hidden_states[layer][row, -length:])


def test_an_nnsight_model_that_the_user_has_gives_what_the_bare_module_gives(tmp_path: Path) -> None:
    import nnsight

    model, tokenizer = build_model(Architecture.GEMMA2), build_tokenizer()
    expected = _open(model).forward(TOKENS, READ_ALL)
    model.save_pretrained(tmp_path)
    handed = (
        nnsight.NNsight(build_model(Architecture.GEMMA2)),
        nnsight.TransformersModel(build_model(Architecture.GEMMA2), tokenizer=tokenizer),
        nnsight.TransformersModel(
            str(tmp_path), task="text-generation", tokenizer=tokenizer
        ),  # weights come at the first trace
    )
    for given in handed:
        run = _open(given).forward(TOKENS, READ_ALL)
        assert torch.equal(run.logits, expected.logits)
        assert all(torch.equal(run.reads[where], expected.reads[where]) for where in expected.reads)


def test_the_tokenizer_of_an_nnsight_model_is_its_own_unless_another_is_given() -> None:
    import nnsight

    handed = nnsight.TransformersModel(build_model(Architecture.LLAMA), tokenizer=build_tokenizer())
    other = build_tokenizer()
    assert _open(handed).tokenizer is handed.tokenizer
    assert _open(handed, tokenizer=other).tokenizer is other
    assert _open(build_model(Architecture.LLAMA)).tokenizer is None
    assert _open(handed).backend is Backend.NNSIGHT


def test_a_module_is_left_as_it_was_found_also_after_an_error_in_the_trace() -> None:
    model = build_model(Architecture.LLAMA)
    model.train()
    model.lm_head.eval()
    assert model.config._attn_implementation == "sdpa"
    before = _inside(model)
    opened = _open(model)
    opened.forward(TOKENS, READ_ALL)
    with pytest.raises(PlanError, match="no visible key left"):
        opened.forward(TOKENS, EMPTIES_A_ROW)
    opened.close()
    assert _inside(model) == before


def test_a_forward_of_its_own_is_back_on_a_module_after_closing() -> None:
    model = build_model(Architecture.LLAMA)
    own = model.lm_head.forward
    model.lm_head.forward = own
    opened = _open(model)
    assert model.lm_head.forward != own
    opened.close()
    assert vars(model.lm_head)["forward"] is own


def test_between_forwards_a_model_attends_and_trains_as_it_did() -> None:
    model = build_model(Architecture.GEMMA3).train()
    opened = _open(model)
    opened.forward(TOKENS)
    assert all(module.training for module in model.modules())
    assert model.config._attn_implementation == "sdpa"


def test_an_error_in_the_trace_is_ours_and_leaves_the_next_run_plain() -> None:
    opened = _open(build_model(Architecture.LLAMA))
    expected = opened.forward(TOKENS).logits
    with pytest.raises(PlanError, match=r"mask at attn_logits of layer 1 .*no visible key left at query position 2"):
        opened.forward(TOKENS, EMPTIES_A_ROW)
    assert torch.equal(opened.forward(TOKENS).logits, expected)


def test_a_forward_runs_the_model_once_whatever_the_plan() -> None:
    model = build_model(Architecture.LLAMA)
    opened, calls = _open(model), list[nn.Module]()
    model.register_forward_pre_hook(lambda module, _: calls.append(module))
    opened.forward(TOKENS, READ_ALL)
    assert len(calls) == 1


def test_an_nnsight_model_of_the_user_still_traces_after_closing() -> None:
    import nnsight

    handed = nnsight.NNsight(build_model(Architecture.GPT2))
    opened = _open(handed)
    expected = opened.forward(TOKENS, Plan(reads=(Read(point=Point.ATTN_OUT, layer=1),)))
    opened.close()
    seen: list[torch.Tensor] = []
    with torch.no_grad(), handed.trace(input_ids=TOKENS.ids[:1]):
        seen.append(handed.transformer.h[1].attn.output[0])
    assert torch.allclose(seen[0][0], expected.read(Point.ATTN_OUT, 1, 0), atol=5e-6)


def test_a_module_that_two_models_share_is_unwrapped_with_the_last() -> None:
    model = build_model(Architecture.LLAMA)
    before = _inside(model)
    first, second = _open(model), _open(model)
    expected = first.forward(TOKENS).logits
    first.close()
    assert torch.equal(second.forward(TOKENS).logits, expected)
    second.close()
    assert _inside(model) == before


def test_a_closed_model_says_so() -> None:
    opened = _open(build_model(Architecture.LLAMA))
    opened.close()
    with pytest.raises(ModelError, match="was closed"):
        opened.forward(TOKENS)


@pytest.mark.parametrize("architecture", [Architecture.LLAMA, Architecture.GPT2])
def test_values_scaled_to_zero_for_one_query_head_empty_its_output_alone(architecture: Architecture) -> None:
    opened = _open(build_model(architecture))
    site = Site(point=Point.V, layer=1, heads=(3,), per_query_head=True)
    read = Read(point=Point.Z, layer=1)
    plain = opened.forward(TOKENS, Plan(reads=(read,))).reads[Point.Z, 1]
    edited = opened.forward(
        TOKENS, Plan(reads=(read,), writes=(Write(site=site, intervention=Scale(factor=0.0)),))
    ).reads[Point.Z, 1]
    assert torch.equal(edited[:, :, :3], plain[:, :, :3])
    assert edited[:, :, 3].abs().max() == 0 < plain[:, :, 3].abs().max()


def test_a_mask_that_is_not_what_the_configuration_says_is_refused() -> None:
    model = build_model(Architecture.MISTRAL)
    opened = _open(model)
    model.config.sliding_window = WINDOW + 1
    with pytest.raises(ModelError, match=f"layer 0: the mask .* not causal with a window of {WINDOW} tokens"):
        opened.forward(TOKENS, READ_ALL)


def test_a_plan_for_another_model_is_refused_before_anything_runs() -> None:
    with pytest.raises(SpecError, match=f"layer {N_LAYERS} does not exist"):
        _open(build_model(Architecture.LLAMA)).forward(TOKENS, Plan(reads=(Read(point=Point.Z, layer=N_LAYERS),)))


def test_a_sink_beside_the_keys_is_refused_where_the_logits_are_asked_for() -> None:
    config = hf.GptOssConfig(
        vocab_size=VOCAB,
        hidden_size=32,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=4,
        num_key_value_heads=N_KV_HEADS,
        head_dim=8,
        num_local_experts=2,
        num_experts_per_tok=2,
        sliding_window=WINDOW,
        pad_token_id=0,
    )
    opened = _open(hf.GptOssForCausalLM(config).eval())
    pattern = opened.forward(TOKENS, Plan(reads=(Read(point=Point.PATTERN, layer=0),))).read(Point.PATTERN, 0, 0)
    assert (pattern.sum(-1) < 1).all()
    with pytest.raises(PlanError, match=r"layer 0: attn_logits stand beside a sink .* Use backend 'native'"):
        opened.forward(TOKENS, Plan(reads=(Read(point=Point.ATTN_LOGITS, layer=0),)))


def test_a_model_whose_attention_nnsight_cannot_find_is_refused_and_left_bare() -> None:
    model = hf.GPTNeoForCausalLM(
        hf.GPTNeoConfig(vocab_size=VOCAB, hidden_size=32, num_layers=1, num_heads=2, attention_types=[[["global"], 1]])
    )
    before = _inside(model)
    with pytest.raises(ModelError, match="GPTNeoForCausalLM"):
        _open(model)
    assert _inside(model) == before


def test_a_part_of_a_model_is_refused() -> None:
    with pytest.raises(ModelError, match=r"class Linear: expected a transformers model .* head included"):
        _open(nn.Linear(2, 2))
