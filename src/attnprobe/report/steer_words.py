"""What answers under edits say, in sentences.

In: a `SteerResult`. Out: the question, the headline, what was edited in words, remarks.
"""

from attnprobe.causal.steering import Arm
from attnprobe.causal.steering_settings import KeyTiming, Replacement, SteerKind, SteerSettings
from attnprobe.evaluation.under_plan.result import CORRECT, Comparison, SteerResult
from attnprobe.report.numbers import counted, interval, number, q_value

QUESTION = "Do answers that the model writes itself change when its heads are edited at every step?"
ARM_NAMES = {
    Arm.CLEAN: "unedited",
    Arm.EDITED: "edited",
    Arm.RANDOM_KEYS: "random keys",
    Arm.RANDOM_HEADS: "random heads",
}
DECIMALS = 3


def edit_words(settings: SteerSettings) -> str:
    """What is done, in words."""
    heads, keys = ", ".join(map(str, settings.heads)), settings.resolved_keys
    match settings.intervention:
        case SteerKind.MASK:
            share = "" if settings.strength == 1 else f" (strength {settings.strength:g})"
            what = f"attention of {heads} to {keys} masked{share}"
        case SteerKind.FORCE:
            what = f"attention of {heads} to {keys} forced to {settings.mass:g}"
        case SteerKind.ABLATE:
            ablated = "nothing" if settings.ablation is Replacement.ZERO else "their mean"
            what = f"outputs of {heads} replaced by {ablated}"
        case SteerKind.SCALE:
            what = f"outputs of {heads} times {settings.factor:g}"
        case SteerKind.TRANSPLANT:
            what = f"attention of {heads} replaced by the donor's"
    if not settings.intervention.has_keys:
        return what + (", prompt included" if settings.reads_prompt else "")
    steps = "" if settings.steps is None else f", in steps {', '.join(map(str, settings.steps))} of the gold alone"
    is_dynamic = settings.resolved_timing is KeyTiming.DYNAMIC
    return what + (" of the gold token that comes next" if is_dynamic else ", the same at every token") + steps


def headline(result: SteerResult) -> str:
    """The finding in one sentence: what the edit did, and what its control did."""
    against = result.compare(Arm.EDITED, Arm.CLEAN)
    text = (
        f"With {edit_words(result.settings)}, {_of(against.share, against.n)} answers are right; unedited, "
        f"{_of(against.other_share, against.n)}: {against.broken} broke and {against.mended} were mended "
        f"(exact McNemar p {_p(against.p)})."
    )
    for arm in (Arm.RANDOM_KEYS, Arm.RANDOM_HEADS):
        found = find(result, Arm.EDITED, arm)
        if found is not None:
            text += (
                f" Beside the same edit at {ARM_NAMES[arm]}, that is {number(found.difference, DECIMALS)} "
                f"{interval(found.low, found.high, DECIMALS)} of all answers (p {_p(found.p)}, n = {found.n})."
            )
    return text


def find(result: SteerResult, arm: Arm, other: Arm, measure: str = CORRECT) -> Comparison | None:
    """A comparison, if it was made."""
    wanted = arm, other, measure
    return next((one for one in result.comparisons if (one.arm, one.other, one.measure) == wanted), None)


def remarks(result: SteerResult) -> tuple[str, ...]:
    """What a reader must know beside the numbers."""
    found: list[str] = []
    left = {share.arm: share for share in result.shares if share.measure == CORRECT and share.text == "off_gold"}
    off = [f"{share.n} of the {ARM_NAMES[arm]} ({share.k} right)" for arm, share in left.items() if share.n]
    if off:
        what = "the keys of the last gold token stayed" if result.settings.intervention.has_keys else "they went on"
        found.append(f"Answers that left the gold text: {', '.join(off)}. From there on {what}.")
    for arm, reasons in result.not_written.items():
        for reason, count in reasons.items():
            found.append(f"{ARM_NAMES[arm].capitalize()}: {counted(count, 'example')} without, because {reason}")
    never = result.counts["edited_answers_never_edited"]
    if never:
        found.append(f"{counted(never, 'edited answer')} ended before any token with keys: they are the plain ones.")
    return tuple(found)


def _of(share: float, n: int) -> str:
    return f"{round(share * n)} of {n}"


def _p(value: float) -> str:
    text = q_value(value)
    return text if text.startswith("<") else f"= {text}"
