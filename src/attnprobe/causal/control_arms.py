"""The control side of a sweep that masks or forces keys: which variants to run, and what they say once run.

In: a subject, the settings, the units and clean attention at the edited rows. Out: `ControlArm`s, whose variants go
through the same sweep as the edits, and then `ControlReading`s by kind. What is drawn is `controls`' business, and for
heads that are edited together `joint_controls`'.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from attnprobe.causal.controls import ControlKind
from attnprobe.causal.edits import keys_write
from attnprobe.causal.head_sets import Edited
from attnprobe.causal.joint_controls import AttentionRows, JointControl, joint_control
from attnprobe.causal.joint_writes import merged
from attnprobe.causal.key_groups import key_groups
from attnprobe.causal.settings import InterventionKind, PatchSettings
from attnprobe.causal.subject import Subject
from attnprobe.causal.sweep import Variant
from attnprobe.causal.units import Unit
from attnprobe.kernels.rows import pattern_rows
from attnprobe.plan import Edges, LayerAttention, ModelDims, Stream, Write

KINDS = (ControlKind.RANDOM_KEYS, ControlKind.DISTANCE, ControlKind.MASS)
"""Every masking sweep runs all of them, so that a page can show them side by side; one is named as the control."""


DONOR_KINDS = (ControlKind.OTHER_HEAD, ControlKind.OTHER_EXAMPLE)
"""What a transplant runs."""


def kinds_of(settings: PatchSettings) -> tuple[ControlKind, ...]:
    """The kinds of control that a sweep runs: all that its intervention knows, none where none is wanted."""
    if settings.resolved_control is ControlKind.NONE:
        return ()
    if settings.intervention is InterventionKind.TRANSPLANT:
        return DONOR_KINDS
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

    unit: Edited
    control: JointControl
    variants: tuple[Variant, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ControlReading:
    """One kind of control on one example, by unit; NaN where it did not match.

    Attributes:
        effect: of the control keys.
        gold: of the gold keys in the same comparison: at the matched dose for mass, as asked for otherwise.
        dose: attention mass removed on both sides, mean over rows and heads, for mass; NaN otherwise.
        reasons: why a unit has no match, None where it has one.
        controls: what was drawn.
    """

    effect: Float[np.ndarray, " unit"]
    gold: Float[np.ndarray, " unit"]
    dose: Float[np.ndarray, " unit"]
    reasons: tuple[str | None, ...]
    controls: tuple[JointControl, ...]


def looks_for_mass(q_positions: Iterable[int], layers: Sequence[int]) -> tuple[Stream, ...]:
    """What the unedited run is to take in passing, for `control_arms`: attention at the edited rows, layer by layer."""
    columns = torch.tensor([sorted(q_positions)])

    def edited_rows(seen: LayerAttention) -> AttentionRows:
        return pattern_rows(seen.source, columns)[0].float().cpu().numpy()

    return tuple(Stream(layer=layer, statistic=edited_rows) for layer in layers)


def control_arms(
    subject: Subject,
    settings: PatchSettings,
    units: Sequence[Edited],
    dims: ModelDims,
    attention: Mapping[int, AttentionRows],
    kinds: Sequence[ControlKind] = KINDS,
) -> tuple[ControlArm, ...]:
    """Draw every kind of control for every unit of one example.

    Args:
        subject: the example.
        settings: of the sweep.
        units: what the sweep edits.
        dims: of the model.
        attention: of the unedited run, by layer, as `looks_for_mass` takes it.
        kinds: which.

    Returns:
        Kind by kind, unit by unit.
    """
    is_shared = settings.resolved_queries != "predicting"
    groups = {
        window: key_groups(subject.rows, special=subject.aligned.special, window=window, shared_keys=is_shared)
        for window in {dims.windows[member.layer] for unit in units for member in unit.members}
    }
    arms: list[ControlArm] = []
    for kind in kinds:
        for unit in units:
            control = joint_control(kind, subject, settings, unit, dims.windows, groups, attention)
            arms.append(ControlArm(unit=unit, control=control, variants=_variants(settings, unit, control)))
    return tuple(arms)


def _variants(settings: PatchSettings, unit: Edited, joint: JointControl) -> tuple[Variant, ...]:
    if not joint.is_matched:
        return ()
    is_dosed = joint.kind is ControlKind.MASS
    control_side: list[Write] = []
    gold_side: list[Write] = []
    for members, control in joint.drawn:
        for member in members:
            control_side += _writes(settings, member, control.control, control.control_strengths, is_dosed)
            gold_side += _writes(settings, member, control.gold, control.gold_strengths, is_dosed)
    sides = (control_side, gold_side) if is_dosed else (control_side,)
    return tuple(Variant(key=unit, writes=merged(side)) for side in sides)


def _writes(
    settings: PatchSettings, unit: Unit, edges: Edges | None, strengths: tuple[float, ...], is_dosed: bool
) -> list[Write]:
    if edges is None:
        return []
    return [keys_write(dict(edges.rows), unit, settings, strengths if is_dosed else None)]


def control_readings(
    arms: Sequence[ControlArm],
    units: Sequence[Edited],
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
