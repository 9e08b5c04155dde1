"""Families beyond the contract's, each with something that a sweep over part of a model can get wrong.

In: a name of `FURTHER`. Out: a tiny model with random weights in evaluation mode.
"""

from collections.abc import Callable
from typing import Any

import torch
import transformers as hf

from tests.models.architectures import CONTEXT, D_HEAD, D_MODEL, N_HEADS, N_KV_HEADS, N_LAYERS, VOCAB, WINDOW, randomise

_SIZES: dict[str, Any] = {
    "vocab_size": VOCAB,
    "hidden_size": D_MODEL,
    "intermediate_size": 40,
    "num_hidden_layers": N_LAYERS,
    "num_attention_heads": N_HEADS,
    "num_key_value_heads": N_KV_HEADS,
    "max_position_embeddings": CONTEXT,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
TURNS_AT = 8
_LONG_ROPE = {
    "rope_type": "longrope",
    "rope_theta": 10000.0,
    "short_factor": [1.0] * (D_MODEL // N_HEADS // 2),
    "long_factor": [3.0] * (D_MODEL // N_HEADS // 2),
    "original_max_position_embeddings": TURNS_AT,
    "partial_rotary_factor": 1.0,
}

FURTHER: dict[str, Callable[[], hf.PreTrainedModel]] = {
    # attention and MLP side by side on one norm, a factor on the logits, every fourth layer without a window
    "cohere2": lambda: hf.Cohere2ForCausalLM(hf.Cohere2Config(**_SIZES, logit_scale=0.25, sliding_window=WINDOW)),
    # factors on embeddings, branches, attention and logits
    "granite": lambda: hf.GraniteForCausalLM(
        hf.GraniteConfig(
            **_SIZES,
            embedding_multiplier=3.0,
            residual_multiplier=0.5,
            logits_scaling=2.0,
            attention_multiplier=0.5,
        )
    ),
    # the embedding of every position depends on the length of the whole sequence
    "phi3 longrope": lambda: hf.Phi3ForCausalLM(
        hf.Phi3Config(**_SIZES, original_max_position_embeddings=TURNS_AT, rope_parameters=_LONG_ROPE)
    ),
    # sinks, windows, experts
    "gpt-oss": lambda: hf.GptOssForCausalLM(
        hf.GptOssConfig(
            **_SIZES,
            head_dim=D_HEAD,
            num_local_experts=4,
            num_experts_per_tok=2,
            sliding_window=WINDOW,
            rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        )
    ),
    # positions counted from the attention mask, no one module that is the MLP
    "opt": lambda: hf.OPTForCausalLM(
        hf.OPTConfig(
            vocab_size=VOCAB,
            hidden_size=D_MODEL,
            ffn_dim=40,
            num_hidden_layers=N_LAYERS,
            num_attention_heads=N_HEADS,
            max_position_embeddings=CONTEXT,
            word_embed_proj_dim=D_MODEL,
        )
    ),
    # outside the attention interface, one key head for all, attention and MLP side by side
    "falcon": lambda: hf.FalconForCausalLM(
        hf.FalconConfig(
            vocab_size=VOCAB, hidden_size=D_MODEL, num_hidden_layers=N_LAYERS, num_attention_heads=N_HEADS, alibi=False
        )
    ),
    # experts chosen by a router, a token at a time
    "mixtral": lambda: hf.MixtralForCausalLM(
        hf.MixtralConfig(**_SIZES, num_local_experts=4, num_experts_per_tok=2, sliding_window=None)
    ),
    # norms after the modules as well as before
    "glm4": lambda: hf.Glm4ForCausalLM(hf.Glm4Config(**_SIZES, head_dim=D_HEAD)),
    # one key head for all, learned positions
    "gpt-bigcode": lambda: hf.GPTBigCodeForCausalLM(
        hf.GPTBigCodeConfig(
            vocab_size=VOCAB, n_embd=D_MODEL, n_layer=N_LAYERS, n_head=N_HEADS, n_positions=CONTEXT, multi_query=True
        )
    ),
}
FURTHER_ALWAYS = ("cohere2", "granite", "phi3 longrope", "gpt-oss", "opt", "falcon")
"""Those that run every time; the others take `-m slow`."""
NOT_IN_PART = ("gpt-bigcode",)
"""Refused by the proof before the first sweep: its attention gives its output the shape of its input."""


def build_further(name: str, *, dtype: torch.dtype = torch.float32) -> hf.PreTrainedModel:
    """A model of a family of `FURTHER`; the same name gives the same weights."""
    model = FURTHER[name]()
    randomise(model, seed=0)
    return model.to(dtype).eval()
