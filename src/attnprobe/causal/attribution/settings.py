"""What an attribution is asked for, as one validated value.

In: options as given on the command line or in Python. Out: `AttributionSettings`. Every combination that has no meaning
is refused here, before a model is loaded.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from attnprobe.causal.controls import ControlKind
from attnprobe.causal.settings import InterventionKind, Metric, PatchSettings
from attnprobe.errors import SpecError
from attnprobe.plan import HeadId, Point


class Target(StrEnum):
    """What is scored: heads, attention edges (layer, head, query, key), or paths from head to head."""

    HEADS = "heads"
    EDGES = "edges"
    PATHS = "paths"


class Approximation(StrEnum):
    """How a mask's effect on a head's output enters its first-order score.

    SECANT: the exact output z' that the mask gives, downstream linear. DERIVATIVE: with respect to the mask's strength
    at 0, so that its own softmax is linear too.
    """

    SECANT = "secant"
    DERIVATIVE = "derivative"


class PathInput(StrEnum):
    """Which input of the receiver a path enters by; LOGITS: no receiver, straight to the logits."""

    Q = "q"
    K = "k"
    V = "v"
    LOGITS = "logits"

    @property
    def point(self) -> Point:
        """The tensor of that input."""
        return Point(self.value)


class Mlps(StrEnum):
    """What MLPs do between a sender and a receiver: keep their unedited outputs, or compute them anew."""

    RECOMPUTED = "recomputed"
    FROZEN = "frozen"


SCORED = (Metric.GOLD_LOGPROB, Metric.LOGIT_DIFF)
"""Metrics with a first order: kl has derivative 0 at the unedited run, and recovery is logit_diff in other units."""
SERVED = (InterventionKind.MASK, InterventionKind.ABLATE, InterventionKind.PATCH, InterventionKind.SCALE)
HEADS_CONFIRMED, EDGES_CONFIRMED = 32, 8
_CHOICES: Mapping[str, type[StrEnum]] = {"target": Target, "approximation": Approximation, "mlps": Mlps}


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributionSettings:
    """An attribution: what is scored, for which intervention and metric, and how much of it is confirmed.

    Attributes:
        target: what is scored.
        patch: the intervention, the gold tokens and the metric; by default logit_diff, since the log-probability of
            what a model is sure of is flat. Edges are masked, whatever keys are named: those only
            say which gold tokens are read, and which edges count as gold. Controls play no part here.
        approximation: of masks.
        integrated: steps of integrated gradients, see `heads.integrated_gradients`; 0 for the derivative at the
            unedited run. For heads the path leads to the edited outputs, for edges to none at all (z = 0).
        top: how many edges of each example are kept, and how many rows a page shows.
        confirm: how many of the strongest are run exactly, and as many drawn at random from all others; None for 32
            heads (all of them where that covers them), 8 edges an example. 0 for none. Paths are always exact.
        senders: of paths; None for all heads.
        receivers: heads that paths lead to; None for all. Empty where paths lead to the logits alone.
        inputs: by which inputs.
        mlps: what MLPs do between sender and receiver.
    """

    target: Target = Target.HEADS
    patch: PatchSettings = field(default_factory=lambda: PatchSettings(metric=Metric.LOGIT_DIFF))
    approximation: Approximation = Approximation.SECANT
    integrated: int = 0
    top: int = 20
    confirm: int | None = None
    senders: tuple[HeadId, ...] | None = None
    receivers: tuple[HeadId, ...] | None = None
    inputs: tuple[PathInput, ...] = tuple(PathInput)
    mlps: Mlps = Mlps.RECOMPUTED

    def __post_init__(self) -> None:
        for name, kind in _CHOICES.items():
            try:
                object.__setattr__(self, name, kind(getattr(self, name)))
            except ValueError as error:
                raise SpecError(f"{name} {getattr(self, name)!r}: expected one of {', '.join(kind)}.") from error
        object.__setattr__(self, "patch", replace(self.patch, control=ControlKind.NONE))
        if self.integrated < 0 or self.top < 1 or (self.confirm is not None and self.confirm < 0):
            raise SpecError(
                f"integrated {self.integrated}, top {self.top}, confirm {self.confirm}: expected whole numbers, at "
                "least 0, 1 and 0."
            )
        self._check_intervention()
        self._check_target()

    def _check_intervention(self) -> None:
        patch = self.patch
        if patch.metric not in SCORED:
            raise SpecError(
                f"metric {patch.metric}: attribution needs a metric with a first order; choose {' or '.join(SCORED)}."
            )
        if patch.intervention not in SERVED:
            raise SpecError(f"intervention {patch.intervention}: expected one of {', '.join(SERVED)}.")
        if patch.intervention is InterventionKind.PATCH and patch.resolved_site is not Point.Z:
            raise SpecError(
                f"site {patch.resolved_site}: attribution scores heads' outputs; use site z, or patch the site exactly "
                "by `attnprobe patch`."
            )
        if patch.placebo:
            raise SpecError("placebo keys have no place in an attribution; leave --placebo out.")
        if self.approximation is Approximation.DERIVATIVE and patch.intervention is not InterventionKind.MASK:
            raise SpecError(
                f"approximation derivative is about the strength of a mask; {patch.intervention} has none, choose "
                "secant."
            )

    def _check_target(self) -> None:
        is_paths, is_heads = self.target is Target.PATHS, self.target is Target.HEADS
        if self.target is Target.EDGES and self.patch.intervention is not InterventionKind.MASK:
            raise SpecError(f"target edges: an edge is masked, it cannot be {self.patch.intervention}; choose mask.")
        if self.target is Target.EDGES and self.approximation is not Approximation.SECANT:
            raise SpecError("target edges: their scores use the exact local output; choose approximation secant.")
        if self.integrated and is_paths:
            raise SpecError("integrated gradients are for heads and edges; paths are exact, leave --integrated out.")
        if not is_heads and self.patch.heads is not None:
            raise SpecError(
                f"heads {', '.join(map(str, self.patch.heads))} with target {self.target}: edges and paths "
                "of all heads are looked at; leave --heads out (paths have --sender and --receiver)."
            )
        if not is_paths and (self.senders is not None or self.receivers is not None or self.mlps is Mlps.FROZEN):
            raise SpecError(f"senders, receivers and MLPs are those of paths; target {self.target} has none.")
        if not self.inputs or list(self.inputs) != sorted(set(self.inputs), key=list(PathInput).index):
            raise SpecError(f"path inputs {list(self.inputs)}: expected some of {', '.join(PathInput)}, none twice.")
        for name, heads in (("sender", self.senders), ("receiver", self.receivers)):
            if any(head.is_kv for head in heads or ()):
                raise SpecError(f"{name}: paths run between query heads, such as L1H2; key and value heads are shared.")

    @property
    def resolved_confirm(self) -> int:
        """`confirm`, with the default of the target filled in."""
        if self.confirm is not None:
            return self.confirm
        return HEADS_CONFIRMED if self.target is Target.HEADS else EDGES_CONFIRMED
