"""What the user asks of a sweep, understood and checked before anything is loaded.

In: `Typed`. Out: `PatchRequest`. An option that would do nothing is refused: nobody should believe that it acted.
"""

from dataclasses import dataclass
from enum import StrEnum

from attnprobe.causal.controls import ControlKind
from attnprobe.causal.settings import Ablation, Direction, InterventionKind, Metric, PatchSettings, UnequalSpans
from attnprobe.cli.run_request import RunRequest
from attnprobe.cli.set_request import SetRequest, edits_sets, set_control, set_request
from attnprobe.cli.typed import Typed, member, option_name
from attnprobe.errors import SpecError
from attnprobe.plan import EmptyRow, HeadId, Point
from attnprobe.report.summary import only_for


class _SingleHeadControl(StrEnum):
    """What a single head can be compared with; sets of heads know one kind more."""

    RANDOM_KEYS = ControlKind.RANDOM_KEYS
    DISTANCE = ControlKind.DISTANCE
    MASS = ControlKind.MASS
    NONE = ControlKind.NONE

    @property
    def kind(self) -> ControlKind:
        return ControlKind(self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchRequest:
    """`attnprobe patch`, understood.

    Attributes:
        run: model, task and place of results.
        settings: of the sweep.
        sets: of several heads at once; None where heads are edited one at a time.
    """

    run: RunRequest
    settings: PatchSettings
    sets: SetRequest | None = None

    @classmethod
    def of(cls, typed: Typed) -> "PatchRequest":
        """Understand a command line.

        Raises:
            SpecError: a value does not exist, or an option does not apply beside another.
        """
        settings = _settings(typed)
        _refuse_idle(typed, settings.intervention)
        sets = set_request(typed, settings) if edits_sets(typed) else None
        return cls(run=RunRequest.of(typed), settings=settings, sets=sets)


def _settings(typed: Typed) -> PatchSettings:
    heads, control = typed.text("heads"), typed.optional("control")
    if edits_sets(typed) and set_control(typed) is not None:
        control = None
    return PatchSettings(
        intervention=typed.choice("intervention", InterventionKind),
        keys=typed.text("keys"),
        queries=typed.optional("queries"),
        heads=None if heads == "all" else tuple(HeadId.parse(head) for head in heads.split(",")),
        strength=typed.real("strength"),
        ablation=typed.choice("ablation", Ablation),
        site=typed.choice("site", Point),
        direction=typed.choice("direction", Direction),
        unequal_spans=typed.choice("unequal_spans", UnequalSpans),
        factor=typed.real("factor"),
        empty_row=typed.choice("empty_row", EmptyRow),
        metric=typed.choice("metric", Metric),
        control=None if control is None else member("--control", control, _SingleHeadControl).kind,
        placebo=typed.flag("placebo"),
        seed=typed.whole("seed", at_least=0),
        batch_size=typed.whole("batch_size", at_least=1),
    )


def _refuse_idle(typed: Typed, intervention: InterventionKind) -> None:
    for name in sorted(typed.given):
        owner = only_for(name)
        if owner is not None and owner is not intervention:
            raise SpecError(
                f"{option_name(name)} acts with --intervention {owner} alone, and this one is {intervention}; "
                f"leave it out, or use --intervention {owner}."
            )
