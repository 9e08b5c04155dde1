"""Attention masks that are not made: in their place stands one number, the window, and the model is none the wiser.

transformers builds a mask of size T x T as soon as a batch is padded or a layer has a window. A pass that only looks at
attention needs none: causality, padding and window say it all. In: what transformers asks of a mask function. Out: the
mask that it would make, or a marker that models hand on to their attention unread, by which the layer's window is told.
"""

from collections.abc import Callable
from typing import Any

import torch
from einops import rearrange
from torch import Tensor
from transformers.masking_utils import causal_mask_function, sdpa_mask

# of sequence, head, query and key, tensors that broadcast; transformers annotates them as int and bool
MaskFunction = Callable[..., Any]


def mask_or_marker(
    batch_size: int,
    q_length: int,
    kv_length: int,
    q_offset: int = 0,
    kv_offset: int = 0,
    mask_function: MaskFunction = causal_mask_function,
    attention_mask: Tensor | None = None,
    local_size: int | None = None,
    device: torch.device | str = "cpu",
    **options: Any,
) -> Tensor | None:
    """transformers' own mask where it is None or not what padding and a window say; a marker elsewhere.

    Args: as transformers calls a mask function.
    """
    window = None if local_size is None or local_size >= kv_length else local_size
    is_padded = attention_mask is not None and not bool(attention_mask.all())
    is_prefill = q_length == kv_length and q_offset == kv_offset
    if (
        (is_padded or window is not None)
        and is_prefill
        and _is_causal_with(window, mask_function, batch_size, kv_length, torch.device(device))
    ):
        # integers, so that it is told from every mask; 0 for no window
        return torch.full((1, 1, 1, 1), window or 0, dtype=torch.int64, device=device)
    return sdpa_mask(
        batch_size=batch_size,
        q_length=q_length,
        kv_length=kv_length,
        q_offset=q_offset,
        kv_offset=kv_offset,
        mask_function=mask_function,
        attention_mask=attention_mask,
        local_size=local_size,
        device=device,
        **options,
    )


def is_marker(mask: Tensor | None) -> bool:
    """Whether a mask came from `mask_or_marker` as a marker."""
    return mask is not None and mask.dtype is torch.int64 and mask.numel() == 1


def window_of(marker: Tensor) -> int | None:
    """The window that a marker stands for."""
    return int(marker) or None


def _is_causal_with(
    window: int | None, mask_function: MaskFunction, batch_size: int, length: int, device: torch.device
) -> bool:
    """Whether a mask function lets each query see what the window says, on the edges of what it sees and a sample.

    For every query: the keys just inside and just outside on both sides, the first, the last, and four anywhere.
    """
    near = length if window is None else window
    query = torch.arange(length, device=device)
    anywhere = torch.randint(length, (length, 4), generator=torch.Generator().manual_seed(length)).to(device)
    edges = torch.stack(
        [query, query + 1, query - near + 1, query - near, torch.zeros_like(query), torch.full_like(query, length - 1)],
        dim=1,
    ).clamp(0, length - 1)
    keys = torch.cat([edges, anywhere], dim=1)
    queries = rearrange(query, "q_pos -> q_pos 1").expand_as(keys).flatten()
    keys = keys.flatten()
    sequence = torch.arange(len(keys), device=device) % batch_size
    found = mask_function(sequence, torch.zeros_like(keys), queries, keys)
    distance = queries - keys
    return torch.equal(found.expand_as(keys), (distance >= 0) & (distance < near))
