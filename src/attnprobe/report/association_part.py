"""What the association test found, as a part of a report.

In: an `AssociationResult`. Out: a `Part`.
"""

from collections.abc import Mapping

from attnprobe.evaluation.association.result import SCORE, AssociationResult, Contrast, HeadAssociation
from attnprobe.evaluation.association.verdict import rules_record
from attnprobe.report.association_plot import association_plot, auroc_text, quantity_name
from attnprobe.report.numbers import MISSING, counted, number, q_value
from attnprobe.report.score_finding import DECIMALS
from attnprobe.report.score_part import Part, PartFigure, PartTable
from attnprobe.report.texts import printable
from attnprobe.runs import JsonValue
from attnprobe.statistics.ranks import Separation

_HEADS_SHOWN = 8


def association_part(result: AssociationResult) -> Part:
    """Put the association test into words."""
    figure = PartFigure(
        file="correctness.png",
        draw=lambda title, theme: association_plot(result, title=title, theme=theme),
        alt="Scores of examples answered rightly and wrongly; the numbers are those of the table below.",
        caption="Each mark is an example: its score, averaged over heads, and what is left of it after each null. "
        "Bars: medians. AUROC: how often a right example has more than a wrong one of the same stratum (rule, hops, "
        "distractors), with its 95% interval; .5 is chance.",
    )
    return Part(
        key="association",
        title="Is attention higher where the model's own proof is right?",
        paragraphs=association_sentences(result),
        record=association_record(result),
        figures=(figure,),
        tables=(_contrasts(result), *_heads(result), *_groups(result), *_confounds(result)),
        frames={"association.parquet": result.examples, "association_heads.parquet": result.rows},
    )


def association_sentences(result: AssociationResult) -> tuple[str, ...]:
    """The verdict with the numbers it rests on, and what else a reader must know."""
    n_wrong = result.n - result.n_correct
    if not result.n_correct or not n_wrong:
        which = "right" if result.n_correct else "wrong"
        return (
            f"Is the score higher where the model's own answer is right? All {counted(result.n, 'answer')} are {which} "
            f"({result.measure}), so that there is nothing to compare: give a task that the model solves sometimes.",
        )
    opening = {"supported": "Yes", "contradicted": "No", "undetermined": "Undetermined"}[result.verdict.value]
    first = (
        f"Is the score higher where the model's own answer is right? {opening}. Of {counted(result.n, 'answer')} "
        f"{result.n_correct} are right ({result.measure}) and {n_wrong} wrong. {_because(result)}"
    )
    unreadable = f"{counted(result.n_unparseable, 'answer')} could not be read and count as wrong."
    return (first, unreadable) if result.n_unparseable else (first,)


def association_record(result: AssociationResult) -> Mapping[str, JsonValue]:
    """The content of `summary.json` under `association`."""
    strongest = result.strongest
    return {
        "verdict": result.verdict.value,
        "because": result.because,
        "measure": result.measure,
        "n": result.n,
        "n_correct": result.n_correct,
        "n_unparseable": result.n_unparseable,
        "overall": _head_record(result.overall),
        "strongest": None if strongest is None else {**_head_record(strongest.head), "n_picking": strongest.n_picking},
        "heads": [_head_record(head) for head in result.heads],
        "by_group": {group: _head_record(found) for group, found in result.by_group.items()},
        "confounds": [
            {
                "name": confound.name,
                "separation": _separation_record(confound.separation),
                "correlation": {
                    "value": confound.correlation.value,
                    "low": confound.correlation.low,
                    "high": confound.correlation.high,
                    "p": confound.correlation.p,
                    "n": confound.correlation.n,
                    "reason": confound.correlation.reason,
                },
            }
            for confound in result.confounds
        ],
        "counts": dict(result.counts),
        "rules": rules_record(result.settings),
    }


def _contrasts(result: AssociationResult) -> PartTable:
    rows = [
        (
            quantity_name(name),
            auroc_text(found.within),
            _rank_biserial(found.within),
            auroc_text(found.pooled),
            f"{found.pooled.n_positive} / {found.pooled.n_negative}",
        )
        for name, found in result.overall.contrasts.items()
    ]
    columns = ("Mean over heads", "AUROC within strata", "Rank-biserial", "AUROC of all pairs", "Right / wrong")
    return PartTable(title="", columns=columns, rows=rows)


def _heads(result: AssociationResult) -> tuple[PartTable, ...]:
    # without intervals an order of heads would be an order of accidents
    known = [head for head in result.heads if head.contrasts[SCORE].within.low is not None]
    if not known:
        return ()
    ordered = sorted(known, key=lambda head: -abs((head.contrasts[SCORE].within.auroc or 0.5) - 0.5))[:_HEADS_SHOWN]
    rows = [
        (
            head.label,
            *(auroc_text(found.within) for found in head.contrasts.values()),
            q_value(head.contrasts[SCORE].q_within),
        )
        for head in ordered
    ]
    columns = ("Head", *(_short_name(name) for name in ordered[0].contrasts), "q of the score")
    return (PartTable(title="Heads that part right from wrong most: AUROC within strata", columns=columns, rows=rows),)


def _groups(result: AssociationResult) -> tuple[PartTable, ...]:
    if len(result.by_group) < 2:
        return ()
    rows = [
        (printable(group), *(auroc_text(found.pooled) for found in head.contrasts.values()))
        for group, head in result.by_group.items()
    ]
    names = [_short_name(name) for name in result.overall.contrasts]
    return (PartTable(title="AUROC stratum by stratum, mean over heads", columns=("Stratum", *names), rows=rows),)


def _confounds(result: AssociationResult) -> tuple[PartTable, ...]:
    if not result.confounds:
        return ()
    rows = [
        (
            confound.name.replace("_", " "),
            auroc_text(confound.separation),
            MISSING if confound.correlation.value is None else number(confound.correlation.value),
        )
        for confound in result.confounds
    ]
    columns = ("Beside attention", "AUROC alone", "Spearman with the score")
    return (PartTable(title="What else moves with right and wrong", columns=columns, rows=rows),)


def _rank_biserial(found: Separation) -> str:
    return number(found.rank_biserial, DECIMALS)


def _head_record(head: HeadAssociation) -> dict[str, JsonValue]:
    return {
        "label": head.label,
        "layer": head.layer,
        "head": head.index,
        "contrasts": {name: _contrast_record(found) for name, found in head.contrasts.items()},
    }


def _contrast_record(contrast: Contrast) -> Mapping[str, JsonValue]:
    return {
        "within": {**_separation_record(contrast.within), "q": contrast.q_within},
        "pooled": {**_separation_record(contrast.pooled), "q": contrast.q_pooled},
    }


def _separation_record(found: Separation) -> Mapping[str, JsonValue]:
    interval = found.rank_biserial_interval
    return {
        "auroc": found.auroc,
        "low": found.low,
        "high": found.high,
        "rank_biserial": found.rank_biserial,
        "rank_biserial_low": None if interval is None else interval[0],
        "rank_biserial_high": None if interval is None else interval[1],
        "p": found.p,
        "n_right": found.n_positive,
        "n_wrong": found.n_negative,
        "n_left_out": found.n_left_out,
        "reason": found.reason,
    }


def _because(result: AssociationResult) -> str:
    """AUROCs of the score and of what each null leaves of it; why there is no interval is said once."""
    contrasts = result.overall.contrasts.items()
    found = ", ".join(f"{auroc_text(contrast.within)} by {quantity_name(name)}" for name, contrast in contrasts)
    reason = result.overall.contrasts[SCORE].within.reason
    return f"AUROC within strata: {found}{f' ({reason})' if reason else ''}."


def _short_name(quantity: str) -> str:
    return quantity_name(quantity).removeprefix("score ") if quantity != SCORE else "score"
