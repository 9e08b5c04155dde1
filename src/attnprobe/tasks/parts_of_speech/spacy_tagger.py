"""spaCy's tagger, where spaCy and one of its models are installed.

In: text. Out: its words with categories, which are spaCy's own universal tags.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from attnprobe.errors import SpecError
from attnprobe.tasks.example import Span
from attnprobe.tasks.parts_of_speech.categories import Category
from attnprobe.tasks.parts_of_speech.tagged import TaggedWord
from attnprobe.tasks.sentence_spans import LAYOUT_MARK

MODELS = ("en_core_web_trf", "en_core_web_lg", "en_core_web_md", "en_core_web_sm")
"""The English models, best first."""
_INSTALL = "pip install 'attnprobe[spacy]' && python -m spacy download en_core_web_sm"


class SpacyTagger:
    """Tags with a spaCy pipeline.

    Args:
        pipeline: a loaded pipeline that sets `pos_`.
        name: what results call it.
    """

    def __init__(self, pipeline: Any, *, name: str) -> None:
        self._pipeline = pipeline
        self._name = name

    @classmethod
    def load(cls, model: str | None = None) -> "SpacyTagger":
        """The tagger of an installed model; None: the best English one that is there.

        Raises:
            SpecError: spaCy, or the model, is not installed; the message says what to install.
        """
        if find_spec("spacy") is None:
            raise SpecError(f"categories spacy: spaCy is not installed; run: {_INSTALL}. Or choose textblob.")
        chosen = model or installed_model()
        if chosen is None or find_spec(chosen) is None:
            wanted = f"the model {model}" if model else "no English model"
            state = "is not installed" if model else "is installed"
            raise SpecError(f"categories spacy: {wanted} {state}; run: {_INSTALL}. Or choose textblob.")
        spacy = import_module("spacy")
        pipeline = spacy.load(chosen, exclude=["ner", "lemmatizer"])
        return cls(pipeline, name=f"spacy {spacy.__version__} {chosen} {pipeline.meta.get('version', '')}".rstrip())

    @property
    def name(self) -> str:
        """What it is and of which version."""
        return self._name

    def tag(self, text: str) -> tuple[TaggedWord, ...]:
        """The words and marks of a text.

        Raises:
            SpecError: the pipeline sets no parts of speech.
        """
        words: list[TaggedWord] = []
        layout = {at for mark in LAYOUT_MARK.finditer(text) for at in range(*mark.span())}
        for token in self._pipeline(text):
            if token.is_space:
                continue
            span = Span(token.idx, token.idx + len(token.text))
            if token.idx in layout:
                words.append(TaggedWord(span, Category.MARK))
                continue
            try:
                category = Category("CCONJ" if token.pos_ == "CONJ" else token.pos_)
            except ValueError:
                raise SpecError(
                    f"categories spacy: the pipeline gave {token.text!r} the part of speech {token.pos_!r}; expected a "
                    "universal tag. Use a pipeline with a tagger and an attribute ruler, such as en_core_web_sm."
                ) from None
            words.append(TaggedWord(span, category))
        return tuple(words)


def installed_model() -> str | None:
    """The best English model that is installed, or None."""
    if find_spec("spacy") is None:
        return None
    return next((model for model in MODELS if find_spec(model) is not None), None)
