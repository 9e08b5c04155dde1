"""What the user asks of `attnprobe steer`, understood and checked before anything is loaded.

In: `Typed`. Out: `SteerRequest`. An option that would do nothing is refused: nobody should believe that it acted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from attnprobe.causal.steering_settings import KeyTiming, Replacement, SteerKind, SteerSettings
from attnprobe.cli.run_request import RunRequest
from attnprobe.cli.typed import Typed, option_name
from attnprobe.errors import SpecError
from attnprobe.models.decoding import DecodingMode
from attnprobe.plan import EmptyRow, HeadId, ModelDims
from attnprobe.tasks.prontoqa.asked import Measure

_ONLY_FOR: Mapping[str, tuple[SteerKind, ...]] = {
    "keys": (SteerKind.MASK, SteerKind.FORCE),
    "dynamic": (SteerKind.MASK, SteerKind.FORCE),
    "steps": (SteerKind.MASK, SteerKind.FORCE),
    "empty_row": (SteerKind.MASK, SteerKind.FORCE),
    "strength": (SteerKind.MASK,),
    "mass": (SteerKind.FORCE,),
    "ablation": (SteerKind.ABLATE,),
    "factor": (SteerKind.SCALE,),
    "donor": (SteerKind.TRANSPLANT,),
    "prompt_too": (SteerKind.ABLATE, SteerKind.SCALE, SteerKind.TRANSPLANT),
}
# stands for heads that are known once the model is
_ANY = HeadId(layer=0, head=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SteerRequest:
    """`attnprobe steer`, understood.

    Attributes:
        run: model, task and place of results.
        settings: what is edited.
        all_heads: whether every head of the model is meant.
        donor: of a transplant, as the user named it.
    """

    run: RunRequest
    settings: SteerSettings
    all_heads: bool
    donor: str | None

    @classmethod
    def of(cls, typed: Typed) -> "SteerRequest":
        """Understand a command line.

        Raises:
            SpecError: a value does not exist, or an option does not apply beside another.
        """
        kind, donor = typed.choice("intervention", SteerKind), typed.optional("donor")
        for name, kinds in _ONLY_FOR.items():
            if name in typed.given and kind not in kinds:
                raise SpecError(
                    f"{option_name(name)} acts with --intervention {' or '.join(kinds)} alone, and this one is {kind}; "
                    "leave it out."
                )
        if kind is SteerKind.TRANSPLANT and donor is None:
            raise SpecError("--intervention transplant needs a donor; name a model with --donor.")
        heads = typed.text("heads")
        settings = SteerSettings(
            heads=(_ANY,) if heads == "all" else tuple(HeadId.parse(head) for head in heads.split(",")),
            intervention=kind,
            keys=typed.text("keys"),
            timing=_timing(typed),
            strength=typed.real("strength"),
            mass=typed.real("mass"),
            steps=_steps(typed.optional("steps")),
            ablation=typed.choice("ablation", Replacement),
            factor=typed.real("factor"),
            empty_row=typed.choice("empty_row", EmptyRow),
            reads_prompt=typed.flag("prompt_too"),
            measure=typed.choice("correctness", Measure),
            max_new_tokens=typed.whole("max_new_tokens", at_least=1) if "max_new_tokens" in typed.given else None,
            seed=typed.whole("seed", at_least=0),
            mode=typed.choice("decoding", DecodingMode),
            batch_size=typed.whole("batch_size", at_least=1),
        )
        return cls(run=RunRequest.of(typed), settings=settings, all_heads=heads == "all", donor=donor)

    def settled(self, dims: ModelDims) -> SteerSettings:
        """The settings, once it is known which heads there are."""
        return replace(self.settings, heads=dims.heads) if self.all_heads else self.settings


def _timing(typed: Typed) -> KeyTiming | None:
    if "dynamic" not in typed.given:
        return None
    return KeyTiming.DYNAMIC if typed.flag("dynamic") else KeyTiming.STATIC


def _steps(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(sorted({int(step) for step in text.split(",")}))
    except ValueError:
        raise SpecError(f"--steps {text!r}: expected whole numbers counted from 0, such as 0,1.") from None
