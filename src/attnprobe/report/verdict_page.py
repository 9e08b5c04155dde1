"""The page of a verdict: one HTML file that needs nothing else.

In: a `VerdictResult`, the manifest. Out: the bytes of `report.html`.
"""

import json

from attnprobe.evaluation.verdict.result import VerdictResult
from attnprobe.evaluation.verdict.rules import RULES
from attnprobe.report.dose_plot import ARM_NAMES, dose_plot, dose_table
from attnprobe.report.html import Picture, page_environment
from attnprobe.report.numbers import number, q_value, with_interval
from attnprobe.report.texts import printable
from attnprobe.report.verdict_plot import verdict_plot
from attnprobe.report.verdict_words import (
    ASKED,
    QUESTION,
    amount,
    facts,
    headline,
    minimum_text,
    sentence,
    untested,
)
from attnprobe.runs import Manifest

_HEADS_SHOWN = 24
_TONES = {"cause": "supported", "needed": "supported", "contributes": "supported", "by_product": "contradicted"}


def verdict_page(result: VerdictResult, manifest: Manifest, *, model: str, task: str) -> bytes:
    """Write the page of a verdict.

    Args:
        result: of the four tests.
        manifest: of the run; only its lasting part is shown.
        model: what to call the model.
        task: what to call the task.

    Returns:
        UTF-8 HTML, the same bytes for the same result and manifest.
    """
    doses = dose_table(result.doses, result.settings.seed) if len(result.doses) else None
    rows = sorted(result.heads.rows, key=lambda row: -(row.margin.value or 0.0))
    text = (
        page_environment()
        .get_template("verdict.html.j2")
        .render(
            result=result,
            settings=result.settings,
            model=printable(model),
            task=printable(task),
            question=QUESTION,
            answer=printable(headline(result)),
            tone=_TONES.get(result.headline.value, "undetermined"),
            asked=ASKED,
            sentence=lambda test: printable(sentence(test)),
            amount=amount,
            minimum_text=minimum_text,
            facts=facts(result),
            untested=[printable(line) for line in untested(result)],
            heads=rows[:_HEADS_SHOWN],
            unlisted=max(0, len(rows) - _HEADS_SHOWN),
            doses=None if doses is None else list(doses.itertuples(index=False)),
            arm_names=ARM_NAMES,
            plot=Picture.of(lambda theme: verdict_plot(result, theme=theme)),
            dose_picture=None if doses is None else Picture.of(lambda theme: dose_plot(doses, theme=theme)),
            rules=RULES,
            number=number,
            with_interval=with_interval,
            q_value=q_value,
            printable=printable,
            command=printable(manifest.repeat),
            manifest=printable(json.dumps(manifest.lasting_record(), indent=2, ensure_ascii=False, allow_nan=False)),
        )
    )
    return text.encode("utf-8", "backslashreplace")
