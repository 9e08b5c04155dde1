"""Force a set of heads at several masses and read each: the gold keys, control keys, and the mirror.

In: a model, an example made ready, sets of heads, masses. Out: `Dosed`, numbers of one example for each set and mass;
`force_curve` gathers them over a task. No average over examples is taken here.

The mirror turns the same mass, on the same rows, from the gold keys to those that would be gold were the foil right
(`tasks.foil_keys`), and reads log p(foil) where the gold side reads log p(gold). A head whose attention decides what is
written raises the foil then as it raises the gold word.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from attnprobe.causal.control_arms import looks_for_mass
from attnprobe.causal.controls import ControlKind
from attnprobe.causal.edits import force_write, reachable_rows
from attnprobe.causal.effects import Readout, gold_logprob
from attnprobe.causal.head_sets import Edited
from attnprobe.causal.joint_controls import AttentionRows, JointControl, joint_control
from attnprobe.causal.joint_writes import merged
from attnprobe.causal.key_groups import key_groups
from attnprobe.causal.proof_steps import Mirror
from attnprobe.causal.settings import PatchSettings
from attnprobe.causal.subject import Subject
from attnprobe.causal.sweep import Reader, Variant, reader_of, readout_logits, run_variants
from attnprobe.causal.units import Unit
from attnprobe.models.model import Model
from attnprobe.plan import ModelDims, Plan, Tokens, Unembedding

Rows = Mapping[int, Sequence[int]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dosed:
    """What forces did to one example, for each unit and mass; NaN where there is nothing to compare.

    Attributes:
        clean: the metric on the unedited run, mean over the tokens read.
        effect: metric(forced) - metric(unedited).
        control: the same with control keys; NaN where none match.
        mirror: log p(foil) with the foil's keys less that of the unedited run, mean over the rows that have any.
        mirror_gold: log p(gold) with the gold keys less that of the unedited run, the same rows forced and read.
        clean_mass: attention to the gold keys in the unedited run, mean over rows and heads, for each unit.
        reasons: why a unit has no control, None where it has one.
    """

    clean: float
    effect: Float[np.ndarray, "unit dose"]
    control: Float[np.ndarray, "unit dose"]
    mirror: Float[np.ndarray, "unit dose"]
    mirror_gold: Float[np.ndarray, "unit dose"]
    clean_mass: Float[np.ndarray, " unit"]
    reasons: tuple[str | None, ...]

    @property
    def is_matched(self) -> Bool[np.ndarray, " unit"]:
        """Whether a unit has a control."""
        return np.array([reason is None for reason in self.reasons])


def observe_doses(
    model: Model,
    subject: Subject,
    settings: PatchSettings,
    units: Sequence[Edited],
    doses: Sequence[float],
) -> Dosed:
    """Force each unit at each mass on one example.

    Args:
        model: which model.
        subject: prepared for a force.
        settings: of the force; its own `mass` is not used.
        units: heads, or sets of heads that are forced together, each alone in its run.
        doses: masses in [0, 1].

    Raises:
        PlanError: a force cannot be honoured, or a row has nothing to give the rest of its mass to.
    """
    layers = sorted({member.layer for unit in units for member in unit.members})
    looks = looks_for_mass(subject.rows, layers)
    positions = _positions(subject)
    plain = model.forward(Tokens.of([subject.ids]), Plan(streams=looks, last_logits=len(subject.ids) - positions[0]))
    main = reader_of(settings.metric, subject.readout, readout_logits(plain, 0, subject.readout))
    reader = _joint_reader(main, subject.readout, subject.mirror, positions, plain.logits.device)
    clean = reader.measure(plain.logits_at(0, positions)[None])[0].cpu().numpy()
    read_at = _read_at(len(subject.scored), 0 if subject.mirror is None else len(subject.mirror.foils))
    arms = _Arms(subject, settings, model.dims)
    controls = [arms.control(unit) for unit in units]
    variants = [
        variant
        for place, (unit, control) in enumerate(zip(units, controls, strict=True))
        for variant in arms.variants(place, unit, control, doses)
    ]
    found = np.full((len(units), len(doses), len(_Arms.KINDS)), np.nan)
    # what sees none of the keys is not run: its effect is 0 by construction
    found[:, :, 0] = 0.0
    readings = run_variants(model, subject.ids, variants, reader, settings.limits)
    for variant, reading in zip(variants, readings, strict=True):
        assert isinstance(variant.key, tuple)
        place, dose, arm = variant.key
        found[place, dose, arm] = (reading.values - clean)[read_at[arm]].mean()
    streamed = dict(zip(layers, plain.streamed, strict=True))
    return Dosed(
        clean=float(clean[read_at[0]].mean()),
        effect=found[:, :, 0],
        control=found[:, :, 1],
        mirror=found[:, :, 2],
        mirror_gold=found[:, :, 3],
        clean_mass=np.array([_clean_mass(subject.rows, unit, streamed, model.dims) for unit in units]),
        reasons=tuple("no control was asked for" if one is None else one.reason for one in controls),
    )


class _Arms:
    """The runs of one example: gold keys, control keys, the foil's keys, gold keys of the foil's rows."""

    KINDS = ("gold", "control", "foil", "gold beside foil")

    def __init__(self, subject: Subject, settings: PatchSettings, dims: ModelDims) -> None:
        self._subject = subject
        self._settings = settings
        self._dims = dims
        self._groups = {
            window: key_groups(
                subject.rows,
                special=subject.aligned.special,
                window=window,
                shared_keys=settings.resolved_queries != "predicting",
            )
            for window in set(dims.windows)
        }

    def control(self, unit: Edited) -> JointControl | None:
        """What stands against the gold keys of a unit; None where nothing is to."""
        kind = self._settings.resolved_control
        if kind is ControlKind.NONE:
            return None
        return joint_control(kind, self._subject, self._settings, unit, self._dims.windows, self._groups, {})

    def variants(
        self, place: int, unit: Edited, control: JointControl | None, doses: Sequence[float]
    ) -> Iterator[Variant]:
        """Of one unit; their keys are (place of the unit, place of the mass, place in `KINDS`)."""
        mirror = self._subject.mirror
        by_arm = [self._seen(self._subject.rows, unit), {}, {}, {}]
        if control is not None and control.is_matched:
            by_arm[1] = {
                member: dict(drawn.control.rows)
                for members, drawn in control.drawn
                if drawn.control is not None
                for member in members
            }
        if mirror is not None:
            by_arm[2], by_arm[3] = self._seen(mirror.foil_rows, unit), self._seen(mirror.gold_rows, unit)
        for dose, mass in enumerate(doses):
            for arm, rows in enumerate(by_arm):
                writes = [force_write(rows[member], member, mass, self._settings.empty_row) for member in rows]
                if writes:
                    yield Variant(key=(place, dose, arm), writes=merged(writes))

    def _seen(self, rows: Rows, unit: Edited) -> dict[Unit, Rows]:
        seen = {member: reachable_rows(rows, member.layer, self._dims) for member in unit.members}
        return {member: found for member, found in seen.items() if found}


def _read_at(n_read: int, n_mirror: int) -> tuple[slice, ...]:
    """Which of the values of a joint reader each arm is read at."""
    read, gold = slice(0, n_read), slice(n_read, n_read + n_mirror)
    return read, read, slice(n_read + n_mirror, n_read + 2 * n_mirror), gold


def _positions(subject: Subject) -> tuple[int, ...]:
    mirrored = () if subject.mirror is None else subject.mirror.readout.positions
    return tuple(sorted({*subject.readout.positions, *mirrored}))


def _joint_reader(
    main: Reader, readout: Readout, mirror: Mirror | None, positions: Sequence[int], device: torch.device
) -> Reader:
    """The metric at the tokens read, then log p(gold) and log p(foil) at the mirror's."""
    own = [positions.index(position) for position in readout.positions]
    everything = Unembedding(positions=tuple(positions))
    if mirror is None:
        return Reader(unembedding=everything, measure=lambda logits: main(logits[..., own, :]))
    both = [positions.index(position) for position in mirror.readout.positions]
    gold, foil = (torch.tensor(ids, device=device) for ids in (mirror.readout.gold, mirror.foils))

    def measure(logits: Float[Tensor, "edit position vocab"]) -> Tensor:
        shown = logits[..., both, :]
        parts = (main(logits[..., own, :]), gold_logprob(shown, gold), gold_logprob(shown, foil))
        return torch.cat(parts, dim=-1)

    return Reader(unembedding=everything, measure=measure)


def _clean_mass(rows: Rows, unit: Edited, attention: Mapping[int, AttentionRows], dims: ModelDims) -> float:
    """Attention from the forced rows to their keys, mean over the heads and rows that see any; NaN if none does."""
    place = {query: index for index, query in enumerate(sorted(rows))}
    masses = [
        float(attention[member.layer][member.index, place[query], list(keys)].sum())
        for member in unit.members
        for query, keys in reachable_rows(rows, member.layer, dims).items()
    ]
    return float(np.mean(masses)) if masses else float("nan")
