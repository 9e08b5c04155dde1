"""What was found of sets of heads, as verdicts and sentences computed from the numbers by rules stated beforehand.

In: a `SetResult`. Out: `SetFinding`. The rules stand here and nowhere else; the manifest stores them before the run.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from attnprobe.causal.controls import ControlKind
from attnprobe.causal.set_result import SetResult, SetRow
from attnprobe.causal.set_settings import GivenSets, SetSettings
from attnprobe.report.finding import ALPHA, LEVEL, MINIMUM, Verdict
from attnprobe.report.numbers import counted, number, with_interval
from attnprobe.report.phrases import phrases_for
from attnprobe.runs import JsonValue

SUFFICIENT = 0.9
"""From this share on a set is said to suffice: 1 less the least recovery that counts."""

SET_RULES: Mapping[str, str] = {
    "chosen": "heads that numbers choose are chosen on one half of the examples; the other half alone tests the set",
    "supported": (
        f"a set is supported when q < {ALPHA:g} (q is over the sets of the run), and of both its effect and its "
        f"difference to the control the {LEVEL:.0%} interval excludes 0 in the expected direction and the size is at "
        "least the minimum"
    ),
    "contradicted": "the interval of the effect or of the difference lies within the minimum on either side of 0, or "
    "excludes 0 against the expected direction",
    "suffices": (
        "under all-but a set is supported when the interval of its faithfulness lies between "
        f"{SUFFICIENT:g} and {2 - SUFFICIENT:g}, and contradicted when it ends below {SUFFICIENT:g}"
    ),
    "undetermined": "neither, or there is no interval",
    "random sets": "how many random sets do as much is told beside: the interval of a difference is over examples, not "
    "over sets",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SetFinding:
    """The answer to the question about sets.

    Attributes:
        question: what was asked.
        verdicts: of each set, by its name.
        decides: the name of the set that the answer is about: of sets that grow, the largest; of given ones the first.
        answer: sentences with the numbers that they rest on.
    """

    question: str
    verdicts: Mapping[str, Verdict]
    decides: str
    answer: str

    @property
    def verdict(self) -> Verdict:
        """Of the set that the answer is about."""
        return self.verdicts[self.decides]


def set_rules_record() -> Mapping[str, JsonValue]:
    """The rules as the manifest stores them."""
    return {
        "alpha": ALPHA,
        "interval": LEVEL,
        "correction": "benjamini_hochberg",
        "minimum": dict(MINIMUM),
        "sufficient": SUFFICIENT,
        "verdict": dict(SET_RULES),
    }


def find_sets(result: SetResult) -> SetFinding:
    """Answer the question about sets by the rules."""
    decides = result.sets[0 if isinstance(result.choice, GivenSets) else -1]
    verdicts = {row.name: verdict_of(row, result) for row in result.sets}
    sentences = [_main(decides, result, verdicts[decides.name]), _random(decides, result)]
    sentences += _beside(decides, result)
    return SetFinding(
        question=set_question(result.settings),
        verdicts=verdicts,
        decides=decides.name,
        answer=" ".join(sentence for sentence in sentences if sentence),
    )


def set_question(settings: SetSettings) -> str:
    """What is asked of a set."""
    phrases = phrases_for(settings.edit)
    deed = set_deed(settings)
    if settings.all_but:
        return f"Do the heads of a set suffice: is {phrases.metric} kept under {deed}?"
    verb = {-1: "lower", 1: "raise", None: "change"}[phrases.expected]
    reference = phrases.reference
    if settings.resolved_control is ControlKind.RANDOM_HEADS or reference is None:
        reference = "the same edit of as many random heads of the same layers"
    return f"Does {deed} {verb} {phrases.metric} more than {reference} does?"


def set_deed(settings: SetSettings) -> str:
    """What is done, fit to stand within a sentence."""
    deed = phrases_for(settings.edit).deed
    whose = "every other head's" if settings.all_but else "a set of heads'"
    return (deed[0].lower() + deed[1:]).replace("one head's", whose)


def verdict_of(row: SetRow, result: SetResult) -> Verdict:
    """What the numbers of one set say, by the rules."""
    if result.settings.all_but:
        return _sufficiency(row)
    found, minimum = row.against, MINIMUM[result.unit]
    expected = phrases_for(result.settings.edit).expected
    effect = _reading(found.effect, found.low, found.high, minimum, expected)
    difference = _reading(found.difference, found.difference_low, found.difference_high, minimum, expected)
    if Verdict.CONTRADICTED in (effect, difference):
        return Verdict.CONTRADICTED
    is_small_q = found.q is not None and found.q < ALPHA
    both = effect is difference is Verdict.SUPPORTED
    return Verdict.SUPPORTED if both and is_small_q else Verdict.UNDETERMINED


def _reading(
    value: float | None, low: float | None, high: float | None, minimum: float, expected: int | None
) -> Verdict:
    """What one number says; without an interval nothing, so that a set without a control is never supported."""
    if value is None or low is None or high is None:
        return Verdict.UNDETERMINED
    if -minimum < low and high < minimum:
        return Verdict.CONTRADICTED
    is_expected = expected is None or value * expected > 0
    excludes_zero = low > 0 or high < 0
    if excludes_zero and not is_expected:
        return Verdict.CONTRADICTED
    return Verdict.SUPPORTED if excludes_zero and abs(value) >= minimum else Verdict.UNDETERMINED


def _sufficiency(row: SetRow) -> Verdict:
    share = row.faithfulness
    if share is None or share.low is None or share.high is None:
        return Verdict.UNDETERMINED
    if share.high < SUFFICIENT:
        return Verdict.CONTRADICTED
    return Verdict.SUPPORTED if share.low >= SUFFICIENT and share.high <= 2 - SUFFICIENT else Verdict.UNDETERMINED


def unit_of(result: SetResult) -> str:
    """The unit after a number; a share is a plain number."""
    return "" if result.unit == "share" else f" {result.unit}"


def _main(row: SetRow, result: SetResult, verdict: Verdict) -> str:
    opening = {Verdict.SUPPORTED: "Yes.", Verdict.CONTRADICTED: "No.", Verdict.UNDETERMINED: "Undetermined."}[verdict]
    metric, unit, found = phrases_for(result.settings.edit).metric, unit_of(result), row.against
    on = f"on {counted(result.n, 'example')}" + ("" if result.selection is None else " that did not choose it")
    effect = f"{with_interval(found.effect, found.low, found.high)}{unit}"
    name = f"{row.name} ({counted(len(row.heads.heads), 'head')})"
    if result.settings.all_but:
        share = row.faithfulness
        kept = "not known" if share is None else with_interval(share.value, share.low, share.high)
        return (
            f"{opening} With {name} left alone and every other head edited, {on}, {metric} changes by {effect}; the "
            f"share kept of what all heads do is {kept}."
        )
    less = ""
    if found.difference is not None:
        difference = with_interval(found.difference, found.difference_low, found.difference_high)
        less = f", {difference}{unit} against its control"
    return f"{opening} {name} edited at once, {on}, changes {metric} by {effect}{less}."


def _random(row: SetRow, result: SetResult) -> str:
    random = row.random
    if random.reason is not None:
        return f"There are no random sets to set beside it ({random.reason})."
    deed = "keep" if result.settings.all_but else "do"
    one = len(random.heads) == 1
    return (
        f"{random.n_as_strong} of {counted(len(random.heads), 'random set')} of as many heads of the same layers "
        f"{deed}{'es' if one and deed == 'do' else 's' if one else ''} as much."
    )


def _beside(row: SetRow, result: SetResult) -> list[str]:
    unit, every = unit_of(result), result.everything
    said = [f"All heads edited at once change it by {with_interval(every.value, every.low, every.high)}{unit}."]
    if row.synergy is not None and row.singles is not None:
        synergy = with_interval(row.synergy.value, row.synergy.low, row.synergy.high)
        said.append(
            f"Its heads one by one add up to {number(row.singles.value)}{unit}; together they do {synergy}{unit} more "
            "than that sum."
        )
    if result.selection is not None and result.selection.stopped is not None:
        said.append(f"No more heads were added: {result.selection.stopped}.")
    return said
