"""Which tagger is used, by name or by what is there.

In: a task and a name. Out: a `Tagger`.
"""

from enum import StrEnum

from attnprobe.errors import SpecError
from attnprobe.tasks.example import Task
from attnprobe.tasks.parts_of_speech.grammar_tagger import GrammarTagger
from attnprobe.tasks.parts_of_speech.pattern_tagger import PatternTagger
from attnprobe.tasks.parts_of_speech.spacy_tagger import SpacyTagger, installed_model
from attnprobe.tasks.parts_of_speech.tagged import Tagger

KNOWN_SHARE = 0.95
"""Text of which the vocabulary knows at least this share of the words is text of PrOntoQA; what it does not know is
`OTHER`, and counted. Plain English has some fifth of its words in common with it."""


class TaggerChoice(StrEnum):
    """Who says what a word is.

    GRAMMAR: the exact vocabulary of PrOntoQA. SPACY: an installed English model. TEXTBLOB: word lists and rules that
    need no download. AUTO: grammar for text of PrOntoQA; else spaCy where a model is installed; else TextBlob.
    """

    AUTO = "auto"
    GRAMMAR = "grammar"
    SPACY = "spacy"
    TEXTBLOB = "textblob"


def tagger_for(task: Task, choice: TaggerChoice | str = TaggerChoice.AUTO) -> Tagger:
    """The tagger of a task.

    Args:
        task: what is to be tagged; looked at by `auto` only.
        choice: which tagger.

    Raises:
        SpecError: there is no such tagger, or it is not installed.
    """
    try:
        choice = TaggerChoice(choice)
    except ValueError:
        raise SpecError(f"categories {str(choice)!r}: expected one of {', '.join(TaggerChoice)}.") from None
    grammar = GrammarTagger()
    match choice:
        case TaggerChoice.GRAMMAR:
            return grammar
        case TaggerChoice.SPACY:
            return SpacyTagger.load()
        case TaggerChoice.TEXTBLOB:
            return PatternTagger()
        case TaggerChoice.AUTO:
            if grammar.known_share("\n".join(example.text for example in task.examples)) >= KNOWN_SHARE:
                return grammar
            return PatternTagger() if installed_model() is None else SpacyTagger.load()
