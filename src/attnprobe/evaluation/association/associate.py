"""Hold scores of gold tokens against answers: is alignment higher on examples that the model answers rightly?

In: scores of a task, answers to it (`answer_task`). Out: `AssociationResult`. Nothing runs here.

Difficulty moves both sides: longer proofs are harder, and their gold tokens compete with more keys. So every number is
given twice, over all pairs and over pairs of one stratum, and the verdict rests on the second.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from attnprobe.attention.result import PaperResult, ScoreResult
from attnprobe.errors import TaskError
from attnprobe.evaluation.association.contrasts import (
    ALL_HEADS,
    ScoreTable,
    associations,
    rows_frame,
    score_table,
    strongest,
)
from attnprobe.evaluation.association.outcomes import ANSWER_COLUMNS, measure_of, strata_of
from attnprobe.evaluation.association.result import SCORE, AssociationResult, Confound, HeadAssociation
from attnprobe.evaluation.association.settings import AssociationSettings
from attnprobe.evaluation.association.verdict import verdict_on
from attnprobe.statistics.correlation import rank_correlation
from attnprobe.statistics.ranks import separation
from attnprobe.tasks.example import Example, Task
from attnprobe.tasks.questions import Outcome


def associate(
    scored: ScoreResult | PaperResult | pd.DataFrame,
    answers: pd.DataFrame,
    task: Task,
    settings: AssociationSettings | None = None,
) -> AssociationResult:
    """Hold scores against answers.

    Args:
        scored: of the task, by either protocol; or the `rows` of one, as they are stored.
        answers: of the same model to the same task, from `answer_task`; further columns are not looked at. Some rows
            alone: of these examples.
        task: has golds and facts.
        settings: as for `answer_task`.

    Returns:
        AUROC and rank-biserial correlation with intervals, p and q of every head, the mean over heads, the confounds,
        and the verdict by rules stated beforehand. Examples without a finite score are left out and counted.

    Raises:
        TaskError: no example has both a score and an answer.

    Source: ours. arXiv 2502.15120 compares mean scores between models, and no right with wrong proofs.
    """
    chosen = settings or AssociationSettings()
    answers = answers.reset_index(drop=True)
    strata = strata_of(answers, task)
    table = score_table(scored if isinstance(scored, pd.DataFrame) else scored.rows, answers, strata)
    if not table.examples:
        raise TaskError(f"task {task.name}: no example has both a score and an answer; score and ask the same task.")
    overall_table = table.mean_over_heads()
    known = np.isfinite(overall_table.quantities[SCORE][:, 0])
    rows_known = np.flatnonzero(known)
    overall = associations(overall_table, corrects=False)[0]
    has_heads = [head.label for head in table.heads] != [ALL_HEADS]
    heads = associations(table) if has_heads else ()
    verdict, because = verdict_on(overall, chosen)
    examples = _examples(overall_table, answers, task)
    return AssociationResult(
        settings=chosen,
        measure=measure_of(task, chosen.measure).value,
        n=int(known.sum()),
        n_correct=int(table.correct[known].sum()),
        n_unparseable=list(examples["outcome"].iloc[rows_known]).count(Outcome.UNPARSEABLE.value),
        overall=overall,
        by_group=dict(_by_group(overall_table)),
        heads=heads,
        strongest=strongest(table, chosen.seed) if has_heads else None,
        confounds=tuple(_confounds(examples.iloc[rows_known], task)),
        verdict=verdict,
        because=because,
        counts=_counts(overall, answers, table, known),
        examples=examples,
        rows=rows_frame((overall, *heads)),
    )


def _examples(overall: ScoreTable, answers: pd.DataFrame, task: Task) -> pd.DataFrame:
    """One row an example that has a score."""
    by_id = {example.id: example for example in task.examples}
    known = answers.loc[:, list(ANSWER_COLUMNS)].set_index("example")
    asked = known.loc[list(overall.examples)].reset_index()
    asked.insert(1, "stratum", list(overall.strata))
    chosen = [by_id[example] for example in overall.examples]
    asked["gold_length"] = [len(example.gold) for example in chosen]
    asked["prompt_length"] = [len(example.prompt) for example in chosen]
    for name, values in overall.quantities.items():
        asked[name if name == SCORE else f"{name}_difference"] = values[:, 0]
    return asked


def _by_group(overall: ScoreTable) -> Iterator[tuple[str, HeadAssociation]]:
    for stratum in dict.fromkeys(overall.strata):
        rows = [row for row, other in enumerate(overall.strata) if other == stratum]
        if len(set(overall.correct[rows].tolist())) == 2:
            yield stratum, associations(overall.of_examples(rows), corrects=False)[0]


def _confounds(examples: pd.DataFrame, task: Task) -> Iterator[Confound]:
    by_id = {example.id: example for example in task.examples}
    chosen = [by_id[str(example)] for example in examples["example"]]
    correct, score = examples["correct"].to_numpy(dtype=bool), examples[SCORE].to_numpy(dtype=np.float64)
    for name, values in _measurements(chosen).items():
        column = np.array(values, dtype=np.float64)
        if len(set(values)) > 1:
            yield Confound(
                name=name, separation=separation(column, correct), correlation=rank_correlation(column, score)
            )


def _measurements(examples: Sequence[Example]) -> Mapping[str, list[int]]:
    """What else is known of examples, as numbers; lengths in characters, which no tokenizer moves."""
    found = {
        "gold_length": [len(example.gold) for example in examples],
        "prompt_length": [len(example.prompt) for example in examples],
    }
    hops = [example.facts.get("hops") for example in examples]
    known = [count for count in hops if isinstance(count, int)]
    return {"hops": known, **found} if len(known) == len(hops) else found


def _counts(overall: HeadAssociation, answers: pd.DataFrame, table: ScoreTable, known: np.ndarray) -> dict[str, int]:
    ends = Counter(bool(finished) for finished in answers["finished"])
    return {
        "answers": len(answers),
        "without_score": len(answers) - int(known.sum()),
        "unfinished_answers": ends[False],
        "strata": len(set(table.strata)),
        "in_one_class_strata": overall.contrasts[SCORE].within.n_left_out,
    }
