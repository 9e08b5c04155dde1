"""What one run takes of a process: seconds, and the peak of memory over what was held before.

In: a function of no argument, in a process that has run little else: memory that was freed stays with the process and
hides the next peak. So every cell of a memory table has a process of its own, which prints what it found as JSON.
"""

import ctypes
import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_GIVES_BACK = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """One run's process CPU and wall seconds, and its peak in MB over what was held before."""

    cpu_seconds: float
    wall_seconds: float
    extra_megabytes: float


def footprint(run: Callable[[], Any], *, device: str = "cpu") -> tuple[Footprint, Any]:
    """Run once; what it took, and what came out. On CUDA the peak is the allocator's; otherwise it takes Linux."""
    gc.collect()
    if device == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated() / 2**20
    else:
        ctypes.CDLL(None).malloc_trim(0)
        # resets the high-water mark
        _CLEAR.write_text("5")
        before = _resident("VmRSS")
    cpu, wall = time.process_time(), time.perf_counter()
    output = run()
    if device == "cuda":
        torch.cuda.synchronize()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    highest = torch.cuda.max_memory_allocated() / 2**20 if device == "cuda" else _resident("VmHWM")
    return Footprint(cpu_seconds=cpu, wall_seconds=wall, extra_megabytes=highest - before), output


def _resident(field: str) -> float:
    """This process's resident memory in MB: now (`VmRSS`), or at its highest (`VmHWM`)."""
    lines = [line for line in _STATUS.read_text().splitlines() if line.startswith(field)]
    return int(lines[0].split()[1]) / 1024


def in_fresh_process(module: str, arguments: Sequence[str], *, gives_back: bool = True) -> dict[str, Any]:
    """Run `python -m MODULE ARGUMENTS`; what it printed last, as JSON.

    Args:
        module: of the benchmarks.
        arguments: of its command line.
        gives_back: glibc gives freed memory back at once, so that a peak is what was held at one time. As it comes,
            glibc keeps freed blocks of up to 32 MB in its heap, and a peak says how they happened to fit.

    Raises:
        RuntimeError: it failed; the message ends with what it said.
    """
    command = [sys.executable, "-m", module, *arguments]
    environment = {**os.environ, **(_GIVES_BACK if gives_back else {})}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise RuntimeError(f"{module} {' '.join(arguments)} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def answer(found: dict[str, Any]) -> None:
    """What a fresh process prints."""
    sys.stdout.write(json.dumps(found) + "\n")
