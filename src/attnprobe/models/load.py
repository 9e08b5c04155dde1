"""Load a model: from the hub, a directory, the zoo or memory, on any backend, and prove it live.

In: what the user names. Out: a `Model`. The other libraries are imported when their backend is asked for.
"""

from pathlib import Path

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from attnprobe.errors import SpecError
from attnprobe.models.language_model import LanguageModel, load_language_model
from attnprobe.models.liveness import check_liveness
from attnprobe.models.model import Backend, Model


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
    chosen = _parse_backend(backend)
    loaded = load_language_model(
        source,
        device=device,
        dtype=dtype,
        tokenizer=tokenizer,
        revision=revision,
        trust_remote_code=trust_remote_code,
    )
    return open_model(loaded, backend=chosen)


def open_model(loaded: LanguageModel, *, backend: Backend | str = Backend.AUTO) -> Model:
    """Let a backend carry out plans on a model that is loaded already, and prove that its reads and edits are live.

    Args:
        loaded: from `load_language_model`; text may be generated with it before. A backend that rebuilds a model
            (TransformerLens) takes it over where it is ours: generate first.
        backend: which library runs it; `auto` is native.

    Raises:
        SpecError: there is no such backend.
        ModelError: the backend cannot serve it.
        LivenessError: an edit or a read on it is dead.
    """
    model = _open(loaded, _parse_backend(backend))
    try:
        check_liveness(model)
    except Exception:
        model.close()
        raise
    return model


def _open(loaded: LanguageModel, backend: Backend) -> Model:
    hf_model, tokenizer, provenance = loaded.hf_model, loaded.tokenizer, loaded.provenance
    match backend:
        case Backend.AUTO | Backend.NATIVE:
            from attnprobe.models.native import NativeModel

            return NativeModel(hf_model, tokenizer=tokenizer, provenance=provenance)
        case Backend.TRANSFORMER_LENS:
            from attnprobe.models.transformer_lens import TransformerLensModel

            # a bridge rebuilds the model it is given; a user's own is copied first
            return TransformerLensModel.of(
                hf_model, tokenizer=tokenizer, provenance=provenance, in_place=loaded.is_ours
            )
        case Backend.NNSIGHT:
            from attnprobe.models.nnsight import NnsightModel

            return NnsightModel(hf_model, tokenizer=tokenizer, provenance=provenance)


def _parse_backend(backend: Backend | str) -> Backend:
    try:
        return Backend(backend)
    except ValueError as error:
        raise SpecError(f"backend {backend!r}: expected one of {', '.join(Backend)}.") from error
