"""The matrix by which each head's output enters the residual stream, found by watching a model run and proven there.

In: a model of any backend and the torch module that it runs. Out: for each layer W_O, cut by head. Names differ by
family and say little; what is the projection is the one linear module that takes the heads' outputs and puts out what
its weight says. Norms that some families put after it (Gemma, OLMo 2) are not part of it.
"""

from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import Any

import torch
from einops import einsum, rearrange
from jaxtyping import Float
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from attnprobe.errors import ModelError, SpecError
from attnprobe.models.model import Model
from attnprobe.plan import Plan, Point, Read, Tokens

HeadProjections = Float[Tensor, "head d_head d_model"]
# relative to the largest entry of the module's output; a wrong matrix is off by about all of it
_TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4}
_TOLERANCE_HALF = 5e-2
_N_TOKENS = 6
_Call = tuple[nn.Module, Tensor, Tensor]


class OutputProjections:
    """W_O of every layer, looked for when first asked for.

    Args:
        model: as its backend serves it.
        module: what that backend runs.
    """

    def __init__(self, model: Model, module: nn.Module) -> None:
        self._model = model
        self._module = module

    def of_layer(self, layer: int) -> HeadProjections:
        """W_O of one layer, by query head, in the model's own dtype.

        Raises:
            SpecError: there is no such layer.
            ModelError: no one linear module puts out the projection of the layer's heads.
        """
        if not 0 <= layer < self._model.dims.n_layers:
            raise SpecError(f"layer {layer} does not exist: the model has layers 0 to {self._model.dims.n_layers - 1}.")
        return self._found[layer][1]

    def module_of(self, layer: int) -> nn.Module:
        """The linear module that projects the heads' outputs, which it takes side by side [..., head * d_head].

        Args:
            layer: one that exists.

        Raises:
            ModelError: no one linear module does.
        """
        return self._found[layer][0]

    @cached_property
    def _found(self) -> tuple[tuple[nn.Module, HeadProjections], ...]:
        dims = self._model.dims
        ids = [(1 + 7 * step) * dims.vocab // 50 % dims.vocab for step in range(_N_TOKENS)]
        reads = tuple(Read(point=Point.Z, layer=layer) for layer in range(dims.n_layers))
        with _linear_calls(self._module, dims.d_model) as calls:
            run = self._model.forward(Tokens.of([ids]), Plan(reads=reads))
        return tuple(self._of(layer, run.read(Point.Z, layer, 0), calls) for layer in range(dims.n_layers))

    def _of(
        self, layer: int, z: Float[Tensor, "pos head d_head"], calls: Sequence[_Call]
    ) -> tuple[nn.Module, HeadProjections]:
        heads = rearrange(z, "pos head d_head -> pos (head d_head)")
        fed = [call for call in calls if call[1].shape == heads.shape and _close(call[1], heads)]
        if len(fed) != 1:
            raise self._error(layer, f"{len(fed)} linear modules take its heads' outputs, expected one")
        module, _, output = fed[0]
        weight = _weight(module)
        if weight.shape != (heads.shape[1], output.shape[1]) or not weight.is_floating_point() or weight.is_meta:
            raise self._error(layer, f"its {type(module).__name__} holds no plain weight matrix")
        projections = rearrange(weight, "(head d_head) d_model -> head d_head d_model", head=z.shape[1])
        bias = getattr(module, "bias", None)
        expected = einsum(z.to(projections), projections, "pos head d_head, head d_head d_model -> pos d_model")
        if not _close(expected if bias is None else expected + bias, output):
            raise self._error(layer, f"its {type(module).__name__} puts out other numbers than its weight says")
        return module, projections

    def _error(self, layer: int, what: str) -> ModelError:
        return ModelError(
            f"output projection of layer {layer} of {self._model.provenance.architecture}: {what} (quantised, adapted "
            "or offloaded weights are not served). Choose a score that needs no values, such as 'direct'."
        )


@contextmanager
def _linear_calls(module: nn.Module, d_model: int) -> Generator[list[_Call]]:
    """Inputs and outputs of every linear module that ends in the residual stream, for one sequence; hooks go again."""
    calls: list[_Call] = []

    def note(linear: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        # a router may be a linear module that returns more than a tensor
        if args and isinstance(output, Tensor) and output.shape[-1] == d_model and args[0].shape[0] == 1:
            taken = rearrange(args[0], "1 ... width -> (...) width")
            calls.append((linear, taken, rearrange(output, "1 ... width -> (...) width")))

    with ExitStack() as stack:
        for part in module.modules():
            if isinstance(part, nn.Linear | Conv1D):
                stack.callback(part.register_forward_hook(note).remove)
        yield calls


def _weight(module: nn.Module) -> Float[Tensor, "inner d_model"]:
    weight: Tensor = module.get_parameter("weight").detach()
    # transformers' Conv1D keeps [in, out], a linear module [out, in]
    return weight if isinstance(module, Conv1D) else rearrange(weight, "d_model inner -> inner d_model")


def _close(found: Tensor, expected: Tensor) -> bool:
    tolerance = _TOLERANCE.get(expected.dtype, _TOLERANCE_HALF)
    expected = expected.to(found.device).double()
    largest = max(float(expected.abs().max()), 1e-6)
    return bool((found.double() - expected).abs().max() <= tolerance * largest)
