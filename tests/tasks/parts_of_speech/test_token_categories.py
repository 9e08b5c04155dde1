"""Categories of words on tokens of every family of tokenizers."""

import pytest

from attnprobe.tasks.example import Span
from attnprobe.tasks.parts_of_speech import Category, GrammarTagger, PatternTagger, TaggedWord, tag_tokens
from attnprobe.tasks.parts_of_speech.token_categories import align_words
from attnprobe.tasks.prontoqa.generate import prontoqa_task
from attnprobe.tasks.prontoqa.rules import Rule
from attnprobe.tasks.tokens import TokenizedText, tokenize
from tests.tasks.made_tokenizers import FAMILIES, SlowBytes

A, N = Category.ADJ, Category.NOUN


def cut(text: str, *ranges: tuple[int, int], n_special: int = 0) -> TokenizedText:
    return TokenizedText(text=text, ids=tuple(range(len(ranges))), ranges=ranges, n_special=n_special)


def test_spaces_pieces_and_tokens_over_two_words_by_hand() -> None:
    """`<s>`, `hot`, ` d`, `ogs.`, ` `, `Rex`, and a blank line."""
    text = "hot dogs. Rex\n\n"
    tokens = cut(text, (0, 0), (0, 3), (3, 5), (5, 9), (9, 10), (10, 13), (13, 15), n_special=1)
    words = [
        TaggedWord(Span(0, 3), A),
        TaggedWord(Span(4, 8), N),
        TaggedWord(Span(8, 9), Category.PUNCT),
        TaggedWord(Span(10, 13), Category.PROPN),
    ]
    tagged = align_words(tokens, words)
    # `ogs.` is a piece of `dogs`; the lone space is the first piece of `Rex`
    assert tagged.categories == (
        Category.SPECIAL, A, N, N, Category.PROPN, Category.PROPN, Category.SPACE,
    )  # fmt: skip
    assert tagged.words == (None, 0, 1, 1, 3, 3, None)
    assert [tagged.begins_word(position) for position in range(7)] == [False, True, True, False, True, False, False]
    assert tagged.with_first().categories[0] is Category.FIRST
    assert tagged.with_first().categories[1:] == tagged.categories[1:]


def test_a_token_that_begins_outside_every_word_belongs_to_the_first_that_it_touches() -> None:
    tokens = cut("~dog ~", (0, 4), (4, 6))
    tagged = align_words(tokens, [TaggedWord(Span(1, 4), N)])
    assert tagged.categories == (N, Category.OTHER)
    assert tagged.words == (0, None)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("rule", Rule)
def test_every_word_is_made_of_tokens_of_its_category_and_all_tokens_are_accounted_for(rule: Rule, family: str) -> None:
    """The round trip: the tokens of a word hold its characters, and no other word's begin in them."""
    tokenizer, tagger = FAMILIES[family](), GrammarTagger(strict=True)
    for example in prontoqa_task(rule=rule, n=2, shots=1, distractors="relevant").examples:
        tokens, words = tokenize(tokenizer, example.text), tagger.tag(example.text)
        tagged = tag_tokens(example.text, tokenizer, tagger)
        assert len(tagged.categories) == len(tagged.words) == len(tokens.ids)
        owners = [owner for owner in tagged.words if owner is not None]
        assert owners == sorted(owners)
        for index, word in enumerate(words):
            own = [position for position, owner in enumerate(tagged.words) if owner == index]
            if not own:  # its characters are in a token that the word before it begins
                first = tokens.covering(word.span)[0]
                owner = tagged.words[first]
                assert owner is not None
                assert owner < index
                continue
            assert all(tagged.categories[position] is word.category for position in own)
            text = "".join(example.text[slice(*tokens.core(position))] for position in own if position >= 0)
            assert example.text[word.span.start : word.span.end].startswith(text[0])
            assert tagged.begins_word(own[0])
        for position, owner in enumerate(tagged.words):
            if owner is None:
                expected = Category.SPECIAL if position < tokens.n_special else Category.SPACE
                assert tagged.categories[position] is expected


def test_all_bytes_of_a_character_have_the_category_of_its_word() -> None:
    text = "Naïve 北京 🙂."
    tagged = tag_tokens(text, SlowBytes(), PatternTagger())
    assert len(tagged.categories) == len(text.encode())
    # ` 北京`, seven bytes with its space: a lone space before a word is its first piece
    start = len("Naïve".encode())
    assert set(tagged.categories[start : start + 7]) == {Category.NOUN}
    assert set(tagged.categories[start + 7 : start + 12]) == {Category.SYM}
    assert tagged.categories[-1] is Category.PUNCT
