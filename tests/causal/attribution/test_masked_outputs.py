"""The change of a head's output under a mask, from the unedited attention alone, is that of the mask."""

from math import log

import pytest
import torch

from attnprobe.causal.attribution.masked_outputs import mask_change
from attnprobe.causal.attribution.settings import Approximation
from attnprobe.errors import PlanError
from attnprobe.kernels import Attention
from attnprobe.models.gradients import LayerGradient, gradients_of
from attnprobe.models.native import NativeModel
from attnprobe.plan import Edges, EmptyRow, Plan, Point, Read, Tokens, Unembedding, mask_edges
from tests.causal.attribution.doubles import double_model
from tests.models.architectures import Architecture

IDS = (3, 14, 15, 9, 26, 5, 35, 8, 9, 7)
# within a window of four tokens
ROWS = {3: (1, 2), 6: (4,), 8: (5, 6, 7)}
FAMILIES = (Architecture.GPT2, Architecture.LLAMA, Architecture.GEMMA2)


def layers_of(model: NativeModel) -> tuple[LayerGradient, ...]:
    everything = Unembedding(positions=(8,))
    return gradients_of(model, IDS, everything, lambda logits: torch.log_softmax(logits, -1)[..., 3]).layers


def z_under(model: NativeModel, layer: int, strength: float, empty_row: EmptyRow = EmptyRow.RAISE) -> torch.Tensor:
    write = mask_edges(layer=layer, edges=Edges.of(ROWS), strength=strength, empty_row=empty_row)
    plan = Plan(writes=(write,), reads=(Read(point=Point.Z, layer=layer),))
    return model.forward(Tokens.of([IDS]), plan).read(Point.Z, layer, 0)


@pytest.mark.parametrize("architecture", FAMILIES, ids=str)
@pytest.mark.parametrize("strength", [1.0, 0.3])
def test_the_secant_is_what_the_mask_itself_makes_of_z(architecture: Architecture, strength: float) -> None:
    model = double_model(architecture)
    for index, layer in enumerate(layers_of(model)):
        change = mask_change(
            layer, ROWS, strength=strength, empty_row=EmptyRow.RAISE, approximation=Approximation.SECANT
        )
        expected = z_under(model, index, strength) - layer.z[0]
        torch.testing.assert_close(change, expected, rtol=0, atol=1e-12)
        assert float(change.abs().max()) > 1e-2


def test_the_derivative_is_the_secant_of_a_weak_mask() -> None:
    (layer, *_) = layers_of(double_model(Architecture.LLAMA))
    settings = {"empty_row": EmptyRow.RAISE, "strength": 1e-7}
    weak = mask_change(layer, ROWS, approximation=Approximation.SECANT, **settings)
    slope = mask_change(layer, ROWS, approximation=Approximation.DERIVATIVE, **settings)
    torch.testing.assert_close(weak / 1e-7, slope / 1e-7, rtol=1e-5, atol=1e-8)


def test_by_hand_on_one_row_of_three_keys() -> None:
    """Logits 0, log 2, log 5 give 1/8, 2/8, 5/8, and values 8, 2, 0 give z = 12/8. Without the last 12/3: 2.5 more.

    To first order the mass 5/8 times what it lacks of z: 5/8 * 1.5.
    """
    layer = one_head(logits=[0.0, log(2), log(5)], values=[8.0, 2.0, 0.0])
    options = {"strength": 1.0, "empty_row": EmptyRow.RAISE}
    secant = mask_change(layer, {2: (2,)}, approximation=Approximation.SECANT, **options)
    slope = mask_change(layer, {2: (2,)}, approximation=Approximation.DERIVATIVE, **options)
    assert secant[2, 0, 0].item() == pytest.approx(2.5)
    assert slope[2, 0, 0].item() == pytest.approx(0.9375)
    assert secant[:2].abs().max() == 0


@pytest.mark.parametrize(("empty_row", "after"), [(EmptyRow.SELF, 0.0), (EmptyRow.ZERO, 0.0)])
def test_a_row_left_without_keys_is_settled_as_asked(empty_row: EmptyRow, after: float) -> None:
    layer = one_head(logits=[0.0, 0.0, 0.0], values=[8.0, 2.0, 5.0])
    everything = {2: (0, 1, 2)}
    change = mask_change(layer, everything, strength=1.0, empty_row=empty_row, approximation=Approximation.SECANT)
    expected = 5.0 if empty_row is EmptyRow.SELF else after
    assert change[2, 0, 0].item() == pytest.approx(expected - 5.0)
    with pytest.raises(PlanError, match="all that the query at position 2 sees"):
        mask_change(layer, everything, strength=1.0, empty_row=EmptyRow.RAISE, approximation=Approximation.SECANT)


def test_what_is_left_of_a_row_is_found_however_little_it_is() -> None:
    """The masked key holds all but e^-900: nothing of the rest is left in float64, and still it is 1/3 and 2/3."""
    layer = one_head(logits=[0.0, log(2), 900.0], values=[8.0, 2.0, 0.0])
    change = mask_change(layer, {2: (2,)}, strength=1.0, empty_row=EmptyRow.RAISE, approximation=Approximation.SECANT)
    assert change[2, 0, 0].item() == pytest.approx(4.0)


def test_a_sink_keeps_its_mass() -> None:
    """With a sink of logit log 8 beside 1, 2 and 5: without the last key 1/11, 2/11 and 8/11 for the sink."""
    layer = one_head(logits=[0.0, log(2), log(5)], values=[8.0, 2.0, 0.0], sink=2.0794415416798357)
    change = mask_change(layer, {2: (2,)}, strength=1.0, empty_row=EmptyRow.RAISE, approximation=Approximation.SECANT)
    assert change[2, 0, 0].item() == pytest.approx(12 / 11 - 12 / 16)


def one_head(*, logits: list[float], values: list[float], sink: float | None = None) -> LayerGradient:
    """A head of width 1 whose last query has these logits."""
    key = torch.tensor(logits, dtype=torch.float64).reshape(1, 1, -1, 1)
    query = torch.ones_like(key)
    attention = Attention(
        query=query,
        key=key,
        scaling=1.0,
        sinks=None if sink is None else torch.tensor([sink], dtype=torch.float64),
    )
    value = torch.tensor(values, dtype=torch.float64).reshape(1, 1, -1, 1)
    flat = torch.zeros(1, len(logits), 1, 1, dtype=torch.float64)
    return LayerGradient(attention=attention, value=value, z=flat, gradient=flat)
