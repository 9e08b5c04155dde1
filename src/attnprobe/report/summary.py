"""The content of `summary.json`: what was found, as plain JSON.

In: a `PatchResult` and the names of its model and task. Out: a record, null wherever a number does not apply.
"""

from collections.abc import Mapping

from attnprobe.causal.result import PatchResult
from attnprobe.causal.settings import InterventionKind, PatchSettings
from attnprobe.report.finding import find_answer
from attnprobe.runs import JsonValue, plain
from attnprobe.statistics.estimates import Estimate

FORMAT = 1
_ONLY_FOR = {
    "keys": (InterventionKind.MASK, InterventionKind.FORCE),
    "strength": (InterventionKind.MASK,),
    "empty_row": (InterventionKind.MASK, InterventionKind.FORCE),
    "placebo": (InterventionKind.MASK, InterventionKind.FORCE),
    "mass": (InterventionKind.FORCE,),
    "doses": (InterventionKind.FORCE,),
    "step": (InterventionKind.FORCE,),
    "readout": (InterventionKind.FORCE,),
    "ablation": (InterventionKind.ABLATE,),
    "site": (InterventionKind.PATCH, InterventionKind.TRANSPLANT),
    "direction": (InterventionKind.PATCH,),
    "unequal_spans": (InterventionKind.PATCH,),
    "factor": (InterventionKind.SCALE,),
    "donor": (InterventionKind.TRANSPLANT,),
}
"""Settings that act under some interventions alone; the others act under all."""


def only_for(setting: str) -> tuple[InterventionKind, ...]:
    """The interventions under which a setting acts; empty when it acts under all."""
    return _ONLY_FOR.get(setting, ())


def settings_record(settings: PatchSettings) -> Mapping[str, JsonValue]:
    """The settings that act, defaults filled in; what the intervention does not use is left out."""
    record: dict[str, JsonValue] = {
        "intervention": settings.intervention.value,
        "keys": settings.keys,
        "queries": settings.resolved_queries,
        "heads": "all" if settings.heads is None else [str(head) for head in sorted(set(settings.heads))],
        "strength": settings.strength,
        "empty_row": settings.empty_row.value,
        "mass": settings.mass,
        "doses": list(settings.doses),
        "step": settings.forced_step,
        "readout": settings.readout.value,
        "ablation": settings.ablation.value,
        "site": settings.resolved_site.value,
        "direction": settings.direction.value,
        "unequal_spans": settings.unequal_spans.value,
        "factor": settings.factor,
        "metric": settings.metric.value,
        "control": settings.resolved_control.value,
        "placebo": settings.placebo,
        "seed": settings.seed,
        "sweep": settings.sweep.value,
        "batch_size": settings.batch_size,
    }
    return {
        name: value for name, value in record.items() if settings.intervention in (only_for(name) or InterventionKind)
    }


def summary_record(result: PatchResult, *, model: str, task: str) -> Mapping[str, JsonValue]:
    """Put a result into the words of `summary.json`.

    Args:
        result: of a sweep.
        model: what to call the model.
        task: what to call the task.
    """
    finding = find_answer(result)
    return {
        "format": FORMAT,
        "command": "patch",
        "model": model,
        "task": task,
        "intervention": result.settings.intervention.value,
        "metric": result.settings.metric.value,
        "unit": result.unit,
        "n": result.n,
        "clean": estimate_record(result.clean),
        "finding": {"verdict": finding.verdict.value, "question": finding.question, "answer": finding.answer},
        "strongest": None
        if result.strongest is None
        else {**estimate_record(result.strongest), "heads": list(result.strongest_heads)},
        "heads": [plain(head.as_record()) for head in result.heads],
        "by_control": {
            kind.value: [plain(head.as_record()) for head in heads] for kind, heads in result.by_control.items()
        },
        "doses": [] if result.curve is None else [plain(row.as_record()) for row in result.curve.rows()],
        "by_kind": {kind: estimate_record(estimate) for kind, estimate in result.by_kind.items()},
        "counts": dict(result.counts),
        "settings": settings_record(result.settings),
    }


def estimate_record(estimate: Estimate) -> dict[str, JsonValue]:
    """A mean with its interval, as plain JSON."""
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high, "n": estimate.n}
