"""All that an attribution leaves behind: its manifest before, its files after.

In: a model, a task, settings, an `AttributionResult`. Out: a `Manifest`; content by file name.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from attnprobe.causal.attribution.result import AttributionResult
from attnprobe.causal.attribution.settings import AttributionSettings, Target
from attnprobe.models.model import Model
from attnprobe.report.attribution_page import attribution_page
from attnprobe.report.attribution_plot import path_map, scatter_plot, score_map
from attnprobe.report.attribution_summary import attribution_settings_record, attribution_summary
from attnprobe.report.attribution_words import rules_record
from attnprobe.report.canvas import png_bytes
from attnprobe.report.files import PAGE, SUMMARY
from attnprobe.report.manifests import manifest_of
from attnprobe.report.texts import printable
from attnprobe.runs import (
    JsonValue,
    Manifest,
    RunDirectory,
    default_place,
    json_bytes,
    parquet_bytes,
    portable,
)
from attnprobe.tasks.example import Task


def attribution_manifest(
    model: Model,
    task: Task,
    settings: AttributionSettings,
    *,
    given: Mapping[str, JsonValue] | None = None,
    words: Sequence[str] = (),
) -> Manifest:
    """Say what an attribution is, before it runs.

    Args:
        model: that runs.
        task: on which.
        settings: what is scored.
        given: options as they were typed, if any were.
        words: of the command line, without the program's name; empty when called from Python.
    """
    acting = attribution_settings_record(settings)
    return manifest_of("attribute", model, task, acting, given=given, words=words, rules=rules_record())


def attribution_files(result: AttributionResult, manifest: Manifest, *, model: str, task: str) -> Mapping[str, bytes]:
    """Render everything that an attribution leaves behind: rows for heads, edges for edges, paths for paths."""
    target = result.settings.target
    title = printable(f"{target} · {model} · {task} · n\u00a0=\u00a0{result.n}")
    files = {PAGE: attribution_page(result, manifest, model=model, task=task)}
    if result.agreement:
        files["scatter.png"] = png_bytes(scatter_plot(result, title=title))
    if target is Target.PATHS:
        files["paths.png"] = png_bytes(path_map(result, title=title))
    else:
        files["heads.png"] = png_bytes(score_map(result, title=title))
    files[SUMMARY] = json_bytes(attribution_summary(result, model=model, task=task))
    tables = {Target.HEADS: "rows", Target.EDGES: "edges", Target.PATHS: "paths"}
    frames = {Target.HEADS: result.rows, Target.EDGES: result.edges, Target.PATHS: result.path_rows}
    files[f"{tables[target]}.parquet"] = parquet_bytes(frames[target])
    return files


def save_attribution(result: AttributionResult, *, model: Model, task: Task, out: Path | str | None = None) -> Path:
    """Write what `attnprobe attribute` writes: page, figures, summary, table, manifest.

    Args:
        result: of `attribute(model, task, settings)`.
        model: that ran.
        task: on which.
        out: the directory; by default one named by the configuration, below the working directory.

    Returns:
        The directory.

    Raises:
        RunError: it holds something else, or cannot be written.
    """
    manifest = attribution_manifest(model, task, result.settings)
    with RunDirectory.claim(default_place(manifest) if out is None else Path(out), manifest) as directory:
        names = {"model": portable(model.provenance.name), "task": portable(task.name)}
        directory.finish(attribution_files(result, manifest, **names))
    return directory.path
