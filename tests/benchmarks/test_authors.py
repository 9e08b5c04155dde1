"""The authors' scoring in our words: values by hand, what stands before each gold token, quirks, the running mean."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
import transformers as hf

from benchmarks.authors import (
    ROWS_IN_A_GROUP,
    authors_head_scores,
    authors_rows,
    authors_scores,
    authors_scores_of_ids,
    eager,
    head_scores,
    key_values,
    prefix_texts,
)
from tests.models.architectures import Architecture, build_model, randomise
from tests.tasks.made_tokenizers import byte_bpe, word_level

MAP = np.array([[1, 0, 0], [0.5, 0.5, 0], [0.25, 0.25, 0.5]])
PROMPT, LABEL = "Wren is a sterpus. Prove: Wren is\nA:", " Wren is a sterpus."


@pytest.fixture(scope="module")
def model() -> Iterator[hf.PreTrainedModel]:
    tokenizer = word_level()
    config = hf.GPT2Config(vocab_size=len(tokenizer), n_positions=64, n_embd=32, n_layer=2, n_head=4)
    made = hf.GPT2LMHeadModel(config)
    randomise(made, seed=0)
    with eager(made.eval()):
        yield made


def test_a_map_of_three_tokens_has_the_values_that_the_formula_gives_by_hand() -> None:
    # received 0, 3/4, 1/2 (the first is zeroed); given 0, 1/2 / 3/4, 1/4 / 3/4 + 1
    assert key_values(MAP) == pytest.approx([0, 17 / 22, 1], abs=1e-15)


def test_a_map_without_any_difference_is_not_a_number() -> None:
    assert np.isnan(key_values(np.ones((1, 1)))).all()


def test_a_gold_token_has_its_best_match_and_nothing_without_one() -> None:
    maps = torch.from_numpy(np.stack([MAP, MAP[[0, 0, 2]]]))
    # second head: received 0, 1/4, 1/2; given 0, 0, 2; so 0, 1/4, 5/2
    assert head_scores(maps, ["a", "b", "a"], "b") == pytest.approx([17 / 22, 0.1], abs=1e-15)
    assert head_scores(maps, ["a", "b", "a"], "a") == pytest.approx([1, 1], abs=1e-15)
    assert head_scores(maps, ["a", "b", "a"], "c") == [0.0, 0.0]


def test_an_unmatched_token_is_zero_even_where_the_map_is_not_a_number() -> None:
    single = torch.ones(1, 1, 1, dtype=torch.float64)
    assert head_scores(single, ["a"], "b") == [0.0]
    assert np.isnan(head_scores(single, ["a"], "a")).all()


def test_every_prefix_of_the_label_is_put_behind_a_second_space() -> None:
    texts = prefix_texts(byte_bpe(), "Q: x\nA:", " Wren is")
    assert texts[0][1] == "Q: x\nA:"
    assert texts[-1][1].startswith("Q: x\nA:  Wren")
    assert "".join(piece for piece, _ in texts) == "ĠWrenĠis"


def test_one_pass_is_made_for_each_gold_token(model: hf.PreTrainedModel) -> None:
    widths: list[int] = []

    def count(_: Any, __: Any, options: dict[str, Any]) -> None:
        widths.append(options["input_ids"].shape[1])

    hook = model.register_forward_pre_hook(count, with_kwargs=True)
    scores = authors_scores(model, word_level(), PROMPT, LABEL)
    hook.remove()
    first = len(word_level()(PROMPT)["input_ids"])
    assert len(scores) == 5
    assert widths == [first + index for index in range(5)]


def test_the_loop_over_ids_is_the_loop_over_text_where_every_prefix_keeps_its_tokens(model: hf.PreTrainedModel) -> None:
    tokenizer = word_level()
    ids = tokenizer(PROMPT)["input_ids"] + tokenizer(LABEL, add_special_tokens=False)["input_ids"]
    of_ids = authors_scores_of_ids(model, ids, 5, layers=(0, -1))
    assert of_ids.shape == (2, 4, 5)
    assert np.array_equal(of_ids[1].T, authors_head_scores(model, tokenizer, PROMPT, LABEL))
    assert np.array_equal(of_ids[0].T, authors_head_scores(model, tokenizer, PROMPT, LABEL, layer=0))
    assert np.array_equal(of_ids[1].mean(axis=0), authors_scores(model, tokenizer, PROMPT, LABEL))
    assert of_ids.std() > 0


def test_mean_and_deviation_run_over_rows_and_start_anew_after_a_hundred(
    model: hf.PreTrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = np.arange(ROWS_IN_A_GROUP + 2) / 7
    monkeypatch.setattr("benchmarks.authors.authors_scores", lambda _, __, prompt, ___: [scores[int(prompt)]])
    rows = list(authors_rows(model, word_level(), ((str(index), "x") for index in range(len(scores)))))
    assert [row.score for row in rows] == scores.tolist()
    assert rows[2].mean == pytest.approx(1 / 7)
    assert rows[99].std == pytest.approx(np.sqrt(np.mean((scores[:100] - scores[:100].mean()) ** 2)))
    assert (rows[100].mean, rows[100].std) == (scores[100], 0.0)
    assert rows[101].mean == pytest.approx(scores[100:].mean())


def test_a_model_that_returns_no_maps_is_refused_and_one_is_left_as_it_was() -> None:
    plain = build_model(Architecture.LLAMA)
    before = plain.config._attn_implementation
    with eager(plain):
        assert plain.config._attn_implementation == "eager"
    assert plain.config._attn_implementation == before
    with pytest.raises(RuntimeError, match="no attention maps; run it under `eager`"):
        authors_scores_of_ids(plain, [1, 2, 3], 1)
