"""Reader of the JSON that upstream's generator writes (github.com/asaparov/prontoqa).

In: a file `{"example1": {"in_context_example0": {...}, ..., "test_example": {...}}, ...}`, each with
`question`, `query` and `chain_of_thought`. Out: a `Task` with the page laid out as its authors did.

The text alone says nothing of sources: such examples know the `token_match` keys and the spans `question`,
`query` and `exemplars`. The kind of a word is known from the vocabulary.
"""

from collections.abc import Iterator
from pathlib import Path

from attnprobe.errors import TaskError
from attnprobe.tasks.collected import CollectedTask
from attnprobe.tasks.example import Example, GoldWord
from attnprobe.tasks.fields import Fields, items, parsed
from attnprobe.tasks.files import lines_of, task_from_file
from attnprobe.tasks.prontoqa.layout import Item, lay_out
from attnprobe.tasks.segments import kind_by_vocabulary, segments

EXEMPLAR = "in_context_example"


def upstream_task(path: Path | str, *, n: int | None = None) -> CollectedTask:
    """The examples of a file of upstream's generator.

    Args:
        path: the file.
        n: the first how many; all if None.

    Raises:
        TaskError: the file cannot be read, or something in it is missing or of another type; file and entry
            are named.

    Source: format of github.com/asaparov/prontoqa (arXiv 2305.15269); layout of arXiv 2502.15120.
    """
    return task_from_file("upstream", Path(path), _examples, n)


def words_by_vocabulary(gold: str) -> tuple[GoldWord, ...]:
    """The words of a gold text whose sources are not known."""
    return tuple(GoldWord(span=span, kind=kind_by_vocabulary(gold[span.start : span.end])) for span in segments(gold))


def _examples(path: Path) -> Iterator[Example]:
    raw = parsed("".join(lines_of(path)), str(path))
    for name, value in Fields.of(raw, str(path)).values.items():
        entry = Fields.of(value, f"{path}, {name}")
        shown = [key for key in entry.values if key.startswith(EXEMPLAR)]
        shown.sort(key=lambda key: _number(key, entry.place))
        exemplars = [_item(entry.values[key], f"{entry.place}, {key}") for key in shown]
        page = lay_out(_item(entry.value("test_example"), f"{entry.place}, test_example"), exemplars)
        yield Example(
            id=name,
            prompt=page.prompt,
            gold=page.gold,
            words=words_by_vocabulary(page.gold),
            spans={
                "question": (page.question,),
                "query": (page.query,),
                "exemplars": (page.exemplars,) if page.exemplars else (),
            },
            facts={"shots": len(exemplars)},
        )


def _number(key: str, place: str) -> int:
    number = key.removeprefix(EXEMPLAR)
    if not number.isdecimal():
        raise TaskError(f"{place}: field {key!r}: expected {EXEMPLAR}0, {EXEMPLAR}1, ...")
    return int(number)


def _item(value: object, place: str) -> Item:
    fields = Fields.of(value, place)
    proof = items(fields.value("chain_of_thought"), f"{place}: field 'chain_of_thought'")
    sentences = [sentence for sentence in proof if isinstance(sentence, str)]
    if not sentences or len(sentences) != len(proof):
        raise TaskError(f"{place}: field 'chain_of_thought': expected a list of sentences, and at least one.")
    return Item(question=fields.text("question"), query=fields.text("query"), proof=tuple(sentences))
