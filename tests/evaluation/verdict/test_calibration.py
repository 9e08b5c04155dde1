"""How often a whole verdict says `supported` where there is nothing, and how often where there is something.

The null and power figures of DESIGN.md section 6 for necessity, sufficiency and mediation: the numbers of examples are
drawn, everything after them is the code of the verdict. On a null, edit and control are exchangeable; noise is made so
large that the minimum protects from nothing, or no calibrated test could be told from any other. Marked `calibration`:
200 seeds instead of 20, and the same on a transformer with placebo keys, through everything.
`--junitxml=FILE -o junit_family=xunit1` keeps the figures.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from attnprobe.causal.controls import ControlKind, sample_control
from attnprobe.evaluation.association.result import Verdict
from attnprobe.evaluation.verdict import VerdictSettings, verdict
from attnprobe.evaluation.verdict.contrasts import Asked, Contrast, contrast_of, share_contrast
from attnprobe.evaluation.verdict.rules import Question, both, repaired
from attnprobe.evaluation.verdict.settings import Minimum
from attnprobe.models.load import load_model
from attnprobe.tasks import CollectedTask, prontoqa_task
from tests.causal.simulated_heads import COPYING_HEADS, measure, simulate

pytestmark = pytest.mark.usefixtures("without_shape_checks")

N_NULL, N_PLANTED = 48, 300
"""Examples of a null and of a planted difference; a small one takes many to see."""
LOUD = 100.0
"""What simulated effects, of a few hundredths of a nat, are multiplied by on a null: far beyond the minimum."""
SHARED = 3.0
"""What edit and control both do, in standard deviations: the effect is as predicted, so the difference decides."""
MINIMUM = Minimum()

Record = Callable[[str, object], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arms:
    """What edit and control did to each example: a number, and whether the proof is right."""

    edit: np.ndarray
    control: np.ndarray
    edit_right: np.ndarray
    control_right: np.ndarray


def masked(seed: int) -> Arms:
    """A set of heads with placebo keys masked, and random keys in the control, on the simulated model."""
    simulated = simulate(seed, N_NULL)

    def sample(groups: Any, example_id: str, head: str, pattern: np.ndarray) -> Any:
        return sample_control(ControlKind.RANDOM_KEYS, groups, seed=seed, example_id=example_id)

    measured = measure(simulated, ControlKind.RANDOM_KEYS, sample)
    assert measured.control is not None
    chosen = list(COPYING_HEADS)
    edit, control = (LOUD * side[:, chosen].sum(axis=1) for side in (measured.effects, measured.control))
    return _with_proofs(np.random.default_rng(seed), edit, control)


def exchangeable(seed: int) -> Arms:
    """Skewed gains with heavy tails, larger on some examples than on others, alike on both sides."""
    rng = np.random.default_rng(seed)
    each = rng.lognormal(0, 1, N_NULL)
    edit, control = (each + each * rng.standard_t(3, N_NULL) for _ in range(2))
    return _with_proofs(rng, edit, control)


def planted(seed: int, n: int, *, size: float, direction: int) -> Arms:
    """True differences of `size` minima on both scales, among noise of a third of a nat and of one proof in sixteen."""
    rng = np.random.default_rng(seed)
    control = rng.normal(scale=0.35, size=n)
    edit = control + direction * size * MINIMUM.nats + rng.normal(scale=0.35, size=n)
    right, changes = rng.random(n) < 0.6, rng.random(n)
    # proofs that the edit makes right or wrong: the shares of the two differ by `size` minima
    share = (0.0625 + size * MINIMUM.accuracy) / 2
    towards, against = changes < share, (changes >= share) & (changes < 0.0625)
    helped, harmed = (towards, against) if direction > 0 else (against, towards)
    base = np.where(helped, False, np.where(harmed, True, right))
    return Arms(edit=edit, control=control, edit_right=(base | helped) & ~harmed, control_right=base)


def _with_proofs(rng: np.random.Generator, edit: np.ndarray, control: np.ndarray) -> Arms:
    margin = rng.normal(scale=np.std(edit), size=len(edit)) - np.median(edit)
    return Arms(edit=edit, control=control, edit_right=margin + edit > 0, control_right=margin + control > 0)


def _asked(question: Question, unit: str, minimum: float, direction: int) -> Asked:
    return Asked(
        question=question,
        name=unit,
        edit="edit",
        control="control",
        unit=unit,
        minimum=minimum,
        direction=direction,
        decides=True,
    )


def _parts(question: Question, arms: Arms, seed: int, direction: int) -> tuple[Contrast, Contrast]:
    shared = direction * SHARED * np.std(arms.edit)
    asked = _asked(question, "nats", MINIMUM.nats, direction)
    nats = contrast_of(asked, arms.edit + shared, arms.control + shared, seed=seed)
    share = _asked(question, "share of proofs", MINIMUM.accuracy, direction)
    # necessity asks of proofs that are right unedited, sufficiency of wrong ones
    unedited = np.full(len(arms.edit_right), direction < 0)
    return nats, share_contrast(share, arms.edit_right, arms.control_right, unedited)


def necessity(arms: Arms, seed: int) -> dict[str, Verdict]:
    """The verdict, and that of its first part alone."""
    nats, proofs = _parts(Question.NECESSITY, arms, seed, -1)
    return {"verdict": both([nats.verdict, proofs.verdict]), "nats": nats.verdict, "proofs": proofs.verdict}


def sufficiency(arms: Arms, seed: int) -> dict[str, Verdict]:
    """Likewise: the forced word, and what is written after it."""
    nats, proofs = _parts(Question.SUFFICIENCY, arms, seed, 1)
    return {"verdict": repaired(nats.verdict, proofs.verdict), "nats": nats.verdict, "proofs": proofs.verdict}


def mediation(arms: Arms, seed: int) -> dict[str, Verdict]:
    """One part."""
    asked, shared = _asked(Question.MEDIATION, "recovery", MINIMUM.recovery, 1), SHARED * np.std(arms.edit)
    return {"verdict": contrast_of(asked, arms.edit + shared, arms.control + shared, seed=seed).verdict}


TESTS: dict[Question, tuple[Callable[[Arms, int], dict[str, Verdict]], Callable[[int], Arms], int]] = {
    Question.NECESSITY: (necessity, masked, -1),
    Question.SUFFICIENCY: (sufficiency, exchangeable, 1),
    Question.MEDIATION: (mediation, exchangeable, 1),
}


def _counts(found: list[dict[str, Verdict]]) -> dict[str, int]:
    return dict(Counter(f"{part} {verdict}" for one in found for part, verdict in one.items()))


def _check_null(question: Question, seeds: range, record_property: Record) -> None:
    verdict_of, draw, _ = TESTS[question]
    counts = _counts([verdict_of(draw(seed), seed) for seed in seeds])
    record_property("counts", counts)
    most = stats.binom.ppf(0.99, len(seeds), 0.05)
    for part in ("verdict", "nats", "proofs"):
        assert counts.get(f"{part} supported", 0) <= most, counts
    # the noise does hide the minimum: next to nothing is found to be nothing
    assert counts.get("verdict undetermined", 0) > len(seeds) / 2


@pytest.mark.parametrize("question", TESTS, ids=str)
def test_where_there_is_nothing_few_verdicts_say_supported(question: Question, record_property: Record) -> None:
    _check_null(question, range(20), record_property)


@pytest.mark.calibration
@pytest.mark.parametrize("question", TESTS, ids=str)
def test_at_most_18_of_200_null_verdicts_say_supported(question: Question, record_property: Record) -> None:
    assert stats.binom.ppf(0.99, 200, 0.05) == 18
    _check_null(question, range(200), record_property)


def _check_power(question: Question, seeds: range, record_property: Record) -> None:
    """At one and a half minima it is found; at the minimum itself half of all estimates lie below it."""
    counts = _of_planted(question, seeds, 1.5)
    record_property("counts", counts)
    assert counts.get("verdict supported", 0) >= 0.8 * len(seeds), counts


def _of_planted(question: Question, seeds: range, size: float) -> dict[str, int]:
    verdict_of, _, direction = TESTS[question]
    return _counts([verdict_of(planted(seed, N_PLANTED, size=size, direction=direction), seed) for seed in seeds])


@pytest.mark.parametrize("question", TESTS, ids=str)
def test_what_is_half_as_large_again_as_the_minimum_is_supported(question: Question, record_property: Record) -> None:
    _check_power(question, range(10), record_property)


@pytest.mark.calibration
@pytest.mark.parametrize("question", TESTS, ids=str)
def test_power_with_200_seeds(question: Question, record_property: Record) -> None:
    _check_power(question, range(1000, 1200), record_property)


@pytest.mark.calibration
@pytest.mark.parametrize("question", TESTS, ids=str)
def test_what_is_as_large_as_the_minimum_is_seldom_denied(question: Question, record_property: Record) -> None:
    counts = _of_planted(question, range(2000, 2200), 1.0)
    record_property("counts", counts)
    # each part of two is denied where its interval ends below the truth, one time in forty
    assert counts.get("verdict contradicted", 0) <= stats.binom.ppf(0.99, 200, 0.05), counts


@pytest.mark.calibration
def test_placebo_keys_on_a_trained_transformer_are_seldom_a_cause(record_property: Record) -> None:
    """Through everything: a model that fails as often as not, heads chosen on one half, proofs written, 200 seeds."""
    model = load_model("zoo:pronto-65k")
    kinds = [
        (rule, distractors)
        for rule in ("conjunction_elimination", "disjunction_introduction")
        for distractors in ("none", "relevant")
    ]
    examples = [
        replace(example, id=f"{distractors}/{example.id}")
        for rule, distractors in kinds
        for example in prontoqa_task(rule=rule, hops=2, distractors=distractors, n=8, seed=77).examples
    ]
    task = CollectedTask(name="placebo", settings={}, examples=tuple(examples))
    counts: Counter[str] = Counter()
    for seed in range(200):
        result = verdict(model, task, VerdictSettings(placebo=True, keys="premise", empty_row="zero", seed=seed))
        counts.update(f"{question} {said}" for question, said in result.verdicts.items())
        for question in TESTS:
            counts.update(f"{question} {one.asked.name} {one.verdict}" for one in result.test(question).deciding)
    record_property("counts", dict(counts))
    assert all(counts[f"{question} supported"] <= 18 for question in TESTS), counts
