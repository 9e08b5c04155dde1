"""How many rows run at once.

In: sizes of a model, the columns that run, what the caller allows. Out: bytes that a row takes, and how many rows fit.
"""

from dataclasses import dataclass

import torch
from torch import nn

from attnprobe.models.corner.head_pairs import HEAD_POINTS
from attnprobe.models.corner.parts import ModelParts
from attnprobe.models.corner.rows import Row
from attnprobe.models.memory import free_bytes
from attnprobe.plan import Point, SweepLimits, Unembedding

# of free memory, by default; on a CPU, where blocks that outgrow its caches gain nothing, not more than this
_SHARE_OF_FREE = 0.4
_MOST_ON_CPU = 2**28


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a sweep may take beside the model.

    Attributes:
        memory: in bytes.
        most: rows at once, whatever memory says.
    """

    memory: int
    most: int

    def rows(self, bytes_a_row: int) -> int:
        """How many rows fit, at least one."""
        return max(1, min(self.most, self.memory // max(1, bytes_a_row)))


def budget_of(limits: SweepLimits, device: torch.device, n_rows: int) -> Budget:
    """What the caller allows, or the default share of free memory."""
    memory = limits.memory
    if memory is None:
        memory = int(_SHARE_OF_FREE * free_bytes(device))
        memory = min(memory, _MOST_ON_CPU) if device.type == "cpu" else memory
    return Budget(memory=memory, most=n_rows if limits.batch_size is None else limits.batch_size)


def bytes_of_row(parts: ModelParts, n_columns: int, width: int, rows: list[Row]) -> int:
    """An estimate of what a row takes in a pass, from above.

    Args:
        parts: of the model.
        n_columns: that run.
        width: tokens of the sequence.
        rows: the most that the attention of one is edited counts for all.
    """
    dims, size = parts.dims, _item_size(parts.model)
    heads = max(dims.n_heads)
    inner = max((max(part.shape) for part in parts.layers[0].block.parameters() if part.ndim > 1), default=dims.d_model)
    vectors = n_columns * (8 * dims.d_model + 3 * inner)
    logits = 4 * heads * n_columns * min(width, 2**16 // n_columns + n_columns)
    edited = max(_n_edited_heads(row, heads) for row in rows)
    pairs = edited * (4 * n_columns * width + 2 * width * max(dims.d_head))
    return size * (vectors + logits + pairs)


def bytes_of_logits(parts: ModelParts, unembedding: Unembedding) -> int:
    """What unembedding a row takes, with what a measure makes of it in float64."""
    chosen = unembedding.tokens if parts.chooses_tokens else None
    n_tokens = parts.dims.vocab if chosen is None else len(chosen)
    return len(unembedding.positions) * (n_tokens * (_item_size(parts.model) + 24) + 16 * parts.dims.d_model)


def _n_edited_heads(row: Row, n_heads: int) -> int:
    """The most heads of one layer whose attention itself is edited."""
    found: dict[int, int] = {}
    for write in row.edit.writes:
        site = write.site
        if site.point in HEAD_POINTS and site.point is not Point.Z:
            count = n_heads if site.heads is None or site.point.has_kv_heads else len(site.heads)
            found[site.layer] = min(n_heads, found.get(site.layer, 0) + count)
    return max(found.values(), default=0)


def _item_size(model: nn.Module) -> int:
    return next(model.parameters()).element_size()
