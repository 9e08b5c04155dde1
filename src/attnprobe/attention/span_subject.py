"""One example made ready for scoring by span and sentence, and what one layer gives of it.

In: aligned examples. Out: `SpanSubject`s.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from attnprobe.attention.groups import GroupMass, Groups
from attnprobe.attention.licensing import Licences, licences_of
from attnprobe.attention.sentences import GOLD, OTHER, Sentence, sentences_of
from attnprobe.attention.settings import FirstKey, ScoreSettings
from attnprobe.errors import SpecError
from attnprobe.tasks import AlignedExample, TextTokenizer
from attnprobe.tasks.aligned import SINK_POSITION

FIRST = "first"
"""What tables call the first token, where it is kept apart."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpanSubject:
    """One example made ready.

    Attributes:
        aligned: the example.
        sentences: its sentences.
        answer: indices of the sentences of its answer, which look.
        licences: what is compared of them.
        groups: queries and keys of the spans, then those of the sentences.
        n_spans: how many groups are spans.
    """

    aligned: AlignedExample
    sentences: tuple[Sentence, ...]
    answer: tuple[int, ...]
    licences: Licences
    groups: Groups
    n_spans: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpanLayer:
    """What one layer gave of one example.

    Attributes:
        spans: mass between spans.
        sentences: mass of answer sentences on all sentences.
        impl: which kernels ran.
    """

    spans: GroupMass
    sentences: GroupMass
    impl: str


def span_names(aligned: Sequence[AlignedExample], settings: ScoreSettings) -> tuple[str, ...]:
    """The spans of a task, in the order in which its examples name them.

    Raises:
        SpecError: an example has a span of its own called `gold`, `first` or `other`.
    """
    named = tuple(dict.fromkeys(name for one in aligned for name, positions in one.spans.items() if positions))
    reserved = [name for name in named if name in (GOLD, FIRST, OTHER)]
    if reserved:
        raise SpecError(f"span {reserved[0]!r}: this name is ours, for tables of spans; rename it in the task.")
    first = (FIRST,) if settings.first_key is FirstKey.FIRST_TOKEN else ()
    return (*named, GOLD, OTHER, *first)


def span_subject(
    aligned: AlignedExample, tokenizer: TextTokenizer, names: Sequence[str], settings: ScoreSettings
) -> SpanSubject:
    """Settle the spans, sentences and queries of one example.

    Args:
        aligned: the example.
        tokenizer: that it was aligned with.
        names: of `span_names`.
        settings: first key and seed.
    """
    sentences = sentences_of(aligned, tokenizer)
    answer = tuple(index for index, sentence in enumerate(sentences) if sentence.role == GOLD)
    spans = _spans(aligned, names)
    n = len(aligned.ids)
    keys = np.array([_flags(sentence.positions, n) for sentence in sentences])
    looks = np.array([_flags([position - 1 for position in sentences[index].positions], n) for index in answer])
    if FIRST in names:
        keys[:, SINK_POSITION] = False
    return SpanSubject(
        aligned=aligned,
        sentences=sentences,
        answer=answer,
        licences=licences_of(sentences, seed=settings.seed, example_id=aligned.example.id),
        groups=Groups(queries=np.concatenate([spans, looks]), keys=np.concatenate([spans, keys])),
        n_spans=len(names),
    )


def _spans(aligned: AlignedExample, names: Sequence[str]) -> Bool[np.ndarray, "span pos"]:
    n = len(aligned.ids)
    found = {name: _flags(positions, n) for name, positions in aligned.spans.items()}
    found[GOLD] = _flags([target.position for target in aligned.targets], n)
    found[OTHER] = ~np.any(list(found.values()), axis=0)
    if FIRST in names:
        for flags in found.values():
            flags[SINK_POSITION] = False
        found[FIRST] = _flags([SINK_POSITION], n)
    return np.array([found.get(name, np.zeros(n, dtype=bool)) for name in names])


def _flags(positions: Sequence[int], n: int) -> Bool[np.ndarray, " pos"]:
    flags = np.zeros(n, dtype=bool)
    flags[list(positions)] = True
    return flags
