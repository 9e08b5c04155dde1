"""The catalogue names what ships, and its cards say what is true of it."""

import json

import pytest
from safetensors import safe_open

from attnprobe.errors import ModelError
from attnprobe.zoo.card import CARD, read_card
from attnprobe.zoo.catalogue import DEFAULT_NAME, ZOO, zoo_path

# for good: weights that were once committed stay in the history
MOST_BYTES = 12_000_000


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ModelError) as error:
        zoo_path("pronto-9t")
    assert str(error.value) == f"no model 'pronto-9t' in the zoo; expected one of {', '.join(ZOO)}."


def test_the_default_is_in_the_catalogue() -> None:
    assert zoo_path(DEFAULT_NAME) == ZOO[DEFAULT_NAME].path


def test_all_models_together_stay_small() -> None:
    assert sum(path.stat().st_size for entry in ZOO.values() for path in entry.path.iterdir()) < MOST_BYTES


@pytest.mark.parametrize("name", ZOO)
def test_a_model_ships_as_an_ordinary_directory(name: str) -> None:
    files = {path.name for path in zoo_path(name).iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", CARD, "README.md"} <= files


@pytest.mark.parametrize("name", ZOO)
def test_a_card_agrees_with_the_catalogue_and_the_weights(name: str) -> None:
    card = read_card(zoo_path(name))
    with safe_open(zoo_path(name) / "model.safetensors", framework="pt") as stored:
        n_parameters = sum(stored.get_tensor(key).numel() for key in stored.keys())  # noqa: SIM118
    assert (card.name, card.n_parameters) == (name, ZOO[name].n_parameters)
    assert n_parameters == card.n_parameters


@pytest.mark.parametrize("name", ZOO)
def test_all_models_share_one_tokenizer(name: str) -> None:
    own, shared = (json.loads((zoo_path(each) / "tokenizer.json").read_text()) for each in (name, DEFAULT_NAME))
    assert own == shared


def test_a_card_without_an_accuracy_says_which_ones_it_has() -> None:
    card = read_card(zoo_path(DEFAULT_NAME))
    assert card.score(2, "none").hops == 2
    with pytest.raises(ModelError, match=r"its card has no accuracy for 9 hops, none; it has 1 none, "):
        card.score(9, "none")
