"""Association on the chosen heads and the testing half: is their attention to the gold keys higher where the model's
own proof is right?

In: a model, the examples of the testing half, the model's own proofs of them. Out: `AssociationResult`, `Contrast`s.
The test itself is `evaluation/association`.
"""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from attnprobe.attention.measure import score_gold_tokens
from attnprobe.attention.settings import ScoreSettings
from attnprobe.errors import TaskError
from attnprobe.evaluation.association.associate import associate
from attnprobe.evaluation.association.outcomes import ANSWER_COLUMNS
from attnprobe.evaluation.association.result import SCORE, AssociationResult, Verdict
from attnprobe.evaluation.association.result import Contrast as ScoreContrast
from attnprobe.evaluation.association.settings import AssociationSettings
from attnprobe.evaluation.verdict.contrasts import Asked, Contrast
from attnprobe.evaluation.verdict.proofs import CLEAN
from attnprobe.evaluation.verdict.rules import Question
from attnprobe.evaluation.verdict.settings import VerdictSettings
from attnprobe.models.model import Model
from attnprobe.plan import HeadId
from attnprobe.statistics.estimates import Estimate
from attnprobe.statistics.seeds import generator
from attnprobe.tasks import Task

_CHANCE = 0.5


def associate_heads(
    model: Model, task: Task, heads: Sequence[HeadId], proofs: pd.DataFrame, settings: VerdictSettings
) -> AssociationResult | str:
    """Hold the chosen heads' scores against the model's own proofs.

    Args:
        model: any backend.
        task: the examples of the testing half.
        heads: the set that is tested; the verdict rests on their mean.
        proofs: from `write_proofs`; those of the arm `clean` are looked at.
        settings: of the verdict.

    Returns:
        The result, or why there is none.
    """
    clean = proofs[proofs["arm"] == CLEAN].reset_index(drop=True)
    answers = clean.loc[:, list(ANSWER_COLUMNS)]
    if settings.placebo:
        # whatever goes with right proofs now does so by chance
        order = generator(settings.seed, f"{len(answers)} answers", "", "verdict/placebo").permutation(len(answers))
        for name in ("correct", "outcome"):
            answers[name] = answers[name].to_numpy()[order]
    if answers["correct"].nunique() < 2:
        which = "right" if len(answers) and bool(answers["correct"].iloc[0]) else "wrong"
        return f"association: all {len(answers)} proofs are {which}, so that there is nothing to compare"
    try:
        scored = score_gold_tokens(
            model,
            task,
            ScoreSettings(keys=settings.keys, layers=tuple(sorted({head.layer for head in heads})), seed=settings.seed),
        )
    except TaskError as error:
        return f"association: {error}"
    is_chosen = scored.rows["head"].isin([str(head) for head in heads])
    rows = scored.rows.loc[is_chosen].reset_index(drop=True)
    return associate(
        rows,
        answers,
        task,
        AssociationSettings(measure=settings.measure, minimum_auroc=settings.minimum.auroc, seed=settings.seed),
    )


def association_contrasts(found: AssociationResult, settings: VerdictSettings) -> tuple[Contrast, ...]:
    """The AUROCs that the test rests on, as what they exceed chance by."""
    asked = Asked(
        question=Question.ASSOCIATION,
        name=SCORE,
        edit="attention mass on the gold keys",
        control="chance",
        unit="AUROC beyond .5",
        minimum=settings.minimum.auroc - _CHANCE,
        direction=1,
        decides=True,
    )
    contrasts: list[Contrast] = []
    for name, contrast in found.overall.contrasts.items():
        is_required = name in (SCORE, "wrong_token", "position")
        edit = asked.edit if name == SCORE else f"{asked.edit} less {name.replace('_', ' ')}"
        contrasts.append(_of(replace(asked, name=name, edit=edit, decides=is_required), contrast))
    return tuple(contrasts)


def _of(asked: Asked, contrast: ScoreContrast) -> Contrast:
    within = contrast.within
    n = within.n_positive + within.n_negative
    if within.auroc is None:
        nothing = Estimate(value=None, low=None, high=None, n=0)
        return Contrast(
            asked=asked,
            effect=nothing,
            control=None,
            difference=nothing,
            p=None,
            verdict=Verdict.UNDETERMINED,
            n_unmatched=within.n_left_out,
            reason=within.reason,
        )
    low, high = (None if end is None else end - _CHANCE for end in (within.low, within.high))
    beyond = Estimate(value=within.auroc - _CHANCE, low=low, high=high, n=n)
    return Contrast(
        asked=asked,
        effect=beyond,
        control=0.0,
        difference=beyond,
        p=within.p,
        verdict=_verdict(low, high, within.auroc - _CHANCE, asked.minimum),
        n_unmatched=within.n_left_out,
        reason=within.reason,
    )


def _verdict(low: float | None, high: float | None, value: float, minimum: float) -> Verdict:
    """As the association test reads one contrast; the test's own verdict is taken from there."""
    if low is None or high is None:
        return Verdict.UNDETERMINED
    if low > 0 and value >= minimum:
        return Verdict.SUPPORTED
    is_equivalent = low >= -minimum and high <= minimum
    return Verdict.CONTRADICTED if is_equivalent or high < 0 else Verdict.UNDETERMINED
