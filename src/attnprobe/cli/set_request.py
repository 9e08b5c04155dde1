"""What the user asks of several heads at once, understood and checked before anything is loaded.

In: `Typed` and the edit. Out: `SetRequest`, or None where heads are edited one at a time.
"""

from collections.abc import Callable
from dataclasses import dataclass

from attnprobe.causal.controls import ControlKind
from attnprobe.causal.head_sets import EVERY_HEAD, HeadSet
from attnprobe.causal.set_effects import every_head
from attnprobe.causal.set_settings import GivenSets, GreedyHeads, SetChoice, SetSettings, TopHeads
from attnprobe.causal.settings import PatchSettings
from attnprobe.cli.typed import Typed, option_name
from attnprobe.errors import SpecError
from attnprobe.models.model import Model

SEVERAL = ("set",)
"""Options that may be given several times."""
_CHOICES = ("set", "top_k", "greedy")
_BESIDE = ("all_but", "random_sets", "min_gain")


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRequest:
    """Several heads at once, understood.

    Attributes:
        settings: what is done to a set.
        choice: which sets, of a model.
    """

    settings: SetSettings
    choice: Callable[[Model], SetChoice]


def edits_sets(typed: Typed) -> bool:
    """Whether several heads are edited at once.

    Raises:
        SpecError: an option for sets without any set.
    """
    chosen = [name for name in _CHOICES if name in typed.given]
    if len(chosen) > 1:
        raise SpecError(f"{' and '.join(map(option_name, chosen))} at once: each says which sets; give one of them.")
    idle = [name for name in _BESIDE if name in typed.given]
    if idle and not chosen:
        raise SpecError(
            f"{option_name(idle[0])} is for several heads at once; say which with --set, --top-k or --greedy."
        )
    return bool(chosen)


def set_control(typed: Typed) -> ControlKind | None:
    """`random_heads`, which sets of heads alone know, where it was asked for."""
    return ControlKind.RANDOM_HEADS if typed.optional("control") == ControlKind.RANDOM_HEADS else None


def set_request(typed: Typed, edit: PatchSettings) -> SetRequest:
    """Understand the options of sets.

    Args:
        typed: the command line.
        edit: what is done to each head.

    Raises:
        SpecError: a value does not exist, or an option does not apply beside another.
    """
    settings = SetSettings(
        edit=edit,
        all_but=typed.flag("all_but"),
        control=set_control(typed),
        draws=typed.whole("random_sets", at_least=1),
    )
    if "min_gain" in typed.given and "greedy" not in typed.given:
        raise SpecError("--min-gain says when --greedy ends; leave it out, or use --greedy.")
    if "top_k" in typed.given:
        top = TopHeads(sizes=_sizes(typed.text("top_k")))
        return SetRequest(settings=settings, choice=lambda model: top)
    if "greedy" in typed.given:
        greedy = GreedyHeads(most=typed.whole("greedy", at_least=1), min_gain=typed.real("min_gain"))
        return SetRequest(settings=settings, choice=lambda model: greedy)
    if "heads" in typed.given:
        raise SpecError("--heads with --set: a set names its heads itself; leave --heads out.")
    names = typed.text("set").split()
    if settings.all_but and EVERY_HEAD in names:
        raise SpecError("--set all with --all-but: no head is left to edit; name the heads that are kept.")
    parsed = {name: HeadSet.parse(name) for name in names if name != EVERY_HEAD}
    return SetRequest(
        settings=settings,
        choice=lambda model: GivenSets(
            sets=tuple(parsed[name] if name in parsed else every_head(settings, model) for name in names)
        ),
    )


def _sizes(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(size) for size in text.split(","))
    except ValueError:
        raise SpecError(f"--top-k {text!r}: expected numbers of heads, ascending, such as 1,2,4,8.") from None
