"""The edits that several rows of a batch have alike at one step, put together so that they are carried out at once.

In: each row's `StepWrites`. Out: `SharedEdits`: what the plan is given, and how often it acts in each row, which
follows from the keys that a row asks for and from what its query sees.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from attnprobe.models.decoding.alike import EdgeEdit, HeadEdit
from attnprobe.models.decoding.step_writes import NONE, StepWrites
from attnprobe.plan import Firing, ModelDims, Point, QueryEdit, Site, Write


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedEdits:
    """What a step does to several rows at once.

    Attributes:
        writes: of heads' outputs.
        query_edits: of attention edges.
        fired: how often they act, row by row.
    """

    writes: tuple[Write, ...]
    query_edits: tuple[QueryEdit, ...]
    fired: tuple[Firing, ...]

    def check(self, writes: Sequence[Firing], query_edits: Sequence[Firing]) -> None:
        """What acted is what was foreseen row by row."""
        if self.writes or self.query_edits:
            acted = sum(one.edited for one in (*writes, *query_edits))
            assert acted == sum(one.edited for one in self.fired), "edits acted as often as their keys say"


def shared_edits(steps: Sequence[StepWrites], lengths: Sequence[int], dims: ModelDims) -> SharedEdits:
    """Put together what rows have alike.

    Args:
        steps: of each row of the batch.
        lengths: its tokens so far.
        dims: of the model.
    """
    groups: dict[EdgeEdit | HeadEdit, list[int]] = {}
    for place, step in enumerate(steps):
        if step.edit is not None:
            groups.setdefault(step.edit, []).append(place)
    fired = [NONE] * len(steps)
    writes: list[Write] = []
    edits: list[QueryEdit] = []
    for edit, places in groups.items():
        if isinstance(edit, HeadEdit):
            writes += _head_writes(edit, tuple(places))
            count = _acted(sum(len(heads) for _, heads in edit.heads), 0, 0)
            for place in places:
                fired[place] = count
            continue
        asked = [(place, lengths[place] - 1, steps[place].keys) for place in places]
        for layer, heads in edit.heads:
            rows = _seen(asked, layer, dims)
            kept = tuple(row for row in rows if row[2])
            if kept:
                edits.append(QueryEdit(layer=layer, heads=heads, intervention=edit.intervention, rows=kept))
            for (place, _, seen), (_, _, keys) in zip(rows, asked, strict=True):
                hidden, idle = len(keys) - len(seen), 0 if seen else len(heads)
                count = _acted(len(seen) * len(heads), hidden * len(heads), idle)
                fired[place] = count if fired[place] is NONE else fired[place] + count
    return SharedEdits(writes=tuple(writes), query_edits=tuple(edits), fired=tuple(fired))


def _seen(
    asked: list[tuple[int, int, tuple[int, ...]]], layer: int, dims: ModelDims
) -> list[tuple[int, int, tuple[int, ...]]]:
    """Of each row's keys those that its query sees in a layer."""
    window = dims.windows[layer] if layer < dims.n_layers else None
    if window is None:
        return asked
    return [(place, query, tuple(key for key in keys if key > query - window)) for place, query, keys in asked]


def _head_writes(edit: HeadEdit, places: tuple[int, ...]) -> list[Write]:
    # at the one column that runs, whatever its position in each row
    return [
        Write(site=Site(point=Point.Z, layer=layer, heads=heads, batch=places), intervention=edit.interventions[layer])
        for layer, heads in edit.heads
    ]


@cache
def _acted(edited: int, unreachable: int, idle_rows: int) -> Firing:
    # made once for each count, not once a row and step
    return Firing(edited=edited, unreachable=unreachable, idle_rows=idle_rows)
