"""What is particular to the TransformerLens backend; what it shares with the others is in `test_contract`.

Families beyond those of the contract are held against the native backend.
"""

import ast
import inspect
import warnings
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

import pytest
import torch
import transformers as hf
from torch import Tensor, nn

from attnprobe.errors import ModelError, PlanError, SpecError
from attnprobe.models import transformer_lens, transformer_lens_bridge, transformer_lens_points
from attnprobe.models.liveness import check_liveness
from attnprobe.models.model import Backend, Provenance
from attnprobe.models.native import NativeModel
from attnprobe.models.transformer_lens import TransformerLensModel
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
from tests.models.architectures import (
    D_HEAD,
    N_HEADS,
    N_KV_HEADS,
    VOCAB,
    WINDOW,
    Architecture,
    build_model,
    build_tokenizer,
    draw_sequences,
    randomise,
)

TOLERANCE = 5e-6
PROVENANCE = Provenance(name="test", revision=None, architecture="test")
TOKENS = Tokens.of(draw_sequences())
SIZES: dict[str, Any] = {
    "vocab_size": VOCAB,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": N_HEADS,
    "max_position_embeddings": 32,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
GROUPED = SIZES | {"num_key_value_heads": N_KV_HEADS, "intermediate_size": 40}
ROPE = {"rope_type": "default", "rope_theta": 1e4}


def serve(model: hf.PreTrainedModel) -> TransformerLensModel:
    return TransformerLensModel.of(model, tokenizer=build_tokenizer(), provenance=PROVENANCE)


@cache
def serve_family(family: Architecture) -> TransformerLensModel:
    return serve(build_model(family))


def read_all(points: tuple[Point, ...] = tuple(Point)) -> Plan:
    return Plan(reads=tuple(Read(point=point, layer=layer) for point in points for layer in range(2)))


def distance(ours: Tensor, theirs: Tensor) -> float:
    return (ours - theirs).nan_to_num(nan=0.0).abs().max().item()


FURTHER: dict[str, Callable[[], hf.PreTrainedModel]] = {
    "Phi3": lambda: hf.Phi3ForCausalLM(hf.Phi3Config(**GROUPED)),
    "Granite": lambda: hf.GraniteForCausalLM(hf.GraniteConfig(**GROUPED, attention_multiplier=0.3)),
    "Cohere2": lambda: hf.Cohere2ForCausalLM(hf.Cohere2Config(**GROUPED, sliding_window=WINDOW)),
    "OLMo": lambda: hf.OlmoForCausalLM(hf.OlmoConfig(**GROUPED, clip_qkv=0.3)),
    "HunYuan": lambda: hf.HunYuanDenseV1ForCausalLM(hf.HunYuanDenseV1Config(**GROUPED, head_dim=D_HEAD)),
    "gpt-oss": lambda: hf.GptOssForCausalLM(
        hf.GptOssConfig(
            **GROUPED,
            head_dim=D_HEAD,
            num_local_experts=2,
            num_experts_per_tok=1,
            sliding_window=WINDOW,
            rope_parameters=ROPE,
        )
    ),
}
# points whose hook stands before what the model still does to them: a clamp of v, a norm of q and k
REFUSED = {"OLMo": (Point.V,), "HunYuan": (Point.Q, Point.K)}


@pytest.mark.parametrize("name", FURTHER)
def test_families_beyond_the_contract_agree_with_the_native_backend_or_name_it(name: str) -> None:
    model = FURTHER[name]().eval()
    randomise(model, seed=0)
    served, native = serve(model), NativeModel(model, tokenizer=None, provenance=PROVENANCE)
    refused = REFUSED.get(name, ())
    check_liveness(served)
    assert served.dims == native.dims
    hidden = mask_edges(layer=0, heads=(1,), edges=Edges.of({5: (3, 4)}), strength=0.9)
    louder = Write(site=Site(point=Point.Z, layer=1, heads=(2,)), intervention=Scale(factor=3.0))
    plan = Plan(reads=read_all(tuple(point for point in Point if point not in refused)).reads, writes=(hidden, louder))
    ours, theirs = served.forward(TOKENS, plan), native.forward(TOKENS, plan)
    is_token = TOKENS.attention_mask().bool()
    assert distance(ours.logits[is_token], theirs.logits[is_token]) < TOLERANCE
    assert distance(ours.logits[is_token], served.forward(TOKENS).logits[is_token]) > 1e-3
    assert ours.fired == theirs.fired
    for read in plan.reads:
        one, other = ours.reads[read.point, read.layer], theirs.reads[read.point, read.layer]
        assert one.shape == other.shape
        assert torch.equal(one.isinf(), other.isinf())
        assert distance(one, other) < TOLERANCE * max(1.0, other[other.isfinite()].abs().max().item()), read
    for point in refused:
        with pytest.raises(PlanError, match=rf"{point} of layer 1: TransformerLens has no hook there.*'native'"):
            served.forward(TOKENS, Plan(reads=(Read(point=point, layer=1),)))


def test_a_sink_takes_its_share_of_the_pattern_and_keeps_a_row_from_being_empty() -> None:
    model = FURTHER["gpt-oss"]().eval()
    for block in model.model.layers:
        nn.init.constant_(block.self_attn.sinks, 2.0)
    hidden = mask_edges(layer=0, edges=Edges.of({0: (0,)}), heads=(1,))
    run = serve(model).forward(TOKENS, Plan(reads=(Read(point=Point.PATTERN, layer=0),), writes=(hidden,)))
    rows = run.read(Point.PATTERN, 0, 0).sum(-1)
    assert rows[1, 0] == 0
    assert ((rows[0] > 0.05) & (rows[0] < 0.95)).all()
    forced = force_edges(layer=0, edges=Edges.of({3: (1,)}), mass=0.6)
    run = serve(model).forward(TOKENS, Plan(reads=(Read(point=Point.PATTERN, layer=0),), writes=(forced,)))
    row = run.read(Point.PATTERN, 0, 0)[:, 3]
    assert ((row[:, 1] - 0.6).abs() < 1e-6).all()
    assert (row.sum(-1) < 0.99).all()


@pytest.mark.parametrize("family", list(Architecture), ids=str)
def test_the_copy_shares_the_weights_and_nothing_else_with_the_model_handed_in(family: Architecture) -> None:
    model = build_model(family)
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    modules = [(name, id(module), type(module), sorted(vars(module))) for name, module in model.named_modules()]
    implementation = model.config._attn_implementation
    served = serve(model)
    served.forward(TOKENS, Plan(writes=(Write(site=Site(point=Point.Z, layer=0), intervention=Scale(factor=0.0)),)))
    served.close()
    assert modules == [(name, id(module), type(module), sorted(vars(module))) for name, module in model.named_modules()]
    assert model.config._attn_implementation == implementation
    assert all(torch.equal(weights[name], tensor) for name, tensor in model.state_dict().items())
    copied = served._bridge.original_model
    assert {each.data_ptr() for each in model.parameters()} <= {each.data_ptr() for each in copied.parameters()}
    assert not {id(each) for each in model.parameters()} & {id(each) for each in copied.parameters()}
    assert not {id(each) for each in model.modules()} & {id(each) for each in copied.modules()}


def test_in_place_the_bridge_stands_around_the_model_itself() -> None:
    model = build_model(Architecture.LLAMA)
    served = TransformerLensModel.of(model, tokenizer=None, provenance=PROVENANCE, in_place=True)
    assert served._bridge.original_model is model
    assert torch.equal(served.forward(TOKENS).logits, serve_family(Architecture.LLAMA).forward(TOKENS).logits)


def _traces(served: TransformerLensModel) -> list[tuple[str, int, bool, bool]]:
    return [
        (
            name,
            len(module._forward_hooks) + len(module._forward_pre_hooks),
            "_apply_rotary_pos_emb" in vars(module),
            bool(vars(module).get("use_native_layernorm_autograd")),
        )
        for name, module in served._bridge.named_modules()
    ]


@pytest.mark.parametrize("family", [Architecture.GPT2, Architecture.GPT_NEOX, Architecture.GEMMA3], ids=str)
def test_nothing_outlives_a_pass_on_the_bridge_even_one_that_raises(family: Architecture) -> None:
    served = serve(build_model(family))
    plain = served.forward(TOKENS)
    before = _traces(served)
    for point in (Point.Q, Point.PATTERN, Point.MLP_OUT):
        misfit = Write(site=Site(point=point, layer=1), intervention=Replace(values=torch.zeros(17, 17, 17)))
        with pytest.raises(SpecError, match=r"values of shape \[17, 17, 17\]"):
            served.forward(TOKENS, Plan(reads=read_all().reads, writes=(misfit,)))
    assert _traces(served) == before
    assert torch.equal(served.forward(TOKENS).logits, plain.logits)


@pytest.mark.parametrize("point", [Point.K, Point.V], ids=str)
def test_keys_and_values_by_query_head_are_refused_and_the_backend_that_has_them_is_named(point: Point) -> None:
    site = Site(point=point, layer=1, heads=(3,), per_query_head=True)
    write = Write(site=site, intervention=Replace(values=torch.zeros(1)))
    with pytest.raises(PlanError, match=r"k or v of layer 1 by query head.*use backend 'native'"):
        serve_family(Architecture.LLAMA).forward(TOKENS, Plan(writes=(write,)))


def test_an_architecture_whose_attention_stays_in_its_own_code_is_refused_by_name() -> None:
    model = hf.OPTForCausalLM(hf.OPTConfig(**SIZES, ffn_dim=40, word_embed_proj_dim=32))
    with pytest.raises(ModelError, match=r"OPTForCausalLM: .*edits of attention would be dropped.*'native'"):
        serve(model)


def test_an_architecture_that_transformer_lens_does_not_know_is_refused_by_name() -> None:
    model = hf.BioGptForCausalLM(hf.BioGptConfig(**SIZES, intermediate_size=40))
    with pytest.raises(ModelError, match=r"BioGptForCausalLM: TransformerLens cannot serve it .*use backend 'native'"):
        serve(model)


def test_an_architecture_that_cannot_switch_to_eager_attention_is_refused_by_name() -> None:
    model = hf.FalconForCausalLM(hf.FalconConfig(**SIZES))
    with pytest.raises(ModelError, match=r"FalconForCausalLM: its attention implementation is 'sdpa'.*'native'"):
        serve(model)


def test_an_option_that_transformer_lens_overlooks_is_found_by_its_logits() -> None:
    """`scale_attn_weights=False`: attention without 1/sqrt(d_head), which the bridge multiplies by all the same."""
    model = build_model(Architecture.GPT2)
    model.config.scale_attn_weights = False
    unscaled = hf.GPT2LMHeadModel(model.config)
    unscaled.load_state_dict(model.state_dict())
    with pytest.raises(ModelError, match=r"GPT2LMHeadModel: under TransformerLens its logits differ"):
        serve(unscaled)


def test_a_mask_of_the_model_that_its_configuration_does_not_tell_is_an_error() -> None:
    served = serve(build_model(Architecture.MISTRAL))
    served._bridge.original_model.config.sliding_window = None
    with pytest.raises(ModelError, match="layer 0: the model's own mask and its configuration disagree"):
        served.forward(TOKENS, Plan(reads=(Read(point=Point.PATTERN, layer=0),)))


def boot(family: Architecture = Architecture.LLAMA) -> Any:
    from transformer_lens.model_bridge.sources import build_bridge_from_module

    model = build_model(family)
    model.set_attn_implementation("eager")
    return build_bridge_from_module(model, type(model).__name__, hf_config=model.config)


@pytest.mark.parametrize("family", [Architecture.GPT2, Architecture.GEMMA2], ids=str)
def test_a_bridge_of_the_users_own_gives_the_same_numbers_and_keeps_its_hooks(family: Architecture) -> None:
    bridge, calls = boot(family), []
    bridge.add_hook("blocks.0.hook_in", lambda tensor, hook: calls.append(hook.name))
    served = TransformerLensModel(bridge, tokenizer=None, provenance=PROVENANCE)
    calls.clear()
    run = served.forward(TOKENS, read_all())
    assert torch.equal(run.logits, serve_family(family).forward(TOKENS, read_all()).logits)
    assert calls == ["blocks.0.hook_in"]
    served.close()
    bridge(TOKENS.ids)
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda bridge: nn.Linear(2, 2), "got Linear, expected a TransformerBridge"),
        (lambda bridge: bridge.train(), r"training mode.*bridge\.eval\(\)"),
        (lambda bridge: (bridge.enable_compatibility_mode(), bridge)[1], "compatibility mode.*boot it again"),
        (lambda bridge: (bridge.process_weights(), bridge)[1], "compatibility mode.*boot it again"),
        (lambda bridge: (bridge.original_model.set_attn_implementation("sdpa"), bridge)[1], "implementation is 'sdpa'"),
    ],
    ids=["no bridge", "training", "compatibility mode", "processed weights", "sdpa"],
)
def test_a_bridge_whose_numbers_would_not_be_the_models_is_refused(spoil: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        TransformerLensModel(spoil(boot()), tokenizer=None, provenance=PROVENANCE)


def test_a_bridge_around_no_transformers_model_is_refused() -> None:
    from transformer_lens.config import TransformerBridgeConfig
    from transformer_lens.model_bridge.sources import boot_native

    config = TransformerBridgeConfig(d_model=8, d_head=4, n_layers=1, n_ctx=8, n_heads=2, d_vocab=11, act_fn="relu")
    with pytest.raises(ModelError, match="stands around NativeModel, expected a transformers model"):
        TransformerLensModel(boot_native(config), tokenizer=None, provenance=PROVENANCE)


def test_the_warning_that_an_edit_was_dropped_is_an_error() -> None:
    bridge = boot()
    text = "A hook on attn.hook_pattern returned a modified tensor. The edit is discarded and does not matter."
    served = TransformerLensModel(bridge, tokenizer=None, provenance=PROVENANCE)
    bridge.add_hook("blocks.1.hook_in", lambda tensor, hook: warnings.warn(text, stacklevel=1))
    with pytest.raises(PlanError, match=r"cannot honour this plan: A hook on attn\.hook_pattern.*Use backend 'native'"):
        served.forward(TOKENS)


def test_it_says_what_it_is() -> None:
    served = serve_family(Architecture.LLAMA)
    assert served.backend is Backend.TRANSFORMER_LENS
    assert (served.provenance.name, served.provenance.settings) == ("test", {"attention": "eager"})
    assert served.device == torch.device("cpu")
    assert isinstance(served.tokenizer, hf.PreTrainedTokenizerFast)
    assert served.forward(TOKENS, EMPTY_PLAN).fired == ()


@pytest.mark.parametrize("module", [transformer_lens, transformer_lens_bridge, transformer_lens_points])
def test_the_library_is_imported_inside_functions_only(module: ModuleType) -> None:
    top = [node for node in ast.parse(inspect.getsource(module)).body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [alias.name for node in top if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in top if isinstance(node, ast.ImportFrom)]
    assert names
    assert not [name for name in names if name.split(".")[0] == "transformer_lens"]
