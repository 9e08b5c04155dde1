"""A transformers model as it is: module, tokenizer and where its weights came from.

In: what the user names. Out: `LanguageModel`, which the backends wrap to carry out plans, and which text is generated
with as it stands.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from attnprobe.errors import ModelError, SpecError
from attnprobe.models.checkpoint import load_checkpoint
from attnprobe.models.fingerprint import hash_weights
from attnprobe.models.model import Provenance
from attnprobe.models.passes import input_device

_DTYPES = {"float32": torch.float32, "float64": torch.float64, "bfloat16": torch.bfloat16, "float16": torch.float16}
_CONTEXT_NAMES = ("max_position_embeddings", "n_positions", "max_context_length", "max_seq_len")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LanguageModel:
    """A decoder-only language model, as transformers runs it.

    Attributes:
        hf_model: the module; never changed.
        tokenizer: of the model; None for a model in memory that was given without one.
        provenance: where the weights came from.
        is_ours: whether the module was made here, and is nobody else's to see changed.
    """

    hf_model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase | None
    provenance: Provenance
    is_ours: bool

    @property
    def device(self) -> torch.device:
        """Where tokens enter it."""
        return input_device(self.hf_model)

    @property
    def context(self) -> int | None:
        """The longest sequence in tokens, prompt and answer together; None where the model sets no limit."""
        config: Any = self.hf_model.config.get_text_config()
        found = (getattr(config, name, None) for name in _CONTEXT_NAMES)
        return next((int(limit) for limit in found if limit), None)

    @property
    def n_layers(self) -> int | None:
        """How many layers its config states; None where it states none."""
        config: Any = self.hf_model.config.get_text_config()
        stated = getattr(config, "num_hidden_layers", None)
        return stated if isinstance(stated, int) else None

    @property
    def n_parameters(self) -> int:
        """How many parameters it has, tied ones counted once."""
        return sum(parameter.numel() for parameter in self.hf_model.parameters())

    @property
    def kind(self) -> str:
        """The family of architectures that it is of, by transformers' name: `gpt2`, `llama`."""
        return str(getattr(self.hf_model.config, "model_type", "") or type(self.hf_model).__name__)


def load_language_model(
    source: str | Path | PreTrainedModel,
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype | str | None = None,
    tokenizer: PreTrainedTokenizerBase | str | None = None,
    revision: str | None = None,
    trust_remote_code: bool = False,
) -> LanguageModel:
    """Load a decoder-only language model, to generate with or to be wrapped by a backend.

    Args:
        source: a local directory, `zoo:NAME`, a hub name, or a transformers model in memory, which is never changed:
            another device or dtype is given to a copy.
        device: where it runs; `auto` spreads it over all devices. None: on the GPU if there is one. A model in memory
            stays where it is under either.
        dtype: of the weights. None: a model in memory keeps its own; others get float32 on a CPU, and their
            checkpoint's elsewhere.
        tokenizer: in place of the checkpoint's own; a model in memory has only what is given here.
        revision: of a hub model: branch, tag or commit.
        trust_remote_code: whether Python code that comes with the model may run.

    Raises:
        SpecError: there is no such device or dtype.
        ModelError: the model cannot be loaded.
    """
    kind = _parse_dtype(dtype)
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
    return LanguageModel(hf_model=hf_model, tokenizer=own, provenance=provenance, is_ours=is_ours)


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
