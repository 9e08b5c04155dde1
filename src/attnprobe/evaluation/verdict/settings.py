"""What a verdict is asked, as one validated value.

In: choices. Out: `VerdictSettings`, which the four tests read and the manifest stores before anything runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from attnprobe.causal.settings import InterventionKind, PatchSettings
from attnprobe.errors import SpecError
from attnprobe.plan import EmptyRow, HeadId, SweepLimits, SweepMode
from attnprobe.tasks.prontoqa.asked import Measure


class HeadChoice(StrEnum):
    """Whose attention the verdict is about.

    ALIGNED: heads that attend to the gold keys beyond the null, found on the selecting half. STRONGEST: as many heads,
    those whose masking does most, found on the selecting half. ALL: every head. GIVEN: those that were named.
    """

    ALIGNED = "aligned"
    STRONGEST = "strongest"
    ALL = "all"
    GIVEN = "given"

    @property
    def selects(self) -> bool:
        """Whether examples are spent on choosing heads."""
        return self in (HeadChoice.ALIGNED, HeadChoice.STRONGEST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Minimum:
    """The smallest differences that count; DESIGN.md section 6.

    Attributes:
        nats: of log p of the gold tokens.
        accuracy: of the share of right proofs; .05 is five points.
        auroc: in (.5, 1); its mirror image below .5 bounds equivalence.
        recovery: of the gap between corrupted and clean run, as a share.
    """

    nats: float = 0.1
    accuracy: float = 0.05
    auroc: float = 0.55
    recovery: float = 0.1

    def __post_init__(self) -> None:
        for name in ("nats", "accuracy", "recovery"):
            value = getattr(self, name)
            if not 0 < value < float("inf"):
                raise SpecError(f"minimum {name} {value}: expected a number above 0.")
        if not 0.5 < self.auroc < 1:
            raise SpecError(f"minimum AUROC {self.auroc}: expected a number above .5 and below 1.")


_CHOICES: Mapping[str, type[StrEnum]] = {
    "choice": HeadChoice,
    "empty_row": EmptyRow,
    "sweep": SweepMode,
    "measure": Measure,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictSettings:
    """The four tests of one model on one task.

    Attributes:
        choice: whose attention is tested; `given` if `heads` are named and nothing else is said.
        heads: for `given`, which.
        keys: the gold source keys: `source_word`, `premise`, `token_match`, or the name of a span.
        margin: a head is aligned if its attention mass on the gold keys exceeds that on as many random keys by at least
            this, in (0, 1).
        doses: attention mass that sufficiency forces onto the keys, ascending, in (0, 1].
        dose: the one of `doses` on which its verdict rests. Half by default: with nearly all of the mass on the rest
            of a premise, nothing would be left to read its word with.
        answers: whether the model writes proofs; without, what needs them is not tested.
        measure: what makes a proof right; tasks without proofs are held against their gold text whatever it says.
        max_new_tokens: longest answer; None for the task's own.
        minimum: the smallest differences that count.
        empty_row: what a mask does to a row that it leaves without keys.
        placebo: put keys drawn at random in the place of the gold keys: what is supported then is false.
        seed: of the halves and of everything drawn.
        sweep: how edits are run.
        batch_size: most edits, or answers, that run together.
    """

    choice: HeadChoice = HeadChoice.ALIGNED
    heads: tuple[HeadId, ...] | None = None
    keys: str = "source_word"
    margin: float = 0.1
    doses: tuple[float, ...] = (0.25, 0.5, 0.75)
    dose: float = 0.5
    answers: bool = True
    measure: Measure = Measure.STRICT
    max_new_tokens: int | None = None
    minimum: Minimum = field(default_factory=Minimum)
    empty_row: EmptyRow = EmptyRow.RAISE
    placebo: bool = False
    seed: int = 0
    sweep: SweepMode = SweepMode.AUTO
    batch_size: int = 64

    def __post_init__(self) -> None:
        for name, kind in _CHOICES.items():
            given = getattr(self, name)
            try:
                object.__setattr__(self, name, kind(given))
            except ValueError as error:
                raise SpecError(f"{name} {given!r}: expected one of {', '.join(kind)}.") from error
        self._check_heads()
        if not 0 < self.margin < 1:
            raise SpecError(f"margin {self.margin}: expected a share of attention mass in (0, 1).")
        if (
            not self.doses
            or list(self.doses) != sorted(set(self.doses))
            or not 0 < self.doses[0] <= self.doses[-1] <= 1
        ):
            raise SpecError(f"doses {list(self.doses)}: expected ascending shares of attention mass in (0, 1].")
        if self.dose not in self.doses:
            raise SpecError(
                f"dose {self.dose}: expected one of the doses, {', '.join(f'{each:g}' for each in self.doses)}."
            )
        if self.batch_size < 1:
            raise SpecError(f"batch size {self.batch_size}: expected at least 1 sequence.")
        if self.max_new_tokens is not None and self.max_new_tokens < 1:
            raise SpecError(f"{self.max_new_tokens} new tokens: expected at least 1, or None for the task's own limit.")

    def _check_heads(self) -> None:
        if self.heads is None:
            if self.choice is HeadChoice.GIVEN:
                raise SpecError("choice given: name the heads, such as heads=(HeadId(layer=1, head=2),).")
            return
        if self.choice not in (HeadChoice.ALIGNED, HeadChoice.GIVEN):
            raise SpecError(f"choice {self.choice} with heads named: leave one of the two out.")
        if not self.heads or any(head.is_kv for head in self.heads):
            raise SpecError("heads: expected at least one query head, such as L1H2.")
        object.__setattr__(self, "choice", HeadChoice.GIVEN)
        object.__setattr__(self, "heads", tuple(sorted(set(self.heads))))

    @property
    def limits(self) -> SweepLimits:
        """How the edits of an example are run."""
        return SweepLimits(mode=self.sweep, batch_size=self.batch_size)

    @property
    def masking(self) -> PatchSettings:
        """The masking sweep whose examples, keys and controls these are."""
        return PatchSettings(
            intervention=InterventionKind.MASK,
            keys=self.keys,
            empty_row=self.empty_row,
            placebo=self.placebo,
            seed=self.seed,
            sweep=self.sweep,
            batch_size=self.batch_size,
        )
