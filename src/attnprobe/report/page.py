"""The page that a run leaves: one HTML file that needs nothing else, not even a network.

In: a `PatchResult`, the task's examples, the manifest. Out: the bytes of `report.html`. Everything that came from
outside is escaped by the template engine; pictures are inside the file.
"""

import json
from collections.abc import Mapping, Sequence

from attnprobe.causal.controls import MIN_DOSE, ControlKind
from attnprobe.causal.result import PatchResult, leading
from attnprobe.causal.rows import HeadResult
from attnprobe.report.dose_curves import dose_curve_plot, strongest_curve
from attnprobe.report.finding import ALPHA, MINIMUM, RULES, find_answer, is_large
from attnprobe.report.head_map import head_map
from attnprobe.report.html import Picture, page_environment
from attnprobe.report.interval_plot import interval_plot
from attnprobe.report.numbers import decimals_for, interval, number, q_value
from attnprobe.report.phrases import phrases_for
from attnprobe.report.texts import printable, shown_examples
from attnprobe.runs import Manifest
from attnprobe.tasks.example import Example

_ROWS_SHOWN = 12
_LIST_LIMIT = 2_000


def report_page(
    result: PatchResult, examples: Sequence[Example], manifest: Manifest, *, model: str, task: str
) -> bytes:
    """Write the page of a sweep.

    Args:
        result: of the sweep.
        examples: of the task.
        manifest: of the run; only its lasting part is shown.
        model: what to call the model.
        task: what to call the task.

    Returns:
        UTF-8 HTML, the same bytes for the same result and manifest.
    """
    template = page_environment().get_template("report.html.j2")
    ordered = result.strongest_first()
    decimals = decimals_for(value for head in ordered for value in (head.effect, head.control, head.difference))
    text = template.render(
        result=result,
        settings=result.settings,
        model=printable(model),
        task=printable(task),
        finding=find_answer(result),
        phrases=phrases_for(result.settings),
        rules=RULES,
        minimum=MINIMUM[result.unit],
        alpha=ALPHA,
        min_dose=MIN_DOSE,
        ordered=ordered[:_LIST_LIMIT],
        unlisted=max(0, len(ordered) - _LIST_LIMIT),
        rows_shown=_ROWS_SHOWN,
        has_control=any(head.difference is not None for head in result.heads),
        other_controls=_other_controls(result, ordered[:_ROWS_SHOWN]),
        decimals=decimals,
        strongest_by_control=_by_control(result, ordered[0]),
        clean_decimals=decimals_for((result.clean.value, result.clean.low, result.clean.high)),
        kind_decimals=decimals_for(estimate.value for estimate in result.by_kind.values()),
        number=number,
        interval=interval,
        q_value=q_value,
        leading=leading,
        is_large=is_large,
        maps=Picture.of(lambda theme: head_map(result, theme=theme)),
        intervals=Picture.of(lambda theme: interval_plot(result, theme=theme)),
        curve=strongest_curve(result),
        doses=Picture.of(lambda theme: dose_curve_plot(result, theme=theme)) if _has_curve(result) else None,
        map_alt=_map_alt(result, ordered),
        examples=shown_examples(examples, result),
        command=printable(manifest.repeat),
        manifest=printable(json.dumps(manifest.lasting_record(), indent=2, ensure_ascii=False, allow_nan=False)),
    )
    # a lone surrogate has no UTF-8; in a page it may as well be read as its code
    return text.encode("utf-8", "backslashreplace")


def _has_curve(result: PatchResult) -> bool:
    return result.curve is not None and len(result.curve.doses) > 1


def _by_control(result: PatchResult, head: HeadResult) -> tuple[HeadResult, ...]:
    """One head's rows against every kind of control; none where there is only one kind."""
    rows = [row for heads in result.by_control.values() for row in heads if row.head == head.head]
    return tuple(rows) if len(rows) > 1 else ()


def _other_controls(result: PatchResult, shown: Sequence[HeadResult]) -> Mapping[ControlKind, Sequence[HeadResult]]:
    """For the heads shown, their rows against the kinds of control that the answer does not rest on."""
    names = [head.head for head in shown]
    others: dict[ControlKind, Sequence[HeadResult]] = {}
    for kind, heads in result.by_control.items():
        if kind is not result.settings.resolved_control:
            by_name = {head.head: head for head in heads}
            others[kind] = [by_name[name] for name in names if name in by_name]
    return others


def _map_alt(result: PatchResult, ordered: Sequence[HeadResult]) -> str:
    noun = phrases_for(result.settings).unit_noun
    strongest = ", ".join(f"{head.head} {number(leading(head))}" for head in ordered[:3])
    return f"Map of {len(result.heads)} {noun}s by layer; the strongest, in {result.unit}: {strongest}."
