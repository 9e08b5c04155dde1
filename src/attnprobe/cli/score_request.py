"""What the user asks of attention scores, understood and checked before anything is loaded.

In: `Typed`. Out: `ScoreRequest`. An option that would do nothing is refused: nobody should believe that it acted.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from attnprobe.attention.settings import FirstKey, Normalisation, Protocol, ScoreSettings
from attnprobe.cli.run_request import RunRequest, TaskKind
from attnprobe.cli.typed import Typed, option_name
from attnprobe.errors import SpecError
from attnprobe.kernels import Impl
from attnprobe.report.score_summary import acts_with
from attnprobe.runs import JsonValue
from attnprobe.tasks import KeyDefinition, Task

_PARTS = re.compile(r"(\d+)(?:-(\d+))?")


class Tagging(StrEnum):
    """Who says what part of speech a word is. GRAMMAR: that of generated proofs. AUTO: the best that is there."""

    NONE = "none"
    AUTO = "auto"
    GRAMMAR = "grammar"
    SPACY = "spacy"
    TEXTBLOB = "textblob"


class Correctness(StrEnum):
    """By which verdict on the model's own proof scores are compared; none: the model writes nothing."""

    NONE = "none"
    STRICT = "strict"
    CONTAIN = "contain"
    VALID = "valid"
    EXACT = "exact"


_ALIGNED_ONLY = ("normalise", "keys", "layers", "first_key", "sink_share", "categories", "correctness", "batch_size")
Layers = Callable[[int], tuple[int, ...] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRequest:
    """`attnprobe score`, understood.

    Attributes:
        run: model, task and place of results.
        settings: of the scores; keys and layers are those of `settings_for`.
        keys: as asked; None for the best that the task knows.
        layers: which, given how many the model has.
        tagging: who tags words, if anyone does.
        correctness: by which verdict scores are compared.
    """

    run: RunRequest
    settings: ScoreSettings
    keys: str | None
    layers: Layers
    tagging: Tagging
    correctness: Correctness

    @classmethod
    def of(cls, typed: Typed) -> "ScoreRequest":
        """Understand a command line.

        Raises:
            SpecError: a value does not exist, or an option does not apply beside another.
        """
        run = RunRequest.of(typed)
        settings = ScoreSettings(
            protocol=typed.choice("protocol", Protocol),
            normalise=typed.choice("normalise", Normalisation),
            first_key=typed.choice("first_key", FirstKey),
            sink_share=typed.real("sink_share"),
            seed=typed.whole("seed", at_least=0),
            batch_size=typed.whole("batch_size", at_least=1),
            impl=typed.choice("impl", Impl),
        )
        request = cls(
            run=run,
            settings=settings,
            keys=typed.optional("keys"),
            layers=_layers(typed.text("layers")),
            tagging=typed.choice("categories", Tagging),
            correctness=_correctness(typed, run.task_kind, settings.protocol),
        )
        _refuse_idle(typed, settings)
        _refuse_foreign(request)
        return request

    @property
    def beside(self) -> Mapping[str, JsonValue]:
        """What else is measured, for the manifest."""
        if self.settings.protocol is Protocol.PAPER:
            return {}
        return {"categories": self.tagging.value, "correctness": self.correctness.value}

    def settings_for(self, task: Task, n_layers: int) -> ScoreSettings:
        """The settings for a task and a model.

        Raises:
            SpecError: the model has no such layer.
        """
        knows_sources = all(KeyDefinition.SOURCE_WORD in example.definitions for example in task.examples)
        best = KeyDefinition.SOURCE_WORD if knows_sources else KeyDefinition.TOKEN_MATCH
        is_paper = self.settings.protocol is Protocol.PAPER
        keys = KeyDefinition.TOKEN_MATCH if is_paper else self.keys or best
        return replace(self.settings, keys=str(keys), layers=self.layers(n_layers))


def _layers(text: str) -> Layers:
    """Read `all`, `last`, or numbers and ranges."""
    if text == "all":
        return lambda n_layers: None
    if text == "last":
        return lambda n_layers: (n_layers - 1,)
    named = [_range(part.strip(), text) for part in text.split(",")]
    highest = max(last for _, last in named)

    def within(n_layers: int) -> tuple[int, ...]:
        if highest >= n_layers:
            raise SpecError(f"--layers {text!r}: the model has layers 0 to {n_layers - 1}; there is no {highest}.")
        return tuple(sorted({layer for first, last in named for layer in range(first, last + 1)}))

    return within


def _range(part: str, text: str) -> tuple[int, int]:
    match = _PARTS.fullmatch(part)
    if match is None:
        raise SpecError(f"--layers {text!r}: expected layers counted from 0, such as 0,3,5-7; or all, or last.")
    first, last = int(match[1]), int(match[2] or match[1])
    if last < first:
        raise SpecError(f"--layers {text!r}: {part} runs backwards; write {last}-{first}.")
    return first, last


def _correctness(typed: Typed, kind: TaskKind, protocol: Protocol) -> Correctness:
    if typed.optional("correctness") is not None:
        return typed.choice("correctness", Correctness)
    is_judged = kind is TaskKind.PRONTOQA and protocol is Protocol.ALIGNED
    return Correctness.STRICT if is_judged else Correctness.NONE


def _refuse_idle(typed: Typed, settings: ScoreSettings) -> None:
    idle = [option_name(name) for name in _ALIGNED_ONLY if name in typed.given]
    if settings.protocol is Protocol.PAPER and idle:
        raise SpecError(
            f"{', '.join(idle)} with --protocol paper: that protocol leaves no choice; leave "
            f"{'it' if len(idle) == 1 else 'them'} out, or use --protocol aligned."
        )
    for name in sorted(typed.given):
        owners = acts_with(name)
        if owners is not None and settings.normalise not in owners:
            raise SpecError(
                f"{option_name(name)} acts with --normalise {' or '.join(owners)} alone, and this one is "
                f"{settings.normalise}; leave it out."
            )


def _refuse_foreign(request: ScoreRequest) -> None:
    kind = request.run.task_kind
    if request.tagging is Tagging.GRAMMAR and kind is not TaskKind.PRONTOQA:
        raise SpecError(
            f"--categories grammar with --task {kind}: the grammar is that of generated proofs; use auto, spacy or "
            "textblob."
        )
