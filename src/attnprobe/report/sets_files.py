"""All that a run of sets of heads leaves behind: its manifest before, its files after.

In: a model, a task, what was asked, a `SetResult`. Out: a `Manifest`; content by file name; a directory.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from attnprobe.causal.set_result import SetResult
from attnprobe.causal.set_settings import SetChoice, SetSettings
from attnprobe.models.model import Model
from attnprobe.report.canvas import png_bytes
from attnprobe.report.files import PAGE, SUMMARY
from attnprobe.report.manifests import manifest_of
from attnprobe.report.sets_finding import set_deed, set_rules_record
from attnprobe.report.sets_page import sets_page
from attnprobe.report.sets_plot import sets_plot
from attnprobe.report.sets_summary import set_settings_record, sets_record
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


def sets_manifest(
    model: Model,
    task: Task,
    settings: SetSettings,
    choice: SetChoice,
    *,
    donor: Model | None = None,
    given: Mapping[str, JsonValue] | None = None,
    words: Sequence[str] = (),
) -> Manifest:
    """Say what a run of sets is, before it runs.

    Args:
        model: that runs.
        task: on which.
        settings: what is done to a set.
        choice: which sets.
        donor: of a transplant, the model that attention is taken from.
        given: options as they were typed, if any were.
        words: of the command line, without the program's name; empty when called from Python.
    """
    acting = set_settings_record(settings, choice)
    return manifest_of("patch", model, task, acting, donor=donor, given=given, words=words, rules=set_rules_record())


def sets_files(result: SetResult, manifest: Manifest, *, model: str, task: str) -> Mapping[str, bytes]:
    """Render everything that a run of sets leaves behind.

    Args:
        result: of sets.
        manifest: of the run.
        model: what to call the model.
        task: what to call the task.
    """
    title = printable(f"{set_deed(result.settings)} · {model} · {task} · n\u00a0=\u00a0{result.n}")
    return {
        PAGE: sets_page(result, manifest, model=model, task=task),
        "sets.png": png_bytes(sets_plot(result, title=title)),
        SUMMARY: json_bytes(sets_record(result, model=model, task=task)),
        "rows.parquet": parquet_bytes(result.rows),
        "beside.parquet": parquet_bytes(result.beside),
        "controls.parquet": parquet_bytes(result.controls),
    }


def save_sets(
    result: SetResult, *, model: Model, task: Task, donor: Model | None = None, out: Path | str | None = None
) -> Path:
    """Write what `attnprobe patch` writes for sets of heads: page, figure, summary, rows, manifest.

    Args:
        result: of `patch_sets(model, task, choice, settings)`.
        model: that ran.
        task: on which.
        donor: of a transplant, the model that attention was taken from.
        out: the directory; by default one named by the configuration, below the working directory.

    Returns:
        The directory.

    Raises:
        RunError: it holds something else, or cannot be written.
    """
    manifest = sets_manifest(model, task, result.settings, result.choice, donor=donor)
    with RunDirectory.claim(default_place(manifest) if out is None else Path(out), manifest) as directory:
        names = {"model": portable(model.provenance.name), "task": portable(task.name)}
        directory.finish(sets_files(result, manifest, **names))
    return directory.path
