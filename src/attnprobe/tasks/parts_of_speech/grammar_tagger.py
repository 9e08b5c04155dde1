"""The exact tagger of PrOntoQA-OOD: its vocabulary is closed, and no word of it has two classes.

In: a page of the task, as laid out by us or by upstream, or a proof. Out: its words, each with its category.

Categories follow the guidelines of Universal Dependencies for English (universaldependencies.org/en): the copula is
AUX, `not` is PART, `since` before a clause SCONJ, `this` standing alone and the `that` of a relative clause PRON, the
quantifiers `each` and `every` DET as the articles are, `everything` PRON.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from attnprobe.errors import TaskError
from attnprobe.tasks.example import Span
from attnprobe.tasks.parts_of_speech.categories import Category
from attnprobe.tasks.parts_of_speech.tagged import TaggedWord
from attnprobe.tasks.prontoqa.vocabulary import CONCEPTS, FAMILY_OF, IRRELEVANT_CONCEPTS, NAMES, plural
from attnprobe.tasks.sentence_spans import LAYOUT_MARK

_FUNCTION_WORDS: Mapping[Category, tuple[str, ...]] = MappingProxyType(
    {
        Category.DET: ("a", "all", "an", "each", "every", "no", "the"),
        Category.AUX: ("are", "is"),
        Category.PART: ("not",),
        Category.CCONJ: ("and", "or"),
        Category.VERB: ("assume", "contradicts"),
        Category.SCONJ: ("as", "because", "since"),
        Category.PRON: ("everything", "that", "this"),
        Category.ADP: ("with",),
        Category.ADV: ("however", "so", "therefore"),
    }
)
CATEGORY_OF: Mapping[str, Category] = MappingProxyType(
    {
        **{name.lower(): Category.PROPN for name in NAMES},
        **{form: Category.NOUN for noun in (*CONCEPTS, *IRRELEVANT_CONCEPTS) for form in (noun, plural(noun))},
        **{adjective: Category.ADJ for adjective in FAMILY_OF},
        **{word: category for category, words in _FUNCTION_WORDS.items() for word in words},
    }
)
"""The category of every word of the vocabulary, in lower case, plurals included."""

# `A` is a mark before a colon, and an article anywhere else
_WORD = re.compile(rf"(?P<mark>{LAYOUT_MARK.pattern})|(?P<word>\w+)|(?P<punctuation>[^\w\s])")


class GrammarTagger:
    """Tags by the vocabulary of PrOntoQA-OOD.

    Args:
        strict: whether a word outside the vocabulary is an error; else its category is `OTHER`.
    """

    def __init__(self, *, strict: bool = False) -> None:
        self._strict = strict

    @property
    def name(self) -> str:
        """What it is."""
        return "grammar (PrOntoQA-OOD vocabulary)"

    def tag(self, text: str) -> tuple[TaggedWord, ...]:
        """The words and marks of a text.

        Raises:
            TaskError: a word is not of the vocabulary, and the tagger is strict.
        """
        words: list[TaggedWord] = []
        for match in _WORD.finditer(text):
            category = _category(match)
            if category is Category.OTHER and self._strict:
                raise TaskError(
                    f"the word {match.group()!r} at character {match.start()} is not of the PrOntoQA vocabulary; "
                    "expected text of that task. For other text choose `--categories auto`, `textblob` or `spacy`."
                )
            words.append(TaggedWord(Span(match.start(), match.end()), category))
        return tuple(words)

    def known_share(self, text: str) -> float:
        """The share of a text's words, marks not counted, that the vocabulary holds; 0 where there is no word."""
        found = [match.group().lower() in CATEGORY_OF for match in _WORD.finditer(text) if match["word"]]
        return sum(found) / len(found) if found else 0.0


def _category(match: re.Match[str]) -> Category:
    if match["mark"]:
        return Category.MARK
    if match["word"]:
        return CATEGORY_OF.get(match["word"].lower(), Category.OTHER)
    return Category.PUNCT
