"""How every benchmark measures: in turns, process CPU time, medians, and a gate of equal outputs.

In: named functions of no argument, what their outputs must be, and a tolerance. Out: rows of JSON, stored by device.
Wall time of a shared machine says little; ratios of process CPU time, taken in turns in one run, say much. On a CUDA
device the seconds are the device's own, between events.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

Contestants = Mapping[str, Callable[[], Any]]


class UnequalError(Exception):
    """Outputs differ by more than is allowed, so that there are no times to speak of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Seconds of one contestant over repeats: process CPU time, or device time on CUDA; wall time beside it.

    Attributes:
        median, low, high: median, 20% and 80% quantiles.
        n: how many repeats.
        wall: median wall time.
    """

    median: float
    low: float
    high: float
    n: int
    wall: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """How far outputs lie from the float64 reference, and how far they may.

    Attributes:
        name: whose outputs.
        difference: the largest, absolute.
        tolerance: what is allowed.
        own_error: float32's own, where it is known: of the authors for scores, of whole patterns for mass; twice that
            is allowed if it is more.
    """

    name: str
    difference: float
    tolerance: float
    own_error: float | None = None

    def __post_init__(self) -> None:
        # negated so that a NaN is refused too
        if not self.difference <= self.allowed:
            raise UnequalError(
                f"{self.name}: outputs differ by {self.difference:.1e}, more than {self.allowed:.1e}: no times."
            )

    @property
    def allowed(self) -> float:
        """The tolerance, or twice float32's own error if that is more."""
        return max(self.tolerance, 2 * (self.own_error or 0.0))

    def entry(self) -> dict[str, float]:
        """What is stored of it."""
        return {"difference": self.difference, "allowed": self.allowed}


def largest_difference(outputs: Tensor, reference: Tensor) -> float:
    """The largest absolute difference; infinite where shapes differ, NaN where an output is."""
    if outputs.shape != reference.shape:
        return float("inf")
    return float((outputs.double() - reference.double().to(outputs.device)).abs().max())


def race(
    contestants: Contestants,
    *,
    repeats: int,
    warm: bool = True,
    fewer: Mapping[str, int] | None = None,
    device: str = "cpu",
) -> dict[str, Timing]:
    """Time functions in turns, so that what else the machine does falls on all of them alike.

    Args:
        contestants: functions of no argument, by name.
        repeats: timed rounds.
        warm: one untimed round before.
        fewer: contestants that run in fewer rounds, and in how many.
        device: `cuda` for device time between events.
    """
    return {
        name: taken
        for name, (taken, _) in race_outputs(
            contestants, repeats=repeats, warm=warm, fewer=fewer, device=device
        ).items()
    }


def race_outputs(
    contestants: Contestants,
    *,
    repeats: int,
    warm: bool = True,
    fewer: Mapping[str, int] | None = None,
    device: str = "cpu",
) -> dict[str, tuple[Timing, Any]]:
    """`race`, with what each contestant returned last."""
    clock = _on_device if device == "cuda" else _on_cpu
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
    outputs: dict[str, Any] = {}
    for repeat in range(0 if warm else 1, repeats + 1):
        for name, run in contestants.items():
            if repeat > (fewer or {}).get(name, repeats):
                continue
            outputs[name] = None  # let go before the next is made
            taken, wall, outputs[name] = clock(run)
            if repeat:
                seconds[name].append((taken, wall))
    return {name: (timing(taken), outputs[name]) for name, taken in seconds.items()}


def _on_cpu(run: Callable[[], Any]) -> tuple[float, float, Any]:
    wall, start = time.perf_counter(), time.process_time()
    output = run()
    return time.process_time() - start, time.perf_counter() - wall, output


def _on_device(run: Callable[[], Any]) -> tuple[float, float, Any]:
    first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    wall = time.perf_counter()
    first.record()
    output = run()
    last.record()
    torch.cuda.synchronize()
    return first.elapsed_time(last) / 1000, time.perf_counter() - wall, output


def timing(taken: Sequence[tuple[float, float]]) -> Timing:
    """Median and quantiles of (seconds, wall seconds)."""
    ordered = sorted(seconds for seconds, _ in taken)
    last = len(ordered) - 1
    return Timing(
        median=statistics.median(ordered),
        low=ordered[round(0.2 * last)],
        high=ordered[round(0.8 * last)],
        n=len(ordered),
        wall=statistics.median(wall for _, wall in taken),
    )


def ratios(timings: Mapping[str, Timing], over: str, *, wall: bool = False) -> dict[str, float]:
    """How many times the seconds of `over`, or its wall time, each other contestant takes."""
    taken = {name: one.wall if wall else one.median for name, one in timings.items()}
    return {name: round(seconds / taken[over], 3) for name, seconds in taken.items() if name != over}


def load_average() -> float:
    """Processes that wanted a core over the last minute."""
    return round(os.getloadavg()[0], 2)


def arguments(description: str) -> argparse.Namespace:
    """The options of a benchmark that stands by itself."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--repeats", type=int, default=5, help="timed rounds (default 5)")
    parser.add_argument("--threads", type=int, default=1, help="torch threads (default 1)")
    return parser.parse_args()
