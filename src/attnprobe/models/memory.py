"""Whether an error says that memory ran out, and giving back what can be given.

In: errors of torch. Out: yes or no.
"""

import torch


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether an error says that a device or the machine has no memory left."""
    return isinstance(error, torch.OutOfMemoryError) or "not enough memory" in str(error)


def release_memory() -> None:
    """Give what torch keeps of a GPU's memory and does not use back to the device."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
