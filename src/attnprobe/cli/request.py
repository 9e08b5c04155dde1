"""What the user asks of a sweep, understood and checked before anything is loaded.

In: `Typed`. Out: `PatchRequest`. An option that would do nothing is refused: nobody should believe that it acted.
"""

from dataclasses import dataclass
from enum import StrEnum

from attnprobe.causal.controls import ControlKind
from attnprobe.causal.settings import (
    Ablation,
    Direction,
    InterventionKind,
    Metric,
    PatchSettings,
    ReadAt,
    UnequalSpans,
)
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
    OTHER_EXAMPLE = ControlKind.OTHER_EXAMPLE
    OTHER_HEAD = ControlKind.OTHER_HEAD
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
        donor: of a transplant, the model that attention is taken from: hub name, directory or `zoo:NAME`.
        sets: of several heads at once; None where heads are edited one at a time.
    """

    run: RunRequest
    settings: PatchSettings
    donor: str | None = None
    sets: SetRequest | None = None

    @classmethod
    def of(cls, typed: Typed) -> "PatchRequest":
        """Understand a command line.

        Raises:
            SpecError: a value does not exist, or an option does not apply beside another.
        """
        settings = _settings(typed)
        _refuse_idle(typed, settings.intervention)
        donor = typed.optional("donor")
        if settings.intervention is InterventionKind.TRANSPLANT and donor is None:
            raise SpecError(
                "--intervention transplant takes attention from another model; name it with --donor, such as "
                "--model zoo:pronto-144k-untaught --donor zoo:pronto-144k-taught."
            )
        sets = set_request(typed, settings) if edits_sets(typed) else None
        return cls(run=RunRequest.of(typed), settings=settings, donor=donor, sets=sets)


def _settings(typed: Typed) -> PatchSettings:
    heads, control, site = typed.text("heads"), typed.optional("control"), typed.optional("site")
    if edits_sets(typed) and set_control(typed) is not None:
        control = None
    return PatchSettings(
        intervention=typed.choice("intervention", InterventionKind),
        keys=typed.optional("keys") or "",
        queries=typed.optional("queries"),
        heads=None if heads == "all" else tuple(HeadId.parse(head) for head in heads.split(",")),
        strength=typed.real("strength"),
        mass=typed.real("mass"),
        doses=_doses(typed),
        step=typed.whole("step", at_least=0) if "step" in typed.given else None,
        readout=typed.choice("readout", ReadAt),
        ablation=typed.choice("ablation", Ablation),
        site=None if site is None else member("--site", site, Point),
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


def _doses(typed: Typed) -> tuple[float, ...]:
    text = typed.optional("doses")
    if text is None:
        return ()
    try:
        return tuple(float(dose) for dose in text.split(","))
    except ValueError:
        raise SpecError(f"--doses {text!r}: expected masses in [0, 1], ascending, such as 0.1,0.5,1.") from None


def _refuse_idle(typed: Typed, intervention: InterventionKind) -> None:
    for name in sorted(typed.given):
        owners = only_for(name)
        if owners and intervention not in owners:
            owner = " or ".join(owners)
            raise SpecError(
                f"{option_name(name)} acts with --intervention {owner} alone, and this one is {intervention}; "
                f"leave it out, or use --intervention {owner}."
            )
