"""Where a model's layers, attention and MLP modules are, and how large, found by watching it run once.

In: a transformers model of whatever family. Out: `Anatomy`. Sizes come from the tensors that pass, not from names in a
config, which differ by family; only windows and the context length are read there, and windows are held against
what the model passes to its attention.
"""

from collections import Counter
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from enum import Enum
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from attnprobe.errors import ModelError
from attnprobe.models.attention_call import AttentionCall, AttentionPass, Plain
from attnprobe.models.attention_interface import watch_interface
from attnprobe.models.direct_attention import count_repeats, watch_direct
from attnprobe.plan import ModelDims
from attnprobe.shapes import HeadVectors, Logits, TokenIds


class Route(Enum):
    """How a model's attention calls are caught."""

    INTERFACE = "transformers' attention interface"
    DIRECT = "torch.nn.functional.scaled_dot_product_attention"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layer:
    """The modules of one layer.

    Attributes:
        block: takes the residual stream.
        caller: makes the attention call.
        attention: the block's part that holds the caller; None where the block calls attention itself.
        mlp: the block's one other part with weight matrices; None where there is no such one part.
        n_repeats: how often the caller expands keys and values before the call that is caught.
    """

    block: nn.Module
    caller: nn.Module
    attention: nn.Module | None
    mlp: nn.Module | None
    n_repeats: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Anatomy:
    """A model's layers, its sizes, and how its attention is caught."""

    route: Route
    layers: tuple[Layer, ...]
    dims: ModelDims

    def watch(
        self, model: PreTrainedModel, watcher: AttentionPass, *, leaves_masks: bool = False
    ) -> AbstractContextManager[None]:
        """Send the attention calls of the model to a pass.

        Args:
            model: whose anatomy this is.
            watcher: gets the calls.
            leaves_masks: as for `watch_interface`; a model outside the interface makes its masks itself.
        """
        if self.route is Route.INTERFACE:
            return watch_interface(model, watcher, leaves_masks=leaves_masks)
        repeats = {layer.caller: layer.n_repeats for layer in self.layers}
        return watch_direct([layer.caller for layer in self.layers], watcher, repeats)


class _Recorder:
    """A pass that changes nothing and notes who called, with what."""

    def __init__(self) -> None:
        self.calls: list[tuple[nn.Module, AttentionCall]] = []

    def attend(self, caller: nn.Module, call: AttentionCall, plain: Plain) -> HeadVectors:
        self.calls.append((caller, call))
        return plain(call.query, call.key, call.value)


def probe_ids(model: PreTrainedModel) -> TokenIds:
    """Token ids [1, 6] to watch a model on: spread over the vocabulary, none twice."""
    embedding: Any = model.get_input_embeddings()
    rows = int(embedding.weight.shape[0])
    return torch.tensor([[(1 + 7 * step) * rows // 50 % rows for step in range(6)]], device=embedding.weight.device)


def find_anatomy(model: PreTrainedModel) -> Anatomy:
    """Run a model once on a few tokens and note its parts.

    Args:
        model: in evaluation mode.

    Raises:
        ModelError: it is no causal language model, attention is not caught in every layer, or layers have no common
            form.
    """
    name = type(model).__name__
    if getattr(model.config, "is_encoder_decoder", False):
        raise ModelError(f"{name} has an encoder and a decoder; expected a decoder-only causal language model.")
    for route in Route:
        recorder = _Recorder()
        with torch.no_grad(), _watch_any(model, route, recorder):
            logits = _probe(model)
        if recorder.calls:
            break
    else:
        raise ModelError(
            f"{name}: no attention call was seen; it uses neither transformers' attention interface nor "
            f"{Route.DIRECT.value}. Try backend 'transformer_lens' or 'nnsight'."
        )
    callers = [caller for caller, _ in recorder.calls]
    if any(count > 1 for count in Counter(map(id, callers)).values()):
        raise ModelError(f"{name}: one module attends more than once in a pass; layers cannot be told apart.")
    blocks = _blocks(model, callers)
    repeats = [_repeats(call) if route is Route.DIRECT else 1 for _, call in recorder.calls]
    layers = tuple(
        _layer(model, block, caller, n_repeats)
        for block, caller, n_repeats in zip(blocks, callers, repeats, strict=True)
    )
    dims = _dims(model, logits, [call for _, call in recorder.calls], repeats)
    return Anatomy(route=route, layers=layers, dims=dims)


def _probe(model: PreTrainedModel) -> Logits:
    ids = probe_ids(model)
    logits = getattr(model(input_ids=ids), "logits", None)
    if logits is None or logits.ndim != 3 or logits.shape[1] != ids.shape[1]:
        raise ModelError(
            f"{type(model).__name__} gives no logits for each token; expected a causal language model, such as "
            "AutoModelForCausalLM loads."
        )
    return logits


def _watch_any(model: PreTrainedModel, route: Route, watcher: AttentionPass) -> AbstractContextManager[None]:
    if route is Route.DIRECT:
        return watch_direct(list(model.modules()), watcher, {})
    # a model outside the interface may look its implementation up by name and would not know ours
    flags: Any = model  # transformers has no public way to ask
    is_candidate = flags._supports_attention_backend or flags._can_set_attn_implementation()
    return watch_interface(model, watcher) if is_candidate else nullcontext()


def _blocks(model: nn.Module, callers: list[nn.Module]) -> list[nn.Module]:
    """The elements of the one list of modules that hold one caller each, in the order of the calls."""
    names = {id(module): name for name, module in model.named_modules()}
    paths = [names[id(caller)].split(".") for caller in callers]
    for depth in range(min(map(len, paths))):
        prefixes = {".".join(path[:depth]) for path in paths}
        if len(prefixes) > 1:
            break
        prefix = prefixes.pop()
        if isinstance(container := model.get_submodule(prefix), nn.ModuleList):
            indices = [int(path[depth]) for path in paths]
            if indices != list(range(len(container))):
                raise ModelError(
                    f"{type(model).__name__}: softmax attention was seen in layers {indices} of {len(container)}; "
                    "expected all of them. Models that mix it with other kinds of layer are not served."
                )
            return [container[index] for index in indices]
    raise ModelError(f"{type(model).__name__}: its attention modules do not stand in one list of layers.")


def _layer(model: nn.Module, block: nn.Module, caller: nn.Module, n_repeats: int) -> Layer:
    parts = list(block.children())
    attention = next((part for part in parts if any(inner is caller for inner in part.modules())), None)
    # norms and dropouts hold no matrix, an MLP or a mixture of experts several
    others = [part for part in parts if part is not attention and _n_matrices(part) > 1]
    mlp = others[0] if len(others) == 1 else None
    return Layer(block=block, caller=caller, attention=attention, mlp=mlp, n_repeats=n_repeats)


def _n_matrices(module: nn.Module) -> int:
    return sum(parameter.ndim > 1 for parameter in module.parameters())


def _repeats(call: AttentionCall) -> int:
    n_keys, n_values = count_repeats(call.key), count_repeats(call.value)
    return n_keys if n_keys == n_values else 1


def _dims(model: PreTrainedModel, logits: Logits, calls: list[AttentionCall], repeats: Iterable[int]) -> ModelDims:
    config: Any = model.config.get_text_config(decoder=True)
    embedding: Any = model.get_input_embeddings()
    windows = read_windows(config, len(calls))
    return ModelDims(
        d_model=int(getattr(config, "hidden_size", embedding.weight.shape[1])),
        vocab=logits.shape[-1],
        context=_first(config, "max_position_embeddings", "n_positions", "max_context_length", "max_seq_len"),
        n_heads=tuple(call.query.shape[1] for call in calls),
        n_kv_heads=tuple(call.key.shape[1] // n_repeats for call, n_repeats in zip(calls, repeats, strict=True)),
        d_head=tuple(call.value.shape[-1] for call in calls),
        windows=windows,
        turns_at=read_turn(config),
    )


def read_windows(config: Any, n_layers: int) -> tuple[int | None, ...]:
    """Sliding window of each layer, from a transformers config.

    `layer_types` is what recent models go by; before, a window held for all layers unless `use_sliding_window` said no
    or `max_window_layers` kept it from the lower ones.

    Raises:
        ModelError: a layer's kind of attention is neither full nor sliding.
    """
    window = getattr(config, "sliding_window", None)
    kinds = getattr(config, "layer_types", None)
    if kinds is not None:
        unknown = sorted(set(kinds) - {"full_attention", "sliding_attention"})
        if unknown:
            raise ModelError(
                f"a {getattr(config, 'model_type', 'model')} with layers of kind {', '.join(unknown)}: expected "
                "full_attention or sliding_attention only."
            )
        return tuple(window if kind == "sliding_attention" else None for kind in kinds[:n_layers])
    if not window or not getattr(config, "use_sliding_window", True):
        return (None,) * n_layers
    lowest = getattr(config, "max_window_layers", 0) if hasattr(config, "use_sliding_window") else 0
    return tuple(window if layer >= lowest else None for layer in range(n_layers))


def read_turn(config: Any) -> int | None:
    """The longest sequence that rotary embedding treats as a short one, from a transformers config; None for any.

    Source: longrope (Ding et al. 2024, arXiv 2402.13753), whose two sets of factors transformers picks by the length of
    what runs.
    """
    rope = getattr(config, "rope_parameters", None) or {}
    if "longrope" not in (rope.get("rope_type"), rope.get("type")):
        return None
    lengths = (getattr(config, "original_max_position_embeddings", None), rope.get("original_max_position_embeddings"))
    return next((length for length in lengths if isinstance(length, int)), None)


def _first(config: Any, *names: str) -> int | None:
    return next((value for name in names if isinstance(value := getattr(config, name, None), int)), None)
