"""The tokenizer splits words as declared, survives its files, and loses no character."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from attnprobe.tasks.prontoqa.vocabulary import CONCEPTS, IRRELEVANT_CONCEPTS, NAMES, PROPERTY_FAMILIES, plural
from attnprobe.training.pieces import BOS, MOST_TOKENS, SPLITS, build_tokenizer


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return build_tokenizer()


def test_every_word_splits_as_declared(tokenizer: PreTrainedTokenizerFast) -> None:
    for pieces in SPLITS:
        assert tokenizer.tokenize(" " + "".join(pieces)) == ["Ġ" + pieces[0], *pieces[1:]]


def test_a_concept_is_onset_middle_and_us_in_either_number_and_case(tokenizer: PreTrainedTokenizerFast) -> None:
    assert tokenizer.tokenize(" sterpus") == ["Ġst", "erp", "us"]
    assert tokenizer.tokenize(" Sterpuses") == ["ĠSt", "erp", "us", "es"]
    assert tokenizer.tokenize(" an impus") == ["Ġan", "Ġi", "mp", "us"]


def test_all_concepts_have_equally_many_pieces(tokenizer: PreTrainedTokenizerFast) -> None:
    concepts = (*CONCEPTS, *IRRELEVANT_CONCEPTS)
    assert {len(tokenizer.tokenize(f" {concept}")) for concept in concepts} == {3}
    assert {len(tokenizer.tokenize(f" {plural(concept).capitalize()}")) for concept in concepts} == {4}


def test_adjectives_and_names_are_whole_or_in_pieces(tokenizer: PreTrainedTokenizerFast) -> None:
    adjectives = [adjective for family in PROPERTY_FAMILIES for adjective in family]
    counts = [len(tokenizer.tokenize(f" {adjective}")) for adjective in adjectives]
    # "aggressive" alone has four
    assert sorted(counts)[-2:] == [3, 4]
    assert {1, 2} < set(counts)
    assert {len(tokenizer.tokenize(f" {name}")) for name in NAMES} == {1, 2}


def test_the_vocabulary_stays_small(tokenizer: PreTrainedTokenizerFast) -> None:
    assert len(tokenizer) <= MOST_TOKENS


def test_a_text_begins_with_bos_and_ends_without_eos(tokenizer: PreTrainedTokenizerFast) -> None:
    tokens = tokenizer.convert_ids_to_tokens(tokenizer("Q: Rex")["input_ids"])
    assert tokens == [BOS, "Q", ":", "ĠRex"]


def test_offsets_cover_the_text_with_no_gap(tokenizer: PreTrainedTokenizerFast) -> None:
    text = "Q: Every sterpus is an impus. Prove: Rex is not floral.\nA: Rex is a sterpus."
    offsets = tokenizer(text, return_offsets_mapping=True, add_special_tokens=False)["offset_mapping"]
    assert [start for start, _ in offsets] == [0, *(end for _, end in offsets[:-1])]
    assert offsets[-1][1] == len(text)


def test_prompt_and_gold_are_cut_alike_alone_and_together(tokenizer: PreTrainedTokenizerFast) -> None:
    prompt, gold = "Q: Lempuses are red. Prove: Rex is red.\nA:", " Rex is a lempus."
    alone = tokenizer(prompt)["input_ids"] + tokenizer(gold, add_special_tokens=False)["input_ids"]
    assert tokenizer(prompt + gold)["input_ids"] == alone


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=60))
def test_any_text_survives_the_round_trip(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text


def test_a_saved_tokenizer_is_the_same_tokenizer(tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    text = "Q: Every sterpus is an impus.\nA:"
    assert loaded.is_fast
    assert loaded(text)["input_ids"] == tokenizer(text)["input_ids"]
    assert (loaded.bos_token, loaded.eos_token, loaded.pad_token) == ("<bos>", "<eos>", "<pad>")
