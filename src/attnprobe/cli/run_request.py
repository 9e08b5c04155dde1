"""What every command that looks inside a model asks first: which model, which task, where results go.

In: `Typed`. Out: `RunRequest`, understood before anything is loaded; options that shape another task are refused.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from attnprobe.cli.typed import Typed, option_name
from attnprobe.errors import SpecError
from attnprobe.models.model import Backend
from attnprobe.tasks import CollectedTask, Distractors, Rule, csv_task, jsonl_task, prontoqa_task, upstream_task
from attnprobe.zoo.catalogue import DEFAULT_NAME

DEFAULT_EXAMPLES = 48
_GENERATED = ("rule", "hops", "shots", "distractors")


class TaskKind(StrEnum):
    """Where examples come from: generated, or a file in our format, the authors', or upstream's."""

    PRONTOQA = "prontoqa"
    JSONL = "jsonl"
    CSV = "csv"
    UPSTREAM = "upstream"


class Precision(StrEnum):
    """What numbers a model computes with; auto is float32 on a CPU and the checkpoint's elsewhere."""

    AUTO = "auto"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


_READERS: Mapping[TaskKind, Callable[..., CollectedTask]] = {
    TaskKind.JSONL: jsonl_task,
    TaskKind.CSV: csv_task,
    TaskKind.UPSTREAM: upstream_task,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """The part of a command line that says what is looked at and where results go.

    Attributes:
        model: hub name, directory or `zoo:NAME`; the command's own where none was given.
        loading: further words for `load_model`.
        task_kind: where examples come from.
        task: builds the examples.
        out: where results go; None for a directory named by the configuration.
    """

    model: str
    loading: Mapping[str, Any]
    task_kind: TaskKind
    task: Callable[[], CollectedTask]
    out: Path | None

    @classmethod
    def of(cls, typed: Typed, *, zoo_model: str = DEFAULT_NAME, n: int = DEFAULT_EXAMPLES) -> "RunRequest":
        """Understand it.

        Args:
            typed: the command line.
            zoo_model: taken where no model is named.
            n: how many examples are generated where no number is given.

        Raises:
            SpecError: a value does not exist, or an option does not apply beside another.
        """
        dtype = typed.choice("dtype", Precision)
        out = typed.optional("out")
        return cls(
            model=typed.optional("model") or f"zoo:{zoo_model}",
            loading={
                "backend": typed.choice("backend", Backend),
                "device": typed.optional("device"),
                "dtype": None if dtype is Precision.AUTO else dtype.value,
            },
            task_kind=typed.choice("task", TaskKind),
            task=_task(typed, typed.whole("seed", at_least=0), n),
            out=None if out is None else Path(out).expanduser(),
        )


def _task(typed: Typed, seed: int, default_n: int) -> Callable[[], CollectedTask]:
    kind = typed.choice("task", TaskKind)
    file = typed.optional("task_file")
    n = typed.whole("n", at_least=1) if "n" in typed.given else None
    if kind is TaskKind.PRONTOQA:
        if file is not None:
            raise SpecError("--task-file with --task prontoqa: it is generated; say which --task reads the file.")
        return _generated(typed, n or default_n, seed)
    idle = [option_name(name) for name in _GENERATED if name in typed.given]
    if idle:
        raise SpecError(f"{', '.join(idle)} with --task {kind}: these shape generated tasks alone; leave them out.")
    if file is None:
        raise SpecError(f"--task {kind} needs a file; give it with --task-file.")
    return lambda: _read(kind, Path(file).expanduser(), n)


def _generated(typed: Typed, n: int, seed: int) -> Callable[[], CollectedTask]:
    rule, distractors = typed.choice("rule", Rule), typed.choice("distractors", Distractors)
    hops, shots = typed.whole("hops", at_least=1), typed.whole("shots", at_least=0)
    return lambda: prontoqa_task(rule=rule, hops=hops, shots=shots, distractors=distractors, n=n, seed=seed)


def _read(kind: TaskKind, path: Path, n: int | None) -> CollectedTask:
    task = _READERS[kind](path, n=n)
    if n is not None and len(task.examples) < n:
        raise SpecError(
            f"-n {n}: {path.name} holds {len(task.examples)} examples; ask for at most that many, or leave -n out."
        )
    return task
