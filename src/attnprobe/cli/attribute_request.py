"""What the user asks of an attribution, understood and checked before anything is loaded.

In: `Typed`. Out: `AttributeRequest`. An option that would do nothing is refused: nobody should believe that it acted.
"""

from dataclasses import dataclass

from attnprobe.causal.attribution.settings import (
    SERVED,
    Approximation,
    AttributionSettings,
    Mlps,
    PathInput,
    Target,
)
from attnprobe.causal.controls import ControlKind
from attnprobe.causal.settings import Ablation, Direction, InterventionKind, Metric, PatchSettings
from attnprobe.cli.run_request import RunRequest
from attnprobe.cli.typed import Typed, member, option_name
from attnprobe.errors import SpecError
from attnprobe.plan import EmptyRow, HeadId
from attnprobe.report.attribution_summary import acts_only_with

_TARGETS = {
    "approximation": (Target.HEADS,),
    "integrated": (Target.HEADS, Target.EDGES),
    "top": (Target.EDGES,),
    "confirm": (Target.HEADS, Target.EDGES),
    "heads": (Target.HEADS,),
    "sender": (Target.PATHS,),
    "receiver": (Target.PATHS,),
    "inputs": (Target.PATHS,),
    "mlps": (Target.PATHS,),
}
"""Options that act with some targets alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeRequest:
    """`attnprobe attribute`, understood.

    Attributes:
        run: model, task and place of results.
        settings: of the attribution.
    """

    run: RunRequest
    settings: AttributionSettings

    @classmethod
    def of(cls, typed: Typed) -> "AttributeRequest":
        """Understand a command line.

        Raises:
            SpecError: a value does not exist, or an option does not apply beside another.
        """
        target = typed.choice("target", Target)
        _refuse_idle(typed, target)
        settings = _settings(typed, target)
        _refuse_for_others(typed, settings.patch.intervention)
        return cls(run=RunRequest.of(typed), settings=settings)


def _settings(typed: Typed, target: Target) -> AttributionSettings:
    confirm = None if typed.optional("confirm") is None else typed.whole("confirm", at_least=0)
    return AttributionSettings(
        target=target,
        patch=_patch(typed, target),
        approximation=typed.choice("approximation", Approximation),
        integrated=typed.whole("integrated", at_least=0),
        top=typed.whole("top", at_least=1),
        confirm=confirm,
        senders=_heads(typed.text("sender")),
        receivers=_heads(typed.text("receiver")),
        inputs=_inputs(typed.text("inputs")),
        mlps=typed.choice("mlps", Mlps),
    )


def _patch(typed: Typed, target: Target) -> PatchSettings:
    given = typed.optional("intervention")
    default = InterventionKind.ABLATE if target is Target.PATHS else InterventionKind.MASK
    intervention = default if given is None else member("--intervention", given, InterventionKind)
    if intervention not in SERVED:
        raise SpecError(f"--intervention {intervention}: attribution serves {', '.join(SERVED)}.")
    return PatchSettings(
        intervention=intervention,
        keys=typed.text("keys"),
        queries=typed.optional("queries"),
        heads=_heads(typed.text("heads")),
        strength=typed.real("strength"),
        ablation=typed.choice("ablation", Ablation),
        direction=typed.choice("direction", Direction),
        factor=typed.real("factor"),
        empty_row=typed.choice("empty_row", EmptyRow),
        metric=typed.choice("metric", Metric),
        control=ControlKind.NONE,
        seed=typed.whole("seed", at_least=0),
        batch_size=typed.whole("batch_size", at_least=1),
    )


def _heads(text: str) -> tuple[HeadId, ...] | None:
    return None if text == "all" else tuple(HeadId.parse(head) for head in text.split(","))


def _inputs(text: str) -> tuple[PathInput, ...]:
    chosen = {member("--inputs", name.strip(), PathInput) for name in text.split(",")}
    return tuple(entry for entry in PathInput if entry in chosen)


def _refuse_idle(typed: Typed, target: Target) -> None:
    for name in sorted(typed.given):
        targets = _TARGETS.get(name)
        if targets is not None and target not in targets:
            raise SpecError(
                f"{option_name(name)} acts with --target {' or '.join(targets)} alone, and this one is {target}; "
                f"leave it out, or use --target {targets[0]}."
            )


def _refuse_for_others(typed: Typed, intervention: InterventionKind) -> None:
    for name in sorted(typed.given):
        owner = acts_only_with(name)
        if owner is not None and owner is not intervention:
            raise SpecError(
                f"{option_name(name)} acts with --intervention {owner} alone, and this one is {intervention}; "
                f"leave it out, or use --intervention {owner}."
            )
