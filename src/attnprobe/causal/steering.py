"""What is edited while an answer is written, and what that is compared with: steerings of both arms.

In: an aligned example, the settings, the model's dimensions, and for some interventions values that the caller has
measured. Out: `Steering`s of the edit and of its controls.

Controls. Keys: as many others at every query, drawn once an example, so that a query with the same gold keys as another
gets the same control keys; followed like the gold's where keys are dynamic. Heads: as many others of the same layers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import torch
from torch import Tensor

from attnprobe.causal.controls import random_heads
from attnprobe.causal.gold_text import GoldText
from attnprobe.causal.lock_step import HeadsByLayer, LockStep, TransplantSteering
from attnprobe.causal.steered_keys import control_rows, gold_rows, keys_of
from attnprobe.causal.steering_settings import SteerKind, SteerSettings
from attnprobe.errors import SpecError
from attnprobe.models.decoding import EdgeEdit, EdgeSteering, HeadEdit, HeadSteering, Steering, by_layer
from attnprobe.plan import Force, HeadId, Mask, ModelDims, Point, Replace, Scale, Site, Write
from attnprobe.tasks import AlignedExample


class Arm(StrEnum):
    """Under what an answer is written.

    CLEAN: nothing. EDITED: what was asked for. RANDOM_KEYS: the same heads at as many other keys. RANDOM_HEADS: other
    heads of the same layers, at the same keys.
    """

    CLEAN = "clean"
    EDITED = "edited"
    RANDOM_KEYS = "random_keys"
    RANDOM_HEADS = "random_heads"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Edits:
    """What is done to heads, the same for all examples.

    Attributes:
        settings: what was asked for.
        dims: of the model.
        other_heads: the heads of the control; a reason where a layer has too few.
        means: by layer, the mean of z [1, head, d_head]; for mean ablation.
        donor: in lock-step; for a transplant.
    """

    settings: SteerSettings
    dims: ModelDims
    other_heads: tuple[HeadId, ...] | str
    means: Mapping[int, Tensor] | None = None
    donor: LockStep | None = None
    # rows of a batch are edited together where their edit is the very same
    _head_edits: dict[Arm, HeadEdit] = field(default_factory=dict[Arm, HeadEdit], repr=False)

    def head_edit(self, arm: Arm) -> HeadEdit:
        """What an arm does to heads' outputs."""
        if arm not in self._head_edits:
            heads = self.heads(arm)
            whats = {layer: _replacement(self, layer, own) for layer, own in heads}
            self._head_edits[arm] = HeadEdit(heads=heads, interventions=whats)
        return self._head_edits[arm]

    @property
    def arms(self) -> tuple[Arm, ...]:
        """The arms that answers can be written under."""
        keys = (Arm.RANDOM_KEYS,) if self.settings.intervention.has_keys else ()
        heads = () if isinstance(self.other_heads, str) else (Arm.RANDOM_HEADS,)
        return (Arm.CLEAN, Arm.EDITED, *keys, *heads)

    def heads(self, arm: Arm) -> HeadsByLayer:
        """The heads that an arm edits."""
        if arm is Arm.RANDOM_HEADS:
            assert not isinstance(self.other_heads, str), "an arm that is not there"
            return by_layer(self.other_heads)
        return by_layer(self.settings.heads)


def edits_of(settings: SteerSettings, dims: ModelDims) -> Edits:
    """Settle what is done to heads.

    Raises:
        SpecError: a head does not exist.
    """
    missing = [str(head) for head in settings.heads if head not in dims.heads]
    if missing:
        raise SpecError(f"heads {', '.join(missing)} do not exist: the model has {dims.heads[0]} to {dims.heads[-1]}.")
    try:
        others: tuple[HeadId, ...] | str = random_heads(settings.heads, dims.n_heads, seed=settings.seed)
    except SpecError as error:
        others = str(error)
    return Edits(settings=settings, dims=dims, other_heads=others)


def steerings_of(aligned: AlignedExample, edits: Edits, gold: GoldText) -> dict[Arm, Steering | str]:
    """The steering of every arm but the clean one on one example, or why it has none.

    Args:
        aligned: the example.
        edits: what is done.
        gold: follows the example's gold text.

    Raises:
        SpecError: a span that is named does not exist.
        TaskError: the task does not know the keys asked for.
    """
    settings = edits.settings
    if not settings.intervention.has_keys:
        length = aligned.prompt_length
        return {arm: _of_heads(edits, arm, length) for arm in edits.arms if arm is not Arm.CLEAN}
    rows = gold_rows(aligned, settings)
    if not rows:
        reason = f"no token of its gold has keys ({settings.resolved_keys})"
        return {arm: reason for arm in edits.arms if arm is not Arm.CLEAN}
    drawn = control_rows(aligned, settings, rows, edits.dims)
    found: dict[Arm, Steering | str] = {}
    for arm in edits.arms:
        own = drawn if arm is Arm.RANDOM_KEYS else rows
        if arm is not Arm.CLEAN:
            found[arm] = own if isinstance(own, str) else _of_keys(edits, arm, own, gold)
    return found


def _of_keys(edits: Edits, arm: Arm, rows: Mapping[int, tuple[int, ...]], gold: GoldText) -> Steering:
    settings = edits.settings
    what = (
        Mask(strength=settings.strength, empty_row=settings.empty_row)
        if settings.intervention is SteerKind.MASK
        else Force(mass=settings.mass, empty_row=settings.empty_row)
    )
    edit = EdgeEdit(heads=edits.heads(arm), intervention=what)
    return EdgeSteering(edit=edit, keys=keys_of(rows, settings, gold))


def _of_heads(edits: Edits, arm: Arm, prompt_length: int) -> Steering:
    settings = edits.settings
    if settings.intervention is SteerKind.TRANSPLANT:
        assert edits.donor is not None, "a transplant has a donor"
        return TransplantSteering(edits.donor, edits.heads(arm), prompt_length)
    edit = edits.head_edit(arm)
    return WholeSteering(edit) if settings.reads_prompt else HeadSteering(edit=edit)


def _replacement(edits: Edits, layer: int, heads: tuple[int, ...]) -> Scale | Replace:
    settings = edits.settings
    if settings.intervention is SteerKind.SCALE:
        return Scale(factor=settings.factor)
    if edits.means is None:
        return Replace(values=torch.zeros(()), label="zero")
    return Replace(values=edits.means[layer][:, list(heads)], label="mean")


@dataclass(frozen=True, slots=True, eq=False)
class WholeSteering:
    """An edit of heads' outputs at every position of prompt and answer.

    Attributes:
        edit: what is done.
    """

    edit: HeadEdit

    def writes(self, ids: object) -> tuple[Write, ...]:
        """The edits of one step; see `Steering`. Without positions they hold at all that run for the first time."""
        return tuple(
            Write(site=Site(point=Point.Z, layer=layer, heads=heads), intervention=self.edit.interventions[layer])
            for layer, heads in self.edit.heads
        )
