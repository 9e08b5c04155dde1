"""The content of an attribution's `summary.json`, and of its settings as the manifest stores them.

In: an `AttributionResult` or its settings. Out: records, null wherever a number does not apply.
"""

from collections.abc import Mapping

from attnprobe.causal.attribution.result import AttributionResult
from attnprobe.causal.attribution.settings import AttributionSettings, Target
from attnprobe.causal.settings import InterventionKind
from attnprobe.report.attribution_words import find_attribution
from attnprobe.report.summary import estimate_record
from attnprobe.runs import JsonValue, plain
from attnprobe.statistics.agreement import Agreement

FORMAT = 1
EDGES_LISTED = 100
_ONLY_FOR = {
    "keys": InterventionKind.MASK,
    "strength": InterventionKind.MASK,
    "empty_row": InterventionKind.MASK,
    "ablation": InterventionKind.ABLATE,
    "direction": InterventionKind.PATCH,
    "factor": InterventionKind.SCALE,
}
"""Settings that act under one intervention alone; the others act under all."""


def acts_only_with(setting: str) -> InterventionKind | None:
    """The one intervention under which a setting acts here; None when it acts under all."""
    return _ONLY_FOR.get(setting)


def attribution_settings_record(settings: AttributionSettings) -> Mapping[str, JsonValue]:
    """The settings that act, defaults filled in; what target and intervention do not use is left out."""
    patch = settings.patch
    edit: dict[str, JsonValue] = {
        "target": settings.target.value,
        "intervention": patch.intervention.value,
        "keys": patch.keys,
        "queries": patch.resolved_queries,
        "strength": patch.strength,
        "empty_row": patch.empty_row.value,
        "ablation": patch.ablation.value,
        "direction": patch.direction.value,
        "factor": patch.factor,
        "metric": patch.metric.value,
        "seed": patch.seed,
        "sweep": patch.sweep.value,
        "batch_size": patch.batch_size,
    }
    record = {name: value for name, value in edit.items() if acts_only_with(name) in (None, patch.intervention)}
    if settings.target is Target.PATHS:
        return record | {
            "senders": _heads(settings.senders),
            "receivers": _heads(settings.receivers),
            "inputs": [entry.value for entry in settings.inputs],
            "mlps": settings.mlps.value,
        }
    if settings.target is Target.HEADS:
        record["heads"] = _heads(None if patch.heads is None else tuple(sorted(set(patch.heads))))
        if patch.intervention is InterventionKind.MASK:
            record["approximation"] = settings.approximation.value
    else:
        record["top"] = settings.top
    return record | {"integrated": settings.integrated, "confirm": settings.resolved_confirm}


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
