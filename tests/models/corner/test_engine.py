"""Sweeps by corners give what whole forward passes give."""

from typing import Any

import pytest
import transformers as hf
from torch import Tensor

from attnprobe.errors import PlanError
from attnprobe.models.load import load_model
from attnprobe.models.model import Backend, Model
from attnprobe.models.native import NativeModel
from attnprobe.plan import SweepLimits, SweepMode
from tests.models.architectures import D_MODEL, VOCAB, Architecture, build_model
from tests.models.corner.sweeps import LAST, assert_equals_full, corner, key_edit, mask_edit, patch_edit, z_edit
from tests.models.direct_model import DirectModel, build_direct_model
from tests.models.loaders import PROVENANCE

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


def test_a_model_that_biases_its_attention_runs_whole() -> None:
    """ALiBi comes in as a float mask, which edited runs would leave out."""
    config = hf.FalconConfig(vocab_size=VOCAB, hidden_size=D_MODEL, num_hidden_layers=2, num_attention_heads=4)
    config.alibi, config.new_decoder_architecture = True, False
    biased = hf.FalconForCausalLM(config).eval()
    model = NativeModel(biased, tokenizer=None, provenance=PROVENANCE)
    with pytest.raises(PlanError, match="its attention adds a bias"):
        corner(model, [z_edit(0, 0)])
    assert corner(model, [z_edit(0, 0)], limits=SweepLimits()).mode is SweepMode.FULL


def test_a_model_whose_forward_takes_no_position_ids_runs_whole() -> None:
    class NoPositions(DirectModel):
        """Counts positions from the first column."""

        def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Any:
            return super().forward(input_ids, attention_mask)

    direct = build_direct_model()
    direct.__class__ = NoPositions
    model = load_model(direct, backend=Backend.NATIVE)
    with pytest.raises(PlanError, match="takes no position ids"):
        corner(model, [z_edit(0, 0)])
    assert corner(model, [z_edit(0, 0)], limits=SweepLimits()).mode is SweepMode.FULL
