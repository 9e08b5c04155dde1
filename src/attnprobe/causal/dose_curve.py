"""Force a set of heads at several masses and read each: the gold keys, control keys, and the mirror.

In: a model, an example made ready, sets of heads, masses. Out: `Dosed`, numbers of one example for each set and mass;
`force_curve` gathers them over a task. No average over examples is taken here.

The mirror turns the same mass, on the same rows, from the gold keys to those that would be gold were the foil right
(`tasks.foil_keys`), and reads log p(foil) where the gold side reads log p(gold). A head whose attention decides what is
written raises the foil then as it raises the gold word.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from attnprobe.causal.controls import Control, ControlKind, sample_control
from attnprobe.causal.edits import force_write, reachable_rows
from attnprobe.causal.effects import Readout, gold_logprob
from attnprobe.causal.key_groups import KeyGroup, key_groups
from attnprobe.causal.proof_steps import Mirror
from attnprobe.causal.settings import PatchSettings
from attnprobe.causal.subject import Subject
from attnprobe.causal.sweep import Reader, Variant, reader_of, readout_logits, run_variants
from attnprobe.causal.units import Unit
from attnprobe.kernels.rows import pattern_rows
from attnprobe.models.model import Model
from attnprobe.plan import LayerAttention, ModelDims, Plan, Stream, Tokens, Unembedding

Rows = Mapping[int, Sequence[int]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dosed:
    """What forces did to one example, for each set of heads and mass; NaN where there is nothing to compare.

    Attributes:
        clean: the metric on the unedited run, mean over the tokens read.
        effect: metric(forced) - metric(unedited).
        control: the same with control keys; NaN where none match.
        mirror: log p(foil) with the foil's keys less that of the unedited run, mean over the rows that have any.
        mirror_gold: log p(gold) with the gold keys less that of the unedited run, the same rows forced and read.
        clean_mass: attention to the gold keys in the unedited run, mean over rows and heads, for each set.
        reasons: why a set has no control, None where it has one.
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
        """Whether a set has a control."""
        return np.array([reason is None for reason in self.reasons])


def observe_doses(
    model: Model,
    subject: Subject,
    settings: PatchSettings,
    sets: Sequence[Sequence[Unit]],
    doses: Sequence[float],
) -> Dosed:
    """Force each set of heads at each mass on one example.

    Args:
        model: which model.
        subject: prepared for a force.
        settings: of the force; its own `mass` is not used.
        sets: heads that are forced together, in one run.
        doses: masses in [0, 1].

    Raises:
        PlanError: a force cannot be honoured, or a row has nothing to give the rest of its mass to.
    """
    layers = sorted({unit.layer for units in sets for unit in units})
    looks = tuple(Stream(layer=layer, statistic=_rows_of(sorted(subject.rows))) for layer in layers)
    positions = _positions(subject)
    plain = model.forward(Tokens.of([subject.ids]), Plan(streams=looks, last_logits=len(subject.ids) - positions[0]))
    main = reader_of(settings.metric, subject.readout, readout_logits(plain, 0, subject.readout))
    reader = _joint_reader(main, subject.readout, subject.mirror, positions, plain.logits.device)
    clean = reader.measure(plain.logits_at(0, positions)[None])[0].cpu().numpy()
    arms = _Arms(subject, settings, model.dims)
    variants = [variant for place, units in enumerate(sets) for variant in arms.variants(place, units, doses)]
    found = np.full((len(sets), len(doses), len(_Arms.KINDS)), np.nan)
    # a set that sees none of the keys is not run: its effect is 0 by construction
    found[:, :, 0] = 0.0
    parts = _Parts.of(len(subject.scored), 0 if subject.mirror is None else len(subject.mirror.foils))
    for variant, reading in zip(
        variants, run_variants(model, subject.ids, variants, reader, settings.limits), strict=True
    ):
        assert isinstance(variant.key, tuple)
        place, dose, arm = variant.key
        found[place, dose, arm] = (reading.values - clean)[parts.read_by[arm]].mean()
    streamed = dict(zip(layers, plain.streamed, strict=True))
    return Dosed(
        clean=float(clean[parts.read_by[0]].mean()),
        effect=found[:, :, 0],
        control=found[:, :, 1],
        mirror=found[:, :, 2],
        mirror_gold=found[:, :, 3],
        clean_mass=np.array([_clean_mass(subject.rows, units, streamed, model.dims) for units in sets]),
        reasons=tuple(arms.reason(units) for units in sets),
    )


class _Arms:
    """The runs of one example: gold keys, control keys, the foil's keys, gold keys of the foil's rows."""

    KINDS = ("gold", "control", "foil", "gold beside foil")

    def __init__(self, subject: Subject, settings: PatchSettings, dims: ModelDims) -> None:
        self._subject = subject
        self._settings = settings
        self._dims = dims
        self._drawn: dict[int | None, Control] = {}

    def variants(self, place: int, units: Sequence[Unit], doses: Sequence[float]) -> Iterator[Variant]:
        """Of one set of heads; their keys are (place of the set, place of the mass, place in `KINDS`)."""
        mirror = self._subject.mirror
        gold = self._seen(self._subject.rows, units)
        by_arm: list[dict[Unit, Rows]] = [gold, {}, {}, {}]
        if self.reason(units) is None and self._settings.resolved_control is not ControlKind.NONE:
            by_arm[1] = {unit: dict(edges.rows) for unit in gold if (edges := self._control(unit).control) is not None}
        if mirror is not None:
            by_arm[2], by_arm[3] = self._seen(mirror.foil_rows, units), self._seen(mirror.gold_rows, units)
        for dose, mass in enumerate(doses):
            for arm, rows in enumerate(by_arm):
                writes = tuple(force_write(rows[unit], unit, mass, self._settings.empty_row) for unit in rows)
                if writes:
                    yield Variant(key=(place, dose, arm), writes=writes)

    def reason(self, units: Sequence[Unit]) -> str | None:
        """Why a set of heads has no control, None where it has one: all its layers that see a gold key need theirs."""
        kind = self._settings.resolved_control
        if kind is ControlKind.NONE:
            return "no control was asked for"
        reasons = [self._control(unit).reason for unit in self._seen(self._subject.rows, units)]
        return next(filter(None, reasons), None) if reasons else "no gold key is in sight of an edited row"

    def _seen(self, rows: Rows, units: Sequence[Unit]) -> dict[Unit, Rows]:
        seen = {unit: reachable_rows(rows, unit.layer, self._dims) for unit in units}
        return {unit: found for unit, found in seen.items() if found}

    def _control(self, unit: Unit) -> Control:
        """All heads whose layers see the same keys share one draw."""
        window = self._dims.windows[unit.layer]
        if window not in self._drawn:
            example, settings = self._subject.aligned, self._settings
            groups: tuple[KeyGroup, ...] = key_groups(
                self._subject.rows,
                special=example.special,
                window=window,
                shared_keys=settings.resolved_queries != "predicting",
            )
            kind, name = settings.resolved_control, example.example.id
            self._drawn[window] = sample_control(kind, groups, seed=settings.seed, example_id=name)
        return self._drawn[window]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """Which of the values of a joint reader each arm is read at."""

    read_by: tuple[slice, ...]

    @classmethod
    def of(cls, n_read: int, n_mirror: int) -> "_Parts":
        read, gold = slice(0, n_read), slice(n_read, n_read + n_mirror)
        foil = slice(n_read + n_mirror, n_read + 2 * n_mirror)
        return cls(read_by=(read, read, foil, gold))


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


def _rows_of(q_positions: Sequence[int]) -> Callable[[LayerAttention], Float[np.ndarray, "head row k_pos"]]:
    columns = torch.tensor([q_positions])

    def look(seen: LayerAttention) -> Float[np.ndarray, "head row k_pos"]:
        return pattern_rows(seen.source, columns)[0].float().cpu().numpy()

    return look


def _clean_mass(rows: Rows, units: Sequence[Unit], attention: Mapping[int, np.ndarray], dims: ModelDims) -> float:
    """Attention from the forced rows to their keys, mean over the heads and rows that see any; NaN if none does."""
    place = {query: index for index, query in enumerate(sorted(rows))}
    masses = [
        float(attention[unit.layer][unit.index, place[query], list(keys)].sum())
        for unit in units
        for query, keys in reachable_rows(rows, unit.layer, dims).items()
    ]
    return float(np.mean(masses)) if masses else float("nan")
