"""Examples in token positions: by hand on word-level tokens, then laws for every family of tokenizers."""

import re
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from attnprobe.errors import AlignmentError
from attnprobe.tasks.alignment import align
from attnprobe.tasks.example import Example, KeyDefinition, Span, WordKind
from attnprobe.tasks.prontoqa.examples import example_of
from attnprobe.tasks.prontoqa.generate import ProntoqaSpec, problem_at, prontoqa_task
from attnprobe.tasks.prontoqa.rules import Rule
from attnprobe.tasks.tokens import tokenize
from tests.tasks.made_tokenizers import (
    FAMILIES,
    SlowBytes,
    byte_bpe,
    sentencepiece_bpe,
    sentencepiece_unigram,
    word_level,
)
from tests.tasks.prontoqa.scripted import scripted
from tests.tasks.prontoqa.test_generate import specs

Maker = Callable[[], PreTrainedTokenizerFast]
every_family = pytest.mark.parametrize("maker", FAMILIES.values(), ids=FAMILIES.keys())

TOKEN_MATCH, PREMISE, SOURCE_WORD, REST = KeyDefinition


def one_hop() -> Example:
    problem = scripted(Rule.IMPLICATION_ELIMINATION, 1, name="Rex", concepts="sterpus", qualities="hot")
    return example_of(problem, example_id="one hop")


def test_keys_by_hand() -> None:
    """Word-level tokens, so that positions can be counted:

    0 [BOS]  1 Q  2 :  3 Every  4 sterpus  5 is  6 hot  7 .  8 Rex  9 is  10 a  11 sterpus  12 .
    13 Prove  14 :  15 Rex  16 is  17 hot  18 .  19 A  20 :
    21 Rex  22 is  23 a  24 sterpus  25 .  26 Every  27 sterpus  28 is  29 hot  30 .  31 Rex  32 is  33 hot  34 .
    """
    aligned = align(one_hop(), word_level())
    assert len(aligned.ids) == 35
    assert aligned.special == (0,)
    assert aligned.prompt_length == 21
    assert [target.position for target in aligned.targets] == list(range(21, 35))
    by_position = {target.position: target for target in aligned.targets}
    rule, fact = tuple(range(3, 8)), tuple(range(8, 13))
    assert by_position[21].keys == {TOKEN_MATCH: (8, 15), PREMISE: fact, SOURCE_WORD: (8,), REST: (9, 10, 11, 12)}
    assert by_position[24].keys == {TOKEN_MATCH: (4, 11), PREMISE: fact, SOURCE_WORD: (11,), REST: (8, 9, 10, 12)}
    assert by_position[27].keys == {TOKEN_MATCH: (4, 11, 24), PREMISE: rule, SOURCE_WORD: (4,), REST: (3, 5, 6, 7)}
    assert by_position[29].keys == {TOKEN_MATCH: (6, 17), PREMISE: rule, SOURCE_WORD: (6,), REST: (3, 4, 5, 7)}
    both = (*rule, *fact, *range(21, 31))

    def rest(*source: int) -> tuple[int, ...]:
        return tuple(key for key in both if key not in source)

    assert by_position[31].keys == {TOKEN_MATCH: (8, 15, 21), PREMISE: both, SOURCE_WORD: (8, 21), REST: rest(8, 21)}
    assert by_position[33].keys == {TOKEN_MATCH: (6, 17, 29), PREMISE: both, SOURCE_WORD: (6, 29), REST: rest(6, 29)}
    for position in (22, 23, 25, 26, 28, 30, 32, 34):
        assert by_position[position].kind is WordKind.UNLICENSED
        assert by_position[position].keys == {TOKEN_MATCH: (), PREMISE: (), SOURCE_WORD: (), REST: ()}
    assert aligned.spans == {
        "question": (*rule, *fact),
        "facts": fact,
        "rules": rule,
        "distractors": (),
        "query": tuple(range(13, 19)),
        "exemplars": (),
    }


def test_all_pieces_of_a_word_share_its_keys_and_each_sees_only_what_is_before_it() -> None:
    aligned = align(one_hop(), byte_bpe())
    pieces = [target for target in aligned.targets if target.word == 3]
    assert [target.piece for target in pieces] == list(range(len(pieces)))
    assert len(pieces) > 1
    assert len({target.keys[SOURCE_WORD] for target in pieces}) == 1
    assert byte_bpe().decode([aligned.ids[at] for at in pieces[0].keys[SOURCE_WORD]]) == " sterpus"


@every_family
@given(spec=specs(most_hops=3, most_shots=1), index=st.integers(0, 10**6))
@settings(max_examples=8, deadline=None)
def test_laws_of_alignment(maker: Maker, spec: ProntoqaSpec, index: int) -> None:
    tokenizer = maker()
    example = example_of(problem_at(spec, index), example_id="law")
    aligned = align(example, tokenizer)

    whole = tokenizer(example.text)["input_ids"]
    assert list(aligned.ids) == whole[: len(aligned.ids)], "prompt and gold are cut in one piece"
    joined = tokenizer.decode([target.token for target in aligned.targets])
    assert joined.split() == example.gold.split() or joined.replace(" ", "") == re.sub(r"\s", "", example.gold)

    for target in aligned.targets:
        assert aligned.ids[target.position] == target.token
        for definition, keys in target.keys.items():
            assert list(keys) == sorted(set(keys))
            assert all(key <= target.predicting for key in keys), definition
        assert set(target.keys[SOURCE_WORD]) <= set(target.keys[PREMISE])
        assert all(aligned.ids[key] == target.token for key in target.keys[TOKEN_MATCH])
        if target.kind is WordKind.UNLICENSED:
            assert not any(target.keys.values())
        else:
            assert target.keys[SOURCE_WORD]
            earlier = [at for at in range(target.position) if aligned.ids[at] == target.token]
            assert list(target.keys[TOKEN_MATCH]) == earlier
        if target.foil is not None:
            assert target.foil not in (target.token, tokenizer.unk_token_id)

    for index_of_word, word in enumerate(example.words):
        own = [target for target in aligned.targets if target.word == index_of_word]
        assert [target.piece for target in own] == list(range(len(own)))
        written = example.gold[word.span.start : word.span.end]
        assert tokenizer.decode([target.token for target in own]).strip() == written
        assert sum(target.foil is not None for target in own) == bool(word.foils)


def plain(prompt: str, gold: str, **others: object) -> Example:
    return Example(id="plain", prompt=prompt, gold=gold, **others)


def test_text_of_which_no_words_are_known_has_token_match_keys_for_every_token() -> None:
    aligned = align(plain("Rex is hot. Max is", " hot."), word_level())
    assert [(target.kind, dict(target.keys), target.word) for target in aligned.targets] == [
        (WordKind.OTHER, {TOKEN_MATCH: (3,)}, None),
        (WordKind.OTHER, {TOKEN_MATCH: (4,)}, None),
    ]


def test_blank_tokens_are_pieces_of_no_word() -> None:
    task = prontoqa_task(rule="disjunction_elimination", n=1)
    aligned = align(task.examples[0], byte_bpe())
    blank = [target for target in aligned.targets if "\n" in byte_bpe().decode([target.token])]
    assert blank
    assert all(target.word is None and target.kind is WordKind.UNLICENSED for target in blank)


def test_a_lone_space_is_the_first_piece_of_the_word_behind_it() -> None:
    """Of 300 byte-BPE tokens few hold a space; then `Ġ` alone begins a word, as in `Ġ`, `W`, `ren`."""
    tokenizer = byte_bpe()
    examples = prontoqa_task(n=20).examples
    found = 0
    for example in examples:
        aligned = align(example, tokenizer)
        for target, following in pairwise(aligned.targets):
            if tokenizer.convert_ids_to_tokens(target.token) == "Ġ":
                found += 1
                assert (target.word, target.kind, target.piece) == (following.word, following.kind, 0)
                assert following.piece == 1
    assert found


@pytest.mark.parametrize("maker", [byte_bpe, sentencepiece_bpe, sentencepiece_unigram])
def test_a_token_over_the_end_of_the_prompt_is_refused_with_a_way_out(maker: Maker) -> None:
    text = "Rex is a sterpus."
    tokens = tokenize(maker(), text)
    start, end = next((start, end) for start, end in tokens.ranges[2:] if end - start > 2)
    with pytest.raises(AlignmentError) as caught:
        align(plain(text[: end - 1], text[end - 1 :]), maker())
    message = str(caught.value)
    assert message.startswith(f"example 'plain': one token, {text[start:end]!r}, ")
    assert message.endswith(
        ", holds the end of the prompt and the start of the gold; expected a token border between them. Move the "
        "border: begin the gold with the space, or end the prompt elsewhere."
    )


def test_a_gold_word_that_the_tokenizer_does_not_know_is_refused() -> None:
    with pytest.raises(AlignmentError, match=r"does not know 'brilliant' in the gold; .* made for this text\.$"):
        align(plain("Rex is", " brilliant."), word_level())


def test_an_unknown_word_in_the_prompt_is_no_matter() -> None:
    assert align(plain("Rex is brilliant. Rex is", " hot."), word_level()).prompt_length == 7


def test_a_span_or_a_gold_without_tokens_is_refused() -> None:
    with pytest.raises(AlignmentError, match=r"span 'gap' \[3, 4\), ' ', has no token under this tokenizer"):
        align(plain("Rex is", " hot.", spans={"gap": (Span(3, 4),)}), word_level())
    with pytest.raises(AlignmentError, match="the gold '  ' has no token"):
        align(plain("Rex is", "  "), word_level())
    with pytest.raises(AlignmentError, match="the prompt ' ' has no token, so that nothing predicts the gold"):
        align(plain(" ", "Rex is hot."), word_level_without_bos())


def word_level_without_bos() -> PreTrainedTokenizerFast:
    made = Tokenizer.from_str(word_level().backend_tokenizer.to_str())
    made.post_processor = None
    return PreTrainedTokenizerFast(tokenizer_object=made, unk_token="[UNK]")


def test_a_slow_tokenizer_serves_where_its_decoding_shows_the_text() -> None:
    aligned = align(one_hop(), SlowBytes())
    assert aligned.prompt_length == len(one_hop().prompt)
    assert aligned.targets[1].keys[SOURCE_WORD] == tuple(range(24, 28))
    assert bytes(aligned.ids[24:28]) == b" Rex"
