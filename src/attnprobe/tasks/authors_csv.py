"""Reader of the CSV that the authors of arXiv 2502.15120 publish (`logic_proving_dataset.csv`).

In: a file with the columns `input` (a prompt that ends with `A:`) and `label` (the gold proof). Out: a
`Task`.

The text alone says nothing of sources: such examples know the `token_match` keys and the spans `question`,
`query` and `exemplars`. The kind of a word is known from the vocabulary. A row of any other text is an example too, but
knows no spans.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

from attnprobe.errors import TaskError
from attnprobe.tasks.collected import CollectedTask
from attnprobe.tasks.example import Example, Span
from attnprobe.tasks.files import lines_of, task_from_file
from attnprobe.tasks.upstream import words_by_vocabulary

COLUMNS = ("input", "label")


def csv_task(path: Path | str, *, n: int | None = None) -> CollectedTask:
    """The examples of a CSV in the authors' format; row k (the header not counted) has the id `row k`.

    Args:
        path: the file.
        n: the first how many; all if None.

    Raises:
        TaskError: the file cannot be read, lacks a column, or holds a row without input or label; the line
            is named.

    Source: the data of arXiv 2502.15120.
    """
    return task_from_file("csv", Path(path), _examples, n)


def _examples(path: Path) -> Iterator[Example]:
    rows = _rows(path)
    _, header = next(rows, (0, list(COLUMNS)))
    missing = [column for column in COLUMNS if column not in header]
    if missing:
        raise TaskError(
            f"{path}, line 1: column {missing[0]!r} is missing; expected a header with {' and '.join(COLUMNS)}."
        )
    for number, (line, row) in enumerate(rows, start=1):
        place = f"{path}, line {line}"
        if len(row) != len(header):
            raise TaskError(f"{place}: {len(row)} fields; expected {len(header)}, as in the header.")
        prompt, gold = (row[header.index(column)] for column in COLUMNS)
        yield _example(prompt, gold, number, place)


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Each row with the number of its last line."""
    reader = csv.reader(lines_of(path), strict=True)
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            place = f"{path}, line {reader.line_num}"
            raise TaskError(f"{place}: not CSV ({error}); mend or quote the field.") from None
        if row is None:
            return
        if row:
            yield reader.line_num, row


def _example(prompt: str, gold: str, number: int, place: str) -> Example:
    if not prompt or not gold:
        raise TaskError(f"{place}: input and label must both hold text; mend the row or take it out.")
    begin = max(prompt.rfind("\nQ: ") + 1, 0)
    query = prompt.rfind("Prove: ", begin)
    question = begin + len("Q: ")
    if not prompt.startswith("Q: ", begin) or query < 0 or not prompt.endswith("\nA:"):
        # other text in the same columns: it has no question and query to name
        return Example(id=f"row {number}", prompt=prompt, gold=gold, words=words_by_vocabulary(gold))
    return Example(
        id=f"row {number}",
        prompt=prompt,
        gold=gold,
        words=words_by_vocabulary(gold),
        spans={
            "question": _stripped(prompt, question, query),
            "query": _stripped(prompt, query, len(prompt) - len("A:")),
            "exemplars": _stripped(prompt, 0, begin),
        },
        facts={"shots": prompt.count("Q: ") - 1},
    )


def _stripped(text: str, start: int, end: int) -> tuple[Span, ...]:
    """A stretch of text without white space at its ends; none if nothing is left."""
    piece = text[start:end]
    first = start + len(piece) - len(piece.lstrip())
    last = end - (len(piece) - len(piece.rstrip()))
    return (Span(first, last),) if first < last else ()
