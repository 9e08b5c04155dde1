"""A transformers model from where its weights are: the hub, a local directory, or the package's own zoo.

In: a name. Out: `Checkpoint`, the model with its tokenizer and what names its weights. The network is used for hub
names only, and not waited for where there is none.
"""

import os
import socket
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import torch
from huggingface_hub import constants
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging as hf_logging

from attnprobe.errors import ModelError

ZOO_PREFIX = "zoo:"
_CONNECT_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checkpoint:
    """A loaded model.

    Attributes:
        model: in evaluation mode.
        tokenizer: its own.
        revision: hub commit; None where there is none.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    revision: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    path: str
    options: dict[str, Any]
    tried: str
    is_remote: bool = False


def load_checkpoint(
    source: str,
    *,
    device: str,
    dtype: torch.dtype | None,
    tokenizer: PreTrainedTokenizerBase | str | None,
    revision: str | None,
    trust_remote_code: bool,
) -> Checkpoint:
    """Load a causal language model and its tokenizer.

    Args:
        source: a local directory, `zoo:NAME`, or a hub name.
        device: where to; `auto` spreads the model over all devices.
        dtype: of the weights; None for that of the checkpoint.
        tokenizer: one to use instead of the checkpoint's own, or where to find it.
        revision: of a hub model: branch, tag or commit.
        trust_remote_code: whether Python code that comes with the model may run.

    Raises:
        ModelError: it does not exist, is no causal language model, has no tokenizer, or cannot be fetched.
    """
    place = _locate(source, revision=revision, trust_remote_code=trust_remote_code)
    config = _load_config(source, place)
    _check_causal(source, config)
    own = _load_tokenizer(source, place, tokenizer)
    try:
        with _progress_bars(shown=place.is_remote):
            # the signature says that a model alone comes back, which output_loading_info changes
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                place.path,
                config=config,
                dtype="auto" if dtype is None else dtype,
                device_map=device,
                output_loading_info=True,
                **place.options,
            )
    except OSError as error:
        raise ModelError(
            f"model {source!r}: {place.tried}; its weights cannot be read: {_first_line(error)}"
        ) from error
    model, info = loaded
    if info["missing_keys"]:
        missing = sorted(info["missing_keys"])
        raise ModelError(
            f"model {source!r}: {len(missing)} weights of {type(model).__name__} are not in the checkpoint, such as "
            f"{missing[0]}, and would be random. Expected a checkpoint of a causal language model."
        )
    return Checkpoint(model=model.eval(), tokenizer=own, revision=getattr(config, "_commit_hash", None))


def _locate(source: str, *, revision: str | None, trust_remote_code: bool) -> _Place:
    options: dict[str, Any] = {"trust_remote_code": trust_remote_code}
    if source.startswith(ZOO_PREFIX):
        # imported here, because the zoo is found through the package's files, which other sources do not need
        from attnprobe.zoo.catalogue import zoo_path

        return _local(source, zoo_path(source.removeprefix(ZOO_PREFIX)), options)
    path = Path(source).expanduser()
    if path.is_dir():
        return _local(source, path, options)
    if source.startswith((".", "/", "~")) or source.count("/") > 1 or path.exists():
        raise ModelError(f"model {source!r}: expected a directory there, with config.json and weights; there is none.")
    host = str(urlsplit(constants.ENDPOINT).hostname)
    is_online = _is_reachable(host)
    options |= {"local_files_only": not is_online, "revision": revision or "main"}
    tried = (
        f"no local directory of that name; asked {host}"
        if is_online
        else f"no local directory of that name; {host} cannot be reached"
    )
    return _Place(path=source, options=options, tried=tried, is_remote=is_online)


def _local(source: str, path: Path, options: dict[str, Any]) -> _Place:
    if not (path / "config.json").is_file():
        raise ModelError(f"model {source!r}: {path} has no config.json; expected one, with weights beside it.")
    return _Place(path=str(path), options=options | {"local_files_only": True}, tried=f"looked in {path}")


@contextmanager
def _progress_bars(*, shown: bool) -> Generator[None]:
    """Bars while files are fetched; reading them off a disk is too quick for one."""
    was_shown = hf_logging.is_progress_bar_enabled()
    try:
        if not shown:
            hf_logging.disable_progress_bar()
        yield
    finally:
        if was_shown:
            hf_logging.enable_progress_bar()


def _is_reachable(host: str) -> bool:
    """Whether the hub can be asked. Its client would retry for half a minute before it gave up."""
    if constants.HF_HUB_OFFLINE:
        return False
    if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        return True
    # a mirror may stand at another port
    port = urlsplit(constants.ENDPOINT).port or 443
    try:
        socket.create_connection((host, port), timeout=_CONNECT_TIMEOUT_S).close()
    except OSError:
        return False
    return True


def _load_config(source: str, place: _Place) -> Any:
    try:
        return AutoConfig.from_pretrained(place.path, **place.options)
    except OSError as error:
        if "revision" not in place.options:
            raise ModelError(f"model {source!r}: its config.json cannot be read: {_first_line(error)}") from error
        is_offline = place.options["local_files_only"]
        reason = " and its cache does not hold the model." if is_offline else f": {_first_line(error)}"
        raise ModelError(
            f"model {source!r}: {place.tried}{reason} Give a local directory instead, or a model that ships with "
            f"attnprobe: {_zoo_names()}."
        ) from error
    except ValueError as error:
        if "trust_remote_code" in str(error):
            raise ModelError(
                f"model {source!r} runs Python code of its own; read it, then pass trust_remote_code=True to allow it."
            ) from error
        raise ModelError(f"model {source!r}: transformers cannot read its config: {_first_line(error)}") from error


def _check_causal(source: str, config: Any) -> None:
    is_known = type(config) in AutoModelForCausalLM._model_mapping  # pyright: ignore[reportPrivateUsage] # no public way
    has_own_code = "AutoModelForCausalLM" in (getattr(config, "auto_map", None) or {})
    named = list(getattr(config, "architectures", None) or [])
    is_other = bool(named) and not any(
        name.endswith(("CausalLM", "LMHeadModel", "ForConditionalGeneration")) for name in named
    )
    if (
        getattr(config, "is_encoder_decoder", False)
        or not (is_known or has_own_code)
        or (is_other and not has_own_code)
    ):
        kind = ", ".join(named) or type(config).__name__
        raise ModelError(f"model {source!r} is a {kind}; expected a decoder-only causal language model.")


def _load_tokenizer(
    source: str, place: _Place, tokenizer: PreTrainedTokenizerBase | str | None
) -> PreTrainedTokenizerBase:
    if isinstance(tokenizer, PreTrainedTokenizerBase):
        return tokenizer
    path = place.path if tokenizer is None else tokenizer
    options = place.options
    if tokenizer is not None and Path(tokenizer).is_dir():
        options = {"trust_remote_code": options["trust_remote_code"], "local_files_only": True}
    try:
        found: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(path, **options)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(
            f"model {source!r}: no tokenizer can be read from {path!r}: {_first_line(error)} "
            "Give one with `tokenizer`: a directory, a hub name, or a loaded tokenizer."
        ) from error
    return found


def _zoo_names() -> str:
    from attnprobe.zoo.catalogue import ZOO

    return ", ".join(f"{ZOO_PREFIX}{name}" for name in ZOO)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".") + "."
