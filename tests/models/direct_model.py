"""A small model of our own that calls `F.scaled_dot_product_attention` itself, with head counts that differ by layer.

OpenELM's shape: grouped keys that the module expands before the call, norms of q and k, an additive mask that the
model builds. transformers' attention interface knows nothing of it.
"""

from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

from tests.models.architectures import CONTEXT, D_MODEL, VOCAB, randomise

N_QUERY_HEADS = (2, 6, 4)
N_KEY_HEADS = (1, 3, 2)
WIDTH = 8


class DirectConfig(PretrainedConfig):
    """Sizes under names that no common config has."""

    model_type = "direct"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.model_dim = D_MODEL
        self.num_query_heads = list(N_QUERY_HEADS)
        self.num_kv_heads = list(N_KEY_HEADS)
        self.max_context_length = CONTEXT


class DirectAttention(nn.Module):
    """Attention of one layer."""

    def __init__(self, n_heads: int, n_kv_heads: int) -> None:
        super().__init__()
        self.n_heads, self.n_kv_heads = n_heads, n_kv_heads
        self.qkv_proj = nn.Linear(D_MODEL, (n_heads + 2 * n_kv_heads) * WIDTH, bias=False)
        self.q_norm, self.k_norm = nn.RMSNorm(WIDTH), nn.RMSNorm(WIDTH)
        self.out_proj = nn.Linear(n_heads * WIDTH, D_MODEL, bias=False)

    def forward(self, resid: Tensor, mask: Tensor) -> Tensor:
        """Attend from every position to what the additive mask allows."""
        qkv = rearrange(self.qkv_proj(resid), "batch pos (head width) -> batch head pos width", width=WIDTH)
        q, k, v = qkv.split([self.n_heads, self.n_kv_heads, self.n_kv_heads], dim=1)
        repeats = self.n_heads // self.n_kv_heads
        k, v = self.k_norm(k).repeat_interleave(repeats, dim=1), v.repeat_interleave(repeats, dim=1)
        z = F.scaled_dot_product_attention(self.q_norm(q), k, v, attn_mask=mask, dropout_p=0.0)
        return self.out_proj(rearrange(z, "batch head pos width -> batch pos (head width)"))


class DirectBlock(nn.Module):
    """One layer."""

    def __init__(self, n_heads: int, n_kv_heads: int) -> None:
        super().__init__()
        self.attn_norm, self.ffn_norm = nn.RMSNorm(D_MODEL), nn.RMSNorm(D_MODEL)
        self.attn = DirectAttention(n_heads, n_kv_heads)
        self.ffn = nn.Sequential(nn.Linear(D_MODEL, 40), nn.GELU(), nn.Linear(40, D_MODEL))

    def forward(self, resid: Tensor, mask: Tensor) -> Tensor:
        """Attention, then the MLP, each beside the residual stream."""
        resid = resid + self.attn(self.attn_norm(resid), mask)
        return resid + self.ffn(self.ffn_norm(resid))


class DirectModel(PreTrainedModel):
    """A causal language model with learned positions."""

    config_class = DirectConfig

    def __init__(self, config: DirectConfig) -> None:
        super().__init__(config)
        self.token_embed = nn.Embedding(VOCAB, D_MODEL)
        self.position_embed = nn.Embedding(CONTEXT, D_MODEL)
        self.layers = nn.ModuleList(map(DirectBlock, N_QUERY_HEADS, N_KEY_HEADS))
        self.norm = nn.RMSNorm(D_MODEL)
        self.lm_head = nn.Linear(D_MODEL, VOCAB, bias=False)

    def get_input_embeddings(self) -> nn.Module:
        """The token embedding."""
        return self.token_embed

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        use_cache: bool = False,
    ) -> CausalLMOutput:
        """Logits of every position; there is no cache."""
        batch, width = input_ids.shape
        columns = torch.arange(width, device=input_ids.device)
        visible = (columns[:, None] >= columns[None, :]).expand(batch, 1, width, width)
        if attention_mask is not None:
            visible = visible & attention_mask.bool()[:, None, None, :]
        weight = self.token_embed.weight
        mask = torch.zeros(visible.shape, dtype=weight.dtype, device=weight.device)
        mask = mask.masked_fill(~visible, torch.finfo(weight.dtype).min)
        resid = self.token_embed(input_ids) + self.position_embed(columns if position_ids is None else position_ids)
        for layer in self.layers:
            resid = layer(resid, mask)
        return CausalLMOutput(logits=self.lm_head(self.norm(resid)))


def build_direct_model(*, seed: int = 0, dtype: torch.dtype = torch.float32) -> DirectModel:
    """The model in evaluation mode; the same seed gives the same weights."""
    model = DirectModel(DirectConfig())
    randomise(model, seed=seed)
    return model.to(dtype).eval()
