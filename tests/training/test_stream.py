"""Training data is reproducible, apart from the evaluation data, and labelled on the chain of thought alone."""

from itertools import islice

import pytest
import torch

from attnprobe.errors import TrainingError
from attnprobe.tasks.prontoqa.distractors import Distractors
from attnprobe.training import stream
from attnprobe.training.pieces import build_tokenizer
from attnprobe.training.stream import UNLABELLED, Kind, Portion, example_at, examples, is_held_out, pool

TWO_HOPS = Kind(hops=2, distractors=Distractors.RELEVANT)
MIXED = (Portion(kind=Kind(hops=1), weight=1.0), Portion(kind=TWO_HOPS, weight=2.0))


@pytest.fixture(autouse=True)
def _small_pools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "POOL_SIZE", 40)


def a_pool(seed: str) -> list[stream.Batch]:
    return pool(MIXED, build_tokenizer(), seed=seed, n_tokens=400, step_weight=4.0)


def test_a_prompt_is_on_one_side_of_the_split_and_one_in_eight_is_held_out() -> None:
    held_out = [prompt for prompt, _ in islice(examples(TWO_HOPS, "a", held_out=True), 30)]
    trained = [prompt for prompt, _ in islice(examples(TWO_HOPS, "a", held_out=False), 210)]
    assert all(map(is_held_out, held_out))
    assert not any(map(is_held_out, trained))
    share = sum(is_held_out(example_at(TWO_HOPS, "b", index)[0]) for index in range(400)) / 400
    # four standard deviations about 1/8
    assert 0.058 < share < 0.192


def test_no_held_out_prompt_is_trained_on() -> None:
    tokenizer = build_tokenizer()
    texts = [tokenizer.decode(row[row != 0], skip_special_tokens=True) for batch in a_pool("s") for row in batch.ids]
    prompts = [text[: text.index("A:") + 2] for text in texts]
    assert len(prompts) > 25
    assert not any(map(is_held_out, prompts))


def test_the_same_seed_gives_the_same_batches_and_another_seed_others() -> None:
    first, again, other = a_pool("s"), a_pool("s"), a_pool("t")
    assert all(torch.equal(one.ids, two.ids) for one, two in zip(first, again, strict=True))
    assert [batch.ids.tolist() for batch in first] != [batch.ids.tolist() for batch in other]


def test_labels_are_the_tokens_that_follow_from_the_first_gold_token_to_eos() -> None:
    tokenizer = build_tokenizer()
    batch = a_pool("s")[0]
    for ids, labels in zip(batch.ids, batch.labels, strict=True):
        labelled = (labels != UNLABELLED).nonzero().flatten()
        text = tokenizer.decode(ids[: labelled[0] + 1], skip_special_tokens=True)
        assert text.endswith("\nA:")
        assert labels[labelled[-1]] == tokenizer.eos_token_id
        assert torch.equal(labels[labelled[:-1]], ids[labelled[:-1] + 1])


def test_the_token_after_each_full_stop_weighs_more() -> None:
    tokenizer = build_tokenizer()
    batch = a_pool("s")[0]
    stops = batch.ids == tokenizer.convert_tokens_to_ids(".")
    assert set(batch.weights[stops].tolist()) == {4.0}
    assert set(batch.weights[~stops].tolist()) == {1.0}


def test_full_stops_recall_how_their_sentence_began_and_what_it_is_about() -> None:
    tokenizer = build_tokenizer()
    text = "<bos>Q: Every sterpus is an impus. Impuses are not red. Rex is a sterpus. Prove: Rex is not red.\nA:"
    gold = " Rex is a sterpus."
    prompt_ids = tokenizer(text.removeprefix("<bos>"))["input_ids"]
    gold_ids = tokenizer(gold, add_special_tokens=False)["input_ids"]
    vocabulary = tokenizer.get_vocab()
    before_topic = frozenset(vocabulary[f"Ġ{word}"] for word in ("is", "are", "not", "a", "an"))
    rows = [(prompt_ids, [*gold_ids, tokenizer.eos_token_id])]
    batch = stream._batch(rows, vocabulary["."], before_topic, 1.0)  # pyright: ignore[reportPrivateUsage]
    recalled = tokenizer.convert_ids_to_tokens(batch.recalls[batch.recalls >= 0].tolist())
    topics = tokenizer.convert_ids_to_tokens(batch.topics[batch.topics >= 0].tolist())
    assert recalled == ["ĠEvery", "ĠI", "ĠRex", "ĠProve"]
    assert topics == ["Ġi", "Ġred", "Ġst", "Ġred", "Ġred"]


def test_no_batch_is_larger_than_asked_for() -> None:
    assert max(batch.ids.numel() for batch in a_pool("s")) <= 400


def test_a_crowded_question_has_more_dead_ends_and_the_same_proof() -> None:
    crowded = Kind(hops=2, distractors=Distractors.RELEVANT, crowding=2)
    plain, more = example_at(TWO_HOPS, "s", 0), example_at(crowded, "s", 0)
    assert plain[1] == more[1]
    assert more[0].count(".") == plain[0].count(".") + 4


def test_a_detached_question_leaves_the_goal_alone_to_say_which_rule_to_use() -> None:
    kind = Kind(hops=1, distractors=Distractors.RELEVANT, crowding=2, detached=True)
    for index in range(20):
        prompt, gold = example_at(kind, "s", index)
        fact, rule, conclusion, _ = gold.split(".")
        concept = fact.split()[-1].removesuffix("us")
        assert f"{rule.strip()}." in prompt
        assert f"Prove: {conclusion.strip()}." in prompt
        # the fact alone speaks of its concept
        assert prompt.lower().count(concept) == 1


def test_hops_that_the_generator_does_not_know_are_refused() -> None:
    with pytest.raises(TrainingError, match="6 hops, crowding 0: expected 1 to 5 and at least 0"):
        Kind(hops=6)
