"""From a finished run to a directory that the zoo ships.

In: a `Training` at its end. Out: an ordinary HF directory (configuration, safetensors, fast tokenizer) and its card.

Weights are stored in float16, half the bytes; the configuration says float32, so that loading gives float32. The card
states the accuracy of what was stored: it is measured after the round trip.
"""

import json
import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from safetensors.torch import load_file, save_file

from attnprobe.training.exact_match import EVALUATION_SEED, score_kinds
from attnprobe.training.loop import Training
from attnprobe.training.network import Network, as_llama
from attnprobe.training.pieces import BOS, EOS, PAD, token_id
from attnprobe.training.recipe import EVALUATED, fingerprint
from attnprobe.zoo.card import Card, write_card

WEIGHTS = "model.safetensors"
_REPORTED = ("torch", "transformers", "tokenizers", "safetensors")


def export(training: Training, name: str, directory: Path, *, n: int) -> Card:
    """Writes a model's directory and returns its card.

    Args:
        training: the finished run.
        name: what the zoo calls the model.
        directory: where to write; made if absent.
        n: held-out examples of each kind that the accuracies rest on.
    """
    directory.mkdir(parents=True, exist_ok=True)
    tokenizer, network = training.tokenizer, as_stored(training.network)
    llama = as_llama(network, bos=token_id(tokenizer, BOS), eos=token_id(tokenizer, EOS), pad=token_id(tokenizer, PAD))
    llama.generation_config.do_sample = False
    llama.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    stored = load_file(directory / WEIGHTS)
    save_file({key: weight.half() for key, weight in stored.items()}, directory / WEIGHTS, {"format": "pt"})
    card = Card(
        name=name,
        n_parameters=llama.num_parameters(),
        recipe=json.loads(json.dumps(asdict(training.recipe))),
        recipe_fingerprint=fingerprint(training.recipe),
        steps=training.step,
        cpu_seconds=round(training.cpu_seconds),
        versions={"python": platform.python_version()} | {package: version(package) for package in _REPORTED},
        evaluation_seed=EVALUATION_SEED,
        scores=score_kinds(network, tokenizer, EVALUATED, n=n),
    )
    write_card(card, directory)
    return card


def as_stored(network: Network) -> Network:
    """A copy with its weights rounded to float16 and back."""
    copy = Network(network.shape, vocab=network.embedding.shape[0], seed=0)
    copy.load_state_dict({name: weight.half().float() for name, weight in network.state_dict().items()})
    return copy.eval()
