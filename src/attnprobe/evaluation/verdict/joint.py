"""Several heads edited together: masks of gold and control keys for a set of heads, as writes of one run.

In: an example's gold rows, a set of heads. Out: `Write`s; `KeyRows`, which rows and keys each side of a comparison has,
by the layers' windows.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from jaxtyping import Float

from attnprobe.causal.control_arms import AttentionRows
from attnprobe.causal.controls import Control, ControlKind, random_heads, sample_control
from attnprobe.causal.edits import mask_write, reachable_rows
from attnprobe.causal.key_groups import KeyGroup, key_groups, query_positions
from attnprobe.causal.subject import Subject
from attnprobe.causal.units import Unit
from attnprobe.errors import SpecError
from attnprobe.evaluation.verdict.settings import VerdictSettings
from attnprobe.plan import Edges, HeadId, ModelDims, Write, mask_edges
from attnprobe.statistics.seeds import derived_seed

Rows = Mapping[int, tuple[int, ...]]
"""For each query position its keys."""

KeyRows = Mapping[int | None, Rows]
"""Rows by the sliding window of a layer; None for layers without."""


def by_layer(heads: Iterable[HeadId]) -> dict[int, tuple[int, ...]]:
    """The heads of each layer, ascending."""
    return {
        layer: tuple(head.head for head in members)
        for layer, members in groupby(sorted(set(heads)), key=lambda head: head.layer)
    }


def windows_of(heads: Iterable[HeadId], dims: ModelDims) -> tuple[int | None, ...]:
    """The windows of the layers of some heads, each once."""
    return tuple(dict.fromkeys(dims.windows[layer] for layer in by_layer(heads)))


def gold_rows(subject: Subject, heads: Iterable[HeadId], dims: ModelDims) -> KeyRows:
    """The gold keys of each edited row, for every window of the heads' layers."""
    return {dims.windows[layer]: reachable_rows(subject.rows, layer, dims) for layer in by_layer(heads)}


def masks(rows: KeyRows, heads: Sequence[HeadId], settings: VerdictSettings, dims: ModelDims) -> tuple[Write, ...]:
    """Mask rows for all heads at once; nothing for layers that see none of the keys."""
    return tuple(
        mask_edges(layer=layer, edges=Edges.of(rows[dims.windows[layer]]), heads=members, empty_row=settings.empty_row)
        for layer, members in by_layer(heads).items()
        if rows[dims.windows[layer]]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """Control keys of one example.

    Attributes:
        rows: control keys by window; None where there is no match.
        reason: why there is none.
    """

    rows: KeyRows | None
    reason: str | None = None


def groups_of(subject: Subject, windows: Iterable[int | None]) -> dict[int | None, tuple[KeyGroup, ...]]:
    """Rows that read the same gold keys, by window."""
    special = subject.aligned.special
    return {window: key_groups(subject.rows, special=special, window=window) for window in windows}


def draw_rows(
    kind: ControlKind, groups: Mapping[int | None, tuple[KeyGroup, ...]], *, example_id: str, seed: int
) -> Drawn:
    """Draw control keys that all heads share, window by window."""
    found: dict[int | None, Rows] = {}
    reason: str | None = None
    for window, members in groups.items():
        control = sample_control(kind, members, seed=seed, example_id=example_id)
        if control.control is None or not control.is_matched:
            # a layer whose window hides all gold keys is edited on neither side
            if members:
                return Drawn(rows=None, reason=control.reason)
            found[window], reason = {}, control.reason
            continue
        found[window] = dict(control.control.rows)
    if not any(found.values()):
        return Drawn(rows=None, reason=reason)
    return Drawn(rows=found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dosed:
    """Both sides of a comparison of equal attention mass, head by head.

    Attributes:
        gold: writes of the gold side.
        control: writes of the control side.
        dose: mass removed on either side, mean over heads.
        reason: why there is nothing to compare.
    """

    gold: tuple[Write, ...] = ()
    control: tuple[Write, ...] = ()
    dose: float | None = None
    reason: str | None = None


def dosed_masks(
    groups: Mapping[int | None, tuple[KeyGroup, ...]],
    heads: Sequence[HeadId],
    attention: Mapping[int, AttentionRows],
    settings: VerdictSettings,
    dims: ModelDims,
    *,
    example_id: str,
    rows: Sequence[int],
) -> Dosed:
    """Mask as much mass of control keys as of gold keys, each head at its own dose.

    Args:
        groups: rows that read the same gold keys, by window.
        heads: of the set.
        attention: of the unedited run, by layer, at `rows`.
        settings: of the verdict.
        dims: of the model.
        example_id: of the example.
        rows: query positions of `attention`, ascending.

    Returns:
        Keys are matched on the heads' mean attention, one draw for all: drawn head by head, gold and control would not
        be exchangeable in a joint edit. Every head then loses the lesser of its own two masses, row by row.
    """
    place = {q_pos: index for index, q_pos in enumerate(rows)}
    gold: list[Write] = []
    control: list[Write] = []
    doses: list[float] = []
    reason: str | None = "no gold key is in sight of an edited row"
    for window, members in groups.items():
        own = [head for head in sorted(heads) if dims.windows[head.layer] == window]
        if not members or not own:
            continue
        mean = np.mean([attention[head.layer][head.head] for head in own], axis=0)
        pattern = mean[[place[q_pos] for q_pos in query_positions(members)]]
        drawn = sample_control(
            ControlKind.MASS, members, seed=settings.seed, example_id=example_id, head="set", pattern=pattern
        )
        if not drawn.is_matched:
            reason = drawn.reason
            continue
        for head in own:
            found = _dose(drawn, attention[head.layer][head.head], place)
            if found is None:
                continue
            unit = Unit(layer=head.layer, index=head.head)
            for writes, (keys, strengths) in zip((gold, control), found.sides, strict=True):
                writes.append(mask_write(keys, unit, strengths, settings.empty_row))
            doses.append(found.dose)
    if not doses:
        return Dosed(reason=reason)
    return Dosed(gold=tuple(gold), control=tuple(control), dose=sum(doses) / len(heads))


@dataclass(frozen=True, slots=True, kw_only=True)
class _HeadDose:
    """Keys and strengths of the gold and of the control side of one head, and the mass that either removes."""

    sides: tuple[tuple[dict[int, tuple[int, ...]], tuple[float, ...]], ...]
    dose: float


def _dose(drawn: Control, pattern: Float[np.ndarray, "row k_pos"], place: Mapping[int, int]) -> _HeadDose | None:
    """One head's strengths on shared keys; None where it has no mass on one of the sides."""
    assert drawn.gold is not None
    assert drawn.control is not None
    sides = [dict(edges.rows) for edges in (drawn.gold, drawn.control)]
    keys: list[dict[int, tuple[int, ...]]] = [{}, {}]
    strengths: list[list[float]] = [[], []]
    total = 0.0
    for row in sorted(sides[0].keys() & sides[1].keys()):
        masses = [float(pattern[place[row], list(side[row])].sum(dtype=np.float64)) for side in sides]
        dose = min(masses)
        if dose > 0:
            total += dose
            for chosen, strength, side, mass in zip(keys, strengths, sides, masses, strict=True):
                chosen[row] = side[row]
                strength.append(min(1.0, dose / mass))
    if not total:
        return None
    paired = tuple((chosen, tuple(strength)) for chosen, strength in zip(keys, strengths, strict=True))
    return _HeadDose(sides=paired, dose=total / len(place))


def other_heads(heads: Sequence[HeadId], dims: ModelDims, *, seed: int, example_id: str) -> tuple[HeadId, ...] | None:
    """As many heads of the same layers, drawn for one example; None where a layer has too few others."""
    try:
        return random_heads(
            heads, dims.n_heads, seed=seed, draw=derived_seed(seed, example_id, "", "verdict/random_heads")
        )
    except SpecError:
        return None
