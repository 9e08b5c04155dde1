"""Sequences with gold tokens, as the model and the authors' loop see them."""

import torch

from attnprobe.models.load import load_model
from benchmarks import exact
from benchmarks.inputs import SHAPES, Gold, gold_sequence, gpt2_small, layer_inputs


def test_prefixes_and_matches_worked_by_hand() -> None:
    gold = Gold(ids=(7, 8, 7, 8, 9, 7), n_gold=3)
    assert gold.seen == [7, 8, 7, 8, 9]
    # gold tokens are 8, 9, 7 behind 3, 4 and 5 tokens
    assert gold.prefixes.tolist() == [[3, 4, 5]]
    assert gold.matches.int().T.tolist() == [[0, 1, 0, 0, 0], [0, 0, 0, 0, 0], [1, 0, 1, 0, 0]]


def test_a_drawn_sequence_has_its_length_and_repeats_its_words() -> None:
    gold = gold_sequence(160, 32, vocab=50257)
    assert len(gold.seen) == 160
    assert gold.prefixes[0, 0] == 129
    assert gold.prefixes[0, -1] == 160
    assert len(set(gold.ids)) <= 20
    assert gold.matches.any(0).all()
    assert torch.equal(gold.matches, gold_sequence(160, 32, vocab=50257).matches)


def test_sharpened_models_attend_with_the_entropy_of_trained_heads() -> None:
    hf = gpt2_small(64, n_layers=1).double()
    gold = gold_sequence(64, 4, vocab=hf.config.vocab_size)
    _, (low, high) = exact.model_reference(load_model(hf, backend="native"), hf, gold)
    assert 0.8 < low <= high < 1.6


def test_sharpened_layers_attend_with_the_entropy_of_trained_heads() -> None:
    for name in ("gpt2", "gemma2"):
        attention, _ = layer_inputs(SHAPES[name], 512)
        assert 1.0 < exact.entropy(exact.heads_of(attention, [0])) < 1.7
