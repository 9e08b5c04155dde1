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
    FORCE = "force"
    ABLATE = "ablate"
    PATCH = "patch"
    SCALE = "scale"
    TRANSPLANT = "transplant"

    @property
    def has_keys(self) -> bool:
        """Whether it edits attention to keys, so that other keys can be its control."""
        return self in (InterventionKind.MASK, InterventionKind.FORCE)


class ReadAt(StrEnum):
    """Which gold tokens of a proof are read when attention is forced.

    OWN: those that the forced rows predict. LATER: those of the steps after the forced one, which no forced row
    predicts: forcing a head onto a word may write that word and nothing more, and only the steps that follow tell.
    """

    OWN = "own"
    LATER = "later"


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


class UnequalSpans(StrEnum):
    """What a patch between prompts of unequal length does with a span that has other tokens in number.

    LAST: its last token takes the last one's values. MEAN: each of its tokens takes the mean. REFUSE: such an example
    is not measured.
    """

    LAST = "last"
    MEAN = "mean"
    REFUSE = "refuse"


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
    "unequal_spans": UnequalSpans,
    "empty_row": EmptyRow,
    "metric": Metric,
    "control": ControlKind,
    "sweep": SweepMode,
    "readout": ReadAt,
}


def _member(kind: type[StrEnum], name: str, given: str) -> StrEnum:
    try:
        return kind(given)
    except ValueError as error:
        raise SpecError(f"{name} {given!r}: expected one of {', '.join(kind)}.") from error


DOSES = (0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
"""Masses of a dose curve, where none are named."""
TRANSPLANTABLE = (Point.PATTERN, Point.Z)
PATCHABLE = (Point.Z, Point.PATTERN, Point.Q, Point.K, Point.V, Point.ATTN_OUT, Point.MLP_OUT, Point.RESID)


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchSettings:
    """A head sweep: one intervention, head by head, on one metric, against one kind of control.

    Attributes:
        intervention: what is done.
        keys: `source_word`, `premise`, `premise_rest`, `token_match`, or the name of a span: what a mask forbids and a
            force attends to. Empty means `premise_rest` for a force and `source_word` otherwise.
        queries: `predicting`, `all`, or the name of a span: the rows that are edited. None means `predicting` for a
            mask and a force and `all` for the others.
        heads: which heads, or None for all. Sites without heads are swept by layer.
        strength: of a mask, in [0, 1].
        mass: of a force, in [0, 1]: the share of each row that the keys get.
        doses: of a force: masses at which its curve is measured, ascending; none for no curve.
        step: of a force: the one step of the proof whose rows are forced, counted from 0 among the steps with keys;
            None for all of them (for the first, where later tokens are read).
        readout: of a force: which gold tokens are read.
        ablation: what replaces an ablated output.
        site: what a patch or a transplant replaces. None means z for a patch and the pattern for a transplant.
        direction: of a patch.
        unequal_spans: of a patch between prompts of unequal length; see `UnequalSpans`.
        factor: of a scaling.
        empty_row: what a mask does to a row that it leaves without keys, a force to one without others.
        metric: what is measured.
        control: what the effect is compared with; None means random keys for a mask and a force, another head of the
            donor for a pattern that is transplanted, the donor on another example for a head's output, and none for
            the others.
        placebo: of a mask or a force: put keys drawn at random from the controls' own pool in the place of the gold
            keys. Whatever such a sweep finds is false, so it tells how often the method errs on this model and task.
        seed: of everything drawn.
        sweep: how the edits are run; see `SweepMode`.
        batch_size: most edits that run together; part of the configuration because it moves the last bits.
    """

    intervention: InterventionKind = InterventionKind.MASK
    keys: str = ""
    queries: str | None = None
    heads: tuple[HeadId, ...] | None = None
    strength: float = 1.0
    mass: float = 0.9
    doses: tuple[float, ...] = ()
    step: int | None = None
    readout: ReadAt = ReadAt.OWN
    ablation: Ablation = Ablation.ZERO
    site: Point | None = None
    direction: Direction = Direction.CLEAN_TO_CORRUPTED
    unequal_spans: UnequalSpans = UnequalSpans.LAST
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
        if not self.keys:
            is_force = self.intervention is InterventionKind.FORCE
            object.__setattr__(self, "keys", "premise_rest" if is_force else "source_word")
        if not 0.0 < self.strength <= 1.0:
            raise SpecError(
                f"strength {self.strength}: expected a number in (0, 1]; 1 removes the keys, 0 would do nothing."
            )
        if self.batch_size < 1:
            raise SpecError(f"batch size {self.batch_size}: expected at least 1 sequence.")
        sites = TRANSPLANTABLE if self.intervention is InterventionKind.TRANSPLANT else PATCHABLE
        if self.resolved_site not in sites:
            raise SpecError(f"site {self.site}: expected one of {', '.join(sites)}.")
        self._check_control()
        if self.placebo and not self.intervention.has_keys:
            raise SpecError(
                f"placebo keys are for --intervention mask or force; {self.intervention} has no keys to draw."
            )
        self._check_force()
        with_two_runs = (InterventionKind.PATCH, InterventionKind.TRANSPLANT)
        if self.metric is Metric.RECOVERY and self.intervention not in with_two_runs:
            raise SpecError(
                "metric recovery needs two runs, clean and corrupted or donor and recipient: use --intervention patch "
                "or transplant, or --metric logit_diff."
            )

    def _check_control(self) -> None:
        is_transplant = self.intervention is InterventionKind.TRANSPLANT
        of_donor = (ControlKind.OTHER_EXAMPLE, ControlKind.OTHER_HEAD)
        if is_transplant and self.control not in (None, *of_donor, ControlKind.NONE):
            raise SpecError(
                f"control {self.control} does not apply to transplant: it replaces attention whatever the keys; choose "
                "other_head, other_example or none."
            )
        if self.control in of_donor and not is_transplant:
            raise SpecError(f"control {self.control} is of a transplant; {self.intervention} has no donor.")
        if is_transplant:
            return
        if not self.intervention.has_keys and self.control not in (None, ControlKind.NONE):
            raise SpecError(
                f"control {self.control} does not apply to {self.intervention}: single heads have no matched keys; "
                "leave --control out, or use --intervention mask or force."
            )

    def _check_force(self) -> None:
        for mass in (self.mass, *self.doses):
            if not 0.0 <= mass <= 1.0:
                raise SpecError(
                    f"mass {mass}: expected a number in [0, 1]; 1 attends to the keys alone, 0 removes them."
                )
        if list(self.doses) != sorted(set(self.doses)):
            raise SpecError(f"doses {list(self.doses)}: expected ascending masses, none twice, such as 0.1,0.5,1.")
        if self.step is not None and self.step < 0:
            raise SpecError(f"step {self.step}: steps of a proof are counted from 0.")
        if self.intervention is not InterventionKind.FORCE:
            if self.doses or self.step is not None or self.readout is not ReadAt.OWN:
                raise SpecError(f"doses, step and readout are of a force; {self.intervention} has none.")
            return
        if self.control is ControlKind.MASS:
            raise SpecError(
                "control mass does not apply to force: every control is given the same mass as the gold keys already; "
                "choose random_keys or distance."
            )
        if self.forced_step is not None and self.resolved_queries != "predicting":
            raise SpecError(
                f"one step of the proof is forced at the positions that predict its words; got queries "
                f"{self.queries!r} beside it. Leave --queries out, or --step and --readout."
            )

    @property
    def forced_step(self) -> int | None:
        """`step`, with the first where later tokens are read and none was named."""
        return 0 if self.step is None and self.readout is ReadAt.LATER else self.step

    @property
    def limits(self) -> SweepLimits:
        """How the edits of an example are run."""
        return SweepLimits(mode=self.sweep, batch_size=self.batch_size)

    @property
    def resolved_site(self) -> Point:
        """`site`, with the default of the intervention filled in."""
        default = Point.PATTERN if self.intervention is InterventionKind.TRANSPLANT else Point.Z
        return self.site or default

    @property
    def resolved_queries(self) -> str:
        """`queries`, with the default of the intervention filled in."""
        default = "predicting" if self.intervention.has_keys else "all"
        return self.queries or default

    @property
    def resolved_control(self) -> ControlKind:
        """`control`, with the default of the intervention filled in."""
        if self.control is not None:
            return self.control
        if self.intervention is InterventionKind.TRANSPLANT:
            # an output of another head is in a basis that the recipient's W_O does not read: it would be no control
            is_output = self.resolved_site is Point.Z
            return ControlKind.OTHER_EXAMPLE if is_output else ControlKind.OTHER_HEAD
        return ControlKind.RANDOM_KEYS if self.intervention.has_keys else ControlKind.NONE
