"""The sweep benchmark at a size of seconds: it runs, it is gated, and tables and goals read its rows."""

from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import plots, sweep, tables
from benchmarks.goals import goals
from benchmarks.harness import UnequalError
from benchmarks.records import measure_rows
from tests.benchmarks.tiny import tiny_gpt2

LENGTH = 24


@pytest.mark.filterwarnings("ignore")  # of the other library
def test_patches_are_held_to_the_peer_and_to_whole_passes(tmp_path: Path) -> None:
    measure_rows("sweep", {"patch 64": lambda: sweep.patch_row(LENGTH, repeats=1, build=tiny_gpt2)}, folder=tmp_path)
    measure_rows("sweep", {"masks 64": lambda: sweep.mask_row(LENGTH, repeats=1, n_sets=3, build=tiny_gpt2)},
                 folder=tmp_path)  # fmt: skip
    text = tables.page(tmp_path)
    plots.draw(tmp_path)
    assert "## Sweeps over heads" in text
    found = {goal.what: goal for goal in goals(tmp_path)}
    assert found["z of every head, last 8 positions, against TransformerLens' loop, T = 64"].measured is not None
    assert found["z of every head, last 8 positions, in plain forwards, T = 128"].verdict == "not measured"


@pytest.mark.filterwarnings("ignore")
def test_a_sweep_that_is_wrong_gets_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    right = sweep.swept

    def wrong(*args: Any) -> torch.Tensor:
        return right(*args) + (1e-2 if args[-1] is sweep.SweepMode.CORNER else 0.0)

    monkeypatch.setattr(sweep, "swept", wrong)
    with pytest.raises(UnequalError, match="whole passes"):
        sweep.mask_row(LENGTH, repeats=1, n_sets=2, build=tiny_gpt2)
