"""Keep what a sweep found: its manifest, and from Python the directory that the command line would have made.

In: a model, a task, settings, a `PatchResult`. Out: a `Manifest`; files in a directory.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from attnprobe.causal.result import PatchResult
from attnprobe.causal.settings import PatchSettings
from attnprobe.models.model import Model
from attnprobe.report.files import patch_files
from attnprobe.report.finding import rules_record
from attnprobe.report.manifests import manifest_of
from attnprobe.report.summary import settings_record
from attnprobe.runs import (
    JsonValue,
    Manifest,
    RunDirectory,
    default_place,
    portable,
)
from attnprobe.tasks.example import Task


def patch_manifest(
    model: Model,
    task: Task,
    settings: PatchSettings,
    *,
    donor: Model | None = None,
    given: Mapping[str, JsonValue] | None = None,
    words: Sequence[str] = (),
) -> Manifest:
    """Say what a sweep is, before it runs.

    Args:
        model: that runs.
        task: on which.
        settings: what is done.
        donor: of a transplant, the model that attention is taken from.
        given: options as they were typed, if any were.
        words: of the command line, without the program's name; empty when called from Python.
    """
    acting = settings_record(settings)
    return manifest_of("patch", model, task, acting, donor=donor, given=given, words=words, rules=rules_record())


def save_result(
    result: PatchResult, *, model: Model, task: Task, donor: Model | None = None, out: Path | str | None = None
) -> Path:
    """Write what `attnprobe patch` writes: page, figures, summary, rows, manifest.

    Args:
        result: of `patch_heads(model, task, settings)`.
        model: that ran.
        task: on which.
        donor: of a transplant.
        out: the directory; by default one named by the configuration, below the working directory.

    Returns:
        The directory.

    Raises:
        RunError: it holds something else, or cannot be written.
    """
    manifest = patch_manifest(model, task, result.settings, donor=donor)
    with RunDirectory.claim(default_place(manifest) if out is None else Path(out), manifest) as directory:
        names = {"model": portable(model.provenance.name), "task": portable(task.name)}
        directory.finish(patch_files(result, task.examples, manifest, **names))
    return directory.path
