"""What numbers must say before a word is used: the rules of the four tests, fixed before any run.

In: contrasts. Out: `Verdict`s. The rules stand here and nowhere else; the manifest stores them before the run, the page
prints them. They can say no, and that nothing can be said.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from attnprobe.evaluation.association.result import Verdict
from attnprobe.evaluation.verdict.settings import VerdictSettings
from attnprobe.statistics.estimates import Estimate
from attnprobe.statistics.sign_flips import MIN_EXAMPLES

ALPHA = 0.05
LEVEL = 0.95


class Question(StrEnum):
    """The four tests; DESIGN.md section 1."""

    ASSOCIATION = "association"
    NECESSITY = "necessity"
    SUFFICIENCY = "sufficiency"
    MEDIATION = "mediation"


class Headline(StrEnum):
    """What the four verdicts say together.

    CAUSE: needed, and it repairs or mediates. NEEDED: needed, no more shown. BY_PRODUCT: neither needed nor sufficient.
    CONTRIBUTES: it repairs or mediates, without being shown to be needed. OPEN: none of these.
    """

    CAUSE = "cause"
    NEEDED = "needed"
    CONTRIBUTES = "contributes"
    BY_PRODUCT = "by_product"
    OPEN = "open"


RULES: Mapping[str, str] = {
    "halves": (
        "examples are ordered by a hash of seed and id; the first half selects heads, the second half is tested; heads "
        "that are named, and all heads, need no selecting: every example is tested"
    ),
    "aligned": (
        "a head is aligned if on the selecting half its attention mass from the predicting positions to the gold keys "
        "exceeds that to as many random keys by at least the margin, with q < .05 over all heads; if none is, the head "
        "with the largest margin is tested all the same, and that none is aligned is said"
    ),
    "strongest": (
        "beside them, as many heads whose masking lowers log p(gold) most beyond random keys on the selecting half; "
        "shown, and decides nothing unless it was chosen"
    ),
    "supported": (
        "the 95% intervals of the effect and of its difference from the control exclude 0 in the predicted direction, "
        "p of the difference is below .05, and the difference is at least the minimum"
    ),
    "contradicted": (
        "the interval of the effect or of the difference lies within the minimum on either side of 0, or excludes 0 "
        "against the prediction"
    ),
    "undetermined": f"neither, or fewer than {MIN_EXAMPLES} examples",
    "association": (
        "AUROC of the chosen heads' score within strata, by score and beyond the nulls wrong_token and position, as in "
        "the association test; the tested half"
    ),
    "necessity": (
        "mask the chosen heads, together, from the predicting positions to the gold keys; less the same with random "
        "keys. Two parts: log p(gold) in nats; and of proofs that are right unedited, the share that the model still "
        "writes rightly, with McNemar's exact p. supported: both are. contradicted: one is, and the other is not "
        "supported. Without answers the first alone"
    ),
    "sufficiency": (
        "of examples that the model proves wrongly (without answers: with a wrong word), the first word that is not "
        "the most probable one: force the deciding mass onto its premise without its source word, less the same mass "
        "on random keys. Two parts: log p(gold) of the forced word in nats; and the share of right proofs when the "
        "model writes on unforced after that one word. supported: both are. contradicted: the first is. Else "
        "undetermined, so that without answers it cannot be supported"
    ),
    "mediation": (
        "of examples whose clean run prefers gold and whose corrupted run prefers the foil: put the chosen heads' "
        "clean output at the predicting position into the corrupted run, less the same with as many other heads of "
        "the same layers; a layer with fewer others gives as many of its chosen heads, drawn anew for each example"
    ),
    "family": (
        "four questions, four verdicts, no correction across them; within each the contrast named here decides, and "
        "all others are shown without a verdict of the test"
    ),
    "headline_cause": "necessity and one of sufficiency and mediation supported, none of the three contradicted",
    "headline_needed": "else, necessity supported",
    "headline_by_product": "else, necessity contradicted, and neither sufficiency nor mediation supported",
    "headline_contributes": "else, sufficiency or mediation supported",
    "headline_open": "else",
}


def rules_record(settings: VerdictSettings) -> dict[str, object]:
    """The rules as the manifest stores them, before the run."""
    minimum = settings.minimum
    return {
        "alpha": ALPHA,
        "interval": LEVEL,
        "minimum": {
            "nats": minimum.nats,
            "accuracy": minimum.accuracy,
            "auroc": minimum.auroc,
            "recovery": minimum.recovery,
        },
        "margin": settings.margin,
        "deciding_dose": settings.dose,
        "control": {
            Question.NECESSITY.value: "random_keys",
            Question.SUFFICIENCY.value: "random_keys",
            Question.MEDIATION.value: "random_heads",
        },
        "verdict": dict(RULES),
    }


def verdict_on(effect: Estimate, difference: Estimate, p: float | None, *, minimum: float, direction: int) -> Verdict:
    """The verdict on one contrast.

    An edit that does nothing has shown nothing, however much its control does: a control may help where the edit does
    not harm. So both the effect and its difference from the control must go the predicted way.

    Args:
        effect: edit less unedited, with its 95% interval.
        difference: edit less control, likewise.
        p: two-sided, of the difference.
        minimum: smallest size that counts, above 0.
        direction: 1 where the prediction is a rise, -1 where it is a fall.
    """
    assert minimum > 0
    assert direction in (1, -1)
    parts = [_ends(found, direction) for found in (effect, difference)]
    known = [ends for ends in parts if ends is not None]
    if difference.n < MIN_EXAMPLES or len(known) < 2:
        return Verdict.UNDETERMINED
    if any((-minimum < low and high < minimum) or high < 0 for low, _, high in known):
        return Verdict.CONTRADICTED
    is_clear = all(low > 0 for low, _, _ in known) and p is not None and p < ALPHA
    is_large = known[1][1] >= minimum
    return Verdict.SUPPORTED if is_clear and is_large else Verdict.UNDETERMINED


def _ends(found: Estimate, direction: int) -> tuple[float, float, float] | None:
    """Low, value and high, turned so that the prediction is a rise."""
    if found.value is None or found.low is None or found.high is None:
        return None
    if direction > 0:
        return found.low, found.value, found.high
    return -found.high, -found.value, -found.low


def both(parts: Sequence[Verdict]) -> Verdict:
    """Of a claim of several parts: all supported, or one contradicted and none supported."""
    if parts and all(part is Verdict.SUPPORTED for part in parts):
        return Verdict.SUPPORTED
    if Verdict.CONTRADICTED in parts and Verdict.SUPPORTED not in parts:
        return Verdict.CONTRADICTED
    return Verdict.UNDETERMINED


def repaired(word: Verdict, later: Verdict | None) -> Verdict:
    """Of sufficiency: the forced word, and what is written after it; None where nothing was written."""
    if word is Verdict.CONTRADICTED:
        return Verdict.CONTRADICTED
    is_repaired = word is Verdict.SUPPORTED and later is Verdict.SUPPORTED
    return Verdict.SUPPORTED if is_repaired else Verdict.UNDETERMINED


def headline_of(verdicts: Mapping[Question, Verdict]) -> Headline:
    """What the four verdicts say together; association decides nothing about causes."""
    necessity = verdicts[Question.NECESSITY]
    others = (verdicts[Question.SUFFICIENCY], verdicts[Question.MEDIATION])
    is_further_supported = Verdict.SUPPORTED in others
    if necessity is Verdict.SUPPORTED:
        is_cause = is_further_supported and Verdict.CONTRADICTED not in others
        return Headline.CAUSE if is_cause else Headline.NEEDED
    if necessity is Verdict.CONTRADICTED and not is_further_supported:
        return Headline.BY_PRODUCT
    return Headline.CONTRIBUTES if is_further_supported else Headline.OPEN
