"""What the native backend promises beside the contract: which attention runs where, and what it leaves alone."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest
import torch
import transformers as hf

from attnprobe.errors import ModelError, PlanError, SpecError
from attnprobe.models import attention_call, attention_interface
from attnprobe.models.liveness import check_liveness
from attnprobe.models.native import NativeModel
from attnprobe.plan import (
    EMPTY_PLAN,
    Edges,
    Plan,
    Point,
    Read,
    Replace,
    Scale,
    Site,
    Tokens,
    Write,
    force_edges,
    mask_edges,
)
from tests.models.agreement import assert_close, inputs
from tests.models.architectures import (
    CONTEXT,
    D_MODEL,
    N_HEADS,
    VOCAB,
    WINDOW,
    Architecture,
    build_model,
    draw_sequences,
    randomise,
)
from tests.models.direct_model import DirectModel, build_direct_model
from tests.models.loaders import PROVENANCE

TOKENS = Tokens.of(draw_sequences())
SIZES: dict[str, Any] = {
    "vocab_size": VOCAB,
    "hidden_size": D_MODEL,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": N_HEADS,
    "num_key_value_heads": 2,
    "max_position_embeddings": CONTEXT,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}


def native(model: hf.PreTrainedModel) -> NativeModel:
    return NativeModel(model, tokenizer=None, provenance=PROVENANCE)


def made(model_class: type[hf.PreTrainedModel], config: hf.PretrainedConfig) -> hf.PreTrainedModel:
    model = model_class(config)
    randomise(model, seed=0)
    return model.eval()


@contextmanager
def counted_attention() -> Iterator[dict[str, int]]:
    """How many layers ran fused attention, and how many step by step."""
    counts = {"fused": 0, "stepwise": 0}
    fused, stepwise = attention_interface.sdpa_attention_forward, attention_call.explicit_attention

    def count_fused(*args: Any, **kwargs: Any) -> Any:
        counts["fused"] += 1
        return fused(*args, **kwargs)

    def count_stepwise(*args: Any, **kwargs: Any) -> Any:
        counts["stepwise"] += 1
        return stepwise(*args, **kwargs)

    with (
        mock.patch.object(attention_interface, "sdpa_attention_forward", count_fused),
        mock.patch.object(attention_interface, "explicit_attention", count_stepwise),
        mock.patch.object(attention_call, "explicit_attention", count_stepwise),
    ):
        yield counts


@pytest.mark.parametrize(
    ("plan", "stepwise"),
    [
        (EMPTY_PLAN, 0),
        (Plan(writes=(mask_edges(layer=1, edges=Edges.of({3: [1]})),)), 1),
        (Plan(reads=(Read(point=Point.PATTERN, layer=0), Read(point=Point.PATTERN, layer=2))), 2),
        (Plan(writes=(Write(site=Site(point=Point.Z, layer=1), intervention=Scale(factor=0.0)),)), 0),
    ],
    ids=["nothing", "a mask", "two patterns", "an ablated z"],
)
def test_only_layers_whose_pattern_is_needed_leave_the_fused_attention(plan: Plan, stepwise: int) -> None:
    model = native(build_model(Architecture.LLAMA))
    with counted_attention() as counts:
        model.forward(TOKENS, plan)
    assert counts == {"fused": 3 - stepwise, "stepwise": stepwise}


def test_a_softcap_is_never_given_to_the_fused_attention_which_would_drop_it() -> None:
    model = native(build_model(Architecture.GEMMA2))
    with counted_attention() as counts:
        model.forward(TOKENS)
    assert counts == {"fused": 0, "stepwise": 3}


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_the_models_own_choice_of_attention_is_kept(implementation: str) -> None:
    hf_model = build_model(Architecture.LLAMA)
    hf_model.set_attn_implementation(implementation)
    model = native(hf_model)
    with counted_attention() as counts:
        run = model.forward(TOKENS)
    assert counts["stepwise"] == (3 if implementation == "eager" else 0)
    assert hf_model.config._attn_implementation == implementation
    with torch.no_grad():
        expected = hf_model(**inputs(TOKENS)).logits
    assert torch.equal(run.logits_at(0, range(11)), expected[0])


def test_a_model_in_training_is_run_without_dropout_and_trains_on() -> None:
    config = hf.LlamaConfig(**SIZES, attention_dropout=0.5)
    model = made(hf.LlamaForCausalLM, config).train()
    model.model.layers[0].mlp.eval()
    flags = {name: module.training for name, module in model.named_modules()}
    served = native(model)
    assert torch.equal(served.forward(TOKENS).logits, served.forward(TOKENS).logits)
    assert {name: module.training for name, module in model.named_modules()} == flags


@pytest.mark.parametrize(
    "build", [lambda: build_model(Architecture.LLAMA), build_direct_model], ids=["llama", "direct"]
)
def test_a_pass_in_one_thread_is_not_seen_by_another(build: Callable[[], hf.PreTrainedModel]) -> None:
    hf_model = build()
    model = native(hf_model)
    plain, found = model.forward(TOKENS).logits, []
    writes = (
        Write(site=Site(point=Point.RESID, layer=1), intervention=Scale(factor=0.0)),
        mask_edges(layer=1, edges=Edges.of({3: [1]})),
    )

    def run_plain() -> None:
        with torch.no_grad():
            found.append(hf_model(**inputs(TOKENS)).logits)

    def run_in_between(*_: object) -> None:
        # in the middle of an edited pass, the same modules run in another thread
        hook.remove()
        thread = threading.Thread(target=run_plain)
        thread.start()
        thread.join()

    block = model._anatomy.layers[1].block
    hook = block.register_forward_pre_hook(run_in_between)
    edited = model.forward(TOKENS, Plan(writes=writes)).logits
    assert torch.equal(found[0][0], plain[0])
    assert torch.equal(model.forward(TOKENS, Plan(writes=writes)).logits[0], edited[0])
    assert not torch.equal(edited[0], plain[0])


def test_two_models_of_one_module_do_not_mix() -> None:
    hf_model = build_model(Architecture.LLAMA)
    first, second = native(hf_model), native(hf_model)
    plain = first.forward(TOKENS).logits
    first.forward(TOKENS, Plan(writes=(mask_edges(layer=0, edges=Edges.of({3: [1]})),)))
    assert torch.equal(second.forward(TOKENS).logits, plain)


def test_a_sink_takes_its_share_and_keeps_masked_rows_from_being_empty() -> None:
    config = hf.GptOssConfig(
        **SIZES,
        head_dim=8,
        num_local_experts=2,
        num_experts_per_tok=1,
        sliding_window=WINDOW,
        layer_types=["sliding_attention", "full_attention"],
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
    )
    hf_model = made(hf.GptOssForCausalLM, config)
    model = native(hf_model)
    check_liveness(model)
    hf_model.set_attn_implementation("eager")
    with torch.no_grad():
        expected = hf_model(**inputs(TOKENS), output_attentions=True)
    reads = tuple(Read(point=Point.PATTERN, layer=layer) for layer in range(2))
    run = model.forward(TOKENS, Plan(reads=reads))
    assert_close(run.logits_at(0, range(11)), expected.logits[0], "logits")
    for layer, pattern in enumerate(expected.attentions):
        assert_close(run.read(Point.PATTERN, layer, 0), pattern[0], layer)
    assert run.read(Point.PATTERN, 1, 0).sum(-1).max() < 1
    write = mask_edges(layer=1, edges=Edges.of({2: range(3)}))
    masked = model.forward(TOKENS, Plan(writes=(write,), reads=reads))
    assert not masked.read(Point.PATTERN, 1, 0)[:, 2].any()
    before = run.read(Point.PATTERN, 1, 0)[:, 4]
    shares = torch.cat([before, 1 - before.sum(-1, keepdim=True)], dim=-1)
    for mass in (0.0, 0.7, 1.0):
        force = force_edges(layer=1, edges=Edges.of({4: [1, 3]}), mass=mass)
        after = model.forward(TOKENS, Plan(writes=(force,), reads=reads)).read(Point.PATTERN, 1, 0)[:, 4]
        # what is not forced shares the rest as before, the sink's share included
        inside = torch.zeros(shares.shape[-1], dtype=torch.bool)
        inside[[1, 3]] = True
        expected = torch.where(
            inside,
            mass * shares / shares[:, inside].sum(-1, keepdim=True),
            (1 - mass) * shares / shares[:, ~inside].sum(-1, keepdim=True),
        )
        assert_close(after, expected[:, :-1], mass)


def test_experts_are_one_mlp() -> None:
    model = native(made(hf.MixtralForCausalLM, hf.MixtralConfig(**SIZES, num_local_experts=2)))
    check_liveness(model)
    assert model.forward(TOKENS, Plan(reads=(Read(point=Point.MLP_OUT, layer=1),))).read(Point.MLP_OUT, 1, 0).any()


def test_a_block_without_one_mlp_module_says_so() -> None:
    config = hf.OPTConfig(
        vocab_size=VOCAB,
        hidden_size=D_MODEL,
        ffn_dim=40,
        num_hidden_layers=2,
        num_attention_heads=N_HEADS,
        max_position_embeddings=CONTEXT,
        word_embed_proj_dim=D_MODEL,
    )
    model = native(made(hf.OPTForCausalLM, config))
    check_liveness(model)
    with pytest.raises(PlanError, match="mlp_out of layer 0: OPTDecoderLayer has no one module that returns it"):
        model.forward(TOKENS, Plan(reads=(Read(point=Point.MLP_OUT, layer=0),)))


def test_transformers_own_models_outside_the_interface_are_met_at_the_fused_call() -> None:
    config = hf.FalconConfig(
        vocab_size=VOCAB, hidden_size=D_MODEL, num_hidden_layers=2, num_attention_heads=N_HEADS, alibi=False
    )
    model = native(made(hf.FalconForCausalLM, config))
    check_liveness(model)
    assert model.dims.n_kv_heads == (1, 1)


def test_a_model_that_does_neither_is_refused_by_name() -> None:
    config = hf.GPTJConfig(vocab_size=VOCAB, n_positions=CONTEXT, n_embd=D_MODEL, n_layer=2, n_head=4, rotary_dim=4)
    config.bos_token_id = config.eos_token_id = None
    with pytest.raises(
        ModelError, match=r"GPTJForCausalLM: no attention call was seen.*'transformer_lens' or 'nnsight'"
    ):
        native(made(hf.GPTJForCausalLM, config))


def test_layers_that_are_not_softmax_attention_are_refused_by_number() -> None:
    class SkipsAttention(DirectModel):
        """Its middle layer is another kind of layer."""

    model = build_direct_model()
    model.__class__ = SkipsAttention
    model.layers[1].attn.forward = lambda resid, mask: resid
    with pytest.raises(ModelError, match=r"SkipsAttention: softmax attention was seen in layers \[0, 2\] of 3"):
        native(model)


def test_a_mask_that_is_not_what_the_config_says_is_refused() -> None:
    hf_model = build_model(Architecture.MISTRAL)
    model = native(hf_model)
    hf_model.config.sliding_window = WINDOW + 1
    with pytest.raises(ModelError, match=r"layer 0: the mask .* is not causal with a window of 4 tokens"):
        model.forward(TOKENS, Plan(reads=(Read(point=Point.PATTERN, layer=0),)))


def test_a_model_without_position_ids_takes_batches_of_one_length_only() -> None:
    class NoPositions(DirectModel):
        """Counts positions from the first column."""

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> Any:
            return super().forward(input_ids, attention_mask)

    hf_model = build_direct_model()
    hf_model.__class__ = NoPositions
    model = native(hf_model)
    model.forward(Tokens.of(draw_sequences((5, 5))))
    with pytest.raises(PlanError, match=r"NoPositions takes no position ids.*give sequences of one length"):
        model.forward(TOKENS)


def test_heads_expanded_before_the_call_are_shared_again() -> None:
    model = native(build_direct_model())
    run = model.forward(TOKENS, Plan(reads=(Read(point=Point.K, layer=1),)))
    assert run.read(Point.K, 1, 0).shape == (11, 3, 8)


def test_values_that_do_not_fit_a_site_are_named_with_both_shapes() -> None:
    model = native(build_model(Architecture.LLAMA))
    site = Site(point=Point.Z, layer=0, heads=(0, 1), positions=(2,))
    write = Write(site=site, intervention=Replace(values=torch.zeros(3, 2, 8)))
    with pytest.raises(SpecError, match=r"shape \[3, 2, 8\] do not fit the selected entries of shape \[1, 2, 8\]"):
        model.forward(TOKENS, Plan(writes=(write,)))
