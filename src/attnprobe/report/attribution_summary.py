"""The content of an attribution's `summary.json`, and of its settings as the manifest stores them.

In: an `AttributionResult` or its settings. Out: records, null wherever a number does not apply.
"""

from collections.abc import Mapping

from attnprobe.causal.attribution.result import AttributionResult
from attnprobe.causal.attribution.settings import AttributionSettings, Target
from attnprobe.causal.settings import InterventionKind
from attnprobe.report.attribution_words import find_attribution
from attnprobe.report.summary import estimate_record, settings_record
from attnprobe.runs import JsonValue, plain
from attnprobe.statistics.agreement import Agreement

FORMAT = 1
_IDLE = ("control", "placebo", "site")
EDGES_LISTED = 100


def attribution_settings_record(settings: AttributionSettings) -> Mapping[str, JsonValue]:
    """The settings that act, defaults filled in; what target and intervention do not use is left out."""
    shared = {name: value for name, value in settings_record(settings.patch).items() if name not in _IDLE}
    record: dict[str, JsonValue] = {"target": settings.target.value, **shared}
    if settings.target is Target.PATHS:
        record |= {
            "senders": _heads(settings.senders),
            "receivers": _heads(settings.receivers),
            "inputs": [entry.value for entry in settings.inputs],
            "mlps": settings.mlps.value,
        }
        del record["heads"]
        return record
    if settings.patch.intervention is InterventionKind.MASK:
        record["approximation"] = settings.approximation.value
    return record | {
        "integrated": settings.integrated,
        "top": settings.top,
        "confirm": settings.resolved_confirm,
    }


def _heads(heads: tuple[object, ...] | None) -> JsonValue:
    return "all" if heads is None else [str(head) for head in heads]


def attribution_summary(result: AttributionResult, *, model: str, task: str) -> Mapping[str, JsonValue]:
    """Put a result into the words of `summary.json`.

    Args:
        result: of an attribution.
        model: what to call the model.
        task: what to call the task.
    """
    finding = find_attribution(result)
    edges = result.strongest_edges().head(EDGES_LISTED) if len(result.edges) else result.edges
    return {
        "format": FORMAT,
        "command": "attribute",
        "model": model,
        "task": task,
        "target": result.settings.target.value,
        "intervention": result.settings.patch.intervention.value,
        "metric": result.settings.patch.metric.value,
        "unit": result.unit,
        "n": result.n,
        "clean": estimate_record(result.clean),
        "finding": {"trust": finding.trust.value, "question": finding.question, "answer": finding.answer},
        "agreement": {name: _agreement(agreement) for name, agreement in result.agreement.items()},
        "heads": [plain(head.as_record()) for head in result.heads],
        "edges": [_row(row) for row in edges.to_dict("records")],
        "gold_edges": None
        if result.gold is None
        else {
            "of_scores": estimate_record(result.gold.of_scores),
            "of_edges": estimate_record(result.gold.of_edges),
        },
        "paths": [plain(path.as_record()) for path in result.paths],
        "counts": dict(result.counts),
        "settings": attribution_settings_record(result.settings),
    }


def _agreement(agreement: Agreement) -> Mapping[str, JsonValue]:
    record = plain(agreement)
    assert isinstance(record, Mapping)
    return record


def _row(row: Mapping[object, object]) -> Mapping[str, JsonValue]:
    # a missing number is NaN in a frame, and null in JSON
    return {
        str(name): None if isinstance(value, float) and value != value else plain(value) for name, value in row.items()
    }
