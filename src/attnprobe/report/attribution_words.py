"""What an attribution found, in words computed from its numbers by a rule stated beforehand.

In: an `AttributionResult`. Out: a question, a verdict and sentences. The rule is about the scores, not about the model:
may they be read as effects here?
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from attnprobe.causal.attribution.result import AttributionResult
from attnprobe.causal.attribution.settings import AttributionSettings, Target
from attnprobe.report.numbers import counted, number, with_interval
from attnprobe.report.phrases import phrases_for
from attnprobe.runs import JsonValue
from attnprobe.statistics.agreement import SIGN_FLOOR, Agreement

NEAR = 0.9
LIKE = (0.8, 1.25)


class Trust(StrEnum):
    """Whether scores may be read as effects; IN_PROPORTION: but for a factor. EXACT: no scores, paths are run."""

    YES = "yes"
    IN_PROPORTION = "in_proportion"
    NO = "no"
    UNDETERMINED = "undetermined"
    EXACT = "exact"


RULES: Mapping[str, str] = {
    "cases": "heads: all of them, or those drawn at random; edges: those drawn at random from all edges",
    "yes": f"the 95% interval of Pearson's correlation of scores and exact effects lies above {NEAR:g}, and that of "
    f"the factor from scores to effects within {LIKE[0]:g} and {LIKE[1]:g}",
    "in proportion": "the first, but not the second",
    "no": f"that interval lies below {NEAR:g}",
    "undetermined": "neither, or nothing was confirmed, or effects do not vary",
    "signs": f"signs are compared where the exact effect is at least {SIGN_FLOOR:g}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributionFinding:
    """What is said of an attribution.

    Attributes:
        trust: by the rule.
        question: what was asked.
        answer: the sentences that the numbers make.
    """

    trust: Trust
    question: str
    answer: str


def find_attribution(result: AttributionResult) -> AttributionFinding:
    """Say what was found, by the rule."""
    target = result.settings.target
    if target is Target.PATHS:
        return AttributionFinding(
            trust=Trust.EXACT,
            question=f"By which path does {_deed(result)} act on {phrases_for(result.settings.patch).metric}?",
            answer=_of_paths(result),
        )
    trust = trust_in(decisive(result))
    what = "heads" if target is Target.HEADS else "attention edges"
    opening = {
        Trust.YES: "Yes.",
        Trust.IN_PROPORTION: "Proportionally.",
        Trust.NO: "No.",
        Trust.UNDETERMINED: "Undetermined.",
    }[trust]
    sentences = _of_heads(result) if target is Target.HEADS else _of_edges(result)
    return AttributionFinding(
        trust=trust,
        question=f"Can first-order scores of {what} be read as their effects here?",
        answer=f"{opening} {sentences}",
    )


def decisive(result: AttributionResult) -> Agreement | None:
    """The agreement that the verdict rests on: of cases that were not chosen by their scores."""
    return result.agreement.get("heads" if result.settings.target is Target.HEADS else "drawn")


def trust_in(agreement: Agreement | None) -> Trust:
    """The rule."""
    if agreement is None or agreement.pearson.low is None or agreement.pearson.high is None:
        return Trust.UNDETERMINED
    if agreement.pearson.low > NEAR:
        low, high = agreement.slope.low, agreement.slope.high
        is_like = low is not None and high is not None and LIKE[0] <= low and high <= LIKE[1]
        return Trust.YES if is_like else Trust.IN_PROPORTION
    return Trust.NO if agreement.pearson.high < NEAR else Trust.UNDETERMINED


def rules_record() -> Mapping[str, JsonValue]:
    """The rule as the manifest stores it."""
    return {"interval": 0.95, "near": NEAR, "like": list(LIKE), "trust": dict(RULES)}


def agreement_text(agreement: Agreement) -> str:
    """An agreement in one clause."""
    pearson, spearman = agreement.pearson, agreement.spearman
    if pearson.value is None:
        return f"of {counted(agreement.n_cases, 'case')}, scores or effects do not vary"
    parts = [
        f"Pearson {with_interval(pearson.value, pearson.low, pearson.high)}",
        f"Spearman {with_interval(spearman.value, spearman.low, spearman.high)}",
    ]
    slope = agreement.slope
    if slope.value is not None:
        parts.append(f"effects {with_interval(slope.value, slope.low, slope.high)} times the scores")
    if agreement.same_sign is not None:
        parts.append(f"the same sign in {agreement.same_sign:.0%} of {agreement.n_signed}")
    if agreement.recall is not None:
        parts.append(f"{agreement.recall:.0%} of the {agreement.n_strongest} strongest found")
    return f"over {counted(agreement.n_cases, 'case')}, {', '.join(parts)}"


def score_name(settings: AttributionSettings) -> str:
    """What kind of score it is, for headings."""
    if settings.integrated:
        return f"integrated gradients, {settings.integrated} steps"
    return f"first order, {settings.approximation}"


def _deed(result: AttributionResult) -> str:
    return {"mask": "masking", "ablate": "ablating", "patch": "patching", "scale": "scaling"}[
        result.settings.patch.intervention.value
    ] + " a head"


def _of_heads(result: AttributionResult) -> str:
    best = result.strongest_heads()[0]
    exact = "not confirmed" if best.exact is None else f"exactly {number(best.exact)}"
    first = f"The largest score is that of {best.head}: {number(best.score)} {result.unit}, {exact}."
    known = [head for head in result.heads if head.exact is not None]
    if not known:
        return f"{first} Nothing was confirmed."
    strongest = max(known, key=lambda head: abs(head.exact or 0.0))
    second = (
        f"The largest exact effect is that of {strongest.head}: {number(strongest.exact)} {result.unit}, "
        f"its score {number(strongest.score)}."
    )
    agreement = decisive(result)
    third = "" if agreement is None else f" Scores and effects agree so: {agreement_text(agreement)}."
    return f"{first} {second}{third}"


def _of_edges(result: AttributionResult) -> str:
    sentences: list[str] = []
    for name, what in (("drawn", "drawn at random"), ("top", "with the largest scores")):
        if agreement := result.agreement.get(name):
            sentences.append(f"Edges {what}: {agreement_text(agreement)}.")
    gold = result.gold
    if gold is not None and gold.of_scores.value is not None and gold.of_edges.value is not None:
        share = gold.of_scores
        sentences.append(
            f"Gold edges are {gold.of_edges.value:.1%} of all and hold {gold.of_scores.value:.1%} of the scores by size"
            + ("." if share.low is None or share.high is None else f" [{share.low:.1%}, {share.high:.1%}].")
        )
    return " ".join(sentences) or "Nothing was confirmed."


def _of_paths(result: AttributionResult) -> str:
    best = result.strongest_paths()[0]
    whole = next(path for path in result.paths if path.input is None and path.sender == best.sender)
    return (
        f"The strongest of {counted(result.counts['paths'], 'path')} is {best.path}: "
        f"{with_interval(best.effect, best.low, best.high)} {result.unit}; by all ways together {best.sender} is worth "
        f"{with_interval(whole.effect, whole.low, whole.high)}. Heads between are frozen, MLPs "
        f"{result.settings.mlps.value}."
    )
