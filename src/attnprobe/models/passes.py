"""What every backend needs for one forward pass, whatever library runs it.

In: a transformers model, tokens, a plan. Out: the model's inputs, evaluation mode for a while, where tokens enter, and
which keys each query may see by the model's configuration.
"""

import inspect
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from transformers import Cache, PreTrainedModel

from attnprobe.errors import PlanError
from attnprobe.plan import Plan, Tokens
from attnprobe.shapes import Visible


def input_device(model: PreTrainedModel) -> torch.device:
    """Where token ids enter a model."""
    embedding: Any = model.get_input_embeddings()
    return embedding.weight.device


def options_of(model: PreTrainedModel) -> frozenset[str]:
    """The names of what a model's forward takes; asked of its class, since libraries replace the method itself."""
    return frozenset(inspect.signature(type(model).forward).parameters)


def model_inputs(
    model: PreTrainedModel, options: frozenset[str], tokens: Tokens, plan: Plan, cache: Cache | None = None
) -> dict[str, Any]:
    """Keyword arguments for one pass of the columns that run.

    Args:
        model: whose device the tensors go to.
        options: from `options_of`.
        tokens: the batch.
        plan: says how many columns are unembedded.
        cache: holds the keys and values of the cached columns, and is given those of the others; None for none.

    Raises:
        PlanError: columns are cached and there is no cache; or the batch is padded, and the model cannot be told
            positions.
    """
    if tokens.cached and cache is None:
        raise PlanError(
            f"{tokens.cached} columns are said to be cached, and a forward pass has none of their keys and values; "
            "give tokens that run whole."
        )
    device = input_device(model)
    inputs: dict[str, Any] = {
        "input_ids": tokens.ids[:, tokens.cached :].to(device),
        "attention_mask": tokens.attention_mask().to(device),
    }
    if "position_ids" in options:
        # some families count positions from the first column otherwise, padding included
        inputs["position_ids"] = tokens.position_ids()[:, tokens.cached :].to(device)
    elif any(tokens.padding(row) for row in range(len(tokens.lengths))):
        raise PlanError(
            f"{type(model).__name__} takes no position ids, so that padding would shift its positions; "
            "give sequences of one length in a batch."
        )
    if "use_cache" in options:
        inputs["use_cache"] = cache is not None
    if cache is not None:
        inputs["past_key_values"] = cache
    if plan.last_logits is not None and "logits_to_keep" in options:
        # 0 would keep all
        inputs["logits_to_keep"] = max(1, plan.last_logits)
    return inputs


class PassIsOver(Exception):  # noqa: N818, it tells of no error
    """Raised inside a model to leave it once nothing that the plan asks for is still to come; never seen outside."""


@contextmanager
def evaluating(model: nn.Module) -> Generator[None]:
    """Dropout off; modules that were training train again afterwards."""
    training = [module for module in model.modules() if module.training]
    try:
        for module in training:
            module.training = False
        yield
    finally:
        for module in training:
            module.training = True


def visible_keys(tokens: Tokens, window: int | None) -> Visible:
    """Which keys each query that runs may attend to: not after it, within the window, no padding.

    Args:
        tokens: the batch.
        window: sliding window of the layer in tokens, the querying one included; None for none.
    """
    columns = torch.arange(tokens.width)
    distance = columns[tokens.cached :, None] - columns[None, :]
    near = distance >= 0
    if window is not None:
        near &= distance < window
    starts = torch.tensor(tokens.starts)
    return near & (columns >= starts[:, None])[:, None, None]
