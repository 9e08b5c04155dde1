"""Models come from directories, the zoo, the hub and memory; what cannot be loaded is named in one line."""

import json
import socket
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import transformers as hf

from attnprobe.errors import LivenessError, ModelError, SpecError
from attnprobe.models import checkpoint
from attnprobe.models.fingerprint import hash_weights
from attnprobe.models.language_model import load_language_model
from attnprobe.models.load import load_model, open_model
from attnprobe.models.model import Backend
from attnprobe.models.native import NativeModel
from attnprobe.plan import Tokens
from tests.models.architectures import Architecture, build_model, build_tokenizer, draw_sequences
from tests.models.loaders import LOADERS

TOKENS = Tokens.of(draw_sequences())


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A checkpoint in bfloat16, with its tokenizer."""
    build_model(Architecture.LLAMA, dtype=torch.bfloat16).save_pretrained(tmp_path)
    build_tokenizer().save_pretrained(tmp_path)
    return tmp_path


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any connection fails the test."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("backend", LOADERS, ids=str)
def test_a_directory_is_loaded_in_float32_on_a_cpu_without_network(backend: Backend, directory: Path) -> None:
    model = load_model(str(directory), backend=backend, device="cpu")
    assert model.backend is backend
    assert model.tokenizer is not None
    assert model.tokenizer("w3 w1").input_ids == [3, 1]
    assert model.provenance.name == str(directory)
    assert model.provenance.architecture == "LlamaForCausalLM"
    assert model.provenance.settings["dtype"] == "float32"
    expected = build_model(Architecture.LLAMA, dtype=torch.bfloat16).float()
    assert model.provenance.revision == hash_weights(expected)
    logits = model.forward(TOKENS).logits
    assert logits.dtype is torch.float32
    assert torch.isfinite(logits).all()


@pytest.mark.usefixtures("no_network")
def test_a_dtype_that_is_asked_for_is_kept(directory: Path) -> None:
    assert load_model(directory, device="cpu", dtype="bfloat16").forward(TOKENS).logits.dtype is torch.bfloat16


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("backend", LOADERS, ids=str)
def test_a_model_in_memory_is_served_and_not_changed(backend: Backend) -> None:
    model, tokenizer = build_model(Architecture.QWEN3).train(), build_tokenizer()
    before = hash_weights(model)
    served = load_model(model, backend=backend, tokenizer=tokenizer)
    served.forward(TOKENS)
    served.close()
    assert served.provenance.name == "Qwen3ForCausalLM"
    assert served.provenance.revision == before == hash_weights(model)
    assert model.training
    assert model.config._attn_implementation == "sdpa"


@pytest.mark.usefixtures("no_network")
def test_another_dtype_of_a_model_in_memory_is_given_to_a_copy() -> None:
    model = build_model(Architecture.LLAMA)
    served = load_model(model, dtype=torch.bfloat16)
    assert served.forward(TOKENS).logits.dtype is torch.bfloat16
    assert model.dtype is torch.float32
    assert served.tokenizer is None


def test_the_zoo_is_found_by_name(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zoo = SimpleNamespace(zoo_path={"tiny": directory}.__getitem__, ZOO={"tiny": None})
    monkeypatch.setitem(sys.modules, "attnprobe.zoo.catalogue", zoo)
    assert load_model("zoo:tiny", device="cpu").provenance.name == "zoo:tiny"


def test_a_hub_name_without_network_says_what_was_tried_and_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "attnprobe.zoo.catalogue", SimpleNamespace(ZOO={"tiny": None}))
    monkeypatch.setattr(checkpoint, "_is_reachable", lambda host: False)
    with pytest.raises(ModelError) as caught:
        load_model("nobody/no-such-model")
    assert str(caught.value) == (
        "model 'nobody/no-such-model': no local directory of that name; huggingface.co cannot be reached and its "
        "cache does not hold the model. Give a local directory instead, or a model that ships with attnprobe: zoo:tiny."
    )


def test_a_path_that_does_not_exist_is_not_looked_for_on_the_hub(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"expected a directory there, with config.json and weights; there is none"):
        load_model(tmp_path / "missing")


def test_a_directory_without_a_config_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"has no config\.json; expected one, with weights"):
        load_model(tmp_path)


def test_a_config_that_is_no_json_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ModelError, match=r"its config\.json cannot be read: .*not a valid JSON file"):
        load_model(tmp_path)


def test_nothing_is_shown_while_a_directory_is_read(directory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    load_model(directory, device="cpu")
    assert capfd.readouterr() == ("", "")


def test_a_directory_without_weights_is_no_model(tmp_path: Path) -> None:
    build_model(Architecture.LLAMA).config.save_pretrained(tmp_path)
    build_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="its weights cannot be read"):
        load_model(tmp_path)


def test_weights_of_another_model_are_not_filled_up_at_random(directory: Path) -> None:
    config = json.loads((directory / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 4}))
    with pytest.raises(ModelError, match=r"weights of LlamaForCausalLM are not in the checkpoint.*would be random"):
        load_model(directory)


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        (hf.T5Config(d_model=8, d_ff=8, num_layers=1, num_heads=1, architectures=["T5ForConditionalGeneration"]), "T5"),
        (hf.BertConfig(architectures=["BertForMaskedLM"]), "BertForMaskedLM"),
        (hf.ViTConfig(), "ViTConfig"),
    ],
    ids=["encoder and decoder", "masked", "images"],
)
def test_a_model_that_is_not_causal_is_refused(tmp_path: Path, config: hf.PretrainedConfig, kind: str) -> None:
    config.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=f"is a {kind}.*expected a decoder-only causal language model"):
        load_model(tmp_path)


def test_a_model_in_memory_without_token_logits_is_refused() -> None:
    with pytest.raises(ModelError, match="LlamaModel gives no logits for each token"):
        load_model(build_model(Architecture.LLAMA).model)


def test_a_missing_tokenizer_is_asked_for(tmp_path: Path) -> None:
    build_model(Architecture.LLAMA).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=r"no tokenizer can be read from .* Give one with `tokenizer`"):
        load_model(tmp_path)
    assert load_model(tmp_path, tokenizer=build_tokenizer(), device="cpu").tokenizer is not None


def test_code_that_comes_with_a_model_runs_only_when_allowed(directory: Path) -> None:
    config = json.loads((directory / "config.json").read_text())
    config |= {"model_type": "other", "auto_map": {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"}}
    (directory / "config.json").write_text(json.dumps(config))
    (directory / "own.py").write_text("raise RuntimeError('the code ran')")
    with pytest.raises(ModelError, match="runs Python code of its own; read it, then pass trust_remote_code=True"):
        load_model(directory)


def test_a_loaded_model_writes_text_and_is_then_opened_without_loading_it_again(directory: Path) -> None:
    loaded = load_language_model(directory, device="cpu")
    model = open_model(loaded)
    assert isinstance(model, NativeModel)
    assert (model.tokenizer, model.provenance) == (loaded.tokenizer, loaded.provenance)
    expected = load_model(directory, device="cpu").forward(TOKENS).logits
    assert torch.equal(model.forward(TOKENS).logits, expected)
    with pytest.raises(SpecError, match="backend 'jax': expected one of"):
        open_model(loaded, backend="jax")


def test_unknown_names_are_answered_with_the_known_ones() -> None:
    model = build_model(Architecture.LLAMA)
    with pytest.raises(SpecError, match="backend 'jax': expected one of auto, native, transformer_lens, nnsight"):
        load_model(model, backend="jax")
    with pytest.raises(SpecError, match="dtype 'int8': expected one of float32, float64, bfloat16, float16"):
        load_model(model, dtype="int8")
    with pytest.raises(SpecError, match="device 'tpu9': expected cpu, cuda"):
        load_model(model, device="tpu9")


def test_a_model_that_fails_its_liveness_check_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []
    monkeypatch.setattr(NativeModel, "close", lambda self: closed.append(True))

    def fail(model: object) -> None:
        raise LivenessError("dead")

    monkeypatch.setattr("attnprobe.models.load.check_liveness", fail)
    with pytest.raises(LivenessError):
        load_model(build_model(Architecture.LLAMA))
    assert closed == [True]


def test_the_hash_of_weights_depends_on_every_tensor_and_on_nothing_else() -> None:
    model = build_model(Architecture.GPT2)
    before = hash_weights(model)
    assert (
        before == hash_weights(build_model(Architecture.GPT2)) != hash_weights(build_model(Architecture.GPT2, seed=1))
    )
    for parameter in model.parameters():
        with torch.no_grad():
            kept = parameter.flatten()[0].item()
            parameter.view(-1)[0] = kept + 1
            assert hash_weights(model) != before
            parameter.view(-1)[0] = kept
    assert hash_weights(model) == before
