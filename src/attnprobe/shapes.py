"""Axis names and the tensor aliases built from them.

Axes, always the same word for the same thing: `batch` (sequences), `pos` (tokens of a sequence, left-padded),
`q_pos` and `k_pos` (querying and attended token), `layer`, `head` (query head), `kv_head` (key and value head),
`d_head`, `d_model`, `vocab`, `example`, `flip`.
"""

from jaxtyping import Bool, Float, Int
from torch import Tensor

TokenIds = Int[Tensor, "batch pos"]
Logits = Float[Tensor, "batch pos vocab"]
Scores = Float[Tensor, "batch vocab"]
Pattern = Float[Tensor, "batch head q_pos k_pos"]
AttnLogits = Float[Tensor, "batch head q_pos k_pos"]
Visible = Bool[Tensor, "batch 1 q_pos k_pos"]
HeadVectors = Float[Tensor, "batch pos head d_head"]
HeadKeys = Float[Tensor, "batch kv_head k_pos d_head"]
KvVectors = Float[Tensor, "batch pos kv_head d_head"]
Residual = Float[Tensor, "batch pos d_model"]
