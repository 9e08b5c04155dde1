"""All writes of one run of a sweep: those of each head that is edited in it, as few as they can be.

In: a subject, the settings, a unit or a set of heads. Out: `Write`s. Heads of one layer that get the same edit share
one write, so that a set of a hundred heads costs no more than its layers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from attnprobe.causal.edits import keys_write, reachable_rows, replacement_write
from attnprobe.causal.head_sets import Edited
from attnprobe.causal.settings import PatchSettings
from attnprobe.causal.subject import Subject
from attnprobe.causal.units import Unit
from attnprobe.plan import Intervention, ModelDims, Point, Replace, Write


def edit_writes(
    subject: Subject, settings: PatchSettings, unit: Edited, dims: ModelDims, values: Mapping[int, Tensor] | None
) -> tuple[Write, ...]:
    """What carries an intervention out on one unit, or on all heads of a set at once.

    Args:
        subject: the example.
        settings: of the sweep.
        unit: what is edited.
        dims: of the model.
        values: by layer, what replacements take; see `replacement_write`.

    Returns:
        None at all where no head of it sees a key: there is nothing to run then.
    """
    writes = (member_write(subject, settings, member, dims, values) for member in unit.members)
    return merged([write for write in writes if write is not None])


def member_write(
    subject: Subject, settings: PatchSettings, unit: Unit, dims: ModelDims, values: Mapping[int, Tensor] | None
) -> Write | None:
    """The write of one head (or layer), None where it sees none of the keys."""
    if settings.intervention.has_keys:
        rows = reachable_rows(subject.rows, unit.layer, dims)
        return keys_write(rows, unit, settings) if rows else None
    return replacement_write(subject, settings, unit, values)


def merged(writes: Sequence[Write]) -> tuple[Write, ...]:
    """The same edits in fewer writes: those that differ in their heads alone become one.

    Args:
        writes: no two of which edit the same head at the same place.

    Returns:
        Writes in the order in which each kind first came; heads ascending in each.
    """
    groups: dict[object, list[Write]] = {}
    for number, write in enumerate(writes):
        groups.setdefault(_kind(write, number), []).append(write)
    return tuple(_joined(group) for group in groups.values())


def _kind(write: Write, number: int) -> object:
    """Equal for writes that can be one; `number` for those that can be one with no other."""
    if write.site.heads is None:
        return number
    site, what = replace(write.site, heads=None), write.intervention
    if not isinstance(what, Replace):
        return site, what
    shape = list(what.values.shape)
    if not shape:
        return site, what.label, what.values.item()
    del shape[_head_axis(write)]
    return site, what.label, tuple(shape)


def _head_axis(write: Write) -> int:
    """Of replaced values: [head, q_pos, k_pos] at the pattern, [pos, head, d_head] elsewhere."""
    return 0 if write.site.point is Point.PATTERN else 1


def _joined(group: Sequence[Write]) -> Write:
    if len(group) == 1:
        return group[0]
    order = sorted(group, key=lambda write: write.site.heads or ())
    heads = tuple(head for write in order for head in write.site.heads or ())
    what: Intervention = order[0].intervention
    if isinstance(what, Replace) and what.values.ndim:
        tensors = [write.intervention.values for write in order if isinstance(write.intervention, Replace)]
        what = replace(what, values=torch.cat(tensors, dim=_head_axis(order[0])))
    return Write(site=replace(order[0].site, heads=heads), intervention=what)
