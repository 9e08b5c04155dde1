"""The page of an attribution: one HTML file that needs nothing else.

In: an `AttributionResult`, the manifest. Out: the bytes of `report.html`.
"""

import json
from collections.abc import Mapping, Sequence

from attnprobe.causal.attribution.result import AttributionResult, ratio_of
from attnprobe.causal.attribution.settings import Target
from attnprobe.report.attribution_plot import path_map, scatter_plot, score_map
from attnprobe.report.attribution_words import RULES, Trust, agreement_text, find_attribution, score_name
from attnprobe.report.html import Picture, page_environment
from attnprobe.report.numbers import interval, number, with_interval
from attnprobe.report.texts import printable
from attnprobe.runs import Manifest

_LIST_LIMIT = 2_000
_TONES = {
    Trust.YES: "supported",
    Trust.IN_PROPORTION: "undetermined",
    Trust.NO: "contradicted",
    Trust.UNDETERMINED: "undetermined",
    Trust.EXACT: "undetermined",
}


def attribution_page(result: AttributionResult, manifest: Manifest, *, model: str, task: str) -> bytes:
    """Write the page of an attribution.

    Args:
        result: of the attribution.
        manifest: of the run; only its lasting part is shown.
        model: what to call the model.
        task: what to call the task.

    Returns:
        UTF-8 HTML, the same bytes for the same result and manifest.
    """
    settings, finding = result.settings, find_attribution(result)
    is_paths = settings.target is Target.PATHS
    text = (
        page_environment()
        .get_template("attribution.html.j2")
        .render(
            result=result,
            settings=settings,
            target=settings.target.value,
            model=printable(model),
            task=printable(task),
            finding=finding,
            tone=_TONES[finding.trust],
            score_name=score_name(settings),
            heads=result.strongest_heads()[:_LIST_LIMIT],
            edges=_edge_rows(result),
            paths=result.strongest_paths()[:_LIST_LIMIT],
            wholes=[path for path in result.paths if path.input is None],
            agreements={name: agreement_text(agreement) for name, agreement in result.agreement.items()},
            rules=RULES,
            rows_shown=settings.top,
            number=number,
            interval=interval,
            with_interval=with_interval,
            scatter=Picture.of(lambda theme: scatter_plot(result, theme=theme)) if result.agreement else None,
            maps=Picture.of(lambda theme: (path_map if is_paths else score_map)(result, theme=theme)),
            command=printable(manifest.repeat),
            manifest=printable(json.dumps(manifest.lasting_record(), indent=2, ensure_ascii=False, allow_nan=False)),
        )
    )
    # a lone surrogate has no UTF-8; in a page it may as well be read as its code
    return text.encode("utf-8", "backslashreplace")


def _edge_rows(result: AttributionResult) -> Sequence[Mapping[str, object]]:
    if not len(result.edges):
        return ()
    rows: list[Mapping[str, object]] = []
    for edge in result.strongest_edges().head(_LIST_LIMIT).to_dict("records"):
        exact = None if edge["exact"] != edge["exact"] else float(edge["exact"])
        score = float(edge["score"])
        rows.append(
            {
                "name": f"L{edge['layer']}H{edge['head']} {edge['query']}→{edge['key']}",
                "example": printable(str(edge["example"])),
                "query_token": printable(repr(edge["query_token"])),
                "key_token": printable(repr(edge["key_token"])),
                "score": score,
                "exact": exact,
                "ratio": ratio_of(score, exact),
                "is_gold": bool(edge["is_gold"]),
            }
        )
    return rows
