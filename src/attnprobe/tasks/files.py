"""Task files, line by line: what every reader of this room starts from.

In: a path. Out: its lines as text, or one `TaskError` that names file and line; and the settings that pin a
file.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

from attnprobe.errors import TaskError
from attnprobe.tasks.collected import CollectedTask
from attnprobe.tasks.example import Example

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def lines_of(path: Path) -> Iterator[str]:
    """The lines of a file with their line ends, read as they are needed.

    Raises:
        TaskError: there is no such file, it cannot be read, or a line is not UTF-8.
    """
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                line = raw.removeprefix(BYTE_ORDER_MARK) if number == 1 else raw
                try:
                    yield line.decode("utf-8")
                except UnicodeDecodeError as error:
                    raise TaskError(
                        f"{path}, line {number}: not UTF-8 (byte {error.start + 1} of the line); save the "
                        "file as UTF-8."
                    ) from None
    except OSError as error:
        raise TaskError(f"{path}: cannot be read ({error.strerror}); give the path of a task file.") from None


def task_from_file(kind: str, path: Path, read: Callable[[Path], Iterable[Example]], n: int | None) -> CollectedTask:
    """A task of the first n examples of a file, all of them if n is None.

    Args:
        kind: what reads it: `jsonl`, `csv` or `upstream`.
        path: the file.
        read: yields its examples in order.
        n: how many, at least 1.

    Raises:
        TaskError: the file cannot be read, holds nothing or something malformed, or n is not positive.
    """
    if n is not None and n < 1:
        raise TaskError(f"{n} examples of {path}: expected at least 1; leave n out for all.")
    examples = tuple(islice(read(path), n))
    if not examples:
        raise TaskError(f"{path}: the file holds no example; expected at least one.")
    settings = {"task": kind, "file": path.name, "sha256": _digest(path), "n": n}
    return CollectedTask(name=f"{kind}/{path.stem}", settings=settings, examples=examples)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
