"""What a sweep asks, in words: the one place where settings become phrases.

In: `PatchSettings`. Out: `Phrases`, the parts that questions, answers, titles and captions are built from.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from attnprobe.causal.controls import ControlKind
from attnprobe.causal.settings import Ablation, Direction, InterventionKind, Metric, PatchSettings, ReadAt
from attnprobe.plan import Point
from attnprobe.tasks.example import KeyDefinition

_KEYS: Mapping[str, str] = {
    KeyDefinition.SOURCE_WORD: "the gold source words",
    KeyDefinition.PREMISE: "the premise sentences",
    KeyDefinition.PREMISE_REST: "the premise sentences without the gold source words",
    KeyDefinition.TOKEN_MATCH: "the earlier equal tokens",
}
_CONTROLS = {
    ControlKind.RANDOM_KEYS: "masking as many random keys",
    ControlKind.DISTANCE: "masking as many equally distant keys",
    ControlKind.MASS: "masking other keys of equal attention mass",
    ControlKind.RANDOM_HEADS: "editing as many random heads",
    ControlKind.OTHER_EXAMPLE: "that of the donor on another example",
    ControlKind.OTHER_HEAD: "that of another head of the donor's layer",
}
_FORCED_CONTROLS = {
    ControlKind.RANDOM_KEYS: "forcing as much onto as many random keys",
    ControlKind.DISTANCE: "forcing as much onto as many equally distant keys",
}
_SITES = {
    Point.Z: "one head's output",
    Point.PATTERN: "one head's attention pattern",
    Point.Q: "one head's queries",
    Point.K: "one head's keys",
    Point.V: "one head's values",
    Point.ATTN_OUT: "one layer's attention output",
    Point.MLP_OUT: "one layer's MLP output",
    Point.RESID: "the residual stream into one layer",
}
_METRICS = {
    Metric.GOLD_LOGPROB: "log p(gold)",
    Metric.LOGIT_DIFF: "the gold-over-foil logit difference",
    Metric.RECOVERY: "the share of the clean answer recovered",
    Metric.KL: "the divergence from the unedited prediction",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrases:
    """The words for one sweep.

    Attributes:
        deed: what is done to each head, capitalised, fit to begin a sentence.
        metric: what is measured.
        unit_noun: `head`, or `layer` where a site has no heads.
        expected: +1 or -1, the sign of the effect that would answer the question with yes; None for either.
        reference: what the effect is compared with, after "than"; None without a control.
    """

    deed: str
    metric: str
    unit_noun: str
    expected: int | None
    reference: str | None

    @property
    def question(self) -> str:
        """The question that the sweep answers."""
        verb = {-1: "lower", 1: "raise", None: "change"}[self.expected]
        comparison = f" more than {self.reference} does" if self.reference else ""
        return f"Does {self.deed[0].lower()}{self.deed[1:]} {verb} {self.metric}{comparison}?"


def phrases_for(settings: PatchSettings) -> Phrases:
    """Find the words for a sweep."""
    is_force = settings.intervention is InterventionKind.FORCE
    has_heads = settings.intervention is not InterventionKind.PATCH or settings.resolved_site.has_heads
    return Phrases(
        deed=_deed(settings),
        metric=_metric(settings),
        unit_noun="head" if has_heads else "layer",
        expected=_expected(settings),
        reference=(_FORCED_CONTROLS if is_force else _CONTROLS).get(settings.resolved_control),
    )


def keys_phrase(keys: str) -> str:
    """What keys are called: by their definition, or as a span of the task."""
    return _KEYS.get(keys, f"the span '{keys}'")


def _metric(settings: PatchSettings) -> str:
    if settings.intervention is InterventionKind.TRANSPLANT and settings.metric is Metric.RECOVERY:
        return "log p(gold), as a share of the way to the donor's,"
    later = " of later steps" if settings.readout is ReadAt.LATER else ""
    return _METRICS[settings.metric] + later


def _force_deed(settings: PatchSettings) -> str:
    keys = keys_phrase(settings.keys)
    if settings.placebo:
        keys = f"random keys in the place of {keys}"
    step = settings.forced_step
    rows = _where(settings.resolved_queries).replace(" at ", " from ", 1) if step is None else f" in step {step}"
    # from where the model predicts goes without saying; any other place is news
    rows = "" if settings.resolved_queries == "predicting" and step is None else rows
    return f"Forcing {settings.mass:g} of one head's attention{rows} onto {keys}"


def _deed(settings: PatchSettings) -> str:
    where = _where(settings.resolved_queries)
    match settings.intervention:
        case InterventionKind.MASK:
            keys = keys_phrase(settings.keys)
            if settings.placebo:
                keys = f"random keys in the place of {keys}"
            strength = "" if settings.strength == 1 else f" (strength {settings.strength:g})"
            # from where the model predicts goes without saying; any other place is news
            queries = "" if settings.resolved_queries == "predicting" else where.replace(" at ", " from ", 1)
            return f"Masking{strength} one head's attention{queries} to {keys}"
        case InterventionKind.FORCE:
            return _force_deed(settings)
        case InterventionKind.TRANSPLANT:
            return f"Putting {_SITES[settings.resolved_site]}{where} from the donor model into the recipient"
        case InterventionKind.ABLATE:
            how = {
                Ablation.ZERO: "Removing one head's output",
                Ablation.MEAN: "Replacing one head's output by its mean",
                Ablation.RESAMPLE: "Replacing one head's output by that on another example",
            }
            return how[settings.ablation] + where
        case InterventionKind.PATCH:
            clean_first = settings.direction is Direction.CLEAN_TO_CORRUPTED
            donor, recipient = ("clean", "corrupted") if clean_first else ("corrupted", "clean")
            return f"Putting {_SITES[settings.resolved_site]}{where} from the {donor} run into the {recipient} one"
        case InterventionKind.SCALE:
            return f"Multiplying one head's output{where} by {settings.factor:g}"


def _where(queries: str) -> str:
    if queries == "all":
        return ""
    return " at the predicting positions" if queries == "predicting" else f" at the span '{queries}'"


def _expected(settings: PatchSettings) -> int | None:
    if settings.metric is Metric.KL:
        return 1
    if settings.intervention is InterventionKind.FORCE:
        return 1
    if settings.intervention is InterventionKind.TRANSPLANT:
        # towards the donor; which of the two models is the better one is not known beforehand
        return 1 if settings.metric is Metric.RECOVERY else None
    if settings.intervention is InterventionKind.PATCH:
        return 1 if settings.direction is Direction.CLEAN_TO_CORRUPTED else -1
    if settings.intervention is InterventionKind.SCALE and settings.factor > 1:
        return None
    return -1
