"""What every tagger gives.

In: nothing. Out: `TaggedWord` and the `Tagger` protocol.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from attnprobe.tasks.example import Span
from attnprobe.tasks.parts_of_speech.categories import Category


@dataclass(frozen=True, slots=True)
class TaggedWord:
    """A word or mark of a text.

    Attributes:
        span: where it stands, in characters, without white space at its ends.
        category: what it is.
    """

    span: Span
    category: Category


@runtime_checkable
class Tagger(Protocol):
    """Cuts a text into words and says what each is."""

    @property
    def name(self) -> str:
        """What it is and of which version, for the manifest."""
        ...

    def tag(self, text: str) -> tuple[TaggedWord, ...]:
        """The words and marks of a text in order, none overlapping; white space is no word."""
        ...
