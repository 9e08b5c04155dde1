"""What to do at a site: frozen values without machinery. Their exact meaning is DESIGN.md section 4; the code that
carries it out is `execution`.

In: nothing. Out: `Mask`, `Force`, `Replace` and `Scale`. Ablation and patching are replacements, by zero, by a mean, by
another example's or another run's values.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from torch import Tensor

from attnprobe.errors import SpecError


class EmptyRow(StrEnum):
    """What becomes of a query that an edit leaves without any visible key for a part of its attention.

    After a mask that is the whole row. RAISE: refuse, naming the row. SELF: it attends to itself. ZERO: it attends to
    nothing, its head output is zero.

    After a force of mass alpha < 1 it is the share 1 - alpha of a row that sees no key but the forced ones. RAISE:
    refuse. SELF: the share goes to the query itself (one of the forced keys, as it is always visible). ZERO: it goes
    nowhere, the row sums to alpha. A force of mass 0 and a mask of strength 1 so agree under every policy.
    """

    RAISE = "raise"
    SELF = "self"
    ZERO = "zero"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask:
    """Forbid attention, wholly or in part: `attn_logits[q, k] += log(1 - strength)`.

    Strength 1 removes the keys and renormalises over what is left, 0 does nothing.

    Attributes:
        strength: in [0, 1]; one number, or one for each query row of the site's edges.
        renormalise: False removes the mass after the softmax instead, so that the row no longer sums to 1.
        empty_row: what to do with a row left without a visible key (only with `renormalise`).
    """

    strength: float | tuple[float, ...] = 1.0
    renormalise: bool = True
    empty_row: EmptyRow = EmptyRow.RAISE

    def __post_init__(self) -> None:
        if self.empty_row not in set(EmptyRow):
            raise SpecError(f"mask: empty_row {self.empty_row!r}; expected one of {', '.join(EmptyRow)}.")
        object.__setattr__(self, "empty_row", EmptyRow(self.empty_row))
        strengths = self.strength if isinstance(self.strength, tuple) else (self.strength,)
        for strength in strengths:
            if not 0.0 <= strength <= 1.0:
                raise SpecError(f"mask: strength {strength} is outside [0, 1]; 1 removes the keys, 0 does nothing.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Force:
    """Give keys an exact share of the row: `mass` to the chosen keys, the rest to all others, a sink included; within
    either part the proportions stay.

    Mass 1 attends to the keys alone, 0 removes them, and the mass that they have already changes nothing. How much
    they had does not matter, be it none to the last digit: the arithmetic is in logarithms.

    Attributes:
        mass: in [0, 1]; one number, or one for each query row of the site's edges.
        empty_row: what to do with a row that sees no key but the chosen ones, where the mass is below 1.
    """

    mass: float | tuple[float, ...]
    empty_row: EmptyRow = EmptyRow.RAISE

    def __post_init__(self) -> None:
        if self.empty_row not in set(EmptyRow):
            raise SpecError(f"force: empty_row {self.empty_row!r}; expected one of {', '.join(EmptyRow)}.")
        object.__setattr__(self, "empty_row", EmptyRow(self.empty_row))
        for mass in self.mass if isinstance(self.mass, tuple) else (self.mass,):
            if not 0.0 <= mass <= 1.0:
                raise SpecError(f"force: mass {mass} is outside [0, 1]; 1 attends to the keys alone, 0 removes them.")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Replace:
    """Put other values in: those of another run (patch), a mean or another example (ablate), or zero.

    Attributes:
        values: broadcastable to the selected entries of one sequence, without padding:
            [pos, head, d_head] at q, k, v, z; [pos, d_model] at resid, attn_out, mlp_out;
            [head, q_pos, k_pos] at pattern, k_pos over the whole sequence.
        label: where the values come from, for messages.
    """

    values: Tensor = field(repr=False)
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Multiply by a factor; at the pattern this does not renormalise."""

    factor: float

    def __post_init__(self) -> None:
        if not abs(self.factor) < float("inf"):
            raise SpecError(f"scale: factor {self.factor} is not a finite number.")


Intervention = Mask | Force | Replace | Scale
