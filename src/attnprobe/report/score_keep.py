"""Keep what scoring found: its manifest, and from Python the directory that the command line would have made.

In: a model, a task, settings, a `ScoreResult` or a `PaperResult`. Out: a `Manifest`; files in a directory.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from attnprobe.attention.result import PaperResult, ScoreResult
from attnprobe.attention.settings import Protocol, ScoreSettings
from attnprobe.attention.showcase import showcase
from attnprobe.evaluation.association.settings import AssociationSettings
from attnprobe.evaluation.association.verdict import rules_record
from attnprobe.models.model import Model
from attnprobe.report.keep import task_arguments
from attnprobe.report.score_files import paper_files, score_files
from attnprobe.report.score_finding import score_rules_record
from attnprobe.report.score_summary import score_settings_record
from attnprobe.runs import (
    JsonValue,
    Manifest,
    RunDirectory,
    default_place,
    model_record,
    portable,
    repeat_command,
    task_record,
)
from attnprobe.tasks.example import Task

_PROGRAM = "attnprobe"


def score_manifest(
    model: Model,
    task: Task,
    settings: ScoreSettings,
    *,
    beside: Mapping[str, JsonValue] | None = None,
    association: AssociationSettings | None = None,
    given: Mapping[str, JsonValue] | None = None,
    words: Sequence[str] = (),
) -> Manifest:
    """Say what scoring is, before it runs.

    Args:
        model: that runs.
        task: on which.
        settings: how.
        beside: what else is measured, if anything is.
        association: how scores are held against the model's own answers, if they are.
        given: options as they were typed, if any were.
        words: of the command line, without the program's name; empty when called from Python.
    """
    acting = {**score_settings_record(settings), **(beside or {})}
    return Manifest(
        command="score",
        configuration={"model": model_record(model), "task": task_record(task), "score": acting},
        arguments_given=given or {},
        arguments_resolved={**task_arguments(model, task), **acting},
        repeat=repeat_command([_PROGRAM, *words]) if words else "",
        rules=_rules(settings, association),
    )


def _rules(settings: ScoreSettings, association: AssociationSettings | None) -> Mapping[str, JsonValue]:
    rules = dict(score_rules_record()) if settings.protocol is Protocol.ALIGNED else {}
    return rules if association is None else {**rules, "association": rules_record(association)}


def save_scores(result: ScoreResult | PaperResult, *, model: Model, task: Task, out: Path | str | None = None) -> Path:
    """Write what `attnprobe score` writes: page, figures, summary, rows, manifest.

    Args:
        result: of `score_gold_tokens` or `score_paper` with this model and task.
        model: that ran; it runs once more on one example, to show a pattern.
        task: on which.
        out: the directory; by default one named by the configuration, below the working directory.

    Returns:
        The directory.

    Raises:
        RunError: it holds something else, or cannot be written.
    """
    manifest = score_manifest(model, task, result.settings)
    with RunDirectory.claim(default_place(manifest) if out is None else Path(out), manifest) as directory:
        named, task_name = portable(model.provenance.name), portable(task.name)
        if isinstance(result, PaperResult):
            files = paper_files(result, manifest, model=named, task=task_name)
        else:
            shown = showcase(model, task, result)
            files = score_files(result, manifest, model=named, task=task_name, shown=shown)
        directory.finish(files)
    return directory.path
