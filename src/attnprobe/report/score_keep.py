"""Keep what scoring found: its manifest, and from Python the directory that the command line would have made.

In: a model, a task, settings, a `ScoreResult` or a `PaperResult`. Out: a `Manifest`; files in a directory.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from attnprobe.attention.category_result import CategoryResult
from attnprobe.attention.result import PaperResult, ScoreResult
from attnprobe.attention.settings import Protocol, ScoreSettings
from attnprobe.attention.showcase import showcase
from attnprobe.attention.span_result import SpanResult
from attnprobe.evaluation.association.result import AssociationResult
from attnprobe.evaluation.association.settings import AssociationSettings
from attnprobe.evaluation.association.verdict import rules_record
from attnprobe.evaluation.settings import EvalSettings
from attnprobe.models.model import Model
from attnprobe.report.association_part import association_part
from attnprobe.report.categories_part import categories_part, spans_part
from attnprobe.report.manifests import manifest_of
from attnprobe.report.score_files import paper_files, score_files
from attnprobe.report.score_finding import score_rules_record
from attnprobe.report.score_summary import score_settings_record
from attnprobe.runs import (
    JsonValue,
    Manifest,
    RunDirectory,
    default_place,
    plain,
    portable,
)
from attnprobe.tasks.example import Task


def score_manifest(
    model: Model,
    task: Task,
    settings: ScoreSettings,
    *,
    association: AssociationSettings | None = None,
    tagger: str | None = None,
    given: Mapping[str, JsonValue] | None = None,
    words: Sequence[str] = (),
) -> Manifest:
    """Say what scoring is, before it runs.

    Args:
        model: that runs.
        task: on which.
        settings: how.
        association: how scores are held against the model's own answers, if they are.
        tagger: who says what part of speech a word is, if that is asked.
        given: options as they were typed, if any were.
        words: of the command line, without the program's name; empty when called from Python.
    """
    acting = dict(score_settings_record(settings))
    if association is not None:
        acting |= _association_record(association, settings)
    if tagger is not None:
        # where words are tagged, the first key is a category of its own
        acting |= {"categories": tagger, "first_key": settings.first_key.value}
    return manifest_of("score", model, task, acting, given=given, words=words, rules=_rules(settings, association))


def save_scores(
    result: ScoreResult | PaperResult,
    *,
    model: Model,
    task: Task,
    association: AssociationResult | None = None,
    categories: CategoryResult | None = None,
    spans: SpanResult | None = None,
    out: Path | str | None = None,
) -> Path:
    """Write what `attnprobe score` writes: page, figures, summary, rows, manifest.

    Args:
        result: of `score_gold_tokens` or `score_paper` with this model and task.
        model: that ran; it runs once more on one example, to show a pattern.
        task: on which.
        association: of `associate` with this result.
        categories: of `score_categories` with this model and task.
        spans: of `score_spans` with this model and task.
        out: the directory; by default one named by the configuration, below the working directory.

    Returns:
        The directory.

    Raises:
        RunError: it holds something else, or cannot be written.
    """
    manifest = score_manifest(
        model,
        task,
        result.settings,
        association=None if association is None else association.settings,
        tagger=None if categories is None else categories.tagger,
    )
    parts = [
        *(() if association is None else (association_part(association),)),
        *(() if categories is None else (categories_part(categories),)),
        *(() if spans is None else (spans_part(spans),)),
    ]
    with RunDirectory.claim(default_place(manifest) if out is None else Path(out), manifest) as directory:
        named, task_name = portable(model.provenance.name), portable(task.name)
        if isinstance(result, PaperResult):
            files = paper_files(result, manifest, model=named, task=task_name, parts=parts)
        else:
            shown = showcase(model, task, result)
            files = score_files(result, manifest, model=named, task=task_name, shown=shown, parts=parts)
        directory.finish(files)
    return directory.path


def _association_record(association: AssociationSettings, settings: ScoreSettings) -> Mapping[str, JsonValue]:
    """By what answers were judged; what the command line leaves no choice in, only where it is another."""
    usual = EvalSettings()
    record: dict[str, JsonValue] = {"correctness": association.measure.value}
    if association.minimum_auroc != AssociationSettings().minimum_auroc:
        record["minimum_auroc"] = association.minimum_auroc
    if association.seed != settings.seed:
        record["association_seed"] = association.seed
    if association.answering != usual:
        given, by_default = plain(association.answering), plain(usual)
        assert isinstance(given, dict), "settings are a mapping"
        assert isinstance(by_default, dict), "settings are a mapping"
        record["answering"] = {name: value for name, value in given.items() if value != by_default[name]}
    return record


def _rules(settings: ScoreSettings, association: AssociationSettings | None) -> Mapping[str, JsonValue]:
    rules = dict(score_rules_record()) if settings.protocol is Protocol.ALIGNED else {}
    return rules if association is None else {**rules, "association": rules_record(association)}
