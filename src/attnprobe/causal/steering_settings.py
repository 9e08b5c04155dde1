"""What is edited while a model writes, as one validated value.

In: options as given on the command line or in Python. Out: `SteerSettings`.
"""

from dataclasses import dataclass
from enum import StrEnum

from attnprobe.errors import SpecError
from attnprobe.models.decoding import DecodingMode
from attnprobe.plan import EmptyRow, HeadId
from attnprobe.tasks import KeyDefinition
from attnprobe.tasks.prontoqa.asked import Measure


class SteerKind(StrEnum):
    """What is done to the heads: DESIGN.md section 4.

    MASK, FORCE: at attention to keys. ABLATE, SCALE: at heads' outputs. TRANSPLANT: their attention rows become those
    of another model that reads the same tokens.
    """

    MASK = "mask"
    FORCE = "force"
    ABLATE = "ablate"
    SCALE = "scale"
    TRANSPLANT = "transplant"

    @property
    def has_keys(self) -> bool:
        """Whether it edits attention to keys, so that other keys can be its control."""
        return self in (SteerKind.MASK, SteerKind.FORCE)


class KeyTiming(StrEnum):
    """Which keys each query gets.

    DYNAMIC: those of the gold token that comes next, as long as the text written agrees with the gold; the last ones
    after it has left. STATIC: at every query all of them that stand in the prompt.
    """

    DYNAMIC = "dynamic"
    STATIC = "static"


class Replacement(StrEnum):
    """What an ablated head gives. ZERO: nothing. MEAN: its mean over the positions of the task's first examples."""

    ZERO = "zero"
    MEAN = "mean"


@dataclass(frozen=True, slots=True, kw_only=True)
class SteerSettings:
    """Edits of one set of heads while answers are written, and what they are compared with.

    Attributes:
        heads: edited together, at least one.
        intervention: what is done.
        keys: of a mask or a force: `source_word`, `premise`, `premise_rest`, `token_match`, or the name of a span.
            Empty means `premise_rest` for a force and `source_word` for a mask.
        timing: which keys each query gets; None for dynamic with a definition and static with a span.
        strength: of a mask, in (0, 1].
        mass: of a force, in [0, 1].
        steps: of dynamic keys: only these steps of the gold are edited, counted from 0; None for all.
        ablation: what an ablated head gives.
        factor: of a scaling.
        empty_row: what becomes of a query that is left without keys.
        reads_prompt: of ablate, scale and transplant: whether heads are edited at the prompt's positions too, not only
            from the one on that predicts the first new token.
        measure: what makes a proof right.
        max_new_tokens: longest answer; None for what the task asks for.
        seed: of controls.
        mode: whether keys and values are kept while answers are written.
        batch_size: answers that are written together.
    """

    heads: tuple[HeadId, ...]
    intervention: SteerKind = SteerKind.MASK
    keys: str = ""
    timing: KeyTiming | None = None
    strength: float = 1.0
    mass: float = 0.9
    steps: tuple[int, ...] | None = None
    ablation: Replacement = Replacement.ZERO
    factor: float = 0.0
    empty_row: EmptyRow = EmptyRow.RAISE
    reads_prompt: bool = False
    measure: Measure = Measure.STRICT
    max_new_tokens: int | None = None
    seed: int = 0
    mode: DecodingMode = DecodingMode.AUTO
    batch_size: int = 64

    def __post_init__(self) -> None:
        for name, kind in _CHOICES.items():
            if (given := getattr(self, name)) is not None:
                object.__setattr__(self, name, _member(kind, name, given))
        if not self.heads:
            raise SpecError("no heads to edit: name at least one, such as L1H2.")
        object.__setattr__(self, "heads", tuple(sorted(set(self.heads))))
        if any(head.is_kv for head in self.heads):
            raise SpecError("key and value heads have no attention of their own; name query heads, such as L1H2.")
        if not 0.0 < self.strength <= 1.0:
            raise SpecError(f"strength {self.strength}: expected a number in (0, 1]; 0 would do nothing.")
        if not 0.0 <= self.mass <= 1.0:
            raise SpecError(f"mass {self.mass}: expected a number in [0, 1].")
        if self.intervention.has_keys and self.reads_prompt:
            raise SpecError(f"edits of the prompt are for ablate, scale and transplant, not for {self.intervention}.")
        if self.steps is not None and self.resolved_timing is KeyTiming.STATIC:
            raise SpecError("steps: static keys are the same at every step; use dynamic ones.")
        if self.batch_size < 1 or (self.max_new_tokens is not None and self.max_new_tokens < 1):
            raise SpecError(
                f"batch size {self.batch_size}, answers of {self.max_new_tokens} tokens: expected at least 1."
            )

    @property
    def resolved_keys(self) -> str:
        """`keys`, with the default of the intervention filled in."""
        return self.keys or ("premise_rest" if self.intervention is SteerKind.FORCE else "source_word")

    @property
    def resolved_timing(self) -> KeyTiming:
        """`timing`, with the default of the keys filled in."""
        is_definition = self.resolved_keys in set(KeyDefinition)
        return self.timing or (KeyTiming.DYNAMIC if is_definition else KeyTiming.STATIC)


_CHOICES: dict[str, type[StrEnum]] = {
    "intervention": SteerKind,
    "timing": KeyTiming,
    "ablation": Replacement,
    "empty_row": EmptyRow,
    "measure": Measure,
    "mode": DecodingMode,
}


def _member(kind: type[StrEnum], name: str, given: str) -> StrEnum:
    try:
        return kind(given)
    except ValueError as error:
        raise SpecError(f"{name} {given!r}: expected one of {', '.join(kind)}.") from error
