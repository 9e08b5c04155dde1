"""TextBlob's PatternTagger: English of any kind, from word lists and rules that come with the package.

In: text. Out: its words with categories. Nothing is downloaded: `TextBlob(text).tags` would ask for data of NLTK, the
tagger alone does not. It is coarse: unknown words are nouns unless they have a capital, and endings mislead it (it
takes every nonce noun of PrOntoQA in -us for a plural). For that task the exact `GrammarTagger` is right.

Source: TextBlob (MIT), whose tagger comes from De Smedt and Daelemans, Pattern for Python, JMLR 13 (2012), BSD.
"""

import warnings
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

from attnprobe.tasks.example import Span
from attnprobe.tasks.parts_of_speech.categories import Category
from attnprobe.tasks.parts_of_speech.penn import universal
from attnprobe.tasks.parts_of_speech.tagged import TaggedWord
from attnprobe.tasks.parts_of_speech.words import mark_category, word_spans
from attnprobe.tasks.sentence_spans import LAYOUT_MARK, sentence_spans


class PatternTagger:
    """Tags sentence by sentence; the words are cut by us, so that each has its place."""

    @property
    def name(self) -> str:
        """What it is and of which version."""
        return f"textblob {version('textblob')} PatternTagger"

    def tag(self, text: str) -> tuple[TaggedWord, ...]:
        """The words and marks of a text."""
        spans = word_spans(text)
        tagged: list[TaggedWord] = []
        for sentence in _by_sentence(text, spans):
            words = [text[span.start : span.end] for span in sentence]
            for span, word, tag in zip(sentence, words, _penn_tags(words), strict=True):
                is_layout = LAYOUT_MARK.fullmatch(word) is not None
                category = Category.MARK if is_layout else mark_category(word) or universal(word, tag)
                tagged.append(TaggedWord(span, category))
        return tuple(tagged)


def _by_sentence(text: str, spans: Sequence[Span]) -> Iterator[list[Span]]:
    """Words grouped by the sentence that they stand in: a capital says less at the start of one."""
    ends = [sentence.end for sentence in sentence_spans(text)]
    group: list[Span] = []
    for span in spans:
        while ends and span.start >= ends[0]:
            ends.pop(0)
            if group:
                yield group
            group = []
        group.append(span)
    if group:
        yield group


@cache
def _tagger() -> Any:
    # its word lists take most of a second to load, and only this tagger wants them
    from textblob.en.taggers import PatternTagger as TextBlobTagger

    tagger = TextBlobTagger()
    with warnings.catch_warnings():
        # it reads its word lists at the first word, and leaves their files to be closed by the interpreter
        warnings.simplefilter("ignore", ResourceWarning)
        tagger.tag("word", tokenize=False)
    return tagger


def _penn_tags(words: Sequence[str]) -> list[str]:
    """One tag a word, straight from the word list: joined text would be split at spaces and slashes again."""
    # one sentence, its words apart by single spaces; no word holds white space, and a slash comes back as it was
    tagged = _tagger().tag(" ".join(words), tokenize=False)
    assert len(tagged) == len(words), (words, tagged)
    return [tag for _, tag in tagged]
