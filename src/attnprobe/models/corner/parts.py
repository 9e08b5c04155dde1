"""A transformers model as the corner engine drives it: through its own forward, on columns of our choice.

In: a model and its anatomy. Out: `ModelParts`, which runs it, tells layers by their modules, and knows the form of what
modules return.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers import PreTrainedModel

from attnprobe.errors import ModelError
from attnprobe.models.anatomy import Anatomy, Layer, probe_ids
from attnprobe.models.attention_call import AttentionPass
from attnprobe.models.corner.stand_ins import unembedding_only
from attnprobe.models.passes import input_device
from attnprobe.plan import ModelDims
from attnprobe.shapes import Logits, TokenIds

# relative to the largest of what is compared; whatever is computed wrongly is off by about all of it
_TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-3}
_TOLERANCE_HALF = 5e-2


class NotInPart(Exception):  # noqa: N818, it tells of no error
    """A model cannot be run in part, for the reason that it holds; never seen outside."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelParts:
    """What drives one model.

    Attributes:
        model: in evaluation mode while it runs.
        anatomy: its layers.
        options: what its forward takes.
        leaves_masks: whether it hands on what stands in place of a mask.
        projection: the linear module that takes a layer's heads side by side; None where there is no such one.
        chooses_tokens: whether the rows of its output embedding that belong to some tokens give these tokens' logits.
        n_returned: for each module of which it is known, how many things it returns in a tuple; 0 for a bare tensor.
    """

    model: PreTrainedModel
    anatomy: Anatomy
    options: frozenset[str]
    leaves_masks: bool
    projection: Callable[[int], nn.Module | None]
    chooses_tokens: bool
    n_returned: dict[nn.Module, int]

    @property
    def dims(self) -> ModelDims:
        """Sizes of the model."""
        return self.anatomy.dims

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Modules, layer by layer."""
        return self.anatomy.layers

    def layer_of(self, caller: nn.Module) -> int | None:
        """The layer whose attention a module calls."""
        return next((index for index, layer in enumerate(self.layers) if layer.caller is caller), None)

    def watch(self, watcher: AttentionPass) -> AbstractContextManager[None]:
        """Send the model's attention calls to a pass that makes its masks itself."""
        return self.anatomy.watch(self.model, watcher, leaves_masks=self.leaves_masks)

    def run(self, ids: TokenIds, positions: Sequence[int]) -> Float[Tensor, "row pos token"]:
        """Run the model on some columns of a sequence, without a cache.

        Args:
            ids: of these columns, one sequence.
            positions: of each.

        Returns:
            For each row that stand-ins made of that sequence, logits at these columns.
        """
        device = input_device(self.model)
        inputs: dict[str, Any] = {
            "input_ids": ids.to(device),
            "attention_mask": torch.ones_like(ids, device=device),
            "position_ids": torch.tensor([list(positions)], device=device),
        }
        if "use_cache" in self.options:
            inputs["use_cache"] = False
        return self.model(**inputs).logits

    def returned(self, module: nn.Module, tensor: Tensor) -> Any:
        """A tensor, in the form in which a module returns it."""
        count = self.n_returned[module]
        return (tensor, *(None,) * (count - 1)) if count else tensor


def parts_of(
    model: PreTrainedModel,
    anatomy: Anatomy,
    *,
    options: frozenset[str],
    leaves_masks: bool,
    projection: Callable[[int], nn.Module],
) -> ModelParts:
    """Watch a model run once, and note the form of what its blocks and attention modules return.

    Args:
        model: in evaluation mode.
        anatomy: its layers.
        options: what its forward takes.
        leaves_masks: whether it hands on what stands in place of a mask.
        projection: the linear module of a layer's heads; raises ModelError where there is none.
    """
    n_returned: dict[nn.Module, int] = {}

    def note(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        n_returned[module] = len(output) if isinstance(output, tuple) else 0

    def projected(layer: int) -> nn.Module | None:
        try:
            return projection(layer)
        except ModelError:
            return None

    with ExitStack() as stack:
        for layer in anatomy.layers:
            for module in (layer.block, layer.attention):
                if module is not None:
                    stack.callback(module.register_forward_hook(note).remove)
        logits = model(input_ids=probe_ids(model)).logits
    return ModelParts(
        model=model,
        anatomy=anatomy,
        options=options,
        leaves_masks=leaves_masks,
        projection=projected,
        chooses_tokens=_chooses_tokens(model, logits),
        n_returned=n_returned,
    )


def _chooses_tokens(model: PreTrainedModel, logits: Logits) -> bool:
    """Whether some rows of the output embedding give these tokens' logits, tried on a few tokens."""
    head = model.get_output_embeddings()
    if type(head) is not nn.Linear or head.weight.is_meta:
        return False  # quantised or adapted weights are more than a matrix
    tokens = (0, logits.shape[-1] // 2, logits.shape[-1] - 1)
    try:
        with unembedding_only(model, tokens):
            found = model(input_ids=probe_ids(model)).logits
    except (RuntimeError, IndexError, ValueError, TypeError):
        return False
    expected = logits[..., list(tokens)]
    return found.shape == expected.shape and is_close(found, expected)


def is_close(found: Tensor, expected: Tensor) -> bool:
    """Whether the same numbers were computed in another way, by their dtype's rounding."""
    tolerance = _TOLERANCE.get(expected.dtype, _TOLERANCE_HALF)
    largest = max(float(expected.abs().max()), 1e-6)
    return bool((found.double() - expected.double()).abs().max() <= tolerance * largest)


def first_tensor(output: Any) -> Tensor:
    """What a module returns, or the first thing in the tuple that it returns."""
    return output[0] if isinstance(output, tuple) else output
