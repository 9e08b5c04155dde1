"""From stored rows to what the experiment says: association by size and by rule, heads, correctness, and across models.

In: the rows of `measure`. Out: records, frames, a table in Markdown. Nothing is measured here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from attnprobe.evaluation.association.associate import associate
from attnprobe.evaluation.association.result import SCORE, AssociationResult, HeadAssociation
from attnprobe.runs import JsonValue
from attnprobe.statistics.correlation import rank_correlation
from attnprobe.tasks import CollectedTask
from experiments.alignment.measure import ANSWERS, problems_of, settings_of, stored

ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One association and what it is about: a scoring, and a model, a rule or everything."""

    scoring: str
    scope: str
    name: str
    result: AssociationResult


def associations_of(config: Mapping[str, Any], rows: Path) -> Iterator[Found]:
    """Every association: by scoring, of all models together, of each model, and of each rule over all models.

    No problem occurs twice, so that all models together are independent examples; pairs are of one model and kind.
    """
    names: Sequence[str] = config["models"]["names"]
    tasks = {name: problems_of(config, name) for name in names}
    everything = CollectedTask(
        name="alignment", settings={}, examples=tuple(each for task in tasks.values() for each in task.examples)
    )
    for scoring in config["scoring"]:
        by_model = {name: of_model(config, rows, scoring["name"], name, tasks[name]) for name in names}
        together = _together(by_model)
        yield Found(scoring=scoring["name"], scope=ALL, name=ALL, result=_again(config, together, everything))
        for name, result in by_model.items():
            yield Found(scoring=scoring["name"], scope="model", name=name, result=result)
        rules = [str(group).split("/")[1] for group in together["group"]]
        for rule in dict.fromkeys(rules):
            part = together.iloc[[at for at, other in enumerate(rules) if other == rule]]
            yield Found(scoring=scoring["name"], scope="rule", name=rule, result=_again(config, part, everything))


def of_model(config: Mapping[str, Any], rows: Path, scoring: str, model: str, task: CollectedTask) -> AssociationResult:
    """One model by one scoring, from its rows."""
    return associate(stored(rows, model, scoring), stored(rows, model, ANSWERS), task, settings_of(config))


def _together(by_model: Mapping[str, AssociationResult]) -> pd.DataFrame:
    """Examples of all models, each model's kinds being strata of their own."""
    return pd.concat(
        [result.examples.assign(group=f"{name}/" + result.examples["group"]) for name, result in by_model.items()],
        ignore_index=True,
    )


def _again(config: Mapping[str, Any], examples: pd.DataFrame, task: CollectedTask) -> AssociationResult:
    """Mean scores over heads, held against answers as they stand beside them."""
    numbers = [column for column in examples.columns if column == SCORE or column.endswith("_difference")]
    return associate(examples[["example", *numbers]], examples, task, settings_of(config))


def record_of(found: Found) -> dict[str, JsonValue]:
    """One association as a row."""
    result = found.result
    score = result.examples[SCORE]
    right = result.examples["correct"].astype(bool)
    strongest = result.strongest
    return {
        "scoring": found.scoring,
        "scope": found.scope,
        "name": found.name,
        "n": result.n,
        "n_correct": result.n_correct,
        "accuracy": result.n_correct / result.n,
        "verdict": result.verdict.value,
        "mean": float(score.mean()),
        "mean_right": float(score[right].mean()) if right.any() else None,
        "mean_wrong": float(score[~right].mean()) if (~right).any() else None,
        "contrasts": _contrasts(result.overall),
        "strongest": None
        if strongest is None
        else {
            "head": strongest.head.label,
            "n_picking": strongest.n_picking,
            "contrasts": _contrasts(strongest.head),
        },
        "heads_that_stand_out": [head.label for head in result.heads if _stands_out(head, result)],
        "confounds": {
            each.name: {"auroc": each.separation.auroc, "spearman_with_score": each.correlation.value}
            for each in result.confounds
        },
    }


def _stands_out(head: HeadAssociation, result: AssociationResult) -> bool:
    """q < .05 and the minimum within strata, by score and less each null."""
    return all(
        contrast.q_within is not None
        and contrast.within.auroc is not None
        and contrast.q_within < 0.05
        and contrast.within.auroc >= result.settings.minimum_auroc
        for contrast in head.contrasts.values()
    )


def _contrasts(head: HeadAssociation) -> dict[str, JsonValue]:
    return {
        name: {
            which: {
                "auroc": found.auroc,
                "low": found.low,
                "high": found.high,
                "rank_biserial": found.rank_biserial,
                "p": found.p,
                "n_positive": found.n_positive,
                "n_negative": found.n_negative,
                "reason": found.reason,
            }
            for which, found in (("pooled", contrast.pooled), ("within", contrast.within))
        }
        for name, contrast in head.contrasts.items()
    }


def heads_frame(every: Sequence[Found]) -> pd.DataFrame:
    """All numbers of all heads, for models."""
    frames = [
        found.result.rows.assign(scoring=found.scoring, model=found.name) for found in every if found.scope == "model"
    ]
    return pd.concat(frames, ignore_index=True)


def across_models(every: Sequence[Found]) -> list[dict[str, JsonValue]]:
    """As the source paper compares: mean score of a model against its accuracy, over sizes, for all and by rule."""
    records: list[dict[str, JsonValue]] = []
    for scoring in dict.fromkeys(found.scoring for found in every):
        models = [found for found in every if found.scoring == scoring and found.scope == "model"]
        rules = dict.fromkeys(str(group).split("/")[0] for group in models[0].result.examples["group"])
        for rule in (ALL, *rules):
            pairs = np.array([_score_and_accuracy(found.result.examples, rule) for found in models])
            found = rank_correlation(pairs[:, 0], pairs[:, 1])
            records.append(
                {
                    "scoring": scoring,
                    "rule": rule,
                    "n_models": found.n,
                    "spearman": found.value,
                    "low": found.low,
                    "high": found.high,
                    "p": found.p,
                    "reason": found.reason,
                    "scores": dict(zip((each.name for each in models), pairs[:, 0].tolist(), strict=True)),
                    "accuracies": dict(zip((each.name for each in models), pairs[:, 1].tolist(), strict=True)),
                }
            )
    return records


def _score_and_accuracy(examples: pd.DataFrame, rule: str) -> tuple[float, float]:
    of_rule = [rule in (ALL, str(group).split("/")[0]) for group in examples["group"]]
    part = examples[np.array(of_rule)]
    return float(part[SCORE].mean()), float(part["correct"].mean())
