"""What one row asks to be edited at one step, brought to a form that any pass can carry out.

In: the writes of a steering, the tokens so far. Out: `StepWrites`: the writes with positions named, those that a
sliding window hides wholly set aside and counted. A write of a later step acts at the last position alone: earlier ones
have been run.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch.nn.functional import pad

from attnprobe.errors import PlanError, SpecError
from attnprobe.models.decoding.alike import EdgeEdit, HeadEdit
from attnprobe.plan import Firing, ModelDims, Point, Replace, Write

NONE = Firing()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StepWrites:
    """The edits of one row that are new at one step.

    Attributes:
        writes: with their positions named.
        hidden: what was asked for and no query can see.
        is_early: whether positions before the last are edited.
        edit: an edit of the last position besides, of which rows that have the same one are carried out at once.
        keys: of that query, where the edit is one of edges.
    """

    writes: tuple[Write, ...] = ()
    hidden: Firing = NONE
    is_early: bool = False
    edit: EdgeEdit | HeadEdit | None = None
    keys: tuple[int, ...] = ()


NOTHING = StepWrites()


def step_writes(asked: Sequence[Write], length: int, dims: ModelDims, *, is_first: bool) -> StepWrites:
    """Settle what a step edits.

    Args:
        asked: from a steering.
        length: of the tokens so far.
        dims: of the model.
        is_first: whether nothing was written yet, so that the whole prompt is still to run.

    Raises:
        SpecError: a site names a sequence.
        PlanError: a position has been run already.
    """
    if not asked:
        return NOTHING
    writes: list[Write] = []
    hidden, first = NONE, length - 1
    for write in asked:
        if write.site.batch is not None:
            raise SpecError("a steering's write names a sequence of a batch; leave `batch` out: it acts on its own.")
        if write.site.edges is not None:
            unseen = _unseen(write, dims)
            if unseen is not None:
                hidden += unseen
                continue
            placed, lowest = write, write.site.edges.rows[0][0]
        else:
            positions = write.site.positions or (tuple(range(length)) if is_first else (length - 1,))
            placed, lowest = replace(write, site=replace(write.site, positions=positions)), positions[0]
        if lowest < length - 1 and not is_first:
            raise PlanError(
                f"an edit of position {lowest} after {length} tokens: it has been run. While an answer is written, "
                f"edit position {length - 1}, the last; earlier ones at the first step alone."
            )
        first = min(first, lowest)
        writes.append(placed)
    return StepWrites(writes=tuple(writes), hidden=hidden, is_early=first < length - 1)


def on_row(write: Write, row: int) -> Write:
    """A write on one sequence of a batch."""
    return replace(write, site=replace(write.site, batch=(row,)))


def stretched(write: Write, length: int) -> Write:
    """A write of an earlier step on a sequence that has grown: later keys get no attention from its pattern rows.

    Args:
        write: of an earlier step.
        length: tokens by now.
    """
    what = write.intervention
    if write.site.point is not Point.PATTERN or not isinstance(what, Replace):
        return write
    n_keys = what.values.shape[-1] if what.values.ndim else 1
    if n_keys in (1, length):
        return write
    return replace(write, intervention=replace(what, values=pad(what.values, (0, length - n_keys))))


def _unseen(write: Write, dims: ModelDims) -> Firing | None:
    """What a write would count if no query of it sees any of its keys; None if one does."""
    edges, layer = write.site.edges, write.site.layer
    assert edges is not None
    if layer >= dims.n_layers or any(
        dims.is_reachable(layer, query, key) for query, keys in edges.rows for key in keys
    ):
        return None  # a layer that does not exist is refused where plans are checked
    n_heads = dims.n_heads[layer] if write.site.heads is None else len(write.site.heads)
    return Firing(unreachable=len(edges) * n_heads, idle_rows=len(edges.rows) * n_heads)
