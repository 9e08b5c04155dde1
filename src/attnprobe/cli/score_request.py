"""What the user asks of attention scores, understood and checked before anything is loaded.

In: `Typed`. Out: `ScoreRequest`. An option that would do nothing is refused: nobody should believe that it acted.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from attnprobe.attention.settings import FirstKey, Normalisation, Protocol, ScoreSettings
from attnprobe.cli.run_request import RunRequest, TaskKind
from attnprobe.cli.typed import Typed, option_name
from attnprobe.errors import SpecError
from attnprobe.evaluation.association.settings import AssociationSettings
from attnprobe.kernels import Impl
from attnprobe.report.score_summary import acts_with
from attnprobe.tasks import KeyDefinition, Task
from attnprobe.tasks.parts_of_speech import Tagger, TaggerChoice, tagger_for
from attnprobe.tasks.prontoqa.asked import Measure, is_theorem
from attnprobe.zoo.catalogue import LEARNER_NAME

SCORED_EXAMPLES = 96
"""Of generated proofs: enough of the model's own answers to them are wrong to be compared with the right ones."""

_NONE = "none"
_RANGE = re.compile(r"(\d{1,6})(?:-(\d{1,6}))?")
_ALIGNED_ONLY = ("normalise", "keys", "layers", "first_key", "sink_share", "categories", "batch_size")


class Tagging(StrEnum):
    """Who says what part of speech a word is, if that is asked."""

    NONE = _NONE
    AUTO = TaggerChoice.AUTO
    GRAMMAR = TaggerChoice.GRAMMAR
    SPACY = TaggerChoice.SPACY
    TEXTBLOB = TaggerChoice.TEXTBLOB


class Correctness(StrEnum):
    """By which verdict on the model's own answer scores are compared; none: it writes nothing."""

    NONE = _NONE
    STRICT = Measure.STRICT
    CONTAIN = Measure.CONTAIN
    VALID = Measure.VALID
    EXACT = Measure.EXACT


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
        association: how scores are held against the model's own answers; None: they are not.
    """

    run: RunRequest
    settings: ScoreSettings
    keys: str | None
    layers: Layers
    tagging: Tagging
    association: AssociationSettings | None

    @classmethod
    def of(cls, typed: Typed) -> "ScoreRequest":
        """Understand a command line.

        Raises:
            SpecError: a value does not exist, or an option does not apply beside another.
        """
        run = RunRequest.of(typed, zoo_model=LEARNER_NAME, n=SCORED_EXAMPLES)
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
            association=_association(typed, run.task_kind, settings),
        )
        _refuse_idle(typed, request)
        return request

    def check_task(self, task: Task) -> None:
        """Refuse a verdict on proofs where the task has none.

        Raises:
            SpecError: with what can be asked instead.
        """
        if self.association is None or self.association.measure is Measure.EXACT:
            return
        if not all(is_theorem(example) for example in task.examples):
            raise SpecError(
                f"--correctness {self.association.measure.value}: {task.name} is not made of proofs that can be "
                "judged; use exact, which compares with the gold text, or none."
            )

    def tagger(self, task: Task) -> Tagger | None:
        """Who tags the task's words, if anyone does.

        Raises:
            SpecError: what was named is not installed.
        """
        return None if self.tagging is Tagging.NONE else tagger_for(task, TaggerChoice(self.tagging.value))

    def settings_for(self, task: Task, n_layers: int) -> ScoreSettings:
        """The settings for a task and a model.

        Args:
            task: decides on the keys where none were asked for.
            n_layers: of the model.

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
    match = _RANGE.fullmatch(part)
    if match is None:
        raise SpecError(f"--layers {text!r}: expected layers counted from 0, such as 0,3,5-7; or all, or last.")
    first, last = int(match[1]), int(match[2] or match[1])
    if last < first:
        raise SpecError(f"--layers {text!r}: {part} runs backwards; write {last}-{first}.")
    return first, last


def _association(typed: Typed, kind: TaskKind, settings: ScoreSettings) -> AssociationSettings | None:
    is_proof = kind is TaskKind.PRONTOQA and settings.protocol is Protocol.ALIGNED
    chosen = Correctness.STRICT if is_proof else Correctness.NONE
    if typed.optional("correctness") is not None:
        chosen = typed.choice("correctness", Correctness)
    if chosen is Correctness.NONE:
        return None
    return AssociationSettings(measure=Measure(chosen.value), seed=settings.seed)


def _refuse_idle(typed: Typed, request: ScoreRequest) -> None:
    settings = request.settings
    if settings.protocol is Protocol.PAPER:
        idle = [option_name(name) for name in _ALIGNED_ONLY if name in typed.given]
        if idle:
            raise SpecError(
                f"{', '.join(idle)} with --protocol paper: that protocol leaves no choice; leave "
                f"{'it' if len(idle) == 1 else 'them'} out, or use --protocol aligned."
            )
        if "seed" in typed.given and request.run.task_kind is not TaskKind.PRONTOQA and request.association is None:
            raise SpecError("--seed with --protocol paper and a file: nothing is drawn there; leave it out.")
    for name in sorted(typed.given):
        owners = acts_with(name)
        is_tagged = name == "first_key" and request.tagging is not Tagging.NONE
        if owners is not None and settings.normalise not in owners and not is_tagged:
            raise SpecError(
                f"{option_name(name)} acts with --normalise {' or '.join(owners)} alone, and this one is "
                f"{settings.normalise}; leave it out."
            )
