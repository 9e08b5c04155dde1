"""What is asked of sets of heads, as validated values: which sets, what is done to them, what they are compared with.

In: options as given on the command line or in Python. Out: `SetSettings`, and `GivenSets`, `TopHeads` or `GreedyHeads`.
"""

from dataclasses import dataclass

from attnprobe.causal.controls import ControlKind
from attnprobe.causal.head_sets import DRAWS, HeadSet
from attnprobe.causal.settings import PatchSettings
from attnprobe.errors import SpecError

MIN_GAIN = 0.01
"""A tenth of the least effect that counts (DESIGN section 6: .1 nats, .1 of a recovery)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenSets:
    """Sets that were settled before any number was seen; every example tests them.

    Attributes:
        sets: at least one.
    """

    sets: tuple[HeadSet, ...]

    def __post_init__(self) -> None:
        if not self.sets:
            raise SpecError("sets of heads: got none; expected at least one, such as L0H1,L1H2.")


@dataclass(frozen=True, slots=True, kw_only=True)
class TopHeads:
    """The heads that do most one by one on one half of the examples, tested together on the other half.

    Attributes:
        sizes: how many heads, ascending.
    """

    sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.sizes or self.sizes[0] < 1 or list(self.sizes) != sorted(set(self.sizes)):
            raise SpecError(f"top heads {list(self.sizes)}: expected sizes from 1, ascending, such as 1,2,4,8.")


@dataclass(frozen=True, slots=True, kw_only=True)
class GreedyHeads:
    """Heads added one at a time, each the one that changes the metric most beside those before it.

    One half of the examples chooses, the other half tests. It ends after `most` heads, or before the first head that
    adds less than `min_gain` on the choosing half.

    Attributes:
        most: how many heads at most.
        min_gain: least change that a further head must add, in the metric's unit, >= 0.
    """

    most: int
    min_gain: float = MIN_GAIN

    def __post_init__(self) -> None:
        if self.most < 1:
            raise SpecError(f"greedy {self.most}: expected at least 1 head.")
        if not 0 <= self.min_gain < float("inf"):
            raise SpecError(f"least gain {self.min_gain}: expected a number, at least 0, in the metric's unit.")


SetChoice = GivenSets | TopHeads | GreedyHeads


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSettings:
    """What is done to a set of heads at once.

    Attributes:
        edit: what is done to each of its heads; `heads` are those that may be chosen, all by default.
        all_but: edit every head of the model but those of the set: does the set suffice?
        control: what a row is compared with. By default the control of `edit` where it has one, else `random_heads`:
            the same edit of as many other heads of the same layers, mean over the draws.
        draws: how many sets of other heads a set is compared with, at most.
    """

    edit: PatchSettings
    all_but: bool = False
    control: ControlKind | None = None
    draws: int = DRAWS

    def __post_init__(self) -> None:
        if self.draws < 1:
            raise SpecError(f"random sets {self.draws}: expected at least 1 draw.")
        if self.edit.doses:
            raise SpecError(
                f"doses {list(self.edit.doses)} with sets of heads: a set is forced at one mass; give it as mass, or "
                "call `force_curve` with sets."
            )
        if self.control is None:
            return
        object.__setattr__(self, "control", ControlKind(self.control))
        if self.control is ControlKind.NONE:
            raise SpecError("control none with a set of heads: a set is always beside random sets; leave it out.")
        if self.control is not ControlKind.RANDOM_HEADS and self.edit.resolved_control is ControlKind.NONE:
            raise SpecError(
                f"control {self.control} with {self.edit.intervention}: only a mask or a force with a control of its "
                "own has other keys to draw; choose random_heads."
            )

    @property
    def has_own_control(self) -> bool:
        """Whether the edit has a control of its own: other keys, or a donor's attention on another example."""
        return self.edit.resolved_control is not ControlKind.NONE

    @property
    def resolved_control(self) -> ControlKind:
        """`control`, with the default of the edit filled in."""
        if self.control is not None:
            return self.control
        return self.edit.resolved_control if self.has_own_control else ControlKind.RANDOM_HEADS
