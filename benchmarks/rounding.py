"""What float32 itself costs, the measure of what may be asked of anyone's float32.

In: an eager float32 model, a sequence with gold tokens, the float64 reference. Out: how far the authors' arithmetic on
that model's patterns lies from the reference, over all layers and heads; and the same of category mass.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from benchmarks.harness import largest_difference
from benchmarks.inputs import Gold

# from this length on a turn over all layers takes seconds, and fewer gold tokens are looked at
LONG = 1024
TURNS_WHEN_LONG = 4


def key_values(attention: np.ndarray) -> np.ndarray:
    """`benchmarks.authors.key_values` to the bit at a cost of T^2: the diagonal product is taken entry by entry."""
    received = np.sum(attention, axis=0)
    received[0] = 0
    weighted = attention * received
    with np.errstate(all="ignore"):
        shared = np.nan_to_num(weighted / np.sum(weighted, axis=0), nan=0)
        total = received + np.sum(shared, axis=1)
        return (total - np.min(total)) / (np.max(total) - np.min(total))


@torch.no_grad()
def authors_error(eager: PreTrainedModel, gold: Gold, reference: Tensor) -> float:
    """The largest difference of the authors' float32 scores from the reference, [layer, head, gold]."""
    patterns = _patterns(eager, gold)
    count = gold.n_gold if len(gold.seen) < LONG else min(TURNS_WHEN_LONG, gold.n_gold)
    turns = sorted({round(turn) for turn in np.linspace(0, gold.n_gold - 1, count).tolist()})
    found = torch.tensor([[[_best(head, gold, turn) for turn in turns] for head in layer[0]] for layer in patterns])
    return largest_difference(found, reference[..., turns])


@torch.no_grad()
def patterns_error(
    eager: PreTrainedModel, gold: Gold, indicators: Tensor, heads: Sequence[int], reference: Tensor
) -> float:
    """The largest difference of mass by category from the reference, taken from whole patterns of some heads."""
    by_query = (indicators / indicators.sum(0).clamp_min(1)).T
    found = [by_query @ (layer[0, list(heads)] @ indicators) for layer in _patterns(eager, gold)]
    return largest_difference(torch.stack(found), reference)


def _patterns(eager: PreTrainedModel, gold: Gold) -> Sequence[Tensor]:
    run: Any = getattr(eager, eager.base_model_prefix)
    ids = torch.tensor([gold.seen], device=eager.device)
    return [layer.cpu() for layer in run(input_ids=ids, output_attentions=True, use_cache=False).attentions]


def _best(pattern: Tensor, gold: Gold, turn: int) -> float:
    end = int(gold.prefixes[0, turn])
    matching = gold.matches[:end, turn].numpy()
    # a copy, as the authors' prefix is a pattern of its own and not a view into a larger one
    values = key_values(np.ascontiguousarray(pattern[:end, :end].numpy()))
    return float(values[matching].max()) if matching.any() else 0.0
