"""Windows read off configs, and repeated heads counted."""

from types import SimpleNamespace

import pytest
import torch
import transformers as hf

from attnprobe.errors import ModelError, SpecError
from attnprobe.models.anatomy import find_anatomy, read_turn, read_windows
from attnprobe.models.direct_attention import count_repeats
from attnprobe.models.model import Provenance
from attnprobe.models.native import NativeModel
from attnprobe.plan import Tokens
from tests.models.architectures import Architecture, build_model


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (hf.LlamaConfig(), (None, None, None)),
        (hf.MistralConfig(sliding_window=8), (8, 8, 8)),
        (hf.MistralConfig(sliding_window=None), (None, None, None)),
        (hf.Qwen2Config(num_hidden_layers=3, use_sliding_window=False, sliding_window=8), (None, None, None)),
        (
            hf.Qwen2Config(num_hidden_layers=3, use_sliding_window=True, sliding_window=8, max_window_layers=2),
            (None, None, 8),
        ),
        (hf.Gemma2Config(num_hidden_layers=3, sliding_window=8), (8, None, 8)),
        # configs of remote code, from before layer_types
        (SimpleNamespace(sliding_window=8, use_sliding_window=True, max_window_layers=1), (None, 8, 8)),
        (SimpleNamespace(sliding_window=8, use_sliding_window=False, max_window_layers=1), (None, None, None)),
        (SimpleNamespace(), (None, None, None)),
    ],
    ids=str,
)
def test_windows_are_those_of_the_config(config: object, expected: tuple[int | None, ...]) -> None:
    assert read_windows(config, 3) == expected


def test_kinds_of_attention_that_have_no_window_are_refused() -> None:
    config = SimpleNamespace(model_type="llama4_text", layer_types=["chunked_attention", "full_attention"])
    with pytest.raises(ModelError, match="a llama4_text with layers of kind chunked_attention"):
        read_windows(config, 2)


def test_repeated_heads_are_counted_only_where_all_groups_repeat() -> None:
    a, b, c = torch.randn(3, 1, 1, 5, 4)
    assert count_repeats(torch.cat([a, a, b, b], dim=1)) == 2
    assert count_repeats(torch.cat([a, a, a, a], dim=1)) == 4
    assert count_repeats(torch.cat([a, a, b, c], dim=1)) == 1
    assert count_repeats(torch.cat([a, b, a, b], dim=1)) == 1


def test_modules_are_told_by_what_they_do_not_by_their_names() -> None:
    model = build_model(Architecture.GPT_NEOX)
    layers = find_anatomy(model).layers
    for layer, block in zip(layers, model.gpt_neox.layers, strict=True):
        assert (layer.block, layer.caller, layer.attention, layer.mlp) == (
            block,
            block.attention,
            block.attention,
            block.mlp,
        )


def longrope() -> hf.Phi3ForCausalLM:
    """Two sets of rotary factors, for sequences of up to 8 tokens and for longer ones."""
    factors = {"short_factor": [1.0] * 4, "long_factor": [3.0] * 4}
    config = hf.Phi3Config(
        vocab_size=50,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=64,
        original_max_position_embeddings=8,
        rope_parameters={"rope_type": "longrope", "rope_theta": 1e4, **factors},
        pad_token_id=0,
        initializer_range=0.5,
    )
    return hf.Phi3ForCausalLM(config).eval()


def test_where_rotary_embedding_turns_with_length_is_known_and_no_batch_straddles_it() -> None:
    model = NativeModel(
        longrope(), tokenizer=None, provenance=Provenance(name="phi3", revision=None, architecture="phi3")
    )
    assert (model.dims.turns_at, read_turn(hf.LlamaConfig())) == (8, None)
    short, long = list(range(1, 9)), list(range(1, 10))
    alone, within = (model.forward(Tokens.of([ids])).logits[0, :8] for ids in (short, long))
    assert (alone - within).abs().max() > 1e-3, "the long sequence changes nothing: this test shows nothing"
    with pytest.raises(SpecError, match="sequences of 8 and 9 tokens in one batch: beyond 8 tokens"):
        model.forward(Tokens.of([short, long]))
