"""What stands in for parts of a model during one pass, and is gone after it, come what may.

In: modules. Out: context managers. A stand-in answers calls of the thread that put it there; other threads, which may
run the same modules, get the modules' own forward.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from threading import get_ident
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.activations import FastGELUActivation, NewGELUActivation

Forward = Callable[..., Any]
Answer = Callable[[Forward, tuple[Any, ...], dict[str, Any]], Any]
"""From a module's own forward and what it is called with to what it returns."""


@contextmanager
def standing_in(module: nn.Module, answer: Answer) -> Generator[None]:
    """Answer the calls of a module that this thread makes.

    Args:
        module: its class's forward, or one that some library put on the instance, is back afterwards.
        answer: gets the forward that was there.
    """
    had_own, owner = "forward" in vars(module), get_ident()
    original: Forward = module.forward

    def forward(*args: Any, **kwargs: Any) -> Any:
        if get_ident() != owner:
            return original(*args, **kwargs)
        return answer(original, args, kwargs)

    module.forward = forward
    try:
        yield
    finally:
        if had_own:
            module.forward = original
        else:
            del module.forward


@contextmanager
def fused_gelu(model: nn.Module) -> Generator[None]:
    """GELUs that transformers writes out in several passes over memory, in one; equal to rounding."""
    with ExitStack() as stack:
        for module in model.modules():
            if type(module) in (NewGELUActivation, FastGELUActivation):
                stack.enter_context(standing_in(module, _fused))
        yield


def _fused(original: Forward, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    del original
    taken: Tensor = args[0] if args else next(iter(kwargs.values()))
    return F.gelu(taken, approximate="tanh")


@contextmanager
def unembedding_only(model: PreTrainedModel, tokens: Sequence[int] | None) -> Generator[None]:
    """Let a model's logits be those of some tokens only, in their order.

    Args:
        model: one whose output embedding is a linear module, and which treats each logit by itself after it.
        tokens: ids; None to leave all as it is.
    """
    if tokens is None:
        yield
        return
    head: Any = model.get_output_embeddings()
    rows = torch.tensor(tokens, device=head.weight.device)
    weight = head.weight.index_select(0, rows)
    bias = None if head.bias is None else head.bias.index_select(0, rows)

    def answer(original: Forward, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
        del original
        hidden: Tensor = args[0] if args else next(iter(kwargs.values()))
        return F.linear(hidden, weight, bias)

    with standing_in(head, answer):
        yield
