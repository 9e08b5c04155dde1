"""What was found, as a verdict and a sentence computed from the numbers by rules stated beforehand.

In: a `PatchResult`. Out: `Finding`. The rules stand here and nowhere else; the manifest stores them before the run,
the page prints them. They can say no.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from attnprobe.causal.result import PatchResult, leading
from attnprobe.causal.rows import HeadResult
from attnprobe.report.numbers import counted, number, with_interval
from attnprobe.report.phrases import Phrases, phrases_for
from attnprobe.runs import JsonValue
from attnprobe.statistics.estimates import Estimate
from attnprobe.statistics.sign_flips import MIN_EXAMPLES

ALPHA = 0.05
LEVEL = 0.95
MINIMUM: Mapping[str, float] = {"nats": 0.1, "logits": 0.1, "share": 0.1}
"""The smallest change that counts, by unit of the metric (DESIGN.md section 6)."""


class Verdict(StrEnum):
    """What the numbers say to the sweep's question."""

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    UNDETERMINED = "undetermined"


RULES: Mapping[str, str] = {
    "stands_out": (
        f"a head stands out when q < {ALPHA:g} (q is over all heads of the sweep), its size is at least the minimum, "
        "and its direction is the expected one"
    ),
    "strongest": "the strongest head is picked on one half of the examples and estimated on the other",
    "supported": (
        f"some head stands out, and the {LEVEL:.0%} interval of the strongest head excludes 0 in the expected "
        "direction, and its size is at least the minimum"
    ),
    "contradicted": (
        f"the {LEVEL:.0%} interval of the strongest head lies within the minimum on either side of 0, or it excludes "
        "0 against the expected direction and no head stands out"
    ),
    "undetermined": f"neither, or there are too few examples (fewer than {2 * MIN_EXAMPLES - 1})",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The answer to a sweep's question.

    Attributes:
        verdict: by the rules.
        question: what was asked.
        answer: one or two sentences with the numbers that the verdict rests on.
        standing_out: heads that stand out by the rules, strongest first.
        opposite: heads that would, were the other direction expected.
    """

    verdict: Verdict
    question: str
    answer: str
    standing_out: tuple[HeadResult, ...]
    opposite: tuple[HeadResult, ...]


def rules_record() -> Mapping[str, JsonValue]:
    """The rules as the manifest stores them."""
    return {
        "alpha": ALPHA,
        "interval": LEVEL,
        "correction": "benjamini_hochberg",
        "minimum": dict(MINIMUM),
        "verdict": dict(RULES),
    }


def find_answer(result: PatchResult) -> Finding:
    """Answer a sweep's question by the rules."""
    phrases = phrases_for(result.settings)
    significant = [head for head in result.strongest_first() if head.q is not None and head.q < ALPHA]
    large = [head for head in significant if is_large(head, result.unit)]
    expected = phrases.expected
    standing_out = tuple(head for head in large if expected is None or leading(head) * expected > 0)
    opposite = tuple(head for head in large if head not in standing_out)
    verdict = _verdict(result, expected, stands_out=bool(standing_out))
    return Finding(
        verdict=verdict,
        question=phrases.question,
        answer=" ".join(
            (
                _strongest_sentence(result, phrases, verdict),
                _count_sentence(result, phrases, significant),
                *_unmatched_sentences(result),
            )
        ),
        standing_out=standing_out,
        opposite=opposite,
    )


def is_large(head: HeadResult, unit: str) -> bool:
    """Whether a head has q below alpha and at least the smallest size that counts.

    A test says only that a head's difference is not exactly 0; in a confident model that is true of millionths of a
    nat.
    """
    return head.q is not None and head.q < ALPHA and abs(leading(head)) >= MINIMUM[unit]


def _verdict(result: PatchResult, expected: int | None, *, stands_out: bool) -> Verdict:
    strongest = result.strongest
    if strongest is None or strongest.value is None or strongest.low is None or strongest.high is None:
        return Verdict.UNDETERMINED
    minimum = MINIMUM[result.unit]
    if -minimum < strongest.low and strongest.high < minimum:
        return Verdict.CONTRADICTED
    excludes_zero = strongest.low > 0 or strongest.high < 0
    as_expected = expected is None or strongest.value * expected > 0
    if excludes_zero and as_expected and stands_out and abs(strongest.value) >= minimum:
        return Verdict.SUPPORTED
    if excludes_zero and not as_expected and not stands_out:
        return Verdict.CONTRADICTED
    return Verdict.UNDETERMINED


def _strongest_sentence(result: PatchResult, phrases: Phrases, verdict: Verdict) -> str:
    opening = {Verdict.SUPPORTED: "Yes.", Verdict.CONTRADICTED: "No.", Verdict.UNDETERMINED: "Undetermined."}[verdict]
    strongest, noun = result.strongest, phrases.unit_noun
    if strongest is None or strongest.value is None:
        return (
            f"{opening} With {counted(result.n, 'example')} no half is large enough to estimate the strongest {noun}."
        )
    names = " or ".join(dict.fromkeys(result.strongest_heads))
    # a share is a plain number
    unit = "" if result.unit == "share" else f" {result.unit}"
    minimum = f"{MINIMUM[result.unit]:g}{unit}"
    amount = f"{with_interval(strongest.value, strongest.low, strongest.high)}{unit}"
    against = f" against {phrases.reference}" if phrases.reference else ""
    apart = f"on the {counted(strongest.n, 'example')} that did not pick it"
    change = f"the strongest {noun} ({names}), {apart}, changes {phrases.metric}"
    sentence = f"{change} by {amount}{against}"
    if verdict is Verdict.CONTRADICTED and _is_within(strongest, MINIMUM[result.unit]):
        return f"{opening} Even {sentence}: less than {minimum}, the smallest change that counts."
    if verdict is Verdict.CONTRADICTED:
        return f"{opening} {sentence[0].upper()}{sentence[1:]}: the other way round."
    if verdict is Verdict.UNDETERMINED:
        return f"{opening} {sentence[0].upper()}{sentence[1:]}; by the rules that is neither a yes nor a no."
    return f"{opening} {sentence[0].upper()}{sentence[1:]}."


def _unmatched_sentences(result: PatchResult) -> list[str]:
    """Name the heads that have a large effect and no control to compare it with, where others have one."""
    if all(head.difference is None for head in result.heads):
        return []
    unit = "" if result.unit == "share" else f" {result.unit}"
    return [
        f"{head.head} found no matching control; its own effect is {number(head.effect, 2)}{unit}."
        for head in result.heads
        if head.difference is None and abs(head.effect) >= MINIMUM[result.unit]
    ]


def _is_within(estimate: Estimate, minimum: float) -> bool:
    return (
        estimate.low is not None and estimate.high is not None and -minimum < estimate.low and estimate.high < minimum
    )


def _count_sentence(result: PatchResult, phrases: Phrases, significant: list[HeadResult]) -> str:
    noun, tested = phrases.unit_noun, sum(head.q is not None for head in result.heads)
    if tested == 0:
        return f"No {noun} could be tested: that takes {MIN_EXAMPLES} examples."
    one = len(significant) == 1
    against = f"{'its' if one else 'their'} control" if phrases.reference else "0"
    basis = f"q < {ALPHA:g}, n = {result.n}"
    if not significant:
        against = "its control" if phrases.reference else "0"
        return f"None of {counted(tested, noun)} differs from {against} ({basis})."
    down = sum(leading(head) < 0 for head in significant)
    ways = ((down, "downward"), (len(significant) - down, "upward"))
    split = ", ".join(f"{count} {way}" for count, way in ways if count)
    differs = "differs" if one else "differ"
    sentence = f"{len(significant)} of {counted(tested, noun)} {differs} from {against} ({basis}): {split}"
    n_small = sum(not is_large(head, result.unit) for head in significant)
    unit = "" if result.unit == "share" else f" {result.unit}"
    small = "and" if one else "all" if n_small == len(significant) else f"{n_small} of them"
    return sentence + (f", {small} by less than {MINIMUM[result.unit]:g}{unit}." if n_small else ".")
