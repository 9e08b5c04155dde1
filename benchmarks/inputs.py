"""What is measured on: models of known shapes with random weights, sequences with gold tokens, layers of attention.

Nothing is downloaded. Time does not depend on the weights, but equality does: queries and keys of random weights attend
nearly alike everywhere, where any mistake would be small. So they are sharpened until a row's entropy is that of
trained heads, 1 to 1.6 nats, and each row of results states the entropy that it had.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
)

from attnprobe.kernels import Attention


@dataclass(frozen=True, slots=True, kw_only=True)
class Gold:
    """One sequence and its gold tokens.

    Attributes:
        ids: the tokens that the model sees, and the last gold token.
        n_gold: the last so many of them are gold, each predicted from everything before it.
    """

    ids: tuple[int, ...]
    n_gold: int

    @property
    def seen(self) -> list[int]:
        """What one teacher-forced forward pass takes: all but the last gold token."""
        return list(self.ids[:-1])

    @property
    def prefixes(self) -> Tensor:
        """[1, gold]: how many tokens stand before each gold token."""
        return torch.arange(len(self.ids) - self.n_gold, len(self.ids))[None]

    @property
    def matches(self) -> Tensor:
        """[k_pos, gold]: earlier tokens equal to the gold token."""
        seen, gold = torch.tensor(self.seen), torch.tensor(self.ids[-self.n_gold :])
        return (seen[:, None] == gold) & (torch.arange(len(seen))[:, None] < self.prefixes[0])


def gold_sequence(length: int, n_gold: int, *, vocab: int, seed: int = 0) -> Gold:
    """A sequence of `length` seen tokens in which every word occurs about eight times.

    Args:
        length: tokens that the model sees.
        n_gold: gold tokens; the first is predicted from length - n_gold + 1 tokens.
        vocab: ids are drawn from it.
        seed: of the draw.
    """
    generator = torch.Generator().manual_seed(seed)
    words = torch.randint(0, vocab, (max(2, length // 8),), generator=generator)
    ids = words[torch.randint(0, len(words), (length + 1,), generator=generator)]
    return Gold(ids=tuple(ids.tolist()), n_gold=n_gold)


def gpt2_small(length: int, *, n_layers: int = 12) -> PreTrainedModel:
    """GPT-2 small's shape: 12 layers, 12 heads of 64."""
    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(n_layer=n_layers, n_positions=length, use_cache=False)).eval()
    factor = _sharpness(4.0, length)
    with torch.no_grad():
        for block in model.transformer.h:
            width = model.config.n_embd
            block.attn.c_attn.weight[:, : 2 * width] *= factor
    return model


def smollm2_135m(length: int, *, n_layers: int = 30) -> PreTrainedModel:
    """SmolLM2-135M's shape: 30 layers, 9 heads of 64 on 3 key heads."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=49152,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=n_layers,
        num_attention_heads=9,
        num_key_value_heads=3,
        max_position_embeddings=max(length, 2048),
        tie_word_embeddings=True,
        use_cache=False,
    )
    return _sharpened(LlamaForCausalLM(config), length)


def gemma2_like(length: int, *, n_layers: int = 8) -> PreTrainedModel:
    """A small Gemma 2: 8 layers, 8 heads of 64 on 4 key heads, softcap 50, every other layer a window of 256."""
    torch.manual_seed(0)
    config = Gemma2Config(
        vocab_size=32000,
        hidden_size=512,
        intermediate_size=2048,
        num_hidden_layers=n_layers,
        num_attention_heads=8,
        num_key_value_heads=4,
        head_dim=64,
        query_pre_attn_scalar=64,
        sliding_window=256,
        max_position_embeddings=max(length, 2048),
        use_cache=False,
    )
    return _sharpened(Gemma2ForCausalLM(config), length)


MODELS: dict[str, Callable[[int], PreTrainedModel]] = {
    "gpt2-small": gpt2_small,
    "smollm2-135m": smollm2_135m,
    "gemma2-like": gemma2_like,
}


def _sharpened(model: Any, length: int) -> PreTrainedModel:
    factor = _sharpness(4.4, length)
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.q_proj.weight *= factor
            layer.self_attn.k_proj.weight *= factor
    return model.eval()


def _sharpness(at_128: float, length: int) -> float:
    """A factor on query and key weights that keeps entropy about the same as sequences grow."""
    return at_128 * (math.log(max(length, 2)) / math.log(128)) ** 0.35


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One attention layer's shape.

    Attributes:
        heads, kv_heads, d_head: its sizes.
        softcap: of the logits; None for none.
        window: keys a query sees; None for all before it.
    """

    heads: int
    kv_heads: int
    d_head: int
    softcap: float | None = None
    window: int | None = None

    @property
    def plain(self) -> bool:
        """Whether torch's own fused attention computes the same."""
        return self.softcap is None and self.window is None


SHAPES: dict[str, Shape] = {
    "gpt2": Shape(heads=12, kv_heads=12, d_head=64),
    "smollm2": Shape(heads=9, kv_heads=3, d_head=64),
    "gemma2": Shape(heads=8, kv_heads=4, d_head=256, softcap=50.0, window=1024),
    "head128": Shape(heads=32, kv_heads=8, d_head=128),
}

# standard deviation of the logits of random queries and keys at which rows have an entropy of 1 to 1.6 nats
_SPREAD = 5.2


def layer_inputs(
    shape: Shape, length: int, *, n_queries: int | None = None, device: str = "cpu", dtype: torch.dtype = torch.float32
) -> tuple[Attention, Tensor]:
    """Random queries and keys of one layer, sharpened, and values.

    Args:
        shape: of the layer.
        length: keys.
        n_queries: the last so many columns ask; None for all.
        device, dtype: of the tensors.
    """
    generator = torch.Generator().manual_seed(0)

    def drawn(heads: int, n: int) -> Tensor:
        return torch.randn(1, heads, n, shape.d_head, generator=generator).to(device=device, dtype=dtype)

    query = drawn(shape.heads, n_queries or length)
    key, value = drawn(shape.kv_heads, length), drawn(shape.kv_heads, length)
    spread = _SPREAD * math.sqrt(math.log(max(length, 2)) / math.log(512))
    attention = Attention(
        query=query,
        key=key,
        scaling=spread / math.sqrt(shape.d_head),
        softcap=shape.softcap,
        window=shape.window,
    )
    return attention, value
