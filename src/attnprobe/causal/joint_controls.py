"""The control keys of heads that are edited together: one draw for all of them.

In: a subject, the settings, a unit or a set of heads, clean attention at the edited rows. Out: `JointControl`, the
controls of its heads, and whether the example takes part. `controls` draws; why a set shares its draw is
docs/decisions/0018-sets-and-unequal-prompts.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from attnprobe.causal.controls import Control, ControlKind, sample_control
from attnprobe.causal.head_sets import Edited, HeadSet
from attnprobe.causal.key_groups import KeyGroup, query_positions
from attnprobe.causal.settings import PatchSettings
from attnprobe.causal.subject import Subject
from attnprobe.causal.units import Unit

AttentionRows = Float[np.ndarray, "head row k_pos"]
"""Clean attention of a layer at the edited rows, ascending."""

Groups = Mapping[int | None, tuple[KeyGroup, ...]]
"""An example's key groups by sliding window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JointControl:
    """One kind of control of what is edited together, on one example.

    Attributes:
        kind: of control.
        drawn: what was drawn, with the heads that it is for; heads of one window share a draw, except that mass gives
            each head strengths of its own.
        reason: why the example does not take part in the comparison; None where it does.
        dose: for mass, the attention mass removed on either side, mean over rows and heads, in [0, 1].
        source: for other_example, the id of that example; for other_head, the heads.
    """

    kind: ControlKind
    drawn: tuple[tuple[tuple[Unit, ...], Control], ...]
    reason: str | None
    dose: float | None
    source: str | None = None

    @property
    def is_matched(self) -> bool:
        """Whether the example takes part."""
        return self.reason is None

    def as_record(self) -> dict[str, object]:
        """What is stored: where a donor's values are from; the control of the one head; those of all, with heads."""
        if self.kind in (ControlKind.OTHER_EXAMPLE, ControlKind.OTHER_HEAD):
            return {"kind": str(self.kind), "source": self.source, "reason": self.reason}
        if len(self.drawn) == 1 and len(self.drawn[0][0]) == 1:
            return self.drawn[0][1].as_record()
        drawn = [{"heads": [str(unit) for unit in units], **control.as_record()} for units, control in self.drawn]
        return {"kind": str(self.kind), "drawn": drawn, "reason": self.reason, "dose": self.dose}


def joint_control(
    kind: ControlKind,
    subject: Subject,
    settings: PatchSettings,
    unit: Edited,
    windows: Sequence[int | None],
    groups: Groups,
    attention: Mapping[int, AttentionRows],
) -> JointControl:
    """Draw one kind of control for one unit, or for all heads of a set at once.

    Args:
        kind: random_keys, distance or mass.
        subject: the example.
        settings: of the sweep.
        unit: what is edited.
        windows: of each layer.
        groups: the example's, for every window of the unit's layers.
        attention: of the unedited run, by layer.

    Returns:
        Heads that see no gold key are left out. Matched where every other head could be given control keys
        (random_keys, distance), or where one head at least has the least dose (mass).

    Source: ours, docs/decisions/0018-sets-and-unequal-prompts.md.
    """
    by_window: dict[int | None, list[Unit]] = {}
    for member in unit.members:
        by_window.setdefault(windows[member.layer], []).append(member)
    seeing = {window: members for window, members in by_window.items() if groups[window]}
    name, seed = subject.aligned.example.id, settings.seed
    if kind is not ControlKind.MASS or not seeing:
        drawn = tuple(
            (tuple(members), sample_control(kind, groups[window], seed=seed, example_id=name))
            for window, members in (seeing or by_window).items()
        )
        reasons = [control.reason for _, control in drawn if control.reason is not None]
        return JointControl(kind=kind, drawn=drawn, reason=reasons[0] if reasons else None, dose=None)
    label = unit.label if isinstance(unit, HeadSet) else str(unit)
    by_head: list[tuple[tuple[Unit, ...], Control]] = []
    place = {q_pos: index for index, q_pos in enumerate(sorted(subject.rows))}
    for window, members in seeing.items():
        rows = [place[q_pos] for q_pos in query_positions(groups[window])]
        patterns = [_pattern_of(member, attention)[rows] for member in members]
        # one pairing for all: heads that were each given other control keys would not lose one and the same thing
        pairing = np.stack(patterns).astype(np.float64).mean(axis=0)
        by_head += [
            (
                (member,),
                sample_control(
                    kind, groups[window], seed=seed, example_id=name, head=label, pattern=pattern, pairing=pairing
                ),
            )
            for member, pattern in zip(members, patterns, strict=True)
        ]
    controls = [control for _, control in by_head]
    return JointControl(
        kind=kind,
        drawn=tuple(by_head),
        reason=None if any(control.is_matched for control in controls) else controls[0].reason,
        dose=float(np.mean([control.dose or 0.0 for control in controls])),
    )


def _pattern_of(unit: Unit, attention: Mapping[int, AttentionRows]) -> Float[np.ndarray, "row k_pos"]:
    assert unit.index is not None
    return attention[unit.layer][unit.index]
