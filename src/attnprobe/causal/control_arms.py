"""The control side of a masking sweep: which variants to run, and what they say once run.

In: a subject, the settings, the units and clean attention at the edited rows. Out: `ControlArm`s, whose variants go
through the same sweep as the edits, and then `ControlReading`s by kind. What is drawn is `controls`' business.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from attnprobe.causal.controls import Control, ControlKind, sample_control
from attnprobe.causal.edits import keys_write
from attnprobe.causal.key_groups import KeyGroup, key_groups, query_positions
from attnprobe.causal.settings import InterventionKind, PatchSettings
from attnprobe.causal.subject import Subject
from attnprobe.causal.sweep import Variant
from attnprobe.causal.units import Unit
from attnprobe.kernels.rows import pattern_rows
from attnprobe.plan import Edges, LayerAttention, ModelDims, Stream

AttentionRows = Float[np.ndarray, "head row k_pos"]
"""Clean attention of a layer at the edited rows, ascending."""

KINDS = (ControlKind.RANDOM_KEYS, ControlKind.DISTANCE, ControlKind.MASS)
"""Every masking sweep runs all of them, so that a page can show them side by side; one is named as the control."""


def kinds_of(settings: PatchSettings) -> tuple[ControlKind, ...]:
    """The kinds of control that a sweep runs: all that its intervention knows, or none where none is wanted."""
    if settings.resolved_control is ControlKind.NONE:
        return ()
    # a force gives every control its own mass, so that there is nothing to match by mass
    return KINDS if settings.intervention is InterventionKind.MASK else (ControlKind.RANDOM_KEYS, ControlKind.DISTANCE)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ControlArm:
    """One control of one unit on one example, with the runs that it needs.

    Attributes:
        unit: whose control.
        control: what was drawn.
        variants: none where it is not matched; the control side; for mass the gold side at the dose after it.
    """

    unit: Unit
    control: Control
    variants: tuple[Variant, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ControlReading:
    """One kind of control on one example, by unit; NaN where it did not match.

    Attributes:
        effect: of the control keys.
        gold: of the gold keys in the same comparison: at the matched dose for mass, as asked for otherwise.
        dose: attention mass removed on both sides, mean over rows, for mass; NaN otherwise.
        reasons: why a unit has no match, None where it has one.
        controls: what was drawn.
    """

    effect: Float[np.ndarray, " unit"]
    gold: Float[np.ndarray, " unit"]
    dose: Float[np.ndarray, " unit"]
    reasons: tuple[str | None, ...]
    controls: tuple[Control, ...]


def looks_for_mass(q_positions: Iterable[int], layers: Sequence[int]) -> tuple[Stream, ...]:
    """What the unedited run is to take in passing, for `control_arms`: attention at the edited rows, layer by layer."""
    columns = torch.tensor([sorted(q_positions)])

    def edited_rows(seen: LayerAttention) -> AttentionRows:
        return pattern_rows(seen.source, columns)[0].float().cpu().numpy()

    return tuple(Stream(layer=layer, statistic=edited_rows) for layer in layers)


def control_arms(
    subject: Subject,
    settings: PatchSettings,
    units: Sequence[Unit],
    dims: ModelDims,
    attention: Mapping[int, AttentionRows],
) -> tuple[ControlArm, ...]:
    """Draw every kind of control for every unit of one example.

    Args:
        subject: the example.
        settings: of the sweep.
        units: what the sweep edits.
        dims: of the model.
        attention: of the unedited run, by layer, as `looks_for_mass` takes it.

    Returns:
        Kind by kind, unit by unit.
    """
    is_shared = settings.resolved_queries != "predicting"
    groups = {
        window: key_groups(subject.rows, special=subject.aligned.special, window=window, shared_keys=is_shared)
        for window in {dims.windows[unit.layer] for unit in units}
    }
    return tuple(
        _arm(kind, subject, settings, unit, groups[dims.windows[unit.layer]], attention[unit.layer])
        for kind in kinds_of(settings)
        for unit in units
    )


def _arm(
    kind: ControlKind,
    subject: Subject,
    settings: PatchSettings,
    unit: Unit,
    groups: tuple[KeyGroup, ...],
    attention: AttentionRows,
) -> ControlArm:
    name, is_mass = subject.aligned.example.id, kind is ControlKind.MASS
    rows = None
    if is_mass:
        assert unit.index is not None
        place = {q_pos: index for index, q_pos in enumerate(sorted(subject.rows))}
        rows = attention[unit.index][[place[q_pos] for q_pos in query_positions(groups)]]
    # kinds that do not look at the pattern share one draw among all heads
    head = str(unit) if is_mass else ""
    control = sample_control(kind, groups, seed=settings.seed, example_id=name, head=head, pattern=rows)
    if not control.is_matched:
        return ControlArm(unit=unit, control=control, variants=())
    assert control.gold is not None
    assert control.control is not None
    sides = [(control.control, control.control_strengths)]
    if is_mass:
        sides.append((control.gold, control.gold_strengths))
    variants = tuple(_variant(settings, unit, edges, strengths, is_mass) for edges, strengths in sides)
    return ControlArm(unit=unit, control=control, variants=variants)


def _variant(
    settings: PatchSettings, unit: Unit, edges: Edges, strengths: tuple[float, ...], is_dosed: bool
) -> Variant:
    write = keys_write(dict(edges.rows), unit, settings, strengths if is_dosed else None)
    return Variant(key=unit, writes=(write,))


def control_readings(
    arms: Sequence[ControlArm],
    units: Sequence[Unit],
    effect: Float[np.ndarray, " unit"],
    arm_effects: Sequence[float],
) -> Mapping[ControlKind, ControlReading]:
    """Sort what the arms' variants gave by kind and unit.

    Args:
        arms: from `control_arms`.
        units: of the sweep, in the same order.
        effect: mean effect of each unit's own edit.
        arm_effects: mean effect of each variant of the arms, in order.
    """
    by_kind: dict[ControlKind, list[tuple[ControlArm, list[float]]]] = {}
    given = iter(arm_effects)
    for arm in arms:
        by_kind.setdefault(arm.control.kind, []).append((arm, [next(given) for _ in arm.variants]))
    place = {unit: index for index, unit in enumerate(units)}
    return {
        kind: ControlReading(
            effect=np.array([found[0] if found else np.nan for _, found in members]),
            gold=np.array([_gold(arm, found, effect[place[arm.unit]]) for arm, found in members]),
            dose=np.array([np.nan if arm.control.dose is None else arm.control.dose for arm, _ in members]),
            reasons=tuple(arm.control.reason for arm, _ in members),
            controls=tuple(arm.control for arm, _ in members),
        )
        for kind, members in by_kind.items()
    }


def _gold(arm: ControlArm, found: Sequence[float], effect: float) -> float:
    if not found:
        return float("nan")
    return found[1] if len(found) > 1 else float(effect)
