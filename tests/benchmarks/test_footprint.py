"""Peaks of memory, as far as this system tells them."""

import sys

import pytest
import torch

from benchmarks.footprint import footprint, in_fresh_process

linux = pytest.mark.skipif(sys.platform != "linux", reason="the high-water mark is read from /proc")


@linux
def test_a_peak_is_what_was_held_at_one_time_and_not_what_is_left() -> None:
    def run() -> float:
        # 64 MB, gone when the function returns
        return float(torch.ones(16 << 20).sum())

    taken, found = footprint(run)
    assert found == float(16 << 20)
    assert 60 < taken.extra_megabytes < 80
    assert taken.wall_seconds > 0


def test_a_fresh_process_that_fails_says_so() -> None:
    with pytest.raises(RuntimeError, match="nowhere"):
        in_fresh_process("json.tool", ["nowhere.json"])
