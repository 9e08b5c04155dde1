"""W_O by head, on every backend and family: it takes the heads' outputs to what the attention module returns."""

import pytest
import torch
from einops import einsum
from torch import nn

from attnprobe.errors import ModelError, SpecError
from attnprobe.models.native import NativeModel
from attnprobe.plan import Plan, Point, Read
from tests.models.agreement import TOKENS, assert_close, fingerprint
from tests.models.architectures import Architecture, build_model
from tests.models.loaders import CASES, PROVENANCE, Case, open_case
from tests.models.test_streams import module_of

every_case = pytest.mark.parametrize("case", CASES, ids=str)


@every_case
def test_heads_and_their_projections_make_the_attention_module_s_output(case: Case) -> None:
    model, _ = open_case(case)
    layers, points = range(model.dims.n_layers), (Point.Z, Point.ATTN_OUT)
    reads = tuple(Read(point=point, layer=layer) for point in points for layer in layers)
    run = model.forward(TOKENS, Plan(reads=reads))
    for layer in layers:
        projection = model.output_projection(layer)
        assert projection.shape == (model.dims.n_heads[layer], model.dims.d_head[layer], model.dims.d_model)
        z, found = run.read(Point.Z, layer, 0), run.read(Point.ATTN_OUT, layer, 0)
        expected = einsum(z, projection, "pos head d_head, head d_head d_model -> pos d_model")
        # what is left is the bias: the same at every position
        assert_close(found - expected, (found - expected)[:1].expand_as(found), layer)


@every_case
def test_looking_for_it_leaves_nothing_behind(case: Case) -> None:
    model, _ = open_case(case)
    before = fingerprint(module_of(model))
    model.output_projection(0)
    assert fingerprint(module_of(model)) == before


def test_a_layer_that_does_not_exist_is_refused() -> None:
    model, _ = open_case(CASES[0])
    with pytest.raises(SpecError, match="layer 3 does not exist: the model has layers 0 to 2"):
        model.output_projection(3)


def test_a_module_that_does_not_do_what_its_weight_says_is_refused_with_what_to_do() -> None:
    class Doubled(nn.Linear):
        """Stands for an adapter: its weight is not all of it."""

        def forward(self, input: torch.Tensor) -> torch.Tensor:
            return 2 * super().forward(input)

    hf_model = build_model(Architecture.LLAMA)
    hf_model.model.layers[1].self_attn.o_proj.__class__ = Doubled
    model = NativeModel(hf_model, tokenizer=None, provenance=PROVENANCE)
    with pytest.raises(ModelError, match=r"projection of layer 1 .* other numbers than its weight says.*'direct'"):
        model.output_projection(1)


def test_a_projection_that_is_no_linear_module_is_refused() -> None:
    class Sum(nn.Module):
        """Projects without a module of its own."""

        def __init__(self, weight: torch.Tensor) -> None:
            super().__init__()
            self.kernel = nn.Parameter(weight)

        def forward(self, input: torch.Tensor) -> torch.Tensor:
            return input @ self.kernel.T

    hf_model = build_model(Architecture.LLAMA)
    attention = hf_model.model.layers[0].self_attn
    attention.o_proj = Sum(attention.o_proj.weight.detach())
    model = NativeModel(hf_model, tokenizer=None, provenance=PROVENANCE)
    with pytest.raises(ModelError, match=r"layer 0 .* 0 linear modules take its heads' outputs, expected one"):
        model.output_projection(0)
