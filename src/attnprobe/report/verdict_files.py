"""All that a verdict leaves behind: its manifest before, its files after.

In: a model, a task, settings, a `VerdictResult`. Out: a `Manifest`; content by file name; files in a directory.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from attnprobe.evaluation.verdict.result import VerdictResult
from attnprobe.evaluation.verdict.rules import rules_record
from attnprobe.evaluation.verdict.settings import VerdictSettings
from attnprobe.models.model import Model
from attnprobe.report.canvas import png_bytes
from attnprobe.report.dose_plot import dose_plot, dose_table
from attnprobe.report.files import PAGE, SUMMARY
from attnprobe.report.manifests import manifest_of
from attnprobe.report.texts import printable
from attnprobe.report.verdict_page import verdict_page
from attnprobe.report.verdict_plot import verdict_plot
from attnprobe.report.verdict_summary import verdict_settings_record, verdict_summary
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


def verdict_manifest(
    model: Model,
    task: Task,
    settings: VerdictSettings,
    *,
    donor: Model | None = None,
    given: Mapping[str, JsonValue] | None = None,
    words: Sequence[str] = (),
) -> Manifest:
    """Say what a verdict is and by which rules, before it runs.

    Args:
        model: that runs.
        task: on which.
        settings: how.
        donor: whose patterns are put in beside, if any's are.
        given: options as they were typed, if any were.
        words: of the command line, without the program's name; empty when called from Python.
    """
    acting = verdict_settings_record(settings)
    rules = plain(rules_record(settings))
    assert isinstance(rules, Mapping)
    return manifest_of("verdict", model, task, acting, donor=donor, given=given, words=words, rules=rules)


def verdict_files(result: VerdictResult, manifest: Manifest, *, model: str, task: str) -> Mapping[str, bytes]:
    """Render everything that a verdict leaves behind."""
    title = printable(f"verdict · {model} · {task} · n\u00a0=\u00a0{result.counts['examples_measured']}")
    files = {
        PAGE: verdict_page(result, manifest, model=model, task=task),
        "verdict.png": png_bytes(verdict_plot(result, title=title)),
        SUMMARY: json_bytes(verdict_summary(result, model=model, task=task)),
        "tests.parquet": parquet_bytes(result.frame()),
        "rows.parquet": parquet_bytes(result.rows),
        "heads.parquet": parquet_bytes(_heads(result)),
    }
    if len(result.doses):
        files["doses.png"] = png_bytes(dose_plot(dose_table(result.doses, result.settings.seed), title=title))
        files["doses.parquet"] = parquet_bytes(result.doses)
    if len(result.proofs):
        files["proofs.parquet"] = parquet_bytes(result.proofs)
    return files


def _heads(result: VerdictResult) -> pd.DataFrame:
    chosen, strongest = set(result.heads.chosen), set(result.heads.strongest)
    return pd.DataFrame(
        [
            {
                "head": str(row.head),
                "margin": row.margin.value,
                "margin_low": row.margin.low,
                "margin_high": row.margin.high,
                "q": row.q,
                "effect": row.effect.value,
                "effect_low": row.effect.low,
                "effect_high": row.effect.high,
                "is_aligned": row.is_aligned,
                "is_chosen": row.head in chosen,
                "is_strongest": row.head in strongest,
            }
            for row in result.heads.rows
        ],
        columns=[
            "head", "margin", "margin_low", "margin_high", "q", "effect", "effect_low", "effect_high", "is_aligned",
            "is_chosen", "is_strongest",
        ],
    )  # fmt: skip


def save_verdict(
    result: VerdictResult,
    *,
    model: Model,
    task: Task,
    donor: Model | None = None,
    out: Path | str | None = None,
) -> Path:
    """Write what `attnprobe verdict` writes: page, figures, summary, tables, manifest.

    Args:
        result: of `verdict(model, task, settings)`.
        model: that ran.
        task: on which.
        donor: as given to `verdict`.
        out: the directory; by default one named by the configuration, below the working directory.

    Returns:
        The directory.

    Raises:
        RunError: it holds something else, or cannot be written.
    """
    manifest = verdict_manifest(model, task, result.settings, donor=donor)
    with RunDirectory.claim(default_place(manifest) if out is None else Path(out), manifest) as directory:
        names = {"model": portable(model.provenance.name), "task": portable(task.name)}
        directory.finish(verdict_files(result, manifest, **names))
    return directory.path
