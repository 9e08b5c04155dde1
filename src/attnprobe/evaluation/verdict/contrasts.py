"""From numbers of examples to one contrast: an edit beside its control, with an interval, a p and a verdict.

In: what edit and control did to each example, NaN where there is nothing to compare. Out: `Contrast`.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from attnprobe.evaluation.association.result import Verdict
from attnprobe.evaluation.verdict.rules import Question, verdict_on
from attnprobe.statistics.estimates import Estimate, bootstrap_interval, mcnemar_exact
from attnprobe.statistics.paired_shares import paired_share_difference
from attnprobe.statistics.sign_flips import MIN_EXAMPLES, sign_flip_p


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a contrast is about.

    Attributes:
        question: which test.
        name: distinct within the test, for example `mask/random_keys`.
        edit: what was done, in words.
        control: what it is compared with, in words.
        unit: of all its numbers.
        minimum: smallest difference that counts.
        direction: 1 where the test predicts a rise, -1 where it predicts a fall.
        decides: whether the test's verdict rests on it.
    """

    question: Question
    name: str
    edit: str
    control: str
    unit: str
    minimum: float
    direction: int
    decides: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """One comparison; None where a number does not apply, never NaN.

    Attributes:
        asked: what it is about.
        effect: of the edit against the unedited run, mean over the examples compared, with its 95% interval; for AUROC
            what it exceeds .5 by.
        control: of the control, over the same examples.
        difference: effect less control, with its 95% interval.
        p: two-sided, of the difference.
        verdict: by the rules, of this contrast alone.
        n_unmatched: examples left out because there was nothing to compare.
        reason: why something is None.
    """

    asked: Asked
    effect: Estimate
    control: float | None
    difference: Estimate
    p: float | None
    verdict: Verdict
    n_unmatched: int = 0
    reason: str | None = None

    @property
    def n(self) -> int:
        """Examples compared."""
        return self.difference.n


def contrast_of(
    asked: Asked,
    edit: Float[np.ndarray, " example"],
    control: Float[np.ndarray, " example"],
    *,
    seed: int,
    reason: str | None = None,
) -> Contrast:
    """Compare what an edit and its control did to the same examples.

    Args:
        asked: what it is about.
        edit: effect of the edit on each example, NaN where there is nothing to compare.
        control: effect of the control, likewise.
        seed: the run's.
        reason: why there are so few examples, if that is known.

    Returns:
        Percentile bootstrap interval over examples and sign-flip p.

    Source: DESIGN.md section 6.
    """
    matched = np.isfinite(edit) & np.isfinite(control)
    n = int(matched.sum())
    if n == 0:
        return _nothing(asked, len(edit), reason or "no example has anything to compare")
    samples = edit[matched] - control[matched]
    effect, difference = bootstrap_interval(edit[matched], seed), bootstrap_interval(samples, seed)
    (p,) = sign_flip_p(samples[:, None], seed)
    return Contrast(
        asked=asked,
        effect=effect,
        control=float(control[matched].mean()),
        difference=difference,
        p=p,
        verdict=verdict_on(effect, difference, p, minimum=asked.minimum, direction=asked.direction),
        n_unmatched=len(edit) - n,
        reason=_too_few(n, reason),
    )


def share_contrast(
    asked: Asked,
    edit: Bool[np.ndarray, " example"],
    control: Bool[np.ndarray, " example"],
    unedited: Bool[np.ndarray, " example"],
    *,
    n_unmatched: int = 0,
    reason: str | None = None,
) -> Contrast:
    """Compare how many examples are right under an edit and under its control.

    Args:
        asked: what it is about.
        edit: whether each example is right under the edit.
        control: whether it is under the control, in the same order.
        unedited: whether it is without either.
        n_unmatched: examples that could not be compared.
        reason: why there are so few examples, if that is known.

    Returns:
        Tango's score interval of the difference of paired shares, and McNemar's exact p.
    """
    n = len(edit)
    if n == 0:
        return _nothing(asked, n_unmatched, reason or "no example has anything to compare")
    effect, difference = _change(edit, unedited), _change(edit, control)
    p = mcnemar_exact(control, edit).p
    return Contrast(
        asked=asked,
        effect=effect,
        control=float(control.mean() - unedited.mean()),
        difference=difference,
        p=p,
        verdict=verdict_on(effect, difference, p, minimum=asked.minimum, direction=asked.direction),
        n_unmatched=n_unmatched,
        reason=_too_few(n, reason),
    )


def _change(after: Bool[np.ndarray, " example"], before: Bool[np.ndarray, " example"]) -> Estimate:
    low, high = paired_share_difference(after, before)
    return Estimate(value=float(after.mean() - before.mean()), low=low, high=high, n=len(after))


def _nothing(asked: Asked, n_unmatched: int, reason: str) -> Contrast:
    nothing = Estimate(value=None, low=None, high=None, n=0)
    return Contrast(
        asked=asked,
        effect=nothing,
        control=None,
        difference=nothing,
        p=None,
        verdict=Verdict.UNDETERMINED,
        n_unmatched=n_unmatched,
        reason=reason,
    )


def _too_few(n: int, reason: str | None) -> str | None:
    if n >= MIN_EXAMPLES:
        return None
    few = f"{n} examples; a verdict needs at least {MIN_EXAMPLES}"
    return few if reason is None else f"{few} ({reason})"
