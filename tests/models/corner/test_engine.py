"""Sweeps by corners give what whole forward passes give."""

import pytest

from attnprobe.models.load import load_model
from attnprobe.models.model import Backend, Model
from tests.models.architectures import Architecture, build_model
from tests.models.corner.sweeps import LAST, assert_equals_full, key_edit, mask_edit, patch_edit

FAMILIES = (Architecture.GPT2, Architecture.LLAMA, Architecture.GEMMA2)


@pytest.fixture(scope="module", params=FAMILIES)
def model(request: pytest.FixtureRequest) -> Model:
    return load_model(build_model(request.param), backend=Backend.NATIVE)


def test_every_head_patched_at_z(model: Model) -> None:
    dims = model.dims
    edits = [patch_edit(layer, head, dims.d_head[layer]) for layer in range(3) for head in range(dims.n_heads[layer])]
    assert_equals_full(model, edits, reads=(8, LAST), tokens=None)


def test_every_head_masked(model: Model) -> None:
    edits = [mask_edit(layer, head) for layer in range(3) for head in range(model.dims.n_heads[layer])]
    assert_equals_full(model, edits)


def test_keys_before_the_columns_that_are_read(model: Model) -> None:
    edits = [key_edit(layer, head) for layer in range(3) for head in range(model.dims.n_kv_heads[layer])]
    assert_equals_full(model, edits)
