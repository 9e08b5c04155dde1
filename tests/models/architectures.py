"""Tiny models with random weights, one for each family whose attention differs in a way that can break a backend.

In: a name. Out: an in-memory model in evaluation mode, a tokenizer, token ids. Nothing here comes from a hub, and
nothing knows a backend. Weights are set so that a mistake shows: queries and keys are large enough for attention to be
peaked, norms and biases are not neutral, windows are shorter than the sequences, a head's width times their number is
not the model's width where the family allows that.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any

import torch
import transformers as hf
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import Tensor, nn

VOCAB = 61
CONTEXT = 32
D_MODEL = 32
N_LAYERS = 3
N_HEADS = 4
N_KV_HEADS = 2
D_HEAD = 12
WINDOW = 4
LENGTHS = (11, 7, 9)
"""Of the sequences that tests run: all longer than the window, no two alike."""


class Architecture(StrEnum):
    """One family; the remark says what is special about it."""

    GPT2 = "gpt2"  # learned positions, one projection for q, k and v, biases
    LLAMA = "llama"  # RoPE, grouped keys
    GEMMA2 = "gemma2"  # softcap before the softmax and on the logits, every other layer with a window
    GEMMA3 = "gemma3"  # norms of q and k, two RoPE bases, windows
    QWEN2 = "qwen2"  # biases on q, k and v, windows in the upper layers only
    QWEN3 = "qwen3"  # norms of q and k per head
    MISTRAL = "mistral"  # a window in every layer
    STABLELM = "stablelm"  # partial RoPE, layer norm
    GPT_NEOX = "gpt_neox"  # q, k and v interleaved by head, parallel MLP (Pythia)
    OLMO2 = "olmo2"  # norms of q and k over all heads, norms after the modules


def build_model(architecture: Architecture, *, seed: int = 0, dtype: torch.dtype = torch.float32) -> hf.PreTrainedModel:
    """A model of the family in evaluation mode; the same seed gives the same weights.

    Args:
        architecture: the family.
        seed: of the weights.
        dtype: of the weights; they are drawn in float32 and then cast.
    """
    model_class, config = _CONFIGS[architecture]()
    model = model_class(config)
    randomise(model, seed=seed)
    return model.to(dtype).eval()


def randomise(model: nn.Module, *, seed: int) -> None:
    """Draw every parameter anew: matrices at 1/sqrt(fan-in), more for queries and keys, norms around what they were.

    Embeddings and unembeddings are small: logits of half a nat keep rounding well below 5e-6, mistakes far above.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if name.endswith("bias"):
                parameter.copy_(0.2 * noise)
            elif parameter.ndim < 2:
                parameter.add_(0.2 * noise)
            elif any(part in name for part in ("embed", "wte", "wpe", "lm_head")):
                parameter.copy_(0.08 * noise)
            else:
                fan_in = parameter.shape[0] if _is_conv1d(model, name) else parameter.shape[1]
                parameter.copy_(noise * fan_in**-0.5)
            _sharpen(name, parameter)


def build_tokenizer() -> hf.PreTrainedTokenizerFast:
    """A word-level tokenizer of `VOCAB` words, `w0 w1 ...`, made in memory; the last three ids are special."""
    words = {f"w{index}": index for index in range(VOCAB - 3)}
    words |= {"<unk>": VOCAB - 3, "<s>": VOCAB - 2, "</s>": VOCAB - 1}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="</s>"
    )


def draw_sequences(lengths: Sequence[int] = LENGTHS, *, seed: int = 0) -> list[list[int]]:
    """Random token ids, one sequence for each length."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(VOCAB - 3, (length,), generator=generator).tolist() for length in lengths]


def _is_conv1d(model: nn.Module, name: str) -> bool:
    # GPT-2 keeps its matrices as [in, out]
    return isinstance(model.get_submodule(name.rpartition(".")[0]), hf.pytorch_utils.Conv1D)


def _sharpen(name: str, parameter: Tensor) -> None:
    gain = 1.7
    if "q_norm" in name or "k_norm" in name:
        # Gemma keeps its norms' gain less one
        parameter.add_(gain - 1)
    elif "q_proj" in name or "k_proj" in name:
        parameter.mul_(gain)
    elif "c_attn.weight" in name:
        parameter[:, : 2 * parameter.shape[0]] *= gain
    elif "query_key_value.weight" in name:
        parameter.view(N_HEADS, 3, -1, parameter.shape[1])[:, :2] *= gain


_SIZES: dict[str, Any] = {
    "vocab_size": VOCAB,
    "hidden_size": D_MODEL,
    "intermediate_size": 40,
    "num_hidden_layers": N_LAYERS,
    "num_attention_heads": N_HEADS,
    "num_key_value_heads": N_KV_HEADS,
    "max_position_embeddings": CONTEXT,
    "bos_token_id": VOCAB - 2,
    "eos_token_id": VOCAB - 1,
    "pad_token_id": VOCAB - 1,
}
_LAYER_TYPES = ["sliding_attention", "full_attention", "sliding_attention"]

_CONFIGS: dict[Architecture, Callable[[], tuple[type[hf.PreTrainedModel], hf.PretrainedConfig]]] = {
    Architecture.GPT2: lambda: (
        hf.GPT2LMHeadModel,
        hf.GPT2Config(
            vocab_size=VOCAB,
            n_positions=CONTEXT,
            n_embd=D_MODEL,
            n_layer=N_LAYERS,
            n_head=N_HEADS,
            bos_token_id=VOCAB - 2,
            eos_token_id=VOCAB - 1,
        ),
    ),
    Architecture.LLAMA: lambda: (hf.LlamaForCausalLM, hf.LlamaConfig(**_SIZES)),
    Architecture.GEMMA2: lambda: (
        hf.Gemma2ForCausalLM,
        hf.Gemma2Config(
            **_SIZES,
            head_dim=D_HEAD,
            query_pre_attn_scalar=12,
            sliding_window=WINDOW,
            layer_types=_LAYER_TYPES,
            attn_logit_softcapping=3.0,
            final_logit_softcapping=5.0,
        ),
    ),
    Architecture.GEMMA3: lambda: (
        hf.Gemma3ForCausalLM,
        hf.Gemma3TextConfig(
            **_SIZES, head_dim=D_HEAD, query_pre_attn_scalar=12, sliding_window=WINDOW, layer_types=_LAYER_TYPES
        ),
    ),
    Architecture.QWEN2: lambda: (
        hf.Qwen2ForCausalLM,
        hf.Qwen2Config(**_SIZES, use_sliding_window=True, sliding_window=WINDOW, max_window_layers=1),
    ),
    Architecture.QWEN3: lambda: (hf.Qwen3ForCausalLM, hf.Qwen3Config(**_SIZES, head_dim=D_HEAD)),
    Architecture.MISTRAL: lambda: (
        hf.MistralForCausalLM,
        hf.MistralConfig(**_SIZES, head_dim=D_HEAD, sliding_window=WINDOW),
    ),
    Architecture.STABLELM: lambda: (
        hf.StableLmForCausalLM,
        hf.StableLmConfig(**_SIZES, use_qkv_bias=True),
    ),
    Architecture.GPT_NEOX: lambda: (
        hf.GPTNeoXForCausalLM,
        hf.GPTNeoXConfig(**{key: value for key, value in _SIZES.items() if key != "num_key_value_heads"}),
    ),
    Architecture.OLMO2: lambda: (hf.Olmo2ForCausalLM, hf.Olmo2Config(**_SIZES)),
}
