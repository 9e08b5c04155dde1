"""Our own task format: one JSON object a line (broken here for the page).

    {"id": "lisbon", "prompt": "Lisbon is the capital of Portugal. The capital of Portugal is", "gold": " Lisbon",
     "foil": " Porto", "corrupted": "Porto is the capital of Portugal. The capital of Portugal is",
     "spans": {"fact": [[0, 34]]}, "sources": [{"gold": [1, 7], "keys": [[0, 6]]}]}

In: a file of such lines, read as it is needed. Out: a `Task`.

`id`, `prompt` and `gold` must be there and hold text; ids differ. All offsets are characters, `[start, end)`. Fields of
other names are let be, unless they look like a misspelled one.

- `gold` begins with the white space that joins it to the prompt.
- `foil`: another gold, in whole, that would be wrong here. Where it and the gold first differ, word by word, is where
  the two are compared. White space at its start does not matter.
- `corrupted` (with `foil`): a prompt for which `foil` is right. Where it has other tokens in number, what is the same
  in both is told by their spans.
- `corrupted_spans` (with `corrupted`): where each of `spans` stands in `corrupted`, as many stretches of each. Without
  it they are looked for by counting words, if both prompts have as many.
- `spans`: named stretches of the prompt.
- `sources`: for stretches of the gold (offsets in the gold), what they come from: offsets in the prompt, or, counted on
  from its end, in the gold before that stretch. They are the keys under `source_word` and under `premise` alike: the
  format has one notion of source. Gold words outside have none under these two. Without `sources` an example knows the
  `token_match` keys and its spans.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from attnprobe.errors import TaskError
from attnprobe.tasks.collected import CollectedTask
from attnprobe.tasks.example import Corruption, Example, GoldWord, KeyDefinition, Span, WordKind
from attnprobe.tasks.fields import Fields, items, parsed, span
from attnprobe.tasks.files import lines_of, task_from_file
from attnprobe.tasks.segments import segments

FIELDS = ("id", "prompt", "gold", "foil", "corrupted", "corrupted_spans", "spans", "sources")


def jsonl_task(path: Path | str, *, n: int | None = None) -> CollectedTask:
    """The examples of a JSONL file.

    Args:
        path: the file.
        n: the first how many; all if None.

    Raises:
        TaskError: the file cannot be read, or a line is not what this module's text says; file and line are
            named.

    Source: ours.
    """
    return task_from_file("jsonl", Path(path), read_jsonl, n)


def read_jsonl(path: Path) -> Iterator[Example]:
    """The examples of a JSONL file one by one; blank lines are skipped."""
    line_of: dict[str, int] = {}
    for number, line in enumerate(lines_of(path), start=1):
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        fields = Fields.of(parsed(line, place), place)
        fields.none_like(FIELDS)
        example = _example(fields)
        if example.id in line_of:
            raise TaskError(
                f"{place}: id {example.id!r} is also that of line {line_of[example.id]}; give each its own."
            )
        line_of[example.id] = number
        yield example


def _example(fields: Fields) -> Example:
    example_id, prompt, gold = fields.text("id"), fields.text("prompt"), fields.text("gold")
    words = _words(fields, prompt, gold)
    corruptions: tuple[Corruption, ...] = ()
    if "foil" in fields.values:
        index, foil_word, foil = _foil(fields, gold, words)
        words = (*words[:index], replace(words[index], foils=(foil_word,)), *words[index + 1 :])
        if "corrupted" in fields.values:
            corrupted = fields.text("corrupted")
            spans = _corrupted_spans(fields, prompt, corrupted)
            corruptions = (Corruption(word=index, foil=foil_word, prompt=corrupted, gold=foil, spans=spans),)
    elif "corrupted" in fields.values:
        raise TaskError(
            f"{fields.place}: field 'corrupted' needs 'foil', the gold that is right for the corrupted prompt; add it."
        )
    if "corrupted_spans" in fields.values and "corrupted" not in fields.values:
        raise TaskError(
            f"{fields.place}: field 'corrupted_spans' needs 'corrupted', the prompt that it counts in; add it."
        )
    return Example(
        id=example_id,
        prompt=prompt,
        gold=gold,
        words=words if "foil" in fields.values or "sources" in fields.values else (),
        spans=_spans(fields, "spans", prompt),
        corruptions=corruptions,
    )


def _words(fields: Fields, prompt: str, gold: str) -> tuple[GoldWord, ...]:
    """The gold's words, cut also where a source begins or ends, with their sources if the line gives any."""
    if "sources" not in fields.values:
        return tuple(GoldWord(span=each, kind=WordKind.OTHER) for each in segments(gold))
    sources = [
        _source(Fields.of(value, f"{fields.place}: sources[{index}]"), prompt, gold)
        for index, value in enumerate(items(fields.value("sources"), f"{fields.place}: field 'sources'"))
    ]
    cuts = [edge for target, _ in sources for edge in (target.start, target.end)]
    words: list[GoldWord] = []
    for each in segments(gold, cuts):
        own = {key for target, keys in sources if target.start < each.end and each.start < target.end for key in keys}
        keys = tuple(sorted(own))
        words.append(GoldWord(span=each, kind=WordKind.OTHER, premise=keys, source_word=keys))
    return tuple(words)


def _source(fields: Fields, prompt: str, gold: str) -> tuple[Span, tuple[Span, ...]]:
    fields.only(("gold", "keys"))
    target = span(fields.value("gold"), f"{fields.place}.gold", end=len(gold), within="the gold")
    if not gold[target.start : target.end].strip():
        raise TaskError(f"{fields.place}.gold: [{target.start}, {target.end}] holds white space alone; expected words.")
    keys = tuple(
        span(
            value,
            f"{fields.place}.keys[{index}]",
            end=len(prompt) + target.start,
            within="the text before that gold stretch",
        )
        for index, value in enumerate(items(fields.value("keys"), f"{fields.place}.keys"))
    )
    return target, keys


def _foil(fields: Fields, gold: str, words: tuple[GoldWord, ...]) -> tuple[int, str, str]:
    """The word at which the foil parts from the gold, what the foil has there, and the foil as a gold."""
    lead = gold[: len(gold) - len(gold.lstrip())]
    foil = lead + fields.text("foil").strip()
    own = [gold[each.start : each.end] for each in segments(gold)]
    other = [foil[each.start : each.end] for each in segments(foil)]
    parted = next((at for at, (one, two) in enumerate(zip(own, other, strict=False)) if one != two), None)
    if parted is None:
        raise TaskError(
            f"{fields.place}: field 'foil' {fields.text('foil')!r} has no word that differs from the gold's "
            f"{gold!r}; expected another answer."
        )
    at = segments(gold)[parted]
    index = next((index for index, word in enumerate(words) if word.span == at), None)
    if index is None:
        raise TaskError(
            f"{fields.place}: a source cuts through the word {own[parted]!r}, at which foil and gold differ; "
            "expected sources of whole words there."
        )
    return index, other[parted], foil


def _corrupted_spans(fields: Fields, prompt: str, corrupted: str) -> dict[str, tuple[Span, ...]] | None:
    if "corrupted_spans" not in fields.values:
        return None
    own, found = (
        _spans(fields, "spans", prompt),
        _spans(fields, "corrupted_spans", corrupted, within="the corrupted prompt"),
    )
    for name, spans in found.items():
        if len(own.get(name, ())) != len(spans):
            raise TaskError(
                f"{fields.place}: corrupted_spans.{name} has {len(spans)} stretches and spans.{name} "
                f"{len(own.get(name, ()))}; expected as many, in the same order."
            )
    return found


def _spans(fields: Fields, field: str, prompt: str, *, within: str = "the prompt") -> dict[str, tuple[Span, ...]]:
    if field not in fields.values:
        return {}
    named = Fields.of(fields.value(field), f"{fields.place}: field '{field}'")
    for name in named.values:
        if name in tuple(KeyDefinition) or not name:
            raise TaskError(f"{named.place}: {name!r} names a key definition; give the span another.")
    return {
        name: tuple(
            span(each, f"{fields.place}: {field}.{name}[{index}]", end=len(prompt), within=within)
            for index, each in enumerate(items(value, f"{fields.place}: {field}.{name}"))
        )
        for name, value in named.values.items()
    }
