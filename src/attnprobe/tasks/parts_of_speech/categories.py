"""The categories that words and tokens have: the universal parts of speech, and what is no word.

In: nothing. Out: `Category`.

Source: the universal tags of Petrov, Das and McDonald 2012 (LREC, arXiv 1104.2086) in the form that Universal
Dependencies gave them (version 2, universaldependencies.org/u/pos); the four kinds of token without a part of speech
are ours.
"""

from enum import StrEnum


class Category(StrEnum):
    """What a word or token is.

    Of words: the 17 universal tags; `OTHER` is their `X`, a word that a tagger does not know.
    Of tokens that are no words: MARK, the layout marks `Q:`, `A:` and `Prove:`; SPECIAL, tokens that the tokenizer
    added; SPACE, line breaks and other white space that belongs to no word; FIRST, the first token, where it is kept
    apart because it draws attention that has nowhere to go whatever it is (Xiao et al. 2023, arXiv 2309.17453).
    """

    ADJ = "ADJ"
    ADP = "ADP"
    ADV = "ADV"
    AUX = "AUX"
    CCONJ = "CCONJ"
    DET = "DET"
    INTJ = "INTJ"
    NOUN = "NOUN"
    NUM = "NUM"
    PART = "PART"
    PRON = "PRON"
    PROPN = "PROPN"
    PUNCT = "PUNCT"
    SCONJ = "SCONJ"
    SYM = "SYM"
    VERB = "VERB"
    OTHER = "X"
    MARK = "MARK"
    SPECIAL = "SPECIAL"
    SPACE = "SPACE"
    FIRST = "FIRST"

    @property
    def is_part_of_speech(self) -> bool:
        """Whether it is one of the universal tags that say something: neither `OTHER` nor a kind of token."""
        return self not in (Category.OTHER, Category.MARK, Category.SPECIAL, Category.SPACE, Category.FIRST)
