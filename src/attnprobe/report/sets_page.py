"""The page of a run of sets of heads: one HTML file that needs nothing else.

In: a `SetResult`, the manifest. Out: the bytes of `report.html`.
"""

import json

from attnprobe.causal.set_result import SetResult
from attnprobe.report.finding import ALPHA, MINIMUM
from attnprobe.report.html import Picture, page_environment
from attnprobe.report.numbers import counted, interval, number, q_value, with_interval
from attnprobe.report.phrases import phrases_for
from attnprobe.report.sets_finding import SET_RULES, find_sets, set_deed, unit_of
from attnprobe.report.sets_plot import MOST_SETS, sets_plot
from attnprobe.report.sets_table import decimals_of, random_cell, short_heads
from attnprobe.report.texts import printable
from attnprobe.runs import Manifest

_HEADS_SHOWN = 24
_RANKED_SHOWN = 24


def sets_page(result: SetResult, manifest: Manifest, *, model: str, task: str) -> bytes:
    """Write the page of sets of heads.

    Args:
        result: of sets.
        manifest: of the run; only its lasting part is shown.
        model: what to call the model.
        task: what to call the task.

    Returns:
        UTF-8 HTML, the same bytes for the same result and manifest.
    """
    template = page_environment().get_template("sets.html.j2")
    text = template.render(
        result=result,
        settings=result.settings,
        model=printable(model),
        task=printable(task),
        finding=find_sets(result),
        phrases=phrases_for(result.settings.edit),
        deed=set_deed(result.settings),
        unit=unit_of(result),
        rules=SET_RULES,
        minimum=MINIMUM[result.unit],
        alpha=ALPHA,
        decimals=decimals_of(result),
        number=number,
        interval=interval,
        with_interval=with_interval,
        q_value=q_value,
        counted=counted,
        random_cell=random_cell,
        heads_cell=lambda row: short_heads(row, _HEADS_SHOWN),
        ranked=() if result.selection is None else result.selection.ranked[:_RANKED_SHOWN],
        plot=Picture.of(lambda theme: sets_plot(result, theme=theme)),
        n_drawn=min(MOST_SETS, len(result.sets)),
        printable=printable,
        command=printable(manifest.repeat),
        manifest=printable(json.dumps(manifest.lasting_record(), indent=2, ensure_ascii=False, allow_nan=False)),
    )
    return text.encode("utf-8", "backslashreplace")
