"""Models so small that a benchmark takes no time, of the shapes that benchmarks know."""

import torch
from transformers import Gemma2Config, Gemma2ForCausalLM, GPT2Config, GPT2LMHeadModel, PreTrainedModel


def tiny_gpt2(length: int) -> PreTrainedModel:
    """GPT-2 of 2 layers and 6 heads."""
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=97, n_positions=length, n_embd=48, n_layer=2, n_head=6, use_cache=False)
    model = GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        for block in model.transformer.h:
            block.attn.c_attn.weight[:, :96] *= 12
    return model


def tiny_gemma2(length: int) -> PreTrainedModel:
    """Gemma 2 of 2 layers and 4 heads on 2 key heads, softcap and a window."""
    torch.manual_seed(0)
    config = Gemma2Config(
        vocab_size=97,
        hidden_size=48,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        query_pre_attn_scalar=16,
        sliding_window=16,
        max_position_embeddings=max(length, 64),
        use_cache=False,
    )
    return Gemma2ForCausalLM(config).eval()
