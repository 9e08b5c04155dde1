"""Many edits of one token sequence, each alone in its run: what is asked of a model, and what it gives back.

In: nothing; values only. Out: `Edit`, `Unembedding`, `SweepLimits` and `SweepRun`, the contract of `Model.sweep`. How
a sweep is carried out is a model's business: `SweepMode.FULL` runs every edit as a whole forward pass and is the oracle
of whatever is faster.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from jaxtyping import Float
from torch import Tensor

from attnprobe.errors import SpecError
from attnprobe.plan.dims import ModelDims
from attnprobe.plan.plan import Write
from attnprobe.plan.run import Firing

Measure = Callable[[Float[Tensor, "edit position token"]], Tensor]
"""From logits at the positions and tokens of an `Unembedding` to numbers, edit by edit: the first axis stays."""


class SweepMode(StrEnum):
    """How a sweep is carried out.

    FULL: every edit is a whole forward pass of its own; the oracle. CORNER: only what an edit can change is computed:
    the layers from its own on, the positions from its first on. AUTO: corner where the model can, full elsewhere.
    """

    AUTO = "auto"
    CORNER = "corner"
    FULL = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One edited run of a sequence.

    Attributes:
        writes: all carried out in that run; their sites name no sequence (`batch` is None).
    """

    writes: tuple[Write, ...]

    def __post_init__(self) -> None:
        if not self.writes:
            raise SpecError("edit: got no write; expected at least one.")
        if any(write.site.batch is not None for write in self.writes):
            raise SpecError(
                "edit: a site names a sequence of a batch; an edit has a run of its own, leave `batch` out."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Unembedding:
    """Which logits a sweep needs.

    Attributes:
        positions: absolute, ascending, distinct.
        tokens: ids of the vocabulary, in the order in which they come back; None for the whole vocabulary.
    """

    positions: tuple[int, ...]
    tokens: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if not self.positions or list(self.positions) != sorted(set(self.positions)) or self.positions[0] < 0:
            raise SpecError(
                f"unembedding: positions {list(self.positions)} must be ascending, distinct, >= 0 and not empty."
            )
        if self.tokens is not None and not self.tokens:
            raise SpecError("unembedding: got no tokens; leave `tokens` out for the whole vocabulary.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepLimits:
    """How much of a sweep runs at once.

    Attributes:
        mode: how it is carried out.
        batch_size: most edits that run together; None for as many as memory allows.
        memory: bytes that a sweep may take beside the model; None for a share of what is free.
    """

    mode: SweepMode = SweepMode.AUTO
    batch_size: int | None = None
    memory: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "mode", SweepMode(self.mode))
        if self.batch_size is not None and self.batch_size < 1:
            raise SpecError(f"batch size {self.batch_size}: expected at least 1 edit at once, or None.")
        if self.memory is not None and self.memory < 1:
            raise SpecError(f"memory {self.memory}: expected a number of bytes, or None.")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SweepRun:
    """What a sweep gave.

    Attributes:
        values: what the measure made of each edit's logits, in the order of the edits.
        fired: for each edit, for each of its writes, how often it acted.
        mode: how it was carried out, corner or full.
        halvings: how often memory ran out and the batch was halved.
    """

    values: Tensor
    fired: tuple[tuple[Firing, ...], ...]
    mode: SweepMode
    halvings: int = 0


def check_sweep(ids: Sequence[int], edits: Sequence[Edit], unembedding: Unembedding, dims: ModelDims) -> None:
    """Refuse a sweep that asks for nothing, or for logits that are not there; plans check their edits themselves.

    Args:
        ids: the sequence that is edited.
        edits: of the sweep.
        unembedding: which logits are needed.
        dims: of the model.

    Raises:
        SpecError: there is no edit, or no such position or token.
    """
    if not edits:
        raise SpecError("sweep: got no edit; expected at least one.")
    if unembedding.positions[-1] >= len(ids):
        raise SpecError(
            f"unembedding: position {unembedding.positions[-1]} does not exist; the sequence has {len(ids)} tokens."
        )
    absent = [token for token in unembedding.tokens or () if not 0 <= token < dims.vocab]
    if absent:
        raise SpecError(
            f"unembedding: token {absent[0]} does not exist; the model's vocabulary has ids 0 to {dims.vocab - 1}."
        )
