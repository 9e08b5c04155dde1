"""The TransformerLens backend against eager transformers: what is read, what edits do, what is refused, what is left.

The reference is the same model in plain transformers, with an attention function written here and torch hooks on its
modules; it knows nothing of plans.
"""

import copy
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import pytest
import torch
import transformers as hf
from einops import rearrange, repeat
from torch import Tensor, nn
from transformers.masking_utils import eager_mask

from attnprobe.errors import ModelError, PlanError, SpecError
from attnprobe.models.model import Backend, Provenance
from attnprobe.models.transformer_lens import TransformerLensModel
from attnprobe.plan import EMPTY_PLAN, Edges, EmptyRow, Plan, Point, Read, Replace, Run, Scale, Site, Tokens, Write
from attnprobe.plan import mask_edges as mask
from tests.models.architectures import (
    D_HEAD,
    N_HEADS,
    N_KV_HEADS,
    N_LAYERS,
    VOCAB,
    WINDOW,
    Architecture,
    build_model,
    build_tokenizer,
    draw_sequences,
)

TOLERANCE = 5e-6
PROVENANCE = Provenance(name="test", revision=None, architecture="test")
EVERYTHING = Plan(reads=tuple(Read(point=point, layer=layer) for point in Point for layer in range(N_LAYERS)))
EDITABLE = [point for point in Point if point is not Point.ATTN_LOGITS]
FAMILIES = pytest.mark.parametrize("family", list(Architecture), ids=str)

Edit = Callable[[Tensor], Tensor]


class Reference:
    """Plain transformers under edits given as functions of whole tensors, padding included."""

    def __init__(self, model: hf.PreTrainedModel) -> None:
        self.model = copy.deepcopy(model)
        self.model.set_attn_implementation("test_reference")
        self.edits: Mapping[tuple[Point, int], Edit] = {}
        self.seen: dict[tuple[Point, int], Tensor] = {}
        inner = self.model.base_model
        blocks = inner.h if hasattr(inner, "h") else inner.layers
        for index, block in enumerate(blocks):
            attention = next(part for name, part in block.named_children() if "attn" in name or name == "attention")
            attention.reference, attention.index = self, index
            block.register_forward_pre_hook(self._input_hook(index))
            attention.register_forward_hook(self._output_hook(Point.ATTN_OUT, index))
            block.mlp.register_forward_hook(self._output_hook(Point.MLP_OUT, index))

    def run(self, tokens: Tokens, edits: Mapping[tuple[Point, int], Edit] | None = None) -> Tensor:
        self.edits, self.seen = edits or {}, {}
        with torch.no_grad():
            return self.model(
                tokens.ids,
                attention_mask=tokens.attention_mask(),
                position_ids=tokens.position_ids(),
                use_cache=False,
            ).logits

    def pass_by(self, point: Point, layer: int, tensor: Tensor) -> Tensor:
        edited = self.edits.get((point, layer), lambda value: value)(tensor.clone())
        self.seen[point, layer] = edited
        return edited

    def _input_hook(self, layer: int) -> Any:
        return lambda block, args: (self.pass_by(Point.RESID, layer, args[0]), *args[1:])

    def _output_hook(self, point: Point, layer: int) -> Any:
        def hook(module: nn.Module, args: Any, output: Any) -> Any:
            if isinstance(output, tuple):
                return (self.pass_by(point, layer, output[0]), *output[1:])
            return self.pass_by(point, layer, output)

        return hook


def _attend(module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor, **options: Any) -> Any:
    reference, layer = module.reference, module.index
    named = {Point.Q: query, Point.K: key, Point.V: value}
    vectors = {
        point: rearrange(reference.pass_by(point, layer, rearrange(tensor, "b h t d -> b t h d")), "b t h d -> b h t d")
        for point, tensor in named.items()
    }
    n_queries = query.shape[1] // key.shape[1]
    keys, values = (repeat(vectors[point], "b h t d -> b (h n) t d", n=n_queries) for point in (Point.K, Point.V))
    scaling = options.get("scaling") or query.shape[-1] ** -0.5
    scores = torch.einsum("bhqd,bhkd->bhqk", vectors[Point.Q], keys) * scaling
    if options.get("softcap"):
        scores = options["softcap"] * torch.tanh(scores / options["softcap"])
    scores = reference.pass_by(Point.ATTN_LOGITS, layer, scores + attention_mask)
    pattern = reference.pass_by(Point.PATTERN, layer, scores.softmax(-1, dtype=torch.float32).to(query.dtype))
    z = reference.pass_by(Point.Z, layer, torch.einsum("bhqk,bhkd->bqhd", pattern, values))
    return z.contiguous(), None


@pytest.fixture(autouse=True, scope="module")
def _reference_attention() -> Iterator[None]:
    hf.AttentionInterface.register("test_reference", _attend)
    hf.AttentionMaskInterface.register("test_reference", eager_mask)
    yield
    hf.AttentionInterface._global_mapping.pop("test_reference")
    hf.AttentionMaskInterface._global_mapping.pop("test_reference")


@cache
def serve(family: Architecture) -> TransformerLensModel:
    return TransformerLensModel.of(build_model(family), tokenizer=build_tokenizer(), provenance=PROVENANCE)


@cache
def reference(family: Architecture) -> Reference:
    return Reference(build_model(family))


def batch(seed: int = 0) -> Tokens:
    return Tokens.of(draw_sequences(seed=seed))


def distance(ours: Tensor, theirs: Tensor) -> float:
    return (ours - theirs).abs().max().item()


def logits_distance(run: Run, logits: Tensor) -> float:
    is_token = run.tokens.attention_mask().bool()
    return distance(run.logits[is_token], logits[is_token])


def own_part(tensor: Tensor, point: Point, tokens: Tokens, row: int) -> Tensor:
    start = tokens.padding(row)
    return tensor[row, :, start:, start:] if point.has_edges else tensor[row, start:]


@FAMILIES
def test_every_point_and_the_logits_are_those_of_eager_transformers_on_a_padded_batch(family: Architecture) -> None:
    tokens, theirs = batch(), reference(family)
    run, logits = serve(family).forward(tokens, EVERYTHING), theirs.run(tokens)
    assert logits_distance(run, logits) < TOLERANCE
    for (point, layer), tensor in theirs.seen.items():
        for row in range(len(tokens.lengths)):
            ours, expected = run.read(point, layer, row), own_part(tensor, point, tokens, row)
            if point is Point.ATTN_LOGITS:
                # transformers masks with finfo.min, a read with -inf
                expected = expected.masked_fill(expected < -1e30, float("-inf"))
                assert torch.equal(ours.isinf(), expected.isinf())
                ours, expected = ours.nan_to_num(neginf=0), expected.nan_to_num(neginf=0)
            assert distance(ours, expected) < TOLERANCE, (point, layer, row)


@FAMILIES
def test_patterns_are_what_transformers_returns_as_attentions(family: Architecture) -> None:
    tokens, model = batch(), build_model(family)
    model.set_attn_implementation("eager")
    with torch.no_grad():
        attentions = model(
            tokens.ids,
            attention_mask=tokens.attention_mask(),
            position_ids=tokens.position_ids(),
            use_cache=False,
            output_attentions=True,
        ).attentions
    run = serve(family).forward(tokens, EVERYTHING)
    for layer, row in ((layer, row) for layer in range(N_LAYERS) for row in range(len(tokens.lengths))):
        ours = run.read(Point.PATTERN, layer, row)
        assert distance(ours, own_part(attentions[layer], Point.PATTERN, tokens, row)) < TOLERANCE
        assert distance(ours.sum(-1), torch.ones(ours.shape[:2])) < TOLERANCE


@FAMILIES
@pytest.mark.parametrize("point", EDITABLE, ids=str)
def test_a_replacement_does_what_the_same_edit_does_in_transformers(family: Architecture, point: Point) -> None:
    tokens, layer, row, positions, head = batch(), 1, 1, (2, 5), 1
    served = serve(family)
    plain = own_part(served.forward(tokens, EVERYTHING).reads[point, layer], point, tokens, row)
    start = tokens.padding(row)
    columns = [position + start for position in positions]
    draw = torch.Generator().manual_seed(3)
    if point is Point.PATTERN:
        # another pattern over the keys that each query sees
        values = (torch.randn(1, *plain[head, positions].shape, generator=draw) + plain[head, positions].log()).softmax(
            -1
        )
    elif point.has_heads:
        values = torch.randn(len(positions), 1, plain.shape[-1], generator=draw)
    else:
        values = torch.randn(len(positions), plain.shape[-1], generator=draw)

    def edit(tensor: Tensor) -> Tensor:
        if point is Point.PATTERN:
            tensor[row, head, columns, start:] = values[0]
        elif point.has_heads:
            tensor[row, columns, head] = values[:, 0]
        else:
            tensor[row, columns] = values
        return tensor

    heads = (head,) if point.has_heads else None
    site = Site(point=point, layer=layer, heads=heads, batch=(row,), positions=positions)
    run = served.forward(tokens, Plan(writes=(Write(site=site, intervention=Replace(values=values)),)))
    logits = reference(family).run(tokens, {(point, layer): edit})
    assert logits_distance(run, logits) < TOLERANCE
    assert distance(run.logits[row], served.forward(tokens).logits[row]) > 1e-3
    if point is not Point.PATTERN:
        assert run.fired[0].edited == len(positions)


@FAMILIES
@pytest.mark.parametrize("strength", [1.0, 0.6])
def test_a_mask_adds_its_penalty_to_the_scores_that_transformers_would_softmax(
    family: Architecture, strength: float
) -> None:
    tokens, layer, row, head = batch(), 1, 2, 3
    start, penalty = tokens.padding(row), torch.tensor(1 - strength).log()
    edges = Edges.of({4: (2, 3), 8: (6,)})

    def edit(scores: Tensor) -> Tensor:
        for query, keys in edges.rows:
            for key in keys:
                scores[row, head, query + start, key + start] += penalty
        return scores

    write = mask(layer=layer, edges=edges, heads=(head,), batch=(row,), strength=strength)
    run = serve(family).forward(tokens, Plan(writes=(write,)))
    assert logits_distance(run, reference(family).run(tokens, {(Point.ATTN_LOGITS, layer): edit})) < TOLERANCE
    assert run.fired[0].edited == 3


@FAMILIES
def test_a_query_that_loses_all_its_keys_attends_to_itself_to_nothing_or_is_refused(family: Architecture) -> None:
    tokens, served, edges = batch(), serve(family), Edges.of({1: (0, 1)})
    read = (Read(point=Point.PATTERN, layer=0), Read(point=Point.Z, layer=0))
    runs = {
        policy: served.forward(
            tokens, Plan(reads=read, writes=(mask(layer=0, edges=edges, heads=(2,), empty_row=policy),))
        )
        for policy in (EmptyRow.SELF, EmptyRow.ZERO)
    }
    for row, length in enumerate(tokens.lengths):
        one = torch.zeros(length)
        one[1] = 1
        assert torch.equal(runs[EmptyRow.SELF].read(Point.PATTERN, 0, row)[2, 1], one)
        assert not runs[EmptyRow.ZERO].read(Point.PATTERN, 0, row)[2, 1].any()
        assert not runs[EmptyRow.ZERO].read(Point.Z, 0, row)[1, 2].any()
    with pytest.raises(PlanError, match="no visible key left at query position 1"):
        served.forward(tokens, Plan(writes=(mask(layer=0, edges=edges, heads=(2,)),)))


@FAMILIES
def test_reading_everything_and_editing_nothing_changes_no_bit(family: Architecture) -> None:
    tokens, served = batch(), serve(family)
    plain = served.forward(tokens)
    assert torch.equal(plain.logits, served.forward(tokens, EVERYTHING).logits)
    nothing = Plan(writes=(Write(site=Site(point=Point.Z, layer=1), intervention=Scale(factor=1.0)),))
    assert torch.equal(plain.logits, served.forward(tokens, nothing).logits)


@FAMILIES
@pytest.mark.parametrize("point", EDITABLE, ids=str)
def test_patching_a_point_everywhere_puts_the_source_there(family: Architecture, point: Point) -> None:
    source, recipient = batch(seed=1), batch()
    served, last = serve(family), N_LAYERS - 1
    given = served.forward(source, EVERYTHING)
    writes = tuple(
        Write(
            site=Site(point=point, layer=last, batch=(row,)), intervention=Replace(values=given.read(point, last, row))
        )
        for row in range(len(source.lengths))
    )
    patched = served.forward(recipient, Plan(reads=EVERYTHING.reads, writes=writes))
    assert torch.equal(patched.reads[point, last], given.reads[point, last])
    if point is Point.RESID:
        assert logits_distance(patched, given.logits) < TOLERANCE


@FAMILIES
def test_neither_the_order_of_a_batch_nor_its_padding_changes_a_sequence(family: Architecture) -> None:
    served, sequences = serve(family), draw_sequences()
    write = mask(layer=1, edges=Edges.of({5: (3, 4)}), heads=(0,))
    together = served.forward(Tokens.of(sequences), Plan(writes=(write,)))
    backwards = served.forward(Tokens.of(sequences[::-1]), Plan(writes=(write,)))
    for row, sequence in enumerate(sequences):
        places = range(len(sequence))
        alone = served.forward(Tokens.of([sequence]), Plan(writes=(write,))).logits_at(0, places)
        assert distance(together.logits_at(row, places), alone) < TOLERANCE
        assert distance(backwards.logits_at(len(sequences) - 1 - row, places), alone) < TOLERANCE


@FAMILIES
def test_sizes_are_those_of_the_model(family: Architecture) -> None:
    dims, config = serve(family).dims, build_model(family).config
    n_kv_heads = N_HEADS if family in (Architecture.GPT2, Architecture.GPT_NEOX) else N_KV_HEADS
    windows = {
        Architecture.MISTRAL: (WINDOW,) * 3,
        Architecture.QWEN2: (None, WINDOW, WINDOW),
        Architecture.GEMMA2: (WINDOW, None, WINDOW),
        Architecture.GEMMA3: (WINDOW, None, WINDOW),
    }
    assert (dims.d_model, dims.vocab) == (config.hidden_size, VOCAB)
    assert dims.n_heads == (N_HEADS,) * N_LAYERS
    assert dims.n_kv_heads == (n_kv_heads,) * N_LAYERS
    assert dims.windows == windows.get(family, (None,) * N_LAYERS)
    assert dims.d_head[0] == getattr(config, "head_dim", config.hidden_size // N_HEADS)


@FAMILIES
def test_the_model_handed_in_stays_as_it_was_and_shares_its_weights(family: Architecture) -> None:
    model = build_model(family)
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    modules = [(name, id(module), type(module), dict(vars(module))) for name, module in model.named_modules()]
    implementation = model.config._attn_implementation
    served = TransformerLensModel.of(model, tokenizer=None, provenance=PROVENANCE)
    served.forward(batch(), Plan(writes=(Write(site=Site(point=Point.Z, layer=0), intervention=Scale(factor=0.0)),)))
    served.close()
    after = [(name, id(module), type(module), dict(vars(module))) for name, module in model.named_modules()]
    assert [entry[:3] for entry in modules] == [entry[:3] for entry in after]
    assert all(before[3].keys() == now[3].keys() for before, now in zip(modules, after, strict=True))
    assert model.config._attn_implementation == implementation
    assert all(torch.equal(weights[name], tensor) for name, tensor in model.state_dict().items())
    pointers = {parameter.data_ptr() for parameter in model.parameters()}
    assert pointers <= {parameter.data_ptr() for parameter in served._bridge.original_model.parameters()}


def _state(served: TransformerLensModel) -> list[tuple[str, int, bool, bool]]:
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
def test_no_hook_outlives_a_pass_even_one_that_raises(family: Architecture) -> None:
    tokens, served = batch(), serve(family)
    plain, before = served.forward(tokens), _state(served)
    for point in (Point.Q, Point.PATTERN, Point.MLP_OUT):
        wrong = Write(site=Site(point=point, layer=1), intervention=Replace(values=torch.zeros(17, 17, 17)))
        with pytest.raises(SpecError, match=r"values of shape \[17, 17, 17\]"):
            served.forward(tokens, Plan(reads=EVERYTHING.reads, writes=(wrong,)))
    assert _state(served) == before
    assert torch.equal(served.forward(tokens).logits, plain.logits)


@FAMILIES
def test_only_the_last_columns_are_unembedded_when_that_is_asked(family: Architecture) -> None:
    tokens, served = batch(), serve(family)
    run = served.forward(tokens, Plan(last_logits=2))
    assert run.logits.shape == (3, 2, VOCAB)
    assert distance(run.logits, served.forward(tokens).logits[:, -2:]) < TOLERANCE


@FAMILIES
def test_in_bfloat16_the_backend_is_no_further_from_float32_than_transformers_is(family: Architecture) -> None:
    tokens, model = batch(), build_model(family, dtype=torch.bfloat16)
    theirs = Reference(model).run(tokens).float()
    ours = TransformerLensModel.of(model, tokenizer=None, provenance=PROVENANCE).forward(tokens, EVERYTHING)
    exact = Reference(model.float()).run(tokens)
    is_token = tokens.attention_mask().bool()
    noise = distance(theirs[is_token], exact[is_token])
    assert noise > 1e-3
    assert distance(ours.logits.float()[is_token], exact[is_token]) <= 1.5 * noise
    assert ours.reads[Point.PATTERN, 0].dtype is torch.bfloat16


def _per_query_head(point: Point) -> Write:
    return Write(
        site=Site(point=point, layer=1, heads=(3,), per_query_head=True), intervention=Replace(values=torch.zeros(1))
    )


@pytest.mark.parametrize("point", [Point.K, Point.V], ids=str)
def test_keys_and_values_by_query_head_are_refused_where_heads_share_them(point: Point) -> None:
    with pytest.raises(PlanError, match=r"k or v of layer 1 by query head.*use backend 'native'"):
        serve(Architecture.LLAMA).forward(batch(), Plan(writes=(_per_query_head(point),)))


@pytest.mark.parametrize("family", [Architecture.GPT2, Architecture.GPT_NEOX], ids=str)
@pytest.mark.parametrize("point", [Point.K, Point.V], ids=str)
def test_keys_and_values_by_query_head_are_those_of_the_head_where_none_share_them(
    family: Architecture, point: Point
) -> None:
    served, tokens = serve(family), batch()
    by_head = Write(site=Site(point=point, layer=1, heads=(3,)), intervention=Replace(values=torch.zeros(1)))
    shared = served.forward(tokens, Plan(writes=(_per_query_head(point),)))
    assert torch.equal(shared.logits, served.forward(tokens, Plan(writes=(by_head,))).logits)
    assert shared.fired[0].edited == sum(tokens.lengths)


SMALL: dict[str, Any] = {
    "vocab_size": VOCAB,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": N_HEADS,
    "max_position_embeddings": 32,
}


def test_an_architecture_whose_attention_stays_in_its_own_code_is_refused_by_name() -> None:
    model = hf.OPTForCausalLM(hf.OPTConfig(**SMALL, ffn_dim=40, word_embed_proj_dim=32))
    with pytest.raises(ModelError, match=r"OPTForCausalLM: .*edits of attention would be dropped.*'native'"):
        TransformerLensModel.of(model, tokenizer=None, provenance=PROVENANCE)


def test_an_architecture_that_transformer_lens_does_not_know_is_refused_by_name() -> None:
    model = hf.BioGptForCausalLM(hf.BioGptConfig(**SMALL, intermediate_size=40))
    with pytest.raises(ModelError, match=r"BioGptForCausalLM: TransformerLens cannot serve it .*use backend 'native'"):
        TransformerLensModel.of(model, tokenizer=None, provenance=PROVENANCE)


def test_an_option_that_transformer_lens_overlooks_is_found_by_its_logits() -> None:
    model = build_model(Architecture.GPT2)
    model.config.scale_attn_weights = False
    for block in model.transformer.h:
        block.attn.scaling = 1.0
    with pytest.raises(ModelError, match=r"GPT2LMHeadModel: under TransformerLens its logits differ"):
        TransformerLensModel.of(model, tokenizer=None, provenance=PROVENANCE)


def test_values_that_are_clamped_after_their_hook_are_refused() -> None:
    model = hf.OlmoForCausalLM(hf.OlmoConfig(**SMALL, intermediate_size=40, clip_qkv=0.01)).eval()
    served = TransformerLensModel.of(model, tokenizer=None, provenance=PROVENANCE)
    theirs = Reference(model)
    logits = theirs.run(batch())
    run = served.forward(batch(), Plan(reads=(Read(point=Point.K, layer=1), Read(point=Point.Z, layer=1))))
    assert logits_distance(run, logits) < TOLERANCE
    assert distance(run.read(Point.Z, 1, 0), own_part(theirs.seen[Point.Z, 1], Point.Z, batch(), 0)) < TOLERANCE
    with pytest.raises(PlanError, match=r"v of layer 1: TransformerLens has no hook there.*'native'"):
        served.forward(batch(), Plan(reads=(Read(point=Point.V, layer=1),)))


def test_a_sink_takes_its_share_of_the_pattern() -> None:
    config = hf.GptOssConfig(
        **SMALL, num_key_value_heads=2, intermediate_size=40, head_dim=D_HEAD, num_local_experts=2,
        num_experts_per_tok=1, sliding_window=WINDOW, rope_parameters={"rope_type": "default", "rope_theta": 1e4},
    )  # fmt: skip
    model = hf.GptOssForCausalLM(config).eval()
    for block in model.model.layers:
        nn.init.constant_(block.self_attn.sinks, 2.0)
    served = TransformerLensModel.of(model, tokenizer=None, provenance=PROVENANCE)
    hidden = mask(layer=0, edges=Edges.of({0: (0,)}), heads=(1,))
    run = served.forward(batch(), Plan(reads=(Read(point=Point.PATTERN, layer=0),), writes=(hidden,)))
    rows = run.read(Point.PATTERN, 0, 0).sum(-1)
    assert rows[1, 0] == 0
    assert ((rows[0] > 0.05) & (rows[0] < 0.95)).all()


def test_a_mask_of_the_model_that_its_configuration_does_not_tell_is_an_error() -> None:
    served = TransformerLensModel.of(build_model(Architecture.MISTRAL), tokenizer=None, provenance=PROVENANCE)
    for block in served._bridge.original_model.model.layers:
        block.attention_type = "full_attention"
    served._bridge.original_model.config.sliding_window = None
    with pytest.raises(ModelError, match="mask and its configuration disagree"):
        served.forward(batch(), Plan(reads=(Read(point=Point.PATTERN, layer=0),)))


def _booted(family: Architecture = Architecture.LLAMA) -> Any:
    from transformer_lens.model_bridge.sources import build_bridge_from_module

    model = build_model(family)
    model.set_attn_implementation("eager")
    return build_bridge_from_module(model, type(model).__name__, hf_config=model.config)


@pytest.mark.parametrize("family", [Architecture.GPT2, Architecture.GEMMA2], ids=str)
def test_a_bridge_of_the_users_own_gives_the_same_numbers_and_keeps_its_hooks(family: Architecture) -> None:
    bridge, calls = _booted(family), []
    bridge.add_hook("blocks.0.hook_in", lambda tensor, hook: calls.append(hook.name))
    served = TransformerLensModel(bridge, tokenizer=None, provenance=PROVENANCE)
    calls.clear()
    run = served.forward(batch(), EVERYTHING)
    assert torch.equal(run.logits, serve(family).forward(batch(), EVERYTHING).logits)
    assert calls == ["blocks.0.hook_in"]
    served.close()
    bridge(batch().ids)
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
        TransformerLensModel(spoil(_booted()), tokenizer=None, provenance=PROVENANCE)


def test_a_bridge_around_no_transformers_model_is_refused() -> None:
    from transformer_lens.config import TransformerBridgeConfig
    from transformer_lens.model_bridge.sources import boot_native

    config = TransformerBridgeConfig(d_model=8, d_head=4, n_layers=1, n_ctx=8, n_heads=2, d_vocab=11, act_fn="relu")
    with pytest.raises(ModelError, match="stands around NativeModel, expected a transformers model"):
        TransformerLensModel(boot_native(config), tokenizer=None, provenance=PROVENANCE)


def test_the_warning_that_an_edit_was_dropped_is_an_error() -> None:
    bridge = _booted()
    text = "A hook on attn.hook_pattern returned a modified tensor. The edit is discarded and does not matter."
    served = TransformerLensModel(bridge, tokenizer=None, provenance=PROVENANCE)
    bridge.add_hook("blocks.1.hook_in", lambda tensor, hook: warnings.warn(text, stacklevel=1))
    with pytest.raises(PlanError, match=r"cannot honour this plan: A hook on attn\.hook_pattern.*Use backend 'native'"):
        served.forward(batch())


def test_it_says_what_it_is() -> None:
    served = serve(Architecture.LLAMA)
    assert served.backend is Backend.TRANSFORMER_LENS
    assert served.provenance is PROVENANCE
    assert served.device == torch.device("cpu")
    assert isinstance(served.tokenizer, hf.PreTrainedTokenizerFast)
    assert served.forward(batch(), EMPTY_PLAN).fired == ()


def test_importing_the_backend_does_not_import_transformer_lens() -> None:
    code = "import sys, attnprobe.models.transformer_lens; sys.exit('transformer_lens' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=False, env={"PYTHONPATH": ":".join(sys.path)})
    assert done.returncode == 0
