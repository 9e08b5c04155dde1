"""The content of the `summary.json` of attention scores: what was found, as plain JSON.

In: a `ScoreResult` or a `PaperResult` and the names of its model and task. Out: a record, null wherever a number does
not apply.
"""

from collections.abc import Mapping

from attnprobe.attention.result import PaperResult, Scored, ScoreResult
from attnprobe.attention.settings import Normalisation, Protocol, ScoreSettings
from attnprobe.attention.strongest import by_margin, strongest_score
from attnprobe.report.score_finding import find_score, finite, stands_out
from attnprobe.report.summary import FORMAT, estimate_record
from attnprobe.runs import JsonValue

_WITH: Mapping[str, tuple[Normalisation, ...]] = {
    "first_key": (
        Normalisation.SAMRANK,
        Normalisation.GLOBAL,
        Normalisation.PROPORTIONAL,
        Normalisation.SUM,
        Normalisation.RANK,
        Normalisation.SINK_REMOVED,
        Normalisation.RENORMALISED,
    ),
    "sink_share": (Normalisation.SINK_REMOVED, Normalisation.RENORMALISED),
}
"""Settings that act under some normalisations alone."""


def acts_with(setting: str) -> tuple[Normalisation, ...] | None:
    """The normalisations under which a setting acts; None when it acts under all."""
    return _WITH.get(setting)


def score_settings_record(settings: ScoreSettings) -> Mapping[str, JsonValue]:
    """The settings that act, as plain JSON; what the protocol fixes or does not use is left out."""
    record: dict[str, JsonValue] = {"protocol": settings.protocol.value}
    if settings.protocol is Protocol.ALIGNED:
        record |= {
            "normalise": settings.normalise.value,
            "keys": settings.keys,
            "layers": "all" if settings.layers is None else list(settings.layers),
            "first_key": settings.first_key.value,
            "sink_share": settings.sink_share,
            "seed": settings.seed,
            "batch_size": settings.batch_size,
        }
    record["impl"] = settings.impl.value
    return {name: value for name, value in record.items() if settings.normalise in (acts_with(name) or Normalisation)}


def score_summary_record(result: ScoreResult, *, model: str, task: str) -> dict[str, JsonValue]:
    """Put a result of the aligned protocol into the words of `summary.json`.

    Args:
        result: of scoring.
        model: what to call the model.
        task: what to call the task.
    """
    finding, strongest = find_score(result), strongest_score(result)
    return {
        "format": FORMAT,
        "command": "score",
        "model": model,
        "task": task,
        "n": result.n,
        "finding": {"verdict": finding.verdict.value, "question": finding.question, "answer": finding.answer},
        "overall": scored_record(result.overall),
        "strongest": None
        if strongest is None
        else {"head": strongest.label, "null": strongest.null.value, **estimate_record(strongest.difference)},
        "standing_out": [head.label for head in by_margin(result) if stands_out(head)],
        "heads": [scored_record(head) for head in result.heads],
        "by_kind": {kind: scored_record(scored) for kind, scored in result.by_kind.items()},
        "counts": dict(result.counts),
        "settings": score_settings_record(result.settings),
        "impl": result.impl,
    }


def paper_summary_record(result: PaperResult, *, model: str, task: str) -> dict[str, JsonValue]:
    """Put a result of the paper's protocol into the words of `summary.json`.

    Args:
        result: of scoring.
        model: what to call the model.
        task: what to call the task.
    """
    return {
        "format": FORMAT,
        "command": "score",
        "model": model,
        "task": task,
        "mean": finite(result.mean),
        "std": finite(result.std),
        "n": result.n,
        "by_group": {
            group: {"mean": finite(mean), "std": finite(std), "n": n}
            for group, (mean, std, n) in result.by_group.items()
        },
        "counts": dict(result.counts),
        "settings": score_settings_record(result.settings),
        "impl": result.impl,
    }


def scored_record(scored: Scored) -> dict[str, JsonValue]:
    """A score with its nulls, as plain JSON."""
    return {
        "label": scored.label,
        "layer": scored.layer,
        "head": scored.index,
        "score": estimate_record(scored.score),
        "nulls": {
            null.value: {
                "value": found.value,
                "difference": estimate_record(found.difference),
                "p": found.p,
                "q": found.q,
            }
            for null, found in scored.nulls.items()
        },
    }
