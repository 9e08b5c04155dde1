"""Prefixes tokenised anew: which text stands before each gold token, and which of them one pass serves."""

from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models
from transformers import PreTrainedTokenizerFast

from attnprobe.attention.prefixes import Chain, GoldPrefix, chains_of, gold_prefixes
from attnprobe.errors import TaskError
from attnprobe.tasks import Example
from benchmarks.authors import prefix_texts
from tests.tasks.made_tokenizers import FAMILIES, sentencepiece_unigram, word_level

EXAMPLE = Example(id="one", prompt="Q: Wren is a sterpus. Prove: Wren is x.\nA:", gold=" Wren is a sterpus.")


@cache
def space_merger() -> PreTrainedTokenizerFast:
    """Characters, with merges that part ` Wren` as ` W`, `ren`, but `  Wren` as two spaces, `Wr`, `en`."""
    pieces = ["Q", ":", "A", " ", "W", "r", "e", "n", ".", "  ", " W", "Wr", "en", "ren", "?"]
    merges = [(" ", " "), (" ", "W"), ("W", "r"), ("e", "n"), ("r", "en")]
    made = Tokenizer(models.BPE({piece: index for index, piece in enumerate(pieces)}, merges, unk_token="?"))
    made.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(tokenizer_object=made, unk_token="?")


def prefix(index: int, *ids: int) -> GoldPrefix:
    return GoldPrefix(index=index, piece=f"piece {index}", ids=ids)


def test_nothing_stands_before_the_first_token_and_two_spaces_before_the_gold_so_far() -> None:
    tokenizer = space_merger()
    found = gold_prefixes(Example(id="one", prompt="A:", gold=" Wren."), tokenizer)
    assert [each.piece for each in found] == [" W", "ren", "."]
    assert [tokenizer.convert_ids_to_tokens(list(each.ids)) for each in found] == [
        ["A", ":"],
        ["A", ":", "  ", "W"],
        ["A", ":", "  ", "Wr", "en"],
    ]


def test_a_prefix_that_is_cut_in_another_way_gets_a_pass_of_its_own() -> None:
    chains = chains_of(gold_prefixes(Example(id="one", prompt="A:", gold=" Wren."), space_merger()))
    assert [[each.index for each in chain.prefixes] for chain in chains] == [[0, 2], [1]]


def test_special_tokens_that_the_tokenizer_adds_are_kept() -> None:
    found = gold_prefixes(EXAMPLE, sentencepiece_unigram())
    assert all(each.ids[0] == 1 and each.ids[-1] == 2 for each in found)
    assert len(chains_of(found)) >= len(found) - 1  # an end-of-text token stands in the way of all but the first


@pytest.mark.parametrize("family", FAMILIES)
def test_the_texts_are_the_authors(family: str) -> None:
    tokenizer = FAMILIES[family]()
    known = [
        (piece, tuple(tokenizer(text)["input_ids"]))
        for piece, text in prefix_texts(tokenizer, EXAMPLE.prompt, EXAMPLE.gold)
    ]
    assert [(each.piece, each.ids) for each in gold_prefixes(EXAMPLE, tokenizer)] == known


def test_a_chain_is_as_long_as_it_can_be_and_the_one_that_serves_most_comes_first() -> None:
    chains = chains_of([prefix(0, 1), prefix(1, 1, 2), prefix(2, 1, 3), prefix(3, 1, 3, 4), prefix(4, 1, 3, 4)])
    assert [[each.index for each in chain.prefixes] for chain in chains] == [[0, 2, 3, 4], [1]]
    assert chains[0].ids == (1, 3, 4)


@given(st.lists(st.lists(st.integers(0, 1), min_size=1, max_size=5), min_size=1, max_size=12))
def test_chains_nest_hold_every_prefix_once_and_are_as_few_as_can_be(ids: list[list[int]]) -> None:
    prefixes = [prefix(index, *each) for index, each in enumerate(ids)]
    chains = chains_of(prefixes)
    assert sorted(each.index for chain in chains for each in chain.prefixes) == list(range(len(ids)))
    for chain in chains:
        for short, long in pairwise(chain.prefixes):
            assert long.ids[: len(short.ids)] == short.ids
    unextended = {one.ids for one in prefixes} - {
        one.ids
        for one in prefixes
        for other in prefixes
        if len(other.ids) > len(one.ids) and other.ids[: len(one.ids)] == one.ids
    }
    assert {chain.ids for chain in chains} == unextended
    assert len(chains) == len(unextended)
    assert isinstance(chains[0], Chain)


def test_a_gold_without_tokens_is_refused() -> None:
    with pytest.raises(TaskError, match=r"example 'blank': the gold ' ' has no token"):
        gold_prefixes(Example(id="blank", prompt="Q", gold=" "), word_level())


def test_no_chain_straddles_the_length_at_which_rotary_embedding_turns() -> None:
    chains = chains_of([prefix(length, *range(length)) for length in (3, 4, 5)], turns_at=4)
    assert sorted([each.index for each in chain.prefixes] for chain in chains) == [[3, 4], [5]]
