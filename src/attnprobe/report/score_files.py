"""All files of attention scores, as bytes: what the run directory is given to keep.

In: a `ScoreResult` or a `PaperResult`, what was asked beside it, the manifest. Out: content by file name. Only
`report.html` tells of the run itself; the others are the same bytes whenever the same configuration runs.
"""

import json
from collections.abc import Mapping, Sequence

from attnprobe.attention.result import PaperResult, ScoreResult
from attnprobe.attention.showcase import Showcase
from attnprobe.report.canvas import png_bytes
from attnprobe.report.coloured_text import coloured_text
from attnprobe.report.files import PAGE, SUMMARY
from attnprobe.report.html import Picture, page_environment
from attnprobe.report.numbers import number
from attnprobe.report.paper_plot import MOST_GROUPS, paper_plot
from attnprobe.report.pattern_links import pattern_links
from attnprobe.report.pattern_map import pattern_map
from attnprobe.report.score_finding import DECIMALS, finite, paper_sentence, quantity
from attnprobe.report.score_maps import margin_map, score_map
from attnprobe.report.score_page import score_page
from attnprobe.report.score_part import Part
from attnprobe.report.score_summary import paper_summary_record, score_summary_record
from attnprobe.report.texts import printable
from attnprobe.report.token_labels import drawable
from attnprobe.runs import Manifest, json_bytes, parquet_bytes

_GROUPS_LISTED = 500


def score_files(
    result: ScoreResult,
    manifest: Manifest,
    *,
    model: str,
    task: str,
    shown: Showcase | None = None,
    parts: Sequence[Part] = (),
) -> Mapping[str, bytes]:
    """Render everything that the aligned protocol leaves behind.

    Args:
        result: of scoring.
        manifest: of the run.
        model: what to call the model.
        task: what to call the task.
        shown: one example under one head.
        parts: what was asked beside the scores.
    """
    summary = score_summary_record(result, model=model, task=task) | {part.key: part.record for part in parts}
    title = _title(model, task, f"n\u00a0=\u00a0{result.n}")
    measure = quantity(result.settings.normalise)
    files = {
        PAGE: score_page(result, manifest, model=model, task=task, shown=shown, parts=parts),
        "scores.png": png_bytes(score_map(result.heads, quantity=measure, title=title)),
        "differences.png": png_bytes(margin_map(result.heads, title=title)),
        **_pictures(shown, model),
        SUMMARY: json_bytes(summary),
        "rows.parquet": parquet_bytes(result.rows),
        "tokens.parquet": parquet_bytes(result.tokens),
        "keys.parquet": parquet_bytes(result.keys),
    }
    return _with_parts(files, parts, title)


def paper_files(
    result: PaperResult, manifest: Manifest, *, model: str, task: str, parts: Sequence[Part] = ()
) -> Mapping[str, bytes]:
    """Render everything that the paper's protocol leaves behind.

    Args:
        result: of scoring.
        manifest: of the run.
        model: what to call the model.
        task: what to call the task.
        parts: what was asked beside the scores.
    """
    summary = paper_summary_record(result, model=model, task=task) | {part.key: part.record for part in parts}
    title = _title(model, task, "paper protocol", f"n\u00a0=\u00a0{result.n}")
    files = {
        PAGE: _paper_page(result, manifest, parts, model=model, task=task),
        "scores.png": png_bytes(paper_plot(result, title=title)),
        SUMMARY: json_bytes(summary),
        "rows.parquet": parquet_bytes(result.rows),
        "tokens.parquet": parquet_bytes(result.tokens),
    }
    return _with_parts(files, parts, title)


def _with_parts(files: Mapping[str, bytes], parts: Sequence[Part], title: str) -> Mapping[str, bytes]:
    return {**files, **{name: data for part in parts for name, data in part.files(title).items()}}


def _pictures(shown: Showcase | None, model: str) -> Mapping[str, bytes]:
    if shown is None:
        return {}
    title = _title(model, str(shown.head), f"example {shown.example}")
    return {
        "pattern.png": png_bytes(pattern_map(shown, title=title)),
        "links.png": png_bytes(pattern_links(shown, title=title)),
        "text.png": png_bytes(coloured_text(shown, title=title)),
    }


def _title(*parts: str) -> str:
    return drawable(printable(" · ".join(("score", *parts)))).replace("\n", " ")


def _paper_page(result: PaperResult, manifest: Manifest, parts: Sequence[Part], *, model: str, task: str) -> bytes:
    by_group = list(result.by_group.items()) if len(result.by_group) > 1 else []
    numbers = [(printable(name), (finite(mean), finite(std), n)) for name, (mean, std, n) in by_group]
    text = (
        page_environment()
        .get_template("paper.html.j2")
        .render(
            result=result,
            mean=finite(result.mean),
            std=finite(result.std),
            model=printable(model),
            task=printable(task),
            sentence=paper_sentence(result),
            parts=parts,
            plot=Picture.of(lambda theme: paper_plot(result, theme=theme)),
            by_group=numbers[:_GROUPS_LISTED],
            drawn_groups=MOST_GROUPS,
            decimals=DECIMALS,
            number=number,
            command=printable(manifest.repeat),
            manifest=printable(json.dumps(manifest.lasting_record(), indent=2, ensure_ascii=False, allow_nan=False)),
        )
    )
    return text.encode("utf-8", "backslashreplace")
