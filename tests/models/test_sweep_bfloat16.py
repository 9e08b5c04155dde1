"""In bfloat16 a sweep by corners is as near to the exact numbers as whole passes are; equal to them it cannot be."""

import copy

import pytest
import torch

from attnprobe.models.model import Provenance
from attnprobe.models.native import NativeModel
from attnprobe.plan import SweepLimits, SweepMode, SweepRun, Unembedding
from tests.models.architectures import Architecture, build_model
from tests.models.sweep_edits import IDS, edits_of

PROVENANCE = Provenance(name="tiny", revision=None, architecture="tiny")


def swept(model: torch.nn.Module, mode: SweepMode) -> SweepRun:
    native = NativeModel(model, tokenizer=None, provenance=PROVENANCE)
    edits = list(edits_of(native.dims).values())
    read = Unembedding(positions=tuple(range(len(IDS) // 2, len(IDS))))
    return native.sweep(IDS, edits, read, lambda logits: logits.float(), SweepLimits(mode=mode))


@pytest.mark.parametrize("family", [Architecture.GPT2, Architecture.LLAMA, Architecture.GEMMA2])
def test_corners_err_no_more_than_twice_what_whole_passes_do(family: Architecture) -> None:
    model = build_model(family).to(torch.bfloat16)
    exact = swept(copy.deepcopy(model).float(), SweepMode.FULL).values
    corner, full = swept(model, SweepMode.CORNER), swept(model, SweepMode.FULL)

    assert corner.mode is SweepMode.CORNER
    assert corner.fired == full.fired
    errors = [(run.values - exact).abs().flatten(1).amax(1) for run in (corner, full)]
    assert float(errors[1].mean()) > 1e-3, "rounding to bfloat16 is to show"
    assert float(errors[0].mean()) <= 2 * float(errors[1].mean())
    assert float(errors[0].max()) <= 2 * float(errors[1].max())
