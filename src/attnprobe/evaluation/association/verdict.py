"""What the association test says, by rules stated before any run; the manifest stores them.

In: the contrasts of the mean over heads. Out: a `Verdict`, and the numbers it rests on in a sentence.
"""

from collections.abc import Mapping

from attnprobe.attention.settings import Null
from attnprobe.evaluation.association.result import SCORE, Contrast, HeadAssociation, Verdict
from attnprobe.evaluation.association.settings import AssociationSettings

REQUIRED_NULLS = (Null.WRONG_TOKEN.value, Null.POSITION.value)
"""Alignment must be higher beyond these two; the permuted null stands beside."""

RULES: Mapping[str, str] = {
    "rests_on": (
        "the mean over all scored heads, compared within strata (rule, hops, distractors; thirds of gold length where "
        "these are unknown), by score and by score less each of the nulls wrong_token and position"
    ),
    "supported": "each of these has an AUROC of at least the minimum, and a 95% interval above .5",
    "contradicted": (
        "one of these has an interval within the minimum on either side of .5, or below .5: then alignment is not "
        "higher where the answer is right, or no more so than for keys that are not gold"
    ),
    "undetermined": "neither, a class too small for an interval, or a null that was not scored",
}


def rules_record(settings: AssociationSettings) -> dict[str, str | float]:
    """The rules as the manifest stores them."""
    return {**RULES, "minimum_auroc": settings.minimum_auroc, "interval": 0.95, "measure": settings.measure.value}


def verdict_on(overall: HeadAssociation, settings: AssociationSettings) -> tuple[Verdict, str]:
    """The verdict, and why."""
    asked = [overall.contrasts[name] for name in (SCORE, *REQUIRED_NULLS) if name in overall.contrasts]
    each = [_of_contrast(contrast, settings.minimum_auroc) for contrast in asked]
    because = "; ".join(_sentence(contrast) for contrast in asked)
    if Verdict.CONTRADICTED in each:
        return Verdict.CONTRADICTED, because
    if len(asked) == 1 + len(REQUIRED_NULLS) and all(one is Verdict.SUPPORTED for one in each):
        return Verdict.SUPPORTED, because
    return Verdict.UNDETERMINED, because


def _of_contrast(contrast: Contrast, minimum: float) -> Verdict:
    found = contrast.within
    if found.auroc is None or found.low is None or found.high is None:
        return Verdict.UNDETERMINED
    if found.low > 0.5 and found.auroc >= minimum:
        return Verdict.SUPPORTED
    is_equivalent = found.low >= 1 - minimum and found.high <= minimum
    return Verdict.CONTRADICTED if is_equivalent or found.high < 0.5 else Verdict.UNDETERMINED


def _sentence(contrast: Contrast) -> str:
    name = "score" if contrast.quantity == SCORE else f"score less {contrast.quantity.replace('_', ' ')}"
    found = contrast.within
    if found.auroc is None:
        return f"{name}: no AUROC within strata ({found.reason})"
    interval = "no interval" if found.low is None or found.high is None else f"{found.low:.3f} to {found.high:.3f}"
    counts = f"{found.n_positive} right and {found.n_negative} wrong"
    reason = "" if found.reason is None else f" ({found.reason})"
    return f"{name}: AUROC {found.auroc:.3f} within strata ({interval}; {counts}){reason}"
