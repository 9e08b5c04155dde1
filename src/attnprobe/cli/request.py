"""What the user asks for, understood and checked before anything is loaded.

In: `Typed`. Out: `PatchRequest`. An option that would do nothing is refused: nobody should believe that it acted.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from attnprobe.causal.controls import ControlKind
from attnprobe.causal.settings import Ablation, Direction, InterventionKind, Metric, PatchSettings
from attnprobe.cli.typed import Typed, member, option_name
from attnprobe.errors import SpecError
from attnprobe.models.model import Backend
from attnprobe.plan import EmptyRow, HeadId, Point
from attnprobe.report.summary import only_for
from attnprobe.tasks import CollectedTask, Distractors, Rule, csv_task, jsonl_task, prontoqa_task, upstream_task

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


class _SingleHeadControl(StrEnum):
    """What a single head can be compared with; sets of heads know one kind more."""

    RANDOM_KEYS = ControlKind.RANDOM_KEYS
    DISTANCE = ControlKind.DISTANCE
    MASS = ControlKind.MASS
    NONE = ControlKind.NONE

    @property
    def kind(self) -> ControlKind:
        return ControlKind(self.value)


_READERS: Mapping[TaskKind, Callable[..., CollectedTask]] = {
    TaskKind.JSONL: jsonl_task,
    TaskKind.CSV: csv_task,
    TaskKind.UPSTREAM: upstream_task,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchRequest:
    """`attnprobe patch`, understood.

    Attributes:
        model: hub name, directory or `zoo:NAME`; None for the zoo's default.
        backend: which library runs it.
        device: where; None for the GPU if there is one.
        dtype: precision; None for the backend's choice.
        task: builds the examples.
        settings: of the sweep.
        out: where results go; None for a directory named by the configuration.
    """

    model: str | None
    backend: Backend
    device: str | None
    dtype: str | None
    task: Callable[[], CollectedTask]
    settings: PatchSettings
    out: Path | None

    @classmethod
    def of(cls, typed: Typed) -> "PatchRequest":
        """Understand a command line.

        Raises:
            SpecError: a value does not exist, or an option does not apply beside another.
        """
        settings = _settings(typed)
        _refuse_idle(typed, settings.intervention)
        dtype = typed.choice("dtype", Precision)
        out = typed.optional("out")
        return cls(
            model=typed.optional("model"),
            backend=typed.choice("backend", Backend),
            device=typed.optional("device"),
            dtype=None if dtype is Precision.AUTO else dtype.value,
            task=_task(typed, settings.seed),
            settings=settings,
            out=None if out is None else Path(out).expanduser(),
        )


def _settings(typed: Typed) -> PatchSettings:
    heads, control = typed.text("heads"), typed.optional("control")
    return PatchSettings(
        intervention=typed.choice("intervention", InterventionKind),
        keys=typed.text("keys"),
        queries=typed.optional("queries"),
        heads=None if heads == "all" else tuple(HeadId.parse(head) for head in heads.split(",")),
        strength=typed.real("strength"),
        ablation=typed.choice("ablation", Ablation),
        site=typed.choice("site", Point),
        direction=typed.choice("direction", Direction),
        factor=typed.real("factor"),
        empty_row=typed.choice("empty_row", EmptyRow),
        metric=typed.choice("metric", Metric),
        control=None if control is None else member("--control", control, _SingleHeadControl).kind,
        placebo=typed.flag("placebo"),
        seed=typed.whole("seed", at_least=0),
        batch_size=typed.whole("batch_size", at_least=1),
    )


def _refuse_idle(typed: Typed, intervention: InterventionKind) -> None:
    for name in sorted(typed.given):
        owner = only_for(name)
        if owner is not None and owner is not intervention:
            raise SpecError(
                f"{option_name(name)} acts with --intervention {owner} alone, and this one is {intervention}; "
                f"leave it out, or use --intervention {owner}."
            )


def _task(typed: Typed, seed: int) -> Callable[[], CollectedTask]:
    kind = typed.choice("task", TaskKind)
    file = typed.optional("task_file")
    n = typed.whole("n", at_least=1) if "n" in typed.given else None
    if kind is TaskKind.PRONTOQA:
        if file is not None:
            raise SpecError("--task-file with --task prontoqa: it is generated; say which --task reads the file.")
        return _generated(typed, n, seed)
    idle = [option_name(name) for name in _GENERATED if name in typed.given]
    if idle:
        raise SpecError(f"{', '.join(idle)} with --task {kind}: these shape generated tasks alone; leave them out.")
    if file is None:
        raise SpecError(f"--task {kind} needs a file; give it with --task-file.")
    return lambda: _read(kind, Path(file).expanduser(), n)


def _generated(typed: Typed, n: int | None, seed: int) -> Callable[[], CollectedTask]:
    rule, distractors = typed.choice("rule", Rule), typed.choice("distractors", Distractors)
    hops, shots = typed.whole("hops", at_least=1), typed.whole("shots", at_least=0)
    return lambda: prontoqa_task(
        rule=rule, hops=hops, shots=shots, distractors=distractors, n=n or DEFAULT_EXAMPLES, seed=seed
    )


def _read(kind: TaskKind, path: Path, n: int | None) -> CollectedTask:
    task = _READERS[kind](path, n=n)
    if n is not None and len(task.examples) < n:
        raise SpecError(
            f"-n {n}: {path.name} holds {len(task.examples)} examples; ask for at most that many, or leave -n out."
        )
    return task
