"""What a task is made of: text with named character spans, and for each gold word where it comes from.

In: nothing. Out: `Example`, the value that every task yields, and its parts. All offsets here are characters;
`alignment` turns them into token positions for one tokenizer.

Two coordinate systems, never mixed: *gold offsets* count from the first character of `Example.gold`; *text
offsets* count from the first character of `Example.text`, which is `prompt + gold`, so that a key may lie in
the prompt or in an earlier part of the gold chain of thought.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from types import MappingProxyType
from typing import Protocol, runtime_checkable

from attnprobe.errors import TaskError


class KeyDefinition(StrEnum):
    """Which earlier tokens count as the source of a gold token.

    TOKEN_MATCH: every earlier token equal to it, exemplars and the answer so far included (arXiv 2502.15120).
    PREMISE: all tokens of the question sentences that license its proof step, and of their restatements.
    SOURCE_WORD: within the premise, all pieces of the word with the same lemma.
    PREMISE_REST: the premise without the source word: what says where to look next, but not the word itself. The keys
        of a test of sufficiency, as any copying head would write a word that it is made to look at.
    """

    TOKEN_MATCH = "token_match"
    PREMISE = "premise"
    SOURCE_WORD = "source_word"
    PREMISE_REST = "premise_rest"


class WordKind(StrEnum):
    """What a gold word is. Only words with a licensing sentence have keys; the others are `UNLICENSED`."""

    NAME = "name"
    NOUN = "noun"
    ADJECTIVE = "adjective"
    OTHER = "other"
    UNLICENSED = "unlicensed"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Characters `start` to `end` (half open) of a text."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise TaskError(
                f"span [{self.start}, {self.end}): expected 0 <= start < end; give a span of at least one character."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldWord:
    """One word (or punctuation mark) of the gold chain of thought.

    Attributes:
        span: where it stands, in gold offsets, without the space before it.
        kind: what it is; `UNLICENSED` when no sentence licenses it.
        premise: text offsets of the licensing sentences and their restatements before this word; None when
            the task does not know them (readers of foreign formats), empty when there are none.
        source_word: text offsets, within the premise, of the words with the same lemma; None and empty as
            above.
        foils: words that could stand here instead and would be wrong, as written here (number, capital), best
            first. Those that occur in the prompt come first.
    """

    span: Span
    kind: WordKind
    premise: tuple[Span, ...] | None = None
    source_word: tuple[Span, ...] | None = None
    foils: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Corruption:
    """A version of the example in which the foil is right.

    Attributes:
        word: index into `Example.words` of the target word, at which clean and corrupted text first disagree
            within the gold.
        foil: the word that is right in the corrupted text.
        prompt: the corrupted prompt.
        gold: the corrupted gold chain of thought, equal to the clean one before the target word.
        spans: the example's named spans where they stand in the corrupted prompt, as many stretches of each; None where
            that is not known.
    """

    word: int
    foil: str
    prompt: str
    gold: str
    spans: Mapping[str, tuple[Span, ...]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One question, its gold chain of thought, and where each gold word comes from.

    Attributes:
        id: unique within its task, stable under its seed.
        prompt: what the model is given, ending where it starts to write (for example "...\\nA:").
        gold: the gold chain of thought, with the space that joins it to the prompt.
        words: the gold words in order; empty where the task knows only text (`token_match` keys then).
        spans: named text offsets (`question`, `facts`, `rules`, `query`, `exemplars`, `distractors`, or the
            user's own).
        corruptions: corrupted versions, best first; the first whose pieces line up under a tokenizer is used.
        facts: what else is known, for grouping (rule, hops, shots, distractors, seed).
    """

    id: str
    prompt: str
    gold: str
    words: tuple[GoldWord, ...] = ()
    spans: Mapping[str, tuple[Span, ...]] = field(default_factory=lambda: MappingProxyType({}))
    corruptions: tuple[Corruption, ...] = ()
    facts: Mapping[str, str | int] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        if not self.prompt or not self.gold:
            raise TaskError(
                f"example {self.id!r}: prompt and gold must both hold text; got {len(self.prompt)} and "
                f"{len(self.gold)} characters."
            )
        object.__setattr__(self, "spans", MappingProxyType(dict(self.spans)))
        object.__setattr__(self, "facts", MappingProxyType(dict(self.facts)))
        for name, spans in self.spans.items():
            for span in spans:
                if span.end > len(self.text):
                    raise TaskError(
                        f"example {self.id!r}: span {name!r} [{span.start}, {span.end}) ends outside its "
                        f"text of {len(self.text)} characters; give character offsets into the prompt."
                    )
        for word, following in pairwise(self.words):
            if word.span.end > following.span.start:
                raise TaskError(
                    f"example {self.id!r}: gold words [{word.span.start}, {word.span.end}) and "
                    f"[{following.span.start}, {following.span.end}) overlap or are out of order; give them "
                    "in order."
                )
        for word in self.words:
            if word.span.end > len(self.gold):
                raise TaskError(
                    f"example {self.id!r}: gold word [{word.span.start}, {word.span.end}) ends outside the "
                    f"gold of {len(self.gold)} characters."
                )

        for corruption in self.corruptions:
            for name, spans in (corruption.spans or {}).items():
                n_own, end = len(self.spans.get(name, ())), max((span.end for span in spans), default=0)
                if len(spans) != n_own or end > len(corruption.prompt):
                    raise TaskError(
                        f"example {self.id!r}: span {name!r} of a corrupted prompt of {len(corruption.prompt)} "
                        f"characters has {len(spans)} stretches up to {end}; expected {n_own}, as in the clean text."
                    )

    @property
    def text(self) -> str:
        """Prompt and gold joined: the text that is tokenised in one piece."""
        return self.prompt + self.gold

    @property
    def definitions(self) -> tuple[KeyDefinition, ...]:
        """The key definitions that the example knows: all if it knows the sources of its words."""
        knows_sources = all(word.premise is not None and word.source_word is not None for word in self.words)
        return tuple(KeyDefinition) if self.words and knows_sources else (KeyDefinition.TOKEN_MATCH,)


@runtime_checkable
class Task(Protocol):
    """A named, ordered, finite collection of examples."""

    @property
    def name(self) -> str:
        """How results call it, for example `prontoqa/implication_elimination/2hop`."""
        ...

    @property
    def settings(self) -> Mapping[str, str | int | None]:
        """Everything that determines the examples, for the manifest."""
        ...

    @property
    def examples(self) -> Sequence[Example]:
        """The examples in order."""
        ...
