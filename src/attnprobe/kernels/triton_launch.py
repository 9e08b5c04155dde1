"""How a Triton kernel is started: the sizes of its tiles, its grid, and where its outputs are allocated.

In: a kernel and its arguments by name. Out: nothing; the kernel fills the tensors that it was given.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from attnprobe.errors import KernelError
from attnprobe.kernels import triton_kernels
from attnprobe.kernels.ops import TRITON_WIDEST_HEAD

MOST_COLUMNS = 64


class Pass(StrEnum):
    """A kernel of `triton_kernels` that goes over the tiles of q k^T."""

    NORMALISERS = "row_normalisers"
    COLUMNS = "key_columns"
    ROWS = "query_rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiles:
    """Sizes of one kernel's tiles.

    Attributes:
        rows: queries; a power of two, at least 16, as all of these.
        keys: keys.
        n_warps: groups of 32 threads that share a tile.
        n_stages: tiles that are in flight.
    """

    rows: int
    keys: int
    n_warps: int
    n_stages: int


# by kernel, then by the widest padded d_head that the row serves: for 16-bit inputs, for float32. Float32 is multiplied
# without tensor cores. Chosen by what fits the registers of an H100 or H200 (tests hold it), not yet by time.
_TABLE: dict[Pass, tuple[tuple[int, Tiles, Tiles], ...]] = {
    Pass.NORMALISERS: (
        (64, Tiles(rows=128, keys=64, n_warps=8, n_stages=3), Tiles(rows=64, keys=32, n_warps=8, n_stages=2)),
        (128, Tiles(rows=128, keys=64, n_warps=8, n_stages=3), Tiles(rows=32, keys=64, n_warps=8, n_stages=2)),
        (256, Tiles(rows=128, keys=32, n_warps=8, n_stages=2), Tiles(rows=32, keys=32, n_warps=8, n_stages=1)),
    ),
    Pass.COLUMNS: (
        (64, Tiles(rows=64, keys=128, n_warps=8, n_stages=3), Tiles(rows=32, keys=64, n_warps=8, n_stages=2)),
        (128, Tiles(rows=64, keys=128, n_warps=8, n_stages=3), Tiles(rows=64, keys=32, n_warps=8, n_stages=2)),
        (256, Tiles(rows=32, keys=128, n_warps=8, n_stages=2), Tiles(rows=32, keys=32, n_warps=8, n_stages=1)),
    ),
    Pass.ROWS: (
        (64, Tiles(rows=128, keys=64, n_warps=8, n_stages=3), Tiles(rows=64, keys=32, n_warps=8, n_stages=2)),
        (128, Tiles(rows=128, keys=64, n_warps=8, n_stages=3), Tiles(rows=64, keys=32, n_warps=8, n_stages=2)),
        (256, Tiles(rows=128, keys=32, n_warps=8, n_stages=2), Tiles(rows=32, keys=32, n_warps=8, n_stages=1)),
    ),
}


def power_of_two(size: int) -> int:
    """The smallest power of two that holds `size` and that a tile's product takes: at least 16."""
    return max(16, 1 << (size - 1).bit_length())


def tiles_for(which: Pass, d_head: int, dtype: torch.dtype) -> Tiles:
    """The tiles of a kernel: a fixed table, so that the same input always gives the same bits."""
    for width, half, single in _TABLE[which]:
        if d_head <= width:
            return single if dtype == torch.float32 else half
    raise KernelError(f"d_head {d_head}: impl triton serves up to {TRITON_WIDEST_HEAD}; choose torch.")


def column_tile(n_columns: int) -> int:
    """How many value columns or prefixes one program takes."""
    return min(MOST_COLUMNS, power_of_two(n_columns))


def n_tiles(size: int, tile: int) -> int:
    """How many tiles cover a size."""
    return -(-size // tile)


def is_interpreted() -> bool:
    """Whether kernels run in Triton's interpreter, on any device, instead of being compiled."""
    # triton wraps its own functions when it is imported, and ours when they are
    wrapped: list[Any] = [tl.zeros, triton_kernels.key_columns]
    return not any(isinstance(function, triton.JITFunction) for function in wrapped)


def empty(shape: tuple[int, ...], device: torch.device) -> Tensor:
    """Room for an output that a kernel fills to the last element; tests hand out NaN instead."""
    return torch.empty(shape, dtype=torch.float32, device=device)


def start(kernel: Any, grid: tuple[int, int], arguments: dict[str, object], device: torch.device) -> None:
    """Launch a kernel on the device that holds its tensors; nothing if the grid is empty."""
    if 0 in grid:
        return
    if device.type == "cuda":
        with torch.cuda.device(device):
            kernel[grid](**arguments)
    else:
        kernel[grid](**arguments)
