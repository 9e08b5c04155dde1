"""Which characters each token covers, for every family of tokenizers."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from attnprobe.errors import AlignmentError
from attnprobe.tasks.example import Span
from attnprobe.tasks.tokens import TokenizedText, token_ids, tokenize
from tests.tasks.made_tokenizers import FAMILIES, SlowBytes, byte_bpe, corpus, sentencepiece_bpe, sentencepiece_unigram

SUBWORD = [FAMILIES[name] for name in ("byte-BPE", "SentencePiece unigram", "SentencePiece BPE")]
Maker = Callable[[], PreTrainedTokenizerFast]
every_family = pytest.mark.parametrize("maker", FAMILIES.values(), ids=FAMILIES.keys())


def pieces(tokens: TokenizedText, span: Span) -> list[str]:
    return [tokens.text[slice(*tokens.core(position))] for position in tokens.covering(span)]


@every_family
def test_decoding_the_tokens_of_a_word_gives_the_word(maker: Maker) -> None:
    tokenizer = maker()
    for text in corpus()[::60]:
        tokens = tokenize(tokenizer, text)
        for match in re.finditer(r"\w+|[^\w\s]", text):
            positions = tokens.covering(Span(*match.span()))
            assert positions == tuple(range(positions[0], positions[-1] + 1))
            assert tokenizer.decode([tokens.ids[at] for at in positions]).strip() == match[0]


@every_family
def test_decoding_the_tokens_of_a_sentence_gives_the_sentence(maker: Maker) -> None:
    tokenizer = maker()
    text = corpus()[3]
    tokens = tokenize(tokenizer, text)
    for match in re.finditer(r"[A-Z][^.:]+\.", text):
        positions = tokens.covering(Span(*match.span()))
        decoded = tokenizer.decode([tokens.ids[at] for at in positions])
        assert decoded.replace(" ", "") == match[0].replace(" ", "")


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00▁"), min_size=1, max_size=40)


@pytest.mark.parametrize("maker", SUBWORD)
@given(text=TEXTS)
@settings(max_examples=150, deadline=None)
def test_each_character_that_is_no_white_space_has_its_tokens_and_no_others(maker: Maker, text: str) -> None:
    """Any text: every visible character is covered, and `covering` agrees with looking at every token."""
    tokens = tokenize(maker(), text)
    for at, character in enumerate(text):
        overlapping = [
            position
            for position in range(tokens.n_special, len(tokens.ids))
            if tokens.core(position)[0] < at + 1 and at < tokens.core(position)[1]
        ]
        assert list(tokens.covering(Span(at, at + 1))) == overlapping
        if not character.isspace():
            assert overlapping


@pytest.mark.parametrize("maker", [byte_bpe, sentencepiece_unigram, sentencepiece_bpe])
def test_the_bytes_of_a_character_belong_to_it_alone(maker: Maker) -> None:
    text = "Rex isé日本x."
    tokens = tokenize(maker(), text)
    assert [len(tokens.covering(Span(at, at + 1))) for at in (6, 7, 8)] == [2, 3, 3]
    assert len({position for at in (6, 7, 8) for position in tokens.covering(Span(at, at + 1))}) == 8


def test_a_leading_space_belongs_to_the_word_behind_it() -> None:
    tokens = tokenize(byte_bpe(), "Rex is a sterpus.")
    first = tokens.covering(Span(9, 16))[0]
    start, _ = tokens.ranges[first]
    assert tokens.text[start] == " "
    assert first not in tokens.covering(Span(7, 9))


def test_special_tokens_in_front_are_kept_and_those_behind_dropped() -> None:
    tokenizer = sentencepiece_unigram()
    tokens = tokenize(tokenizer, "Rex is hot.")
    plain = tokenizer("Rex is hot.")["input_ids"]
    assert plain[0] == tokenizer.bos_token_id
    assert plain[-1] == tokenizer.eos_token_id
    assert list(tokens.ids) == plain[:-1]
    assert tokens.n_special == 1
    assert tokens.ids == token_ids(tokenizer, "Rex is hot.")


def test_a_token_that_holds_a_word_and_a_mark_is_found_for_both() -> None:
    """Without splitting at marks a unigram model learns pieces such as `us.`."""
    text = corpus()[0]
    tokens = tokenize(sentencepiece_unigram(splits_marks=False), text)
    straddling = [at for at in range(len(tokens.ids)) if re.search(r"\w\.", text[slice(*tokens.ranges[at])])]
    assert straddling
    for position in straddling:
        mark = text.index(".", tokens.ranges[position][0])
        assert position in tokens.covering(Span(mark, mark + 1))
        assert position in tokens.covering(Span(mark - 1, mark))


def test_a_slow_tokenizer_is_followed_through_what_it_decodes() -> None:
    tokens = tokenize(SlowBytes(), "Ré日 x")
    assert tokens.ranges == ((0, 1), (1, 2), (1, 2), (2, 3), (2, 3), (2, 3), (3, 4), (4, 5))


def test_a_slow_tokenizer_that_does_not_decode_to_its_text_is_refused() -> None:
    with pytest.raises(AlignmentError, match=r"does not decode back to its text .* load its fast version"):
        tokenize(SlowBytes(shouts=True), "Rex is hot.")


def test_offsets_that_go_back_are_refused() -> None:
    with pytest.raises(AlignmentError, match="offsets go back from character 4 to 0"):
        TokenizedText(text="Rex is", ids=(1, 2), ranges=((4, 6), (0, 3)), n_special=0)
