"""What a verdict says in words: fixed sentences that numbers are put into, never free prose.

In: a `VerdictResult`. Out: the question, the headline, a sentence for each test.
"""

from collections.abc import Mapping, Sequence

from attnprobe.evaluation.association.result import Verdict
from attnprobe.evaluation.verdict.contrasts import Contrast
from attnprobe.evaluation.verdict.result import TestResult, VerdictResult
from attnprobe.evaluation.verdict.rules import Headline, Question
from attnprobe.evaluation.verdict.settings import HeadChoice
from attnprobe.report.numbers import MISSING, counted, decimals_for, with_interval

QUESTION = "Does attention to the gold source keys cause right proofs?"

ASKED: Mapping[Question, str] = {
    Question.ASSOCIATION: "Is it higher where the model's own proof is right?",
    Question.NECESSITY: "Does masking it lower log p(gold), and break proofs?",
    Question.SUFFICIENCY: "Does forcing it mend wrong proofs?",
    Question.MEDIATION: "Does these heads' output of a run that succeeds mend one that fails?",
}

_HEADLINES: Mapping[Headline, str] = {
    Headline.CAUSE: "Yes. It is needed, and it carries the answer.",
    Headline.NEEDED: "In part. It is needed; that it suffices or carries the answer is not shown.",
    Headline.CONTRIBUTES: "In part. It can bring the right token about; that it is needed is not shown.",
    Headline.BY_PRODUCT: "No. Without it the model does as well: it is a by-product.",
    Headline.OPEN: "Undetermined. By the rules none of the causal tests says yes or no.",
}

_MINIMUM_UNITS = {"nats": " nats", "share of proofs": "", "share of the gap": "", "AUROC beyond .5": ""}


def headline(result: VerdictResult) -> str:
    """The joint answer, and whose attention it is about."""
    return f"{_HEADLINES[result.headline]} {about(result)}"


def about(result: VerdictResult) -> str:
    """Which heads were tested, and how they were chosen."""
    heads = result.heads
    names = ", ".join(str(head) for head in heads.chosen)
    keys = f"keys {result.settings.keys}"
    if heads.choice is HeadChoice.GIVEN:
        return f"Tested: {names}, as named; {keys}."
    if heads.choice is HeadChoice.ALL:
        return f"Tested: all {len(heads.chosen)} heads; {keys}."
    where = f"chosen on {counted(heads.n_selecting, 'example')}, tested on {len(result.halves.testing)} others"
    if heads.choice is HeadChoice.STRONGEST:
        return f"Tested: {names}, whose masking does most; {where}; {keys}."
    if heads.none_aligned:
        return f"No head is aligned by the rules; tested: {names}, with the largest margin; {where}; {keys}."
    noun = "the aligned head" if len(heads.chosen) == 1 else f"the {len(heads.chosen)} aligned heads"
    return f"Tested: {names}, {noun} of {len(heads.rows)}; {where}; {keys}."


def sentence(test: TestResult) -> str:
    """What one test found."""
    opening = {Verdict.SUPPORTED: "Yes.", Verdict.CONTRADICTED: "No.", Verdict.UNDETERMINED: "Undetermined."}
    found = "; ".join(contrast_words(contrast) for contrast in test.deciding)
    return f"{opening[test.verdict]} {found}." if found else f"{opening[test.verdict]} Not tested."


def contrast_words(contrast: Contrast) -> str:
    """One contrast: what was done, against what, by how much."""
    asked = contrast.asked
    if contrast.difference.value is None:
        return f"{asked.edit} against {asked.control}: {contrast.reason}"
    reason = "" if contrast.reason is None else f", {contrast.reason}"
    return f"{asked.edit} against {asked.control}: {amount(contrast)} (n = {contrast.n}{reason})"


def amount(contrast: Contrast) -> str:
    """The difference with its interval and unit."""
    found = contrast.difference
    decimals = decimals_for((found.value, found.low, found.high))
    unit = _MINIMUM_UNITS.get(contrast.asked.unit, f" {contrast.asked.unit}")
    return f"{with_interval(found.value, found.low, found.high, decimals)}{unit}"


def minimum_text(contrast: Contrast) -> str:
    """The smallest difference that counts, in the predicted direction."""
    sign = "+" if contrast.asked.direction > 0 else "−"
    return f"{sign}{contrast.asked.minimum:g}"


def untested(result: VerdictResult) -> tuple[str, ...]:
    """What could not be asked, and why."""
    return tuple(line for test in result.tests for line in test.untested)


def facts(result: VerdictResult) -> Sequence[tuple[str, str]]:
    """What a reader must know of the data, as names and values."""
    right: list[tuple[str, str]] = []
    if len(result.proofs):
        for arm, rows in result.proofs.groupby("arm", sort=False):
            n_right = int(rows["correct"].to_numpy(dtype=bool).sum())
            right.append((f"right proofs, {_arm(str(arm))}", f"{n_right} of {len(rows)}"))
    return (
        ("examples that chose heads", str(result.counts["examples_selecting"])),
        ("examples tested", str(result.counts["examples_measured"])),
        *right,
    )


def _arm(name: str) -> str:
    return {
        "clean": "unedited",
        "mask_gold": "gold keys masked",
        "mask_random_keys": "random keys masked",
        "mask_distance": "keys as far back masked",
        "force_none": "from the wrong word on, unedited",
        "force_gold": "from the wrong word on, it forced onto its premise",
        "force_random_keys": "from the wrong word on, it forced onto random keys",
    }.get(name, name or MISSING)
