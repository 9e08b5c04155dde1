"""All that `attnprobe steer` leaves behind: its manifest before, its files after.

In: a model, a task, settings, a `SteerResult`. Out: a `Manifest`; content by file name; files in a directory.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from attnprobe.causal.steering_settings import SteerSettings
from attnprobe.evaluation.under_plan.result import SteerResult
from attnprobe.models.model import Model
from attnprobe.report.canvas import png_bytes
from attnprobe.report.files import PAGE, SUMMARY
from attnprobe.report.manifests import manifest_of
from attnprobe.report.steer_page import steer_page
from attnprobe.report.steer_plot import steer_plot
from attnprobe.report.steer_words import QUESTION, headline, remarks
from attnprobe.report.texts import printable
from attnprobe.runs import (
    JsonValue,
    Manifest,
    RunDirectory,
    default_place,
    json_bytes,
    parquet_bytes,
    plain,
    portable,
)
from attnprobe.tasks.example import Task

FORMAT = 1
ITEMS, PICTURE = "items.parquet", "steer.png"


def steer_settings_record(settings: SteerSettings) -> Mapping[str, JsonValue]:
    """Every setting, defaults filled in."""
    return {
        "heads": [str(head) for head in settings.heads],
        "intervention": settings.intervention.value,
        "keys": settings.resolved_keys if settings.intervention.has_keys else None,
        "timing": settings.resolved_timing.value if settings.intervention.has_keys else None,
        "strength": settings.strength,
        "mass": settings.mass,
        "steps": None if settings.steps is None else list(settings.steps),
        "ablation": settings.ablation.value,
        "factor": settings.factor,
        "empty_row": settings.empty_row.value,
        "reads_prompt": settings.reads_prompt,
        "measure": settings.measure.value,
        "max_new_tokens": settings.max_new_tokens,
        "seed": settings.seed,
        "mode": settings.mode.value,
        "batch_size": settings.batch_size,
    }


def steer_manifest(
    model: Model,
    task: Task,
    settings: SteerSettings,
    *,
    donor: Model | None = None,
    given: Mapping[str, JsonValue] | None = None,
    words: Sequence[str] = (),
) -> Manifest:
    """Say what a run is, before it runs.

    Args:
        model: that writes.
        task: what it is asked.
        settings: what is edited.
        donor: of a transplant.
        given: options as they were typed, if any were.
        words: of the command line, without the program's name; empty when called from Python.
    """
    acting = steer_settings_record(settings)
    return manifest_of("steer", model, task, acting, donor=donor, given=given, words=words)


def steer_summary(result: SteerResult, *, model: str, task: str) -> Mapping[str, JsonValue]:
    """Put a result into the words of `summary.json`."""
    record = {
        "format": FORMAT,
        "command": "steer",
        "model": model,
        "task": task,
        "question": QUESTION,
        "answer": headline(result),
        "remarks": list(remarks(result)),
        "mode": result.mode.value,
        "max_new_tokens": result.max_new_tokens,
        "stop": list(result.stop),
        "shares": [asdict(share) for share in result.shares],
        "comparisons": [asdict(one) for one in result.comparisons],
        "not_written": {arm.value: dict(reasons) for arm, reasons in result.not_written.items()},
        "counts": dict(result.counts),
        "settings": steer_settings_record(result.settings),
    }
    found = plain(record)
    assert isinstance(found, Mapping)
    return found


def steer_files(result: SteerResult, manifest: Manifest, *, model: str, task: str) -> Mapping[str, bytes]:
    """Render everything that a run leaves behind."""
    title = printable(f"steer · {model} · {task} · n\u00a0=\u00a0{result.counts['examples']}")
    return {
        PAGE: steer_page(result, manifest, model=model, task=task),
        PICTURE: png_bytes(steer_plot(result, title=title)),
        SUMMARY: json_bytes(steer_summary(result, model=model, task=task)),
        ITEMS: parquet_bytes(result.items),
    }


def save_steering(
    result: SteerResult, *, model: Model, task: Task, donor: Model | None = None, out: Path | str | None = None
) -> Path:
    """Write what `attnprobe steer` writes: page, figure, summary, items, manifest.

    Args:
        result: of `generate_under_plan(model, task, settings)`.
        model: that wrote.
        task: what it was asked.
        donor: of a transplant.
        out: the directory; by default one named by the configuration, below the working directory.

    Returns:
        The directory.

    Raises:
        RunError: it holds something else, or cannot be written.
    """
    manifest = steer_manifest(model, task, result.settings, donor=donor)
    with RunDirectory.claim(default_place(manifest) if out is None else Path(out), manifest) as directory:
        names = {"model": portable(model.provenance.name), "task": portable(task.name)}
        directory.finish(steer_files(result, manifest, **names))
    return directory.path
