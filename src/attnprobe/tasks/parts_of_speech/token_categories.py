"""From words to tokens: the category of every token of a text.

In: a text, a tokenizer and a tagger. Out: `TaggedTokens`.

A token is a piece of the word that holds its first character, white space not counted: the space of `Ġw` or `▁w`
belongs to `w`, a lone space right before a word is its first piece, and a token over two words (`us.`) is a piece of
the first. That is the rule of `alignment`. A token whose first character is in no word belongs to the first word that
it touches; one that touches none is SPACE if it is blank and `OTHER` if it is not.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from attnprobe.tasks.parts_of_speech.categories import Category
from attnprobe.tasks.parts_of_speech.tagged import TaggedWord, Tagger
from attnprobe.tasks.tokens import TextTokenizer, TokenizedText, tokenize


@dataclass(frozen=True, slots=True, kw_only=True)
class TaggedTokens:
    """What each token of a text is.

    Attributes:
        categories: one for each token, special tokens included.
        words: for each token the index of the word that it is a piece of, None where it is of none.
    """

    categories: tuple[Category, ...]
    words: tuple[int | None, ...]

    def begins_word(self, position: int) -> bool:
        """Whether a token is the first piece of a word."""
        word = self.words[position]
        return word is not None and (position == 0 or self.words[position - 1] != word)

    def with_first(self) -> "TaggedTokens":
        """The same with the first token, whatever it is, in the category `FIRST`."""
        return TaggedTokens(categories=(Category.FIRST, *self.categories[1:]), words=(None, *self.words[1:]))


def tag_tokens(text: str, tokenizer: TextTokenizer, tagger: Tagger) -> TaggedTokens:
    """The category of every token of a text, tokenised in one piece.

    Args:
        text: the text.
        tokenizer: as for `align`.
        tagger: who says what a word is.

    Raises:
        AlignmentError: the tokenizer does not tell which characters its tokens cover.
    """
    return align_words(tokenize(tokenizer, text), tagger.tag(text))


def align_words(tokens: TokenizedText, words: Sequence[TaggedWord]) -> TaggedTokens:
    """The category of every token, from tagged words of the same text, in order and without overlap."""
    starts = [word.span.start for word in words]
    found = [_word_at(tokens, position, words, starts) for position in range(len(tokens.ids))]
    categories = [
        _without_word(tokens, position) if index is None else words[index].category
        for position, index in enumerate(found)
    ]
    return TaggedTokens(categories=tuple(categories), words=tuple(found))


def _word_at(tokens: TokenizedText, position: int, words: Sequence[TaggedWord], starts: Sequence[int]) -> int | None:
    if position < tokens.n_special or tokens.is_blank(position):
        return None
    start, end = tokens.core(position)
    index = bisect_right(starts, start) - 1
    if index >= 0 and start < words[index].span.end:
        return index
    following = index + 1
    return following if following < len(words) and words[following].span.start < end else None


def _without_word(tokens: TokenizedText, position: int) -> Category:
    if position < tokens.n_special:
        return Category.SPECIAL
    return Category.SPACE if tokens.is_blank(position) else Category.OTHER
