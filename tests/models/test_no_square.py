"""Passes that only look at attention hold nothing of size T x T, whatever shapes it, and change no number."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import transformers as hf
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from attnprobe.kernels import column_sums, weighted_values
from attnprobe.models.native import NativeModel
from attnprobe.plan import LayerAttention, Plan, Point, Read, Stream, Tokens
from tests.models.agreement import TOLERANCE, assert_close
from tests.models.architectures import VOCAB, randomise
from tests.models.loaders import PROVENANCE

T = 1500
WINDOW = 100
SIZES: dict[str, Any] = {
    "vocab_size": VOCAB,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 8,
    "max_position_embeddings": T,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
KINDS = ["sliding_attention", "full_attention"]

MODELS: dict[str, Callable[[], hf.PreTrainedModel]] = {
    "gpt2": lambda: hf.GPT2LMHeadModel(
        hf.GPT2Config(vocab_size=VOCAB, n_positions=T, n_embd=16, n_layer=2, n_head=2, bos_token_id=1, eos_token_id=2)
    ),
    "llama": lambda: hf.LlamaForCausalLM(hf.LlamaConfig(**SIZES)),
    "window": lambda: hf.MistralForCausalLM(hf.MistralConfig(**SIZES, sliding_window=WINDOW)),
    "window and softcap": lambda: hf.Gemma2ForCausalLM(
        hf.Gemma2Config(**SIZES, sliding_window=WINDOW, layer_types=KINDS, attn_logit_softcapping=3.0)
    ),
    "window and sinks": lambda: hf.GptOssForCausalLM(
        hf.GptOssConfig(
            **SIZES,
            num_local_experts=2,
            num_experts_per_tok=1,
            sliding_window=WINDOW,
            layer_types=KINDS,
            rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        )
    ),
}
LENGTHS = {"one sequence": (T,), "padded": (T, 1203)}


class NothingSquare(TorchDispatchMode):
    """Fails on any tensor of T x T entries or more."""

    def __init__(self, length: int = T) -> None:
        super().__init__()
        self.length = length
        self.largest = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple | list) else (result,):
            if isinstance(tensor, Tensor):
                assert tensor.numel() < self.length**2, f"{func} made a tensor of {list(tensor.shape)}"
                self.largest = max(self.largest, tensor.numel())
        return result


def statistic(seen: LayerAttention) -> tuple[Tensor, Tensor]:
    ends = torch.full((len(seen.tokens.lengths), 1), seen.tokens.width)
    sums = column_sums(seen.source, ends)
    return sums[..., 0], weighted_values(seen.source, seen.value)


def made(name: str) -> hf.PreTrainedModel:
    model = MODELS[name]()
    randomise(model, seed=0)
    return model.eval()


def drawn(lengths: tuple[int, ...]) -> Tokens:
    generator = torch.Generator().manual_seed(0)
    return Tokens.of([torch.randint(VOCAB, (length,), generator=generator).tolist() for length in lengths])


def test_the_watch_sees_the_mask_that_an_ordinary_pass_makes() -> None:
    model = NativeModel(made("llama"), tokenizer=None, provenance=PROVENANCE)
    with pytest.raises(AssertionError, match="made a tensor"), NothingSquare():
        model.forward(drawn((T, 1203)), Plan(last_logits=1))


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS.keys())
@pytest.mark.parametrize("name", MODELS)
def test_a_pass_that_looks_holds_nothing_of_size_t_by_t_and_keeps_the_logits(
    name: str, lengths: tuple[int, ...], implementation: str
) -> None:
    hf_model, tokens = made(name), drawn(lengths)
    if implementation == "eager" or hf_model._supports_sdpa:
        hf_model.set_attn_implementation(implementation)
    model = NativeModel(hf_model, tokenizer=None, provenance=PROVENANCE)
    streams = tuple(Stream(layer=layer, statistic=statistic) for layer in range(2))
    reads = tuple(Read(point=Point.Z, layer=layer) for layer in range(2))
    with NothingSquare() as watched:
        looked = model.forward(tokens, Plan(streams=streams, reads=reads, last_logits=8))
        model.forward(tokens, Plan(streams=streams, last_logits=0))
        model.forward(tokens, Plan(reads=reads, last_logits=0))
    assert watched.largest > T
    plain = model.forward(tokens, Plan(reads=reads, last_logits=8))
    assert float((looked.logits - plain.logits).abs().max()) <= TOLERANCE
    if name in ("gpt2", "llama") and lengths == (T,) and implementation == "sdpa":
        # nothing to mask: the model's own call runs, to the last bit
        assert torch.equal(looked.logits, plain.logits)
    for layer, (sums, z) in enumerate(looked.streamed):
        for row, length in enumerate(lengths):
            start, expected = tokens.padding(row), plain.read(Point.Z, layer, row)
            assert_close(looked.read(Point.Z, layer, row), expected, ("read", layer, row))
            assert_close(z[row, :, start:].transpose(0, 1), expected, ("streamed", layer, row))
            assert float(sums[row].sum()) <= 2 * length * (1 + 1e-5)
