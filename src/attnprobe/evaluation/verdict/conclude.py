"""From what was measured to four verdicts, by the rules.

In: `Observed`, the chosen heads. Out: `TestResult`s. What could not be asked is said, with the reason.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TypeVar

from attnprobe.evaluation.association.result import AssociationResult, Verdict
from attnprobe.evaluation.verdict.association import association_contrasts
from attnprobe.evaluation.verdict.contrasts import Contrast
from attnprobe.evaluation.verdict.mediation import NoPatch, mediation_contrasts
from attnprobe.evaluation.verdict.necessity import necessity_contrasts
from attnprobe.evaluation.verdict.observed import Observed
from attnprobe.evaluation.verdict.proofs import broken_contrasts, mended_contrasts, right_by_arm
from attnprobe.evaluation.verdict.repair import NoRepair
from attnprobe.evaluation.verdict.result import TestResult
from attnprobe.evaluation.verdict.rules import Question, both, repaired
from attnprobe.evaluation.verdict.settings import VerdictSettings
from attnprobe.evaluation.verdict.sufficiency import sufficiency_contrasts
from attnprobe.evaluation.verdict.transplant import transplant_contrast

NO_ANSWERS = "the model was not asked to write proofs"
_NO_REPAIR: Mapping[NoRepair, str] = {
    NoRepair.PROOF_RIGHT: "proved rightly: nothing to repair",
    NoRepair.ALL_RIGHT: "with every word that has a premise right: nothing to repair",
    NoRepair.NO_PREMISE: "without a known premise beyond the source word",
    NoRepair.NO_CONTROL: "with too few other keys to force instead",
}
_NO_PATCH: Mapping[NoPatch, str] = {
    NoPatch.NO_CORRUPTION: "without a corrupted version whose pieces line up",
    NoPatch.NOT_SOLVED: "with the foil preferred in the clean run",
    NoPatch.NOT_CORRUPTED: "with gold preferred in the corrupted run too",
    NoPatch.NO_GAP: "with hardly a difference between clean and corrupted run",
    NoPatch.NO_OTHER_HEADS: "left out, as the set has all heads of its layers: none to compare with",
}


def conclude(
    observed: Observed, association: AssociationResult | str, settings: VerdictSettings
) -> tuple[TestResult, ...]:
    """The four tests, in the order of `Question`.

    Args:
        observed: the testing half.
        association: of the chosen heads, or why there is none.
        settings: of the verdict.
    """
    return (
        _association(association, settings),
        _necessity(observed, settings),
        _sufficiency(observed, settings),
        _mediation(observed, settings),
    )


def _association(found: AssociationResult | str, settings: VerdictSettings) -> TestResult:
    if isinstance(found, str):
        return TestResult(question=Question.ASSOCIATION, verdict=Verdict.UNDETERMINED, contrasts=(), untested=(found,))
    return TestResult(
        question=Question.ASSOCIATION, verdict=found.verdict, contrasts=association_contrasts(found, settings)
    )


def _necessity(observed: Observed, settings: VerdictSettings) -> TestResult:
    contrasts = necessity_contrasts(observed.masked, settings)
    untested: tuple[str, ...] = (f"necessity of right proofs: {NO_ANSWERS}",)
    if settings.answers:
        contrasts, untested = (*contrasts, *broken_contrasts(right_by_arm(observed.proofs), settings)), ()
    parts = [contrast.verdict for contrast in contrasts if contrast.asked.decides]
    return TestResult(
        question=Question.NECESSITY, verdict=both(parts), contrasts=_deciding_first(contrasts), untested=untested
    )


def _sufficiency(observed: Observed, settings: VerdictSettings) -> TestResult:
    untested = _reasons("sufficiency", observed.without_repair, _NO_REPAIR)
    if not observed.forced:
        return TestResult(question=Question.SUFFICIENCY, verdict=Verdict.UNDETERMINED, contrasts=(), untested=untested)
    contrasts = sufficiency_contrasts(observed.forced, settings)
    word, later = contrasts[0].verdict, None
    if settings.answers:
        mended = mended_contrasts(right_by_arm(observed.proofs), settings)
        contrasts, later = (*contrasts, *mended), mended[0].verdict
    else:
        untested = (*untested, f"sufficiency for later steps: {NO_ANSWERS}, so that it cannot be supported")
    return TestResult(
        question=Question.SUFFICIENCY,
        verdict=repaired(word, later),
        contrasts=_deciding_first(contrasts),
        untested=untested,
    )


def _mediation(observed: Observed, settings: VerdictSettings) -> TestResult:
    untested = _reasons("mediation", observed.without_patch, _NO_PATCH)
    if observed.transplanted is None:
        untested = (*untested, "mediation by another model: no donor was given")
    contrasts: tuple[Contrast, ...] = ()
    verdict = Verdict.UNDETERMINED
    if observed.patched:
        contrasts = mediation_contrasts(observed.patched, settings)
        verdict = contrasts[0].verdict
    if observed.transplanted is not None:
        donor = transplant_contrast(observed.transplanted, len(observed.masked), settings)
        contrasts = (*contrasts, donor)
    return TestResult(question=Question.MEDIATION, verdict=verdict, contrasts=contrasts, untested=untested)


_ReasonT = TypeVar("_ReasonT", bound=StrEnum)


def _reasons(test: str, counts: Mapping[_ReasonT, int], words: Mapping[_ReasonT, str]) -> tuple[str, ...]:
    return tuple(
        f"{test}: {count} {'example' if count == 1 else 'examples'} {words[reason]}"
        for reason, count in counts.items()
        if count
    )


def _deciding_first(contrasts: Sequence[Contrast]) -> tuple[Contrast, ...]:
    return tuple(sorted(contrasts, key=lambda contrast: not contrast.asked.decides))
