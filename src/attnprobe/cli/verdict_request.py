"""What the user asks of a verdict, understood and checked before anything is loaded.

In: `Typed`. Out: `VerdictRequest`. An option that would do nothing is refused: nobody should believe that it acted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from attnprobe.cli.run_request import RunRequest
from attnprobe.cli.typed import Typed, option_name
from attnprobe.errors import SpecError
from attnprobe.evaluation.verdict.settings import HeadChoice, Minimum, VerdictSettings
from attnprobe.plan import EmptyRow, HeadId
from attnprobe.tasks.prontoqa.asked import Measure
from attnprobe.zoo.catalogue import LEARNER_NAME


class Preset(StrEnum):
    """How much is run.

    QUICK: 320 examples and three doses, within two minutes for every model of the zoo. FULL: 1280 examples, at which an
    accuracy of five points can be told, and six doses.
    """

    QUICK = "quick"
    FULL = "full"


EXAMPLES: Mapping[Preset, int] = {Preset.QUICK: 320, Preset.FULL: 1280}
DOSES: Mapping[Preset, tuple[float, ...]] = {
    Preset.QUICK: (0.25, 0.5, 0.75),
    Preset.FULL: (0.1, 0.25, 0.5, 0.75, 0.9, 1.0),
}
_NEEDS_ANSWERS = ("correctness", "min_accuracy", "min_auroc")


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictRequest:
    """`attnprobe verdict`, understood.

    Attributes:
        run: model, task and place of results.
        settings: of the four tests.
        donor: whose patterns are put in beside: hub name, directory or `zoo:NAME`.
    """

    run: RunRequest
    settings: VerdictSettings
    donor: str | None = None

    @classmethod
    def of(cls, typed: Typed) -> "VerdictRequest":
        """Understand a command line.

        Raises:
            SpecError: a value does not exist, or an option does not apply beside another.
        """
        preset = typed.choice("preset", Preset)
        choice, heads = _heads(typed.text("heads"))
        if not typed.flag("answers"):
            idle = [option_name(name) for name in _NEEDS_ANSWERS if name in typed.given]
            if idle:
                raise SpecError(f"{', '.join(idle)} with --no-answers: no proof is written; leave one of the two out.")
        if "margin" in typed.given and not choice.selects:
            raise SpecError("--margin acts where heads are chosen; leave it out, or use --heads aligned.")
        settings = VerdictSettings(
            choice=choice,
            heads=heads,
            keys=typed.text("keys"),
            margin=typed.real("margin"),
            doses=DOSES[preset],
            dose=typed.real("dose"),
            answers=typed.flag("answers"),
            measure=typed.choice("correctness", Measure),
            minimum=Minimum(
                nats=typed.real("min_nats"),
                accuracy=typed.real("min_accuracy"),
                auroc=typed.real("min_auroc"),
                recovery=typed.real("min_recovery"),
            ),
            empty_row=typed.choice("empty_row", EmptyRow),
            placebo=typed.flag("placebo"),
            seed=typed.whole("seed", at_least=0),
            batch_size=typed.whole("batch_size", at_least=1),
        )
        run = RunRequest.of(typed, zoo_model=LEARNER_NAME, n=EXAMPLES[preset])
        return cls(run=run, settings=settings, donor=typed.optional("donor"))


def _heads(text: str) -> tuple[HeadChoice, tuple[HeadId, ...] | None]:
    """Read `aligned`, `strongest`, `all`, or heads."""
    if text in (HeadChoice.ALIGNED, HeadChoice.STRONGEST, HeadChoice.ALL):
        return HeadChoice(text), None
    try:
        return HeadChoice.GIVEN, tuple(HeadId.parse(head) for head in text.split(","))
    except SpecError:
        raise SpecError(f"--heads {text!r}: expected aligned, strongest, all, or heads such as L1H2,L0H1.") from None
