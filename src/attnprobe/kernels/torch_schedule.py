"""How a call is cut into pieces of work, and who does them.

In: the shape of a call. Out: ranges of heads, how many query rows a block has, and the pieces done, by a pool of
threads where that pays. How a call is cut never depends on the number of threads, so neither do its results.
"""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import torch
from torch import Tensor

from attnprobe.kernels.attention import Attention, accumulator
from attnprobe.kernels.torch_heads import HeadRange

# heads share a block up to this size: larger leaves a core's own cache between passes, smaller pays for more calls
_CACHED_BYTES = 2 << 20
# a block of one head is cut into fewer rows before it passes this
_BLOCK_BYTES = 8 << 20
# other devices are given this many times more at once: a call costs them more, and memory less
_DEVICE_FACTOR = 16
# memory beyond the first is asked for as at least the second: that much glibc always maps and returns to the system,
# where less would stay in its heap, in pieces that nothing else in a forward pass fits. Untouched pages cost nothing
_HEAP_BYTES, _MAPPED_BYTES = 4 << 20, 33 << 20
# below this many keys, handing work to another thread costs more than it saves
_SHORTEST_SHARED = 256
# as many pieces as this, if there are so many heads: two or four workers then finish together
_PIECES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a call may hold.

    Attributes:
        retained: bytes of powers kept, on a CPU, from the first look at a piece's rows for the second; rows beyond are
            computed twice.
        rows: most query rows of a block; None: by the number of keys.
    """

    retained: int = 24 << 20
    rows: int | None = None


class Workspace(threading.local):
    """Memory for the blocks of one call, a thread's own in every thread, given back with the call."""

    memory: Tensor | None = None

    def room(self, n_numbers: int, like: Tensor) -> Tensor:
        """Flat memory of the type and device of a tensor; what was given before is taken back."""
        if self.memory is None or self.memory.numel() < n_numbers:
            # first, or both would be held
            self.memory = None
            size = like.element_size()
            mapped = like.device.type == "cpu" and n_numbers * size > _HEAP_BYTES
            self.memory = like.new_empty(max(n_numbers, _MAPPED_BYTES // size) if mapped else n_numbers)
        return self.memory[:n_numbers]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A call in pieces.

    Attributes:
        ranges: the pieces.
        n_rows: most query rows of a block.
        retained: bytes that a piece may keep between its two looks.
    """

    ranges: tuple[HeadRange, ...]
    n_rows: int
    retained: int


def cut(attention: Attention, limits: Limits) -> Cut:
    """Ranges of heads whose blocks stay in cache together, and the rows of a block."""
    batch, n_heads, _, _ = attention.query.shape
    n_kv_heads, n_keys = attention.key.shape[1], attention.key.shape[2]
    # few key heads do not spread evenly over workers: then every query head is a unit, with keys of its own
    group = n_heads // n_kv_heads if batch * n_kv_heads > 2 * _PIECES else 1
    units = n_heads // group
    seen = n_keys if attention.window is None else min(n_keys, attention.window)
    n_rows = limits.rows or (64 if seen <= 1024 else 128)
    if attention.window is not None:
        n_rows = min(n_rows, max(32, attention.window))
    row_bytes = group * min(n_keys, seen + n_rows) * accumulator(attention.query).itemsize
    on_cpu = attention.query.device.type == "cpu"
    factor = 1 if on_cpu else _DEVICE_FACTOR
    n_rows = max(1, min(n_rows, factor * _BLOCK_BYTES // row_bytes, n_keys))
    n_pieces = _PIECES if on_cpu and n_keys >= _SHORTEST_SHARED else 1
    together = max(1, min(factor * _CACHED_BYTES // (n_rows * row_bytes), -(-batch * units // n_pieces), units))
    edges = [*range(0, units, together), units]
    return Cut(
        ranges=tuple(
            HeadRange(sequence=sequence, first=first * group, last=last * group, group=group)
            for sequence in range(batch)
            for first, last in pairwise(edges)
        ),
        n_rows=n_rows,
        retained=factor * limits.retained,
    )


def carry_out(pieces: Sequence[Callable[[], None]], attention: Attention) -> None:
    """Do every piece; by a pool of threads on a CPU that has threads to spare."""
    inference = torch.is_inference_mode_enabled()

    def do(piece: Callable[[], None]) -> None:
        # both modes belong to a thread, and tensors born in inference mode may be written in inference mode alone
        with torch.inference_mode(inference), torch.no_grad():
            piece()

    n_workers = min(torch.get_num_threads(), len(pieces))
    if attention.query.device.type != "cpu" or attention.key.shape[2] < _SHORTEST_SHARED or n_workers < 2:
        for piece in pieces:
            do(piece)
        return
    for future in [_pool(n_workers).submit(do, piece) for piece in pieces]:
        future.result()


@cache
def _pool(n_workers: int) -> ThreadPoolExecutor:
    """Workers that run each operation on one thread: many small parallel regions collapse when cores are busy."""
    n_threads = torch.get_num_threads()
    started = threading.Barrier(n_workers + 1)

    def alone() -> None:
        # asked first, or the thread would look its number up, and lose the next line's, at its first operation
        torch.get_num_threads()
        torch.set_num_threads(1)
        started.wait()

    pool = ThreadPoolExecutor(n_workers, thread_name_prefix="attnprobe-kernels", initializer=alone)
    for _ in range(n_workers):
        pool.submit(int)
    started.wait()
    # a worker's setting is its own, but is also what threads started later begin with: put that back
    torch.set_num_threads(n_threads)
    return pool


# threads do not survive a fork: a child starts its own
if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork either
    os.register_at_fork(after_in_child=_pool.cache_clear)
