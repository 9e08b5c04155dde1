"""The pass with gradients: derivatives are those of the model, and the model is left as it was."""

from collections.abc import Sequence

import pytest
import torch
from jaxtyping import Float
from torch import Tensor
from transformers import FalconConfig, FalconForCausalLM

from attnprobe.errors import PlanError, SpecError
from attnprobe.models.gradients import GradientRun, gradients_of
from attnprobe.models.model import Backend, Model
from attnprobe.models.native import NativeModel
from attnprobe.plan import Measure, Plan, Point, Replace, Site, Tokens, Unembedding, Write
from tests.causal.attribution.doubles import double_model
from tests.models.architectures import Architecture, build_model
from tests.models.loaders import PROVENANCE, Case, open_case

IDS = (3, 14, 15, 9, 26, 5, 35, 8, 9, 7)
UNEMBEDDING = Unembedding(positions=(6, 8), tokens=(7, 8))
# GPT-2 whole, grouped keys, softcap and windows
FAMILIES = (Architecture.GPT2, Architecture.LLAMA, Architecture.GEMMA2)


def measure(logits: Float[Tensor, "run 2 2"]) -> Float[Tensor, "run 2"]:
    """Something curved, so that a derivative taken elsewhere differs."""
    return torch.log_softmax(logits.double(), -1)[..., 0] - 0.1 * logits.double()[..., 1] ** 2


def value_with(model: Model, layer: int, z: Float[Tensor, "pos head d_head"], ids: Sequence[int] = IDS) -> float:
    write = Write(site=Site(point=Point.Z, layer=layer), intervention=Replace(values=z))
    logits = model.forward(Tokens.of([ids]), Plan(writes=(write,))).logits[:, [6, 8]][..., [7, 8]]
    return float(measure(logits).mean())


@pytest.mark.parametrize("architecture", FAMILIES, ids=str)
def test_derivatives_are_those_of_finite_differences(architecture: Architecture) -> None:
    model = double_model(architecture)
    run = gradients_of(model, IDS, UNEMBEDDING, measure)
    generator = torch.Generator().manual_seed(0)
    step = 1e-4
    for index, layer in enumerate(run.layers):
        z = layer.z[0]
        direction = torch.randn(z.shape, generator=generator, dtype=z.dtype)
        values = {place: value_with(model, index, z + place * step * direction) for place in (-2, -1, 1, 2)}
        slope = (8 * (values[1] - values[-1]) - (values[2] - values[-2])) / (12 * step)
        assert abs(slope) > 1e-4
        assert float((layer.gradient[0] * direction).sum()) == pytest.approx(slope, rel=1e-7)
        # positions after the last one that is read owe nothing
        assert float(layer.gradient[0, 9:].abs().max()) == 0.0
        assert float(layer.gradient[0, :9].abs().max()) > 1e-4


def test_each_run_of_a_batch_has_its_own_derivatives() -> None:
    model = double_model(Architecture.LLAMA)
    plain = gradients_of(model, IDS, UNEMBEDDING, measure)
    z = plain.layers[1].z[0]
    both = gradients_of(model, IDS, UNEMBEDDING, measure, {1: torch.stack([z, 0.5 * z])})
    alone = gradients_of(model, IDS, UNEMBEDDING, measure, {1: 0.5 * z[None]})
    for index in (1, 2):
        torch.testing.assert_close(both.layers[index].gradient[0], plain.layers[index].gradient[0])
        torch.testing.assert_close(both.layers[index].gradient[1], alone.layers[index].gradient[0])
    assert float(both.values[1].mean()) == pytest.approx(value_with(model, 1, 0.5 * z))


@pytest.mark.parametrize("requires_grad", [True, False])
def test_the_model_is_left_as_it_was(requires_grad: bool) -> None:
    hf_model = build_model(Architecture.LLAMA).requires_grad_(requires_grad)
    hf_model.train()
    model = NativeModel(hf_model, tokenizer=None, provenance=PROVENANCE)
    with torch.no_grad():
        run = gradients_of(model, IDS, UNEMBEDDING, measure)
    assert all(parameter.grad is None for parameter in hf_model.parameters())
    assert all(parameter.requires_grad is requires_grad for parameter in hf_model.parameters())
    assert hf_model.training
    assert hf_model.config._attn_implementation == "sdpa"
    kept = [tensor for layer in run.layers for tensor in (layer.z, layer.gradient, layer.value, layer.attention.query)]
    assert not any(tensor.requires_grad for tensor in (*kept, run.values))
    assert model.forward(Tokens.of([IDS])).logits.requires_grad is False


def test_the_same_derivatives_whatever_the_flags_of_parameters() -> None:
    runs: list[GradientRun] = []
    for requires_grad in (True, False):
        hf_model = build_model(Architecture.GPT2).requires_grad_(requires_grad)
        model = NativeModel(hf_model, tokenizer=None, provenance=PROVENANCE)
        runs.append(gradients_of(model, IDS, UNEMBEDDING, measure))
    for one, other in zip(runs[0].layers, runs[1].layers, strict=True):
        assert torch.equal(one.gradient, other.gradient)


@pytest.mark.parametrize("family", ["llama", "gemma2"])
def test_nnsight_gives_the_same_on_the_module_beneath(family: str) -> None:
    runs = [
        gradients_of(open_case(Case(backend, family))[0], IDS, UNEMBEDDING, measure)
        for backend in (Backend.NATIVE, Backend.NNSIGHT)
    ]
    for one, other in zip(runs[0].layers, runs[1].layers, strict=True):
        assert float((one.gradient - other.gradient).abs().max()) < 5e-6


def test_transformer_lens_is_refused_by_the_name_of_a_backend_that_can() -> None:
    model, _ = open_case(Case(Backend.TRANSFORMER_LENS, "gpt2"))
    with pytest.raises(PlanError, match="load the model with backend 'native'"):
        gradients_of(model, IDS, UNEMBEDDING, measure)


def test_replacements_that_do_not_fit_are_told() -> None:
    model = double_model(Architecture.LLAMA)
    z = torch.zeros(1, 9, 4, 12, dtype=torch.float64)
    with pytest.raises(SpecError, match=r"outputs of shape \[9, 4, 12\] for layer 1; expected \(10, 4, 8\)"):
        gradients_of(model, IDS, UNEMBEDDING, measure, {1: z})
    with pytest.raises(SpecError, match="layer in 0 to 2"):
        gradients_of(model, IDS, UNEMBEDDING, measure, {3: z})


def test_a_measure_without_derivative_is_refused() -> None:
    constant: Measure = lambda logits: torch.zeros(1, 2)  # noqa: E731, a value of a type
    with pytest.raises(PlanError, match="does not depend on attention"):
        gradients_of(double_model(Architecture.GPT2), IDS, UNEMBEDDING, constant)


@pytest.mark.parametrize("family", [str(architecture) for architecture in Architecture])
def test_every_family_is_served_and_its_outputs_follow_from_queries_keys_and_values(family: str) -> None:
    """A layer whose z did not follow from its own attention would be refused."""
    run = gradients_of(open_case(Case(Backend.NATIVE, family))[0], IDS, UNEMBEDDING, measure)
    assert all(float(layer.gradient.abs().max()) > 1e-6 for layer in run.layers)


def test_a_bias_on_the_logits_is_refused() -> None:
    """ALiBi comes as a mask with numbers: queries and keys alone do not tell of it."""
    config = FalconConfig(vocab_size=61, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, alibi=True)
    model = NativeModel(FalconForCausalLM(config).eval(), tokenizer=None, provenance=PROVENANCE)
    with torch.no_grad():
        for parameter in model._model.parameters():
            parameter.normal_(0, 0.3)
    with pytest.raises(PlanError, match="layer 0 do not follow from its queries, keys and values alone"):
        gradients_of(model, IDS, UNEMBEDDING, measure)
