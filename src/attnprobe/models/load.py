"""Load a model: from the hub, a directory, the zoo or memory, on any backend, and prove it live.

In: what the user names. Out: a `Model`. The other libraries are imported when their backend is asked for.
"""

import copy
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from attnprobe.errors import ModelError, SpecError
from attnprobe.models.checkpoint import load_checkpoint
from attnprobe.models.fingerprint import hash_weights
from attnprobe.models.liveness import check_liveness
from attnprobe.models.model import Backend, Model, Provenance

_DTYPES = {"float32": torch.float32, "float64": torch.float64, "bfloat16": torch.bfloat16, "float16": torch.float16}


def load_model(
    source: str | Path | PreTrainedModel,
    *,
    backend: Backend | str = Backend.AUTO,
    device: torch.device | str | None = None,
    dtype: torch.dtype | str | None = None,
    tokenizer: PreTrainedTokenizerBase | str | None = None,
    revision: str | None = None,
    trust_remote_code: bool = False,
) -> Model:
    """Load a decoder-only language model and prove that its reads and edits are live.

    Args:
        source: a local directory, `zoo:NAME`, a hub name, or a transformers model in memory, which is never changed:
            another device or dtype is given to a copy.
        backend: which library runs it; `auto` is native.
        device: where it runs; `auto` spreads it over all devices. None: on the GPU if there is one. A model in memory
            stays where it is under either.
        dtype: of the weights. None: a model in memory keeps its own; others get float32 on a CPU, and their
            checkpoint's elsewhere.
        tokenizer: in place of the checkpoint's own; a model in memory has only what is given here.
        revision: of a hub model: branch, tag or commit.
        trust_remote_code: whether Python code that comes with the model may run.

    Raises:
        SpecError: there is no such backend, device or dtype.
        ModelError: the model cannot be loaded, or the backend cannot serve it.
        LivenessError: an edit or a read on it is dead.
    """
    chosen, kind = _parse_backend(backend), _parse_dtype(dtype)
    if isinstance(source, PreTrainedModel):
        hf_model, own = _placed(source, device, kind), _as_tokenizer(tokenizer)
        name, commit, is_ours = type(source).__name__, None, hf_model is not source
    else:
        place = _parse_device(device)
        if kind is None and place == "cpu":
            kind = torch.float32
        checkpoint = load_checkpoint(
            str(source),
            device=place,
            dtype=kind,
            tokenizer=tokenizer,
            revision=revision,
            trust_remote_code=trust_remote_code,
        )
        hf_model, own, commit = checkpoint.model, checkpoint.tokenizer, checkpoint.revision
        name, is_ours = str(source), True
    provenance = Provenance(
        name=name,
        revision=commit or hash_weights(hf_model),
        architecture=type(hf_model).__name__,
        settings=_settings(hf_model),
    )
    model = _open(hf_model, chosen, own, provenance, is_ours=is_ours)
    try:
        check_liveness(model)
    except Exception:
        model.close()
        raise
    return model


def _open(
    hf_model: PreTrainedModel,
    backend: Backend,
    tokenizer: PreTrainedTokenizerBase | None,
    provenance: Provenance,
    *,
    is_ours: bool,
) -> Model:
    match backend:
        case Backend.AUTO | Backend.NATIVE:
            from attnprobe.models.native import NativeModel

            return NativeModel(hf_model, tokenizer=tokenizer, provenance=provenance)
        case Backend.TRANSFORMER_LENS:
            from attnprobe.models.transformer_lens import TransformerLensModel

            # a bridge rebuilds the model it is given; a user's own is copied first
            return TransformerLensModel.of(hf_model, tokenizer=tokenizer, provenance=provenance, in_place=is_ours)
        case Backend.NNSIGHT:
            from attnprobe.models.nnsight import NnsightModel

            return NnsightModel(hf_model, tokenizer=tokenizer, provenance=provenance)


def _parse_backend(backend: Backend | str) -> Backend:
    try:
        return Backend(backend)
    except ValueError as error:
        raise SpecError(f"backend {backend!r}: expected one of {', '.join(Backend)}.") from error


def _parse_dtype(dtype: torch.dtype | str | None) -> torch.dtype | None:
    if dtype is None or isinstance(dtype, torch.dtype):
        return dtype
    if dtype not in _DTYPES:
        raise SpecError(f"dtype {dtype!r}: expected one of {', '.join(_DTYPES)}.")
    return _DTYPES[dtype]


def _parse_device(device: torch.device | str | None) -> str:
    if device is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device == "auto":
        return "auto"
    try:
        found = torch.device(device)
    except RuntimeError as error:
        raise SpecError(f"device {device!r}: expected cpu, cuda, cuda:N, mps or auto.") from error
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        raise SpecError(f"device {str(device)!r}: there are {torch.cuda.device_count()} CUDA devices here; try cpu.")
    return str(found)


def _placed(model: PreTrainedModel, device: torch.device | str | None, dtype: torch.dtype | None) -> PreTrainedModel:
    """The model itself, or a copy where it is to be on another device or of another dtype."""
    target = model.device if device in (None, "auto") else torch.device(_parse_device(device))
    is_there = model.device.type == target.type and model.device.index in (None, target.index or 0)
    if is_there and dtype in (None, model.dtype):
        return model
    twin: Any = copy.deepcopy(model)
    return twin.to(device=target, dtype=dtype or model.dtype)


def _as_tokenizer(tokenizer: PreTrainedTokenizerBase | str | None) -> PreTrainedTokenizerBase | None:
    if isinstance(tokenizer, str):
        raise ModelError(f"tokenizer {tokenizer!r}: a model in memory takes a loaded tokenizer; load it first.")
    return tokenizer


def _settings(model: PreTrainedModel) -> Mapping[str, str]:
    attention = str(model.config._attn_implementation)  # pyright: ignore[reportPrivateUsage] # no public way to ask
    dtype = str(model.dtype).removeprefix("torch.")
    return MappingProxyType({"dtype": dtype, "device": str(model.device), "attention": attention})
