"""Examples as they are shown: prompt and gold cut into pieces that carry what the sweep did to them.

In: a task's examples and a `PatchResult`. Out: `ShownExample`s, text with marks; escaping is the page's.
"""

import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import pandas as pd

from attnprobe.causal.result import PatchResult
from attnprobe.causal.settings import Metric, PatchSettings
from attnprobe.tasks.example import Example, GoldWord, KeyDefinition, Span, WordKind

KEY, FOCUS, SOURCE = "key", "focus", "source"
_LONGEST_PROMPT = 1_500
_SURE = ((0.9, "p5"), (0.5, "p4"), (0.1, "p3"), (0.01, "p2"), (0.0, "p1"))
# these shape the text of honest languages; what else is invisible is written out, since a model sees it
_KEPT = {"\n", "\t", "\u200c", "\u200d", "\u200e", "\u200f", "\u061c"}


@dataclass(frozen=True, slots=True)
class Piece:
    """Characters that carry the same marks.

    Attributes:
        text: printable; control characters are written as their code.
        marks: of `key` (its attention was cut), `source` (key of the focus word), `focus`, `p1` to `p5` (how likely
            the model found the gold word, from below .01 to .9 and above), `unscored`.
        note: what a reader may want to know of it, or "".
    """

    text: str
    marks: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownExample:
    """One example for the page.

    Attributes:
        id: of the example.
        prompt: its end, in pieces.
        hidden: how many characters before are not shown.
        gold: the gold chain of thought, in pieces.
        focus: the gold word whose sources are marked strongest; None where no word has keys.
    """

    id: str
    prompt: tuple[Piece, ...]
    hidden: int
    gold: tuple[Piece, ...]
    focus: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Word:
    """What was measured of one gold word: log p in nats summed over its pieces, None where that is not the metric."""

    scored: bool
    log_p: float | None


def shown_examples(examples: Sequence[Example], result: PatchResult, *, count: int = 3) -> tuple[ShownExample, ...]:
    """Mark the first measured examples.

    Args:
        examples: of the task.
        result: of the sweep.
        count: how many at most.
    """
    by_id = {example.id: example for example in examples}
    measured = [str(name) for name in result.tokens["example"].unique()] if len(result.tokens) else []
    return tuple(_shown(by_id[name], result) for name in measured[:count] if name in by_id)


def _shown(example: Example, result: PatchResult) -> ShownExample:
    words = _measured_words(result, example.id)
    focus = _focus(example, words, result.settings)
    keys = _keys(example, words, result.settings)
    sources = [] if focus is None else list(_sources(focus, result.settings.keys) or ())
    start, text = len(example.prompt), example.text
    marks: list[tuple[int, int, str, str]] = [(span.start, span.end, KEY, "") for span in keys]
    marks += [(span.start, span.end, SOURCE, "") for span in sources]
    for index, word in enumerate(example.words):
        measured = words.get(index)
        place = start + word.span.start, start + word.span.end
        if measured is not None:
            marks.append((*place, *_surprise(measured, word.kind)))
        if word is focus:
            marks.append((*place, FOCUS, ""))
    hidden = max(0, start - _LONGEST_PROMPT)
    return ShownExample(
        id=printable(example.id),
        prompt=tuple(_pieces(text, hidden, start, marks)),
        hidden=hidden,
        gold=tuple(_pieces(text, len(text) - len(example.gold.lstrip()), len(text), marks)),
        focus=None if focus is None else printable(example.gold[focus.span.start : focus.span.end]),
    )


def _measured_words(result: PatchResult, example_id: str) -> Mapping[int, _Word]:
    is_log_p = result.settings.metric is Metric.GOLD_LOGPROB
    words: dict[int, _Word] = {}
    columns = (result.tokens[name] for name in ("example", "word", "scored", "clean"))
    for example, word, scored, clean in zip(*columns, strict=True):
        if example != example_id or pd.isna(word):
            continue
        log_p = float(clean) if is_log_p and pd.notna(clean) else None
        before = words.get(int(word), _Word(scored=False, log_p=None))
        words[int(word)] = _Word(
            scored=before.scored or bool(scored),
            log_p=before.log_p if log_p is None else (before.log_p or 0.0) + log_p,
        )
    return words


def _focus(example: Example, words: Mapping[int, _Word], settings: PatchSettings) -> GoldWord | None:
    """The last scored word that has a key within the prompt: late steps are where reasoning has something to carry."""
    if not settings.intervention.has_keys:
        return None
    found = None
    for index, word in enumerate(example.words):
        sources = _sources(word, settings.keys)
        is_scored = index in words and words[index].scored
        if is_scored and sources and any(span.end <= len(example.prompt) for span in sources):
            found = word
    return found


def _sources(word: GoldWord, keys: str) -> tuple[Span, ...] | None:
    if keys == KeyDefinition.SOURCE_WORD:
        return word.source_word
    if keys == KeyDefinition.PREMISE_REST and word.premise is not None and word.source_word is not None:
        return tuple(span for whole in word.premise for span in _without(whole, word.source_word))
    return word.premise if keys == KeyDefinition.PREMISE else None


def _without(whole: Span, parts: Iterable[Span]) -> Iterable[Span]:
    """What is left of a span once others are cut out of it."""
    start = whole.start
    for part in sorted(parts):
        if whole.start <= part.start < whole.end:
            if start < part.start:
                yield Span(start, part.start)
            start = part.end
    if start < whole.end:
        yield Span(start, whole.end)


def _keys(example: Example, words: Mapping[int, _Word], settings: PatchSettings) -> list[Span]:
    if not settings.intervention.has_keys:
        return []
    if settings.keys in example.spans:
        return list(example.spans[settings.keys])
    scored = [word for index, word in enumerate(example.words) if index in words and words[index].scored]
    return [span for word in scored for span in _sources(word, settings.keys) or ()]


def _surprise(word: _Word, kind: WordKind) -> tuple[str, str]:
    if not word.scored:
        return "unscored", f"{kind.value}, not scored"
    if word.log_p is None:
        return "scored", kind.value
    p = math.exp(min(word.log_p, 0.0))
    level = next(name for floor, name in _SURE if p >= floor)
    return level, f"{kind.value}, p = {p:.2f}"


def _pieces(text: str, start: int, end: int, marks: Iterable[tuple[int, int, str, str]]) -> Iterable[Piece]:
    inside = [
        (max(first, start), min(last, end), mark, note)
        for first, last, mark, note in marks
        if first < end and last > start
    ]
    cuts = sorted({start, end, *(first for first, _, _, _ in inside), *(last for _, last, _, _ in inside)})
    for first, last in pairwise(cuts):
        here = [(mark, note) for begin, stop, mark, note in inside if begin <= first and last <= stop]
        yield Piece(
            printable(text[first:last]),
            tuple(dict.fromkeys(mark for mark, _ in here)),
            "; ".join(dict.fromkeys(note for _, note in here if note)),
        )


def printable(text: str) -> str:
    """Write control and invisible characters as their code, so that none can reorder or hide what is shown."""
    return "".join(
        character
        if character in _KEPT or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp")
        else f"⟨U+{ord(character):04X}⟩"
        for character in text
    )
