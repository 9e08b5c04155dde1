"""Building a `TransformerBridge` and holding it to the model it stands around.

In: a transformers model, or a bridge of the user's own. Out: a bridge in raw mode whose logits are the model's, and
its dimensions. Raw mode: weights as the model has them, nothing folded or centred.
"""

import copy
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn
from transformers import PreTrainedModel

from attnprobe.errors import ModelError
from attnprobe.models.anatomy import read_turn, read_windows
from attnprobe.models.passes import input_device
from attnprobe.models.transformer_lens_points import OTHERS, LayerPoints
from attnprobe.plan import ModelDims, Point
from attnprobe.shapes import Logits

# how far logits of the bridge may lie from the model's own, as a share of the largest: rounding, not another model
_SAME_LOGITS = {torch.float64: 1e-9, torch.float32: 1e-4}
_SAME_LOGITS_HALF = 5e-2
_PROBE_TOKENS = 8


@torch.no_grad()
def build_bridge(model: PreTrainedModel, *, in_place: bool) -> Any:
    """A bridge around a copy of a model's modules, or around the model itself.

    Args:
        model: any decoder-only model that TransformerLens knows.
        in_place: use `model` itself; its submodules are replaced for good.

    Raises:
        ModelError: TransformerLens does not know the architecture, or computes other logits than the model.
    """
    from transformer_lens.model_bridge.sources import build_bridge_from_module

    name = type(model).__name__
    own = model if in_place else _copied(model)
    own.set_attn_implementation("eager")
    own.eval()
    check_eager(name, own)
    expected = own(**_probe(own)).logits
    try:
        # by the class, because config.architectures is empty in a model that was never saved
        bridge = build_bridge_from_module(own, name, hf_config=own.config)
        with own_rounding(bridge):
            found = own(**_probe(own)).logits
    except (ValueError, RuntimeError, NotImplementedError, AttributeError) as error:
        raise ModelError(f"{name}: TransformerLens cannot serve it ({error}); use backend {OTHERS}.") from error
    _check_same_logits(name, expected, found)
    return bridge


def check_bridge(bridge: Any) -> None:
    """Refuse a bridge of the user's own whose numbers would not be the model's.

    Raises:
        ModelError: it is no bridge around a transformers model, its weights were folded, it is training, or its
            attention is not eager; the message says what to do.
    """
    from transformer_lens.model_bridge import TransformerBridge

    if not isinstance(bridge, TransformerBridge):
        raise ModelError(f"bridge: got {type(bridge).__name__}, expected a TransformerBridge; load the model by name.")
    original = getattr(bridge, "original_model", None)
    if not isinstance(original, PreTrainedModel):
        raise ModelError(
            f"bridge: it stands around {type(original).__name__}, expected a transformers model; "
            "boot it with boot_transformers."
        )
    if bridge.compatibility_mode or getattr(bridge, "_weights_processed", False):
        raise ModelError(
            "bridge: its weights were folded and centred (compatibility mode), so that its numbers are not the "
            "model's; boot it again and leave enable_compatibility_mode out."
        )
    if bridge.training:
        raise ModelError("bridge: it is in training mode, where dropout changes every run; call bridge.eval() first.")
    check_eager("bridge", original)


def check_eager(name: str, model: PreTrainedModel) -> None:
    """Refuse a model whose masks are not those of eager attention.

    Raises:
        ModelError: another implementation is set, or the architecture cannot switch.
    """
    config: Any = model.config
    if config._attn_implementation != "eager":
        raise ModelError(
            f"{name}: its attention implementation is {config._attn_implementation!r}, but TransformerLens recomputes "
            "attention from the masks of 'eager' and would lose windows or padding; load it with "
            f"attn_implementation='eager', or use backend {OTHERS}."
        )


@torch.no_grad()
def measure_dims(bridge: Any, points: Sequence[LayerPoints]) -> ModelDims:
    """Sizes from the tensors that pass the hooks; windows and context, which do not show there, from the config.

    Raises:
        ModelError: the bridge does not split attention by heads.
    """
    sizes: dict[str, tuple[int, ...]] = {}

    def note(tensor: Tensor, hook: Any) -> None:
        sizes[hook.name] = tuple(tensor.shape)

    resid = points[0].hooks[Point.RESID]
    keys = [f"blocks.{layer.layer}.attn.k.hook_out" for layer in points]
    outputs = [layer.hooks[Point.Z] for layer in points]
    with own_rounding(bridge), bridge.hooks(fwd_hooks=[(name, note) for name in (resid, *keys, *outputs)]):
        logits: Logits = bridge.original_model(**_probe(bridge.original_model)).logits
    if any(len(sizes.get(name, ())) != 4 for name in (*keys, *outputs)):
        raise ModelError(
            f"{type(bridge.original_model).__name__}: TransformerLens does not split its attention by heads in every "
            f"layer; use backend {OTHERS}."
        )
    config = bridge.original_model.config.get_text_config(decoder=True)
    return ModelDims(
        d_model=sizes[resid][-1],
        vocab=logits.shape[-1],
        context=getattr(config, "max_position_embeddings", None),
        n_heads=tuple(sizes[name][2] for name in outputs),
        n_kv_heads=tuple(sizes[name][2] for name in keys),
        d_head=tuple(sizes[name][3] for name in outputs),
        windows=read_windows(config, len(points)),
        turns_at=read_turn(config),
    )


@contextmanager
def own_rounding(bridge: Any) -> Generator[None]:
    """Within this context a bridge rounds where the model does.

    Its rewritten norms give way to the model's own modules, and queries and keys that it rotates in float32 return to
    the model's dtype, as transformers' rotation has it (OLMo 2 in bfloat16 does not run otherwise).
    """
    from transformer_lens.model_bridge.generalized_components import NormalizationBridge

    norms = [module for module in bridge.modules() if isinstance(module, NormalizationBridge)]
    before = [norm.use_native_layernorm_autograd for norm in norms]
    dtype: torch.dtype = bridge.original_model.dtype

    def cast(tensor: Tensor, hook: object) -> Tensor | None:
        return None if tensor.dtype is dtype else tensor.to(dtype)

    rotated = [name for name in bridge.hook_dict if name.endswith(("attn.hook_rot_q", "attn.hook_rot_k"))]
    try:
        for norm in norms:
            norm.use_native_layernorm_autograd = True
        with bridge.hooks(fwd_hooks=[(name, cast) for name in rotated]):
            yield
    finally:
        for norm, was in zip(norms, before, strict=True):
            norm.use_native_layernorm_autograd = was


@contextmanager
def noted_output(block: nn.Module, note: Callable[[Any], None]) -> Generator[None]:
    """Within this context what a block returns is handed to `note`."""

    def hook(module: nn.Module, args: Any, output: Any) -> None:
        note(output)

    handle = block.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def skipped(block: nn.Module, output: Any) -> Generator[None]:
    """Within this context a block does not run and returns this instead."""
    # an entry of the instance hides the method until it is deleted; an attribute that is set would be passed on to the
    # module within
    vars(block)["forward"] = lambda *args, **kwargs: output
    try:
        yield
    finally:
        del vars(block)["forward"]


def _copied(model: PreTrainedModel) -> PreTrainedModel:
    """The model's modules anew around the same weights: memory is not doubled, and nothing done to the copy shows."""
    shared: dict[int, Any] = {
        id(parameter): nn.Parameter(parameter.detach(), requires_grad=False)
        for parameter in model.parameters()
        # quantised weights are of classes of their own, which know how to copy themselves
        if type(parameter) is nn.Parameter
    }
    return copy.deepcopy(model, shared)


def _probe(model: PreTrainedModel) -> dict[str, Any]:
    embeddings: Any = model.get_input_embeddings()
    ids = torch.arange(_PROBE_TOKENS, device=input_device(model)) % embeddings.weight.shape[0]
    return {"input_ids": rearrange(ids, "pos -> 1 pos"), "use_cache": False}


def _check_same_logits(name: str, expected: Logits, found: Logits) -> None:
    """Options of a configuration that TransformerLens does not know would change numbers in silence."""
    allowed = _SAME_LOGITS.get(expected.dtype, _SAME_LOGITS_HALF)
    largest = expected.abs().max().item()
    difference = (expected.double() - found.double()).abs().max().item()
    # negated so that a NaN is caught too
    if not difference <= allowed * largest:
        raise ModelError(
            f"{name}: under TransformerLens its logits differ from the model's own by {difference:.2g} (largest "
            f"{largest:.2g}); the bridge does not know an option of its configuration. Use backend {OTHERS}."
        )
