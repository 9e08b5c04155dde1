"""Another model as the source of attention patterns or head outputs: who may be one, and what is taken from it.

In: the recipient, a donor model, examples. Out: by layer the donor's values at the edited positions, and the same of
another head or another example, which are the controls. The donor runs on the recipient's own tokens, and no more of
its attention is kept than the rows that are put in.

A transplant has two controls, each at the same positions. Another head of the donor's layer, on the same text: were
any attention of the donor as good, or any change of the recipient's, it would do as much. The same head of the donor on
another text: what is sharp, local or looks at the first token on any text would do as much, and so would attention to
a place, where all texts have one layout.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from attnprobe.causal.control_arms import ControlArm
from attnprobe.causal.controls import ControlKind
from attnprobe.causal.head_sets import Edited
from attnprobe.causal.joint_controls import JointControl
from attnprobe.causal.joint_writes import edit_writes
from attnprobe.causal.settings import PatchSettings
from attnprobe.causal.subject import Subject
from attnprobe.causal.sweep import Variant
from attnprobe.errors import SpecError
from attnprobe.kernels.rows import pattern_rows
from attnprobe.models.alignment import align_all
from attnprobe.models.model import Model
from attnprobe.plan import LayerAttention, ModelDims, Plan, Point, Read, Stream, Tokens
from attnprobe.statistics.seeds import generator
from attnprobe.tasks import AlignedExample, Task

Values = Mapping[int, Tensor]
"""By layer, at the edited positions: patterns [head, position, k_pos], outputs [position, head, d_head]."""


def check_donor(recipient: Model, donor: Model, task: Task, aligned: Sequence[AlignedExample], point: Point) -> None:
    """Refuse a donor whose attention would mean something else in the recipient.

    Args:
        recipient: the model that is edited.
        donor: the model that values are taken from.
        task: on which.
        aligned: its examples under the recipient's tokenizer.
        point: what is taken.

    Raises:
        SpecError: token ids, layers, query heads or windows differ; for heads' outputs, their width.
    """
    ours, theirs = recipient.dims, donor.dims
    names = f"donor {donor.provenance.name} and recipient {recipient.provenance.name}"
    what = "a head's attention of one is then no head's of the other. Choose a model of one family and size."
    for said, one, other in (
        ("layers", theirs.n_layers, ours.n_layers),
        ("query heads by layer", theirs.n_heads, ours.n_heads),
        ("sliding windows by layer", theirs.windows, ours.windows),
    ):
        if one != other:
            raise SpecError(f"{names} differ in {said}: {_shown(one)} and {_shown(other)}; {what}")
    if point is Point.Z and theirs.d_head != ours.d_head:
        raise SpecError(
            f"{names} differ in the width of heads: {_shown(theirs.d_head)} and {_shown(ours.d_head)}; "
            "transplant the pattern instead."
        )
    tokens = align_all(donor, task)
    for one, other in zip(tokens, aligned, strict=True):
        if one.ids != other.ids:
            raise SpecError(
                f"{names} cut example {other.example.id!r} into other tokens ({len(one.ids)} and {len(other.ids)}); "
                "a pattern of one is then about other words. Choose a donor with the same tokenizer."
            )


def _shown(value: int | tuple[int | None, ...]) -> str:
    if isinstance(value, int):
        return str(value)
    return str(value[0]) if len(set(value)) == 1 else str(list(value))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DonorModel:
    """A model that values are taken from.

    Attributes:
        model: the donor.
        settings: of the sweep.
        layers: whose values are needed.
        pool: every example's tokens by id, in task order.
    """

    model: Model
    settings: PatchSettings
    layers: tuple[int, ...]
    pool: Mapping[str, tuple[int, ...]]

    def values(self, subject: Subject, ids: Sequence[int] | None = None) -> Values:
        """What the donor has at the edited positions.

        Args:
            subject: the example.
            ids: of another text, long enough; the example's own by default.
        """
        rows, length = _positions(subject), len(subject.ids)
        tokens = Tokens.of([subject.ids if ids is None else ids])
        if self.settings.resolved_site is Point.Z:
            reads = tuple(Read(point=Point.Z, layer=layer) for layer in self.layers)
            run = self.model.forward(tokens, Plan(reads=reads, last_logits=0))
            return {layer: run.read(Point.Z, layer, 0)[list(rows)] for layer in self.layers}
        columns = torch.tensor([rows])

        def look(seen: LayerAttention) -> Tensor:
            found = pattern_rows(seen.source, columns)[0]
            # another text may be longer, or end between the last edited row and the end of ours
            whole = found.new_zeros(*found.shape[:2], length)
            width = min(length, found.shape[2])
            whole[:, :, :width] = found[:, :, :width]
            return whole

        streams = tuple(Stream(layer=layer, statistic=look) for layer in self.layers)
        run = self.model.forward(tokens, Plan(streams=streams, last_logits=0))
        return dict(zip(self.layers, run.streamed, strict=True))

    def other_example(self, subject: Subject) -> str | None:
        """The example whose attention is the control: of those long enough one of the nearest in length, by seed."""
        name, needed = subject.aligned.example.id, _positions(subject)[-1] + 1
        lengths = {other: len(ids) for other, ids in self.pool.items() if other != name and len(ids) >= needed}
        if not lengths:
            return None
        nearest = min(abs(length - len(subject.ids)) for length in lengths.values())
        closest = [other for other, length in lengths.items() if abs(length - len(subject.ids)) == nearest]
        rng = generator(self.settings.seed, name, "", f"control/{ControlKind.OTHER_EXAMPLE}")
        return closest[int(rng.integers(len(closest)))]

    def arms(
        self, subject: Subject, values: Values, units: Sequence[Edited], dims: ModelDims
    ) -> tuple[ControlArm, ...]:
        """Both controls of every unit.

        Args:
            subject: the example.
            values: what the donor has there, from `values`.
            units: what the sweep edits.
            dims: of the recipient.
        """
        other, order = self.other_example(subject), self._other_heads(subject, dims)
        swapped = {layer: self._of_heads(found, order[layer]) for layer, found in values.items()}
        elsewhere = None if other is None else self.values(subject, self.pool[other])
        arms: list[ControlArm] = []
        for kind, found in ((ControlKind.OTHER_HEAD, swapped), (ControlKind.OTHER_EXAMPLE, elsewhere)):
            for unit in units:
                reason = self._reason(kind, unit, other, dims)
                source = other if kind is ControlKind.OTHER_EXAMPLE else _drawn_heads(unit, order)
                control = JointControl(kind=kind, drawn=(), reason=reason, dose=None, source=source)
                variants: tuple[Variant, ...] = ()
                if found is not None and reason is None:
                    writes = edit_writes(subject, self.settings, unit, dims, found)
                    variants = (Variant(key=unit, writes=writes),)
                arms.append(ControlArm(unit=unit, control=control, variants=variants))
        return tuple(arms)

    def _other_heads(self, subject: Subject, dims: ModelDims) -> Mapping[int, tuple[int, ...]]:
        """For each layer and head another head of that layer, none twice: a draw for all units alike."""
        drawn: dict[int, tuple[int, ...]] = {}
        for layer in self.layers:
            n_heads = dims.n_heads[layer]
            rng = generator(self.settings.seed, subject.aligned.example.id, f"L{layer}", "control/other_head")
            circle = [int(head) for head in rng.permutation(n_heads)]
            after = dict(zip(circle, circle[1:] + circle[:1], strict=True))
            drawn[layer] = tuple(after[head] for head in range(n_heads))
        return drawn

    def _of_heads(self, values: Tensor, heads: Sequence[int]) -> Tensor:
        return values[list(heads)] if self.settings.resolved_site is Point.PATTERN else values[:, list(heads)]

    def _reason(self, kind: ControlKind, unit: Edited, other: str | None, dims: ModelDims) -> str | None:
        if kind is ControlKind.OTHER_EXAMPLE:
            return None if other is not None else "no other example is as long"
        lonely = any(dims.n_heads[member.layer] < 2 for member in unit.members)
        return "a layer has no other head" if lonely else None


def _drawn_heads(unit: Edited, order: Mapping[int, tuple[int, ...]]) -> str:
    drawn = [(member.layer, member.index) for member in unit.members if member.index is not None]
    return "+".join(f"L{layer}H{order[layer][index]}" for layer, index in drawn)


def _positions(subject: Subject) -> list[int]:
    return list(range(len(subject.ids)) if subject.positions is None else subject.positions)
