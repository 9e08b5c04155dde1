"""All files of a sweep's results, as bytes: what the run directory is given to keep.

In: a `PatchResult`, the examples, the manifest. Out: content by file name. Only `report.html` tells of the run itself;
the others are the same bytes whenever the same configuration runs.
"""

from collections.abc import Mapping, Sequence

from attnprobe.causal.result import PatchResult
from attnprobe.report.canvas import png_bytes
from attnprobe.report.dose_curves import dose_curve_plot, dose_frame
from attnprobe.report.head_map import head_map
from attnprobe.report.interval_plot import interval_plot
from attnprobe.report.page import report_page
from attnprobe.report.summary import summary_record
from attnprobe.report.texts import printable
from attnprobe.runs import Manifest, json_bytes, parquet_bytes
from attnprobe.tasks.example import Example

SUMMARY, PAGE = "summary.json", "report.html"


def patch_files(
    result: PatchResult, examples: Sequence[Example], manifest: Manifest, *, model: str, task: str
) -> Mapping[str, bytes]:
    """Render everything that a sweep leaves behind.

    Args:
        result: of the sweep.
        examples: of the task.
        manifest: of the run.
        model: what to call the model.
        task: what to call the task.
    """
    title = printable(f"{result.settings.intervention.value} · {model} · {task} · n\u00a0=\u00a0{result.n}")
    files = {
        PAGE: report_page(result, examples, manifest, model=model, task=task),
        "heads.png": png_bytes(head_map(result, title=title)),
        "intervals.png": png_bytes(interval_plot(result, title=title)),
        SUMMARY: json_bytes(summary_record(result, model=model, task=task)),
        "rows.parquet": parquet_bytes(result.rows),
        "tokens.parquet": parquet_bytes(result.tokens),
        "controls.parquet": parquet_bytes(result.controls),
    }
    if result.curve is not None:
        files["doses.parquet"] = parquet_bytes(dose_frame(result.curve))
        if len(result.curve.doses) > 1:
            files["doses.png"] = png_bytes(dose_curve_plot(result, title=title))
    return files
