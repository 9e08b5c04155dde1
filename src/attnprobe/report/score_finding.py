"""What attention scores say, as a verdict and a sentence computed from the numbers by rules stated beforehand.

In: a `ScoreResult` or a `PaperResult`. Out: `ScoreFinding`; a sentence. The rules stand here and nowhere else; the
manifest stores them before the run, the page prints them. They can say no.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from attnprobe.attention.result import NullComparison, PaperResult, Scored, ScoreResult
from attnprobe.attention.settings import Normalisation, Null, ScoreSettings
from attnprobe.attention.strongest import by_margin, closest_null, strongest_score
from attnprobe.report.finding import ALPHA, LEVEL, Verdict
from attnprobe.report.numbers import counted, number, with_interval
from attnprobe.report.phrases import keys_phrase
from attnprobe.report.texts import printable
from attnprobe.runs import JsonValue
from attnprobe.statistics.estimates import Estimate
from attnprobe.statistics.sign_flips import MIN_EXAMPLES

DECIMALS = 3
SMALLEST = 0.01
"""The smallest difference from a null that counts, in the unit of the score."""

NULL_NAMES: Mapping[Null, str] = {
    Null.WRONG_TOKEN: "wrong token",
    Null.POSITION: "position",
    Null.PERMUTED: "permuted",
}
_NULL_PHRASES: Mapping[Null, str] = {
    Null.WRONG_TOKEN: "a wrong token that occurs as often",
    Null.POSITION: "as many keys at matched positions",
    Null.PERMUTED: "the keys of other gold tokens",
}
SCORE_RULES: Mapping[str, str] = {
    "supported": (
        f"averaged over the heads that were scored, the {LEVEL:.0%} interval of score less null lies above 0 for every "
        f"null, and each difference is at least {SMALLEST:g}"
    ),
    "contradicted": (
        f"for some null that interval lies below 0, or within {SMALLEST:g} on either side of it: attention on gold "
        "keys is no more than what that null gets"
    ),
    "undetermined": f"neither, or some null could not be drawn, or there are fewer than {MIN_EXAMPLES} examples",
    "stands_out": (
        f"a head stands out when against every null q < {ALPHA:g} (q is over all heads scored, for each null) and the "
        f"difference is at least {SMALLEST:g}"
    ),
    "strongest": (
        "the strongest head has the largest difference from its closest null; it is picked on one half of the examples "
        "and estimated on the other"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreFinding:
    """The answer to the question that scores ask.

    Attributes:
        verdict: by the rules, on the mean over heads.
        question: what was asked.
        answer: sentences with the numbers that the verdict rests on.
        closest: the null that the mean over heads exceeds by least; None where none could be drawn.
    """

    verdict: Verdict
    question: str
    answer: str
    closest: NullComparison | None


def score_rules_record() -> Mapping[str, JsonValue]:
    """The rules as the manifest stores them."""
    return {
        "alpha": ALPHA,
        "interval": LEVEL,
        "correction": "benjamini_hochberg",
        "minimum": SMALLEST,
        "verdict": dict(SCORE_RULES),
    }


def find_score(result: ScoreResult) -> ScoreFinding:
    """Answer the question by the rules."""
    verdict = _verdict(result.overall)
    sentences = (_mean_sentence(result, verdict), _heads_sentence(result), _strongest_sentence(result))
    return ScoreFinding(
        verdict=verdict,
        question=f"Is there more attention on {printable(keys_phrase(result.settings.keys))} than chance puts there?",
        answer=" ".join(sentence for sentence in sentences if sentence),
        closest=closest_null(result.overall),
    )


def paper_sentence(result: PaperResult) -> str:
    """What the paper's protocol found, and what it cannot say."""
    spread = f"{number(finite(result.mean), DECIMALS)} (standard deviation {number(finite(result.std), DECIMALS)})"
    n_lost = result.counts.get("nan_examples", 0)
    lost = f" {counted(n_lost, 'example')} hold a map without differences, in which scores are 0 / 0." if n_lost else ""
    return (
        f"The mean score is {spread} over {counted(result.n, 'example')}.{lost} This protocol has no null: whether "
        "that is more than other tokens get it cannot say; --protocol aligned can."
    )


def finite(value: float) -> float | None:
    """A number, or None where the protocol has none: a map without differences divides 0 by 0."""
    return value if math.isfinite(value) else None


def noun_of(settings: ScoreSettings) -> str:
    """What is scored: heads, or layers where the normalisation has no heads."""
    return "layer" if settings.normalise is Normalisation.ROLLOUT else "head"


def quantity(normalise: Normalisation) -> str:
    """What a score is, for axes and tables."""
    return {
        Normalisation.DIRECT: "share of attention",
        Normalisation.RENORMALISED: "share of attention, without sinks",
        Normalisation.VALUE_WEIGHTED: "share of attention, value-weighted",
        Normalisation.ROLLOUT: "share of attention, rolled out",
        Normalisation.RANK: "percentile among tokens",
        Normalisation.SUM: "attention received and given",
    }.get(normalise, f"{normalise.value.replace('_', ' ')} score")


def stands_out(head: Scored) -> bool:
    """Whether a head exceeds every null by the rules."""
    found = list(head.nulls.values())
    return bool(found) and all(_exceeds(one) for one in found)


def head_q(head: Scored) -> float | None:
    """The largest q over nulls: all must be exceeded; None where one has none."""
    found = [one.q for one in head.nulls.values()]
    known = [q for q in found if q is not None]
    return max(known) if known and len(known) == len(found) else None


def _exceeds(found: NullComparison) -> bool:
    value = found.difference.value
    return found.q is not None and found.q < ALPHA and value is not None and value >= SMALLEST


def _verdict(overall: Scored) -> Verdict:
    found = [one.difference for one in overall.nulls.values()]
    if any(_is_nothing(difference) for difference in found):
        return Verdict.CONTRADICTED
    if found and all(is_more(difference) for difference in found):
        return Verdict.SUPPORTED
    return Verdict.UNDETERMINED


def is_more(difference: Estimate) -> bool:
    """Whether a difference counts: enough examples, its interval above 0, at least the smallest size that counts."""
    value, low = difference.value, difference.low
    return can_tell(difference) and value is not None and low is not None and low > 0 and value >= SMALLEST


def _is_nothing(difference: Estimate) -> bool:
    low, high = difference.low, difference.high
    is_nothing = low is not None and high is not None and (high < 0 or (low > -SMALLEST and high < SMALLEST))
    return can_tell(difference) and is_nothing


def can_tell(difference: Estimate) -> bool:
    """Whether a difference rests on enough examples to say yes or no."""
    # resampled means of two examples lie between the two: an interval, but one that covers half of the time
    return difference.n >= MIN_EXAMPLES


def _mean_sentence(result: ScoreResult, verdict: Verdict) -> str:
    opening = {
        Verdict.SUPPORTED: "Yes.",
        Verdict.CONTRADICTED: "No.",
        Verdict.UNDETERMINED: "Undetermined.",
    }[verdict]
    closest, noun = closest_null(result.overall), noun_of(result.settings)
    heads = f"the mean over {counted(len(result.heads), noun)}" if len(result.heads) > 1 else f"the {noun} scored"
    got = f"For {heads}, gold keys score {with_interval(*_numbers(result.overall.score))}"
    if closest is None:
        return f"{opening} {got} (n = {result.n}); no null could be drawn."
    name, margin = _NULL_PHRASES[closest.null], closest.difference.value or 0.0
    way = "more" if margin >= 0 else "less"
    low, high = (closest.difference.low, closest.difference.high)
    size = with_interval(abs(margin), *((low, high) if margin >= 0 else _mirrored(low, high)), DECIMALS)
    return f"{opening} {got}: {size} {way} than {name}, the closest null (n = {result.n})."


def _heads_sentence(result: ScoreResult) -> str:
    noun = noun_of(result.settings)
    total = counted(len(result.heads), noun)
    if all(head_q(head) is None for head in result.heads):
        return f"No {noun} could be tested: that takes {MIN_EXAMPLES} examples and every null."
    outstanding = [head for head in by_margin(result) if stands_out(head)]
    if not outstanding:
        return f"None of {total} exceeds every null (q < {ALPHA:g})."
    names = ", ".join(head.label for head in outstanding[:3])
    rest = f", {names} the most" if len(outstanding) > 3 else f": {names}"
    verb = "exceeds" if len(outstanding) == 1 else "exceed"
    return f"{len(outstanding)} of {total} {verb} every null (q < {ALPHA:g}){rest}."


def _strongest_sentence(result: ScoreResult) -> str:
    strongest = strongest_score(result)
    if strongest is None or len(result.heads) == 1:
        return ""
    difference = with_interval(*_numbers(strongest.difference))
    return (
        f"On the {strongest.difference.n} examples that did not pick it, {strongest.label} exceeds "
        f"{_NULL_PHRASES[strongest.null]} by {difference}."
    )


def _numbers(estimate: Estimate) -> tuple[float | None, float | None, float | None, int]:
    return estimate.value, estimate.low, estimate.high, DECIMALS


def _mirrored(low: float | None, high: float | None) -> tuple[float | None, float | None]:
    return (None, None) if low is None or high is None else (-high, -low)
