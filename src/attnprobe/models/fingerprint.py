"""A short name for a set of weights, where no hub commit names them.

In: a model. Out: a hash that is the same for the same weights, wherever they came from.
"""

import hashlib

import torch
from torch import nn

# of one tensor; larger ones are sampled at even steps, so that a hash takes seconds whatever the model's size
_MOST_ELEMENTS = 1 << 20


def hash_weights(model: nn.Module) -> str:
    """Hash names, shapes, dtypes and values of a model's parameters and stored buffers.

    Args:
        model: any; tensors that are not in memory (offloaded ones) count by name and shape.

    Returns:
        `sha256:` and 16 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        if tensor.device.type == "meta" or tensor.numel() == 0:
            continue
        flat = tensor.detach().reshape(-1)
        step = -(-flat.numel() // _MOST_ELEMENTS)
        digest.update(flat[::step].contiguous().cpu().view(torch.uint8).numpy().tobytes())
    return f"sha256:{digest.hexdigest()[:16]}"
