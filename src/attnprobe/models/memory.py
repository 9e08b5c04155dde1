"""How much memory there is, and how it is told that there was not enough.

In: a device, an error. Out: bytes, and whether the error is one of memory.
"""

import os

import torch

_UNKNOWN = 2**30


def free_bytes(device: torch.device) -> int:
    """Memory that is free on a device now; of the CPU's, what the system calls available, as far as it says."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return _UNKNOWN  # systems without these names


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on whatever device."""
    return isinstance(error, torch.OutOfMemoryError) or "not enough memory" in str(error)


def release_memory() -> None:
    """Give what torch keeps of a GPU's memory and does not use back to the device."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
