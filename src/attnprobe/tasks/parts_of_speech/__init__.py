"""Parts of speech: the category of every word of a text, and of every token of it.

In: text. Out: words with spans and universal categories, by a tagger; the category of each token, by alignment.
"""

from attnprobe.tasks.parts_of_speech.categories import Category
from attnprobe.tasks.parts_of_speech.choice import TaggerChoice, tagger_for
from attnprobe.tasks.parts_of_speech.grammar_tagger import GrammarTagger
from attnprobe.tasks.parts_of_speech.pattern_tagger import PatternTagger
from attnprobe.tasks.parts_of_speech.spacy_tagger import SpacyTagger
from attnprobe.tasks.parts_of_speech.tagged import TaggedWord, Tagger
from attnprobe.tasks.parts_of_speech.token_categories import TaggedTokens, tag_tokens

__all__ = [
    "Category",
    "GrammarTagger",
    "PatternTagger",
    "SpacyTagger",
    "TaggedTokens",
    "TaggedWord",
    "Tagger",
    "TaggerChoice",
    "tag_tokens",
    "tagger_for",
]
