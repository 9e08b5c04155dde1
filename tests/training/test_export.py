"""What is exported loads as any model does, writes what the network writes, and is what its card says."""

from itertools import islice
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from attnprobe.training import stream
from attnprobe.training.exact_match import answers, score_kinds
from attnprobe.training.export import as_stored, export
from attnprobe.training.loop import Training
from attnprobe.training.network import Shape
from attnprobe.training.recipe import Recipe, Stage
from attnprobe.training.stream import Kind, Portion, examples
from attnprobe.zoo.card import read_card

TINY = Recipe(
    shape=Shape(n_layers=1, d_model=16, n_heads=2, n_kv_heads=1, d_head=8, d_mlp=16),
    stages=(Stage(until=3, portions=(Portion(kind=Kind(hops=1), weight=1.0),)),),
    batch_tokens=300,
)


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch) -> Training:
    monkeypatch.setattr(stream, "POOL_SIZE", 24)
    made = Training(TINY)
    for _ in range(TINY.steps):
        made.advance()
    return made


def test_the_directory_loads_in_float32_and_gives_the_stored_networks_logits(
    training: Training, tmp_path: Path
) -> None:
    card = export(training, "toy", tmp_path, n=2)
    model, tokenizer = AutoModelForCausalLM.from_pretrained(tmp_path), AutoTokenizer.from_pretrained(tmp_path)
    stored = as_stored(training.network)
    ids = tokenizer("Q: Every sterpus is red. Prove: Rex is red.\nA:", return_tensors="pt")["input_ids"]
    with torch.no_grad():
        ours = stored.hidden(ids) @ stored.embedding.T
        theirs = model(ids).logits
    assert theirs.dtype == torch.float32
    torch.testing.assert_close(theirs, ours, rtol=0, atol=1e-4)
    assert read_card(tmp_path) == card
    assert card.n_parameters == sum(weight.numel() for weight in training.network.parameters())
    assert len(card.scores) == 9


def test_an_answer_counts_only_if_it_is_the_gold(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    golds = dict(islice(examples(Kind(hops=1), "evaluation", held_out=True), 4))
    spoiled = list(golds)[2]

    def written(_network: object, _tokenizer: object, prompts: list[str]) -> list[str]:
        return [golds[prompt] + ("." if prompt == spoiled else "") for prompt in prompts]

    monkeypatch.setattr("attnprobe.training.exact_match.answers", written)
    (measured,) = score_kinds(training.network, training.tokenizer, [Kind(hops=1)], n=4)
    assert (measured.right, measured.n, measured.accuracy) == (3, 4, 0.75)


def test_answers_are_text_without_special_tokens(training: Training) -> None:
    (answer,) = answers(training.network, training.tokenizer, ["Q: Rex is red.\nA:"])
    assert "<bos>" not in answer
    assert training.tokenizer("Q: Rex is red.\nA:")["input_ids"][0] == training.tokenizer.bos_token_id
