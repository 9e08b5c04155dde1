"""The content of `summary.json` for sets of heads: what was found, as plain JSON.

In: a `SetResult` and the names of its model and task. Out: a record, null wherever a number does not apply.
"""

from collections.abc import Mapping

from attnprobe.causal.set_result import Ranked, Selection, SetResult, SetRow
from attnprobe.causal.set_settings import GivenSets, GreedyHeads, SetChoice, SetSettings
from attnprobe.report.sets_finding import find_sets, verdict_of
from attnprobe.report.summary import FORMAT, estimate_record, settings_record
from attnprobe.runs import JsonValue, plain
from attnprobe.statistics.estimates import Estimate


def set_settings_record(settings: SetSettings, choice: SetChoice) -> Mapping[str, JsonValue]:
    """Everything that makes a run of sets what it is, beside model and task."""
    edit = {name: value for name, value in settings_record(settings.edit).items() if name != "control"}
    if isinstance(choice, GivenSets):
        # the sets themselves say which heads
        edit = {name: value for name, value in edit.items() if name != "heads"}
    key_control = settings.edit.resolved_control.value
    return {
        **edit,
        "key_control": key_control,
        "control": settings.resolved_control.value,
        "all_but": settings.all_but,
        "random_sets": settings.draws,
        "sets": _choice_record(choice),
    }


def _choice_record(choice: SetChoice) -> Mapping[str, JsonValue]:
    if isinstance(choice, GivenSets):
        return {"given": {one.name: [str(head) for head in one.heads] for one in choice.sets}}
    if isinstance(choice, GreedyHeads):
        return {"greedy": choice.most, "min_gain": choice.min_gain}
    return {"top": list(choice.sizes)}


def sets_record(result: SetResult, *, model: str, task: str) -> Mapping[str, JsonValue]:
    """Put a result into the words of `summary.json`.

    Args:
        result: of sets.
        model: what to call the model.
        task: what to call the task.
    """
    finding = find_sets(result)
    return {
        "format": FORMAT,
        "command": "patch",
        "model": model,
        "task": task,
        "intervention": result.settings.edit.intervention.value,
        "metric": result.settings.edit.metric.value,
        "unit": result.unit,
        "n": result.n,
        "n_gap": result.n_gap,
        "clean": estimate_record(result.clean),
        "all_heads": estimate_record(result.everything),
        "finding": {
            "verdict": finding.verdict.value,
            "set": finding.decides,
            "question": finding.question,
            "answer": finding.answer,
        },
        "sets": [_row_record(row, result) for row in result.sets],
        "by_control": {
            kind.value: [plain(row.as_record()) for row in rows] for kind, rows in result.by_control.items()
        },
        "selection": None if result.selection is None else _selection_record(result.selection),
        "counts": dict(result.counts),
        "settings": set_settings_record(result.settings, result.choice),
    }


def _row_record(row: SetRow, result: SetResult) -> Mapping[str, JsonValue]:
    numbers = {name: value for name, value in row.against.as_record().items() if name not in ("head", "layer", "index")}
    return {
        "set": row.name,
        "heads": [str(head) for head in row.heads.heads],
        "verdict": verdict_of(row, result).value,
        **numbers,
        "singles": _known(row.singles),
        "synergy": _known(row.synergy),
        "faithfulness": _known(row.faithfulness),
        "random": {
            "heads": [[str(head) for head in heads] for heads in row.random.heads],
            "effects": list(row.random.effects),
            "faithfulness": list(row.random.faithfulness),
            "n_as_strong": row.random.n_as_strong,
            "reason": row.random.reason,
        },
    }


def _known(estimate: Estimate | None) -> Mapping[str, JsonValue] | None:
    return None if estimate is None else estimate_record(estimate)


def _selection_record(selection: Selection) -> Mapping[str, JsonValue]:
    return {
        "n_choosing": selection.n_choosing,
        "ranked": [_ranked(one) for one in selection.ranked],
        "left_out": None if selection.left_out is None else _ranked(selection.left_out),
        "stopped": selection.stopped,
    }


def _ranked(one: Ranked) -> Mapping[str, JsonValue]:
    return {"head": str(one.head), "value": one.value, "gain": one.gain}
