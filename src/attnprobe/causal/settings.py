"""What a head sweep is asked to do, as one validated value.

In: options as given on the command line or in Python. Out: `PatchSettings`, which the sweep reads and the manifest
stores. Every combination that has no meaning is refused here, before a model is loaded.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from attnprobe.causal.controls import ControlKind
from attnprobe.errors import SpecError
from attnprobe.plan import EmptyRow, HeadId, Point, SweepLimits, SweepMode


class InterventionKind(StrEnum):
    """What is done to each head: DESIGN.md section 4."""

    MASK = "mask"
    ABLATE = "ablate"
    PATCH = "patch"
    SCALE = "scale"


class Ablation(StrEnum):
    """What replaces an ablated head's output.

    ZERO: nothing. MEAN: its mean over the positions of a reference set. RESAMPLE: its output at the same position of
    another example, drawn by seed.
    """

    ZERO = "zero"
    MEAN = "mean"
    RESAMPLE = "resample"


class Direction(StrEnum):
    """Which run a patch takes values from and which it puts them into."""

    CLEAN_TO_CORRUPTED = "clean_to_corrupted"
    CORRUPTED_TO_CLEAN = "corrupted_to_clean"


class Metric(StrEnum):
    """What is measured on a run; `effects` defines each."""

    GOLD_LOGPROB = "gold_logprob"
    LOGIT_DIFF = "logit_diff"
    RECOVERY = "recovery"
    KL = "kl"

    @property
    def unit(self) -> str:
        """Unit of the metric and of its effects."""
        return {"gold_logprob": "nats", "logit_diff": "logits", "recovery": "share", "kl": "nats"}[self.value]


_CHOICES: Mapping[str, type[StrEnum]] = {
    "intervention": InterventionKind,
    "ablation": Ablation,
    "site": Point,
    "direction": Direction,
    "empty_row": EmptyRow,
    "metric": Metric,
    "control": ControlKind,
    "sweep": SweepMode,
}


def _member(kind: type[StrEnum], name: str, given: str) -> StrEnum:
    try:
        return kind(given)
    except ValueError as error:
        raise SpecError(f"{name} {given!r}: expected one of {', '.join(kind)}.") from error


PATCHABLE = (Point.Z, Point.PATTERN, Point.Q, Point.K, Point.V, Point.ATTN_OUT, Point.MLP_OUT, Point.RESID)


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchSettings:
    """A head sweep: one intervention, head by head, on one metric, against one kind of control.

    Attributes:
        intervention: what is done.
        keys: `source_word`, `premise`, `token_match`, or the name of a span: what a mask forbids.
        queries: `predicting`, `all`, or the name of a span: the rows that are edited. None means `predicting` for a
            mask and `all` for the others.
        heads: which heads, or None for all. Sites without heads are swept by layer.
        strength: of a mask, in [0, 1].
        ablation: what replaces an ablated output.
        site: what a patch replaces.
        direction: of a patch.
        factor: of a scaling.
        empty_row: what a mask does to a row that it leaves without keys.
        metric: what is measured.
        control: what the effect is compared with; None means random keys for a mask and none for the others.
        placebo: of a mask: put keys drawn at random from the controls' own pool in the place of the gold keys. Whatever
            such a sweep finds is a false finding, so it tells how often the method errs on this model and task.
        seed: of everything drawn.
        sweep: how the edits are run; see `SweepMode`.
        batch_size: most edits that run together; part of the configuration because it moves the last bits.
    """

    intervention: InterventionKind = InterventionKind.MASK
    keys: str = "source_word"
    queries: str | None = None
    heads: tuple[HeadId, ...] | None = None
    strength: float = 1.0
    ablation: Ablation = Ablation.ZERO
    site: Point = Point.Z
    direction: Direction = Direction.CLEAN_TO_CORRUPTED
    factor: float = 0.0
    empty_row: EmptyRow = EmptyRow.RAISE
    metric: Metric = Metric.GOLD_LOGPROB
    control: ControlKind | None = None
    placebo: bool = False
    seed: int = 0
    sweep: SweepMode = SweepMode.AUTO
    batch_size: int = 64

    def __post_init__(self) -> None:
        for name, kind in _CHOICES.items():
            # names are taken as text too; a text that is not turned into its member would compare equal and not be it
            if (given := getattr(self, name)) is not None:
                object.__setattr__(self, name, _member(kind, name, given))
        if not 0.0 < self.strength <= 1.0:
            raise SpecError(
                f"strength {self.strength}: expected a number in (0, 1]; 1 removes the keys, 0 would do nothing."
            )
        if self.batch_size < 1:
            raise SpecError(f"batch size {self.batch_size}: expected at least 1 sequence.")
        if self.site not in PATCHABLE:
            raise SpecError(f"site {self.site}: expected one of {', '.join(PATCHABLE)}.")
        if self.intervention is not InterventionKind.MASK and self.control not in (None, ControlKind.NONE):
            raise SpecError(
                f"control {self.control} does not apply to {self.intervention}: single heads have no matched keys; "
                "leave --control out, or use --intervention mask."
            )
        if self.placebo and self.intervention is not InterventionKind.MASK:
            raise SpecError(f"placebo keys are for --intervention mask; {self.intervention} has no keys to draw.")
        if self.metric is Metric.RECOVERY and self.intervention is not InterventionKind.PATCH:
            raise SpecError(
                "metric recovery needs a clean and a corrupted run: use --intervention patch, or --metric logit_diff."
            )

    @property
    def limits(self) -> SweepLimits:
        """How the edits of an example are run."""
        return SweepLimits(mode=self.sweep, batch_size=self.batch_size)

    @property
    def resolved_queries(self) -> str:
        """`queries`, with the default of the intervention filled in."""
        default = "predicting" if self.intervention is InterventionKind.MASK else "all"
        return self.queries or default

    @property
    def resolved_control(self) -> ControlKind:
        """`control`, with the default of the intervention filled in."""
        if self.control is not None:
            return self.control
        return ControlKind.RANDOM_KEYS if self.intervention is InterventionKind.MASK else ControlKind.NONE
