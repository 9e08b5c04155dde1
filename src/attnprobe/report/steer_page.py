"""The page of answers under edits: one HTML file that needs nothing else.

In: a `SteerResult`, the manifest. Out: the bytes of `report.html`.
"""

import json

from attnprobe.causal.steering import Arm
from attnprobe.evaluation.under_plan.result import CORRECT, SteerResult
from attnprobe.report.html import Picture, page_environment
from attnprobe.report.numbers import interval, number, q_value, with_interval
from attnprobe.report.steer_plot import steer_plot
from attnprobe.report.steer_words import ARM_NAMES, DECIMALS, QUESTION, edit_words, headline, remarks
from attnprobe.report.texts import printable
from attnprobe.runs import Manifest

_SHOWN = 8


def steer_page(result: SteerResult, manifest: Manifest, *, model: str, task: str) -> bytes:
    """Write the page.

    Args:
        result: of answers under edits.
        manifest: of the run; only its lasting part is shown.
        model: what to call the model.
        task: what to call the task.

    Returns:
        UTF-8 HTML, the same bytes for the same result and manifest.
    """
    text = (
        page_environment()
        .get_template("steer.html.j2")
        .render(
            result=result,
            model=printable(model),
            task=printable(task),
            question=QUESTION,
            answer=printable(headline(result)),
            edit=printable(edit_words(result.settings)),
            remarks=[printable(remark) for remark in remarks(result)],
            names=ARM_NAMES,
            pairs=[one for one in result.comparisons if one.measure == CORRECT],
            broken=[[printable(text) for text in row] for row in _broken(result)],
            picture_of=Picture.of(lambda theme: steer_plot(result, theme=theme)),
            number=lambda value: number(value, DECIMALS),
            interval=lambda low, high: interval(low, high, DECIMALS),
            with_interval=lambda value, low, high: with_interval(value, low, high, DECIMALS),
            q_value=q_value,
            command=printable(manifest.repeat),
            manifest=printable(json.dumps(manifest.lasting_record(), indent=2, ensure_ascii=False, allow_nan=False)),
        )
    )
    return text.encode("utf-8", "backslashreplace")


def _broken(result: SteerResult) -> list[tuple[str, str, str]]:
    """The first answers that the edit broke: example, unedited, edited."""
    columns = (result.items[name].tolist() for name in ("id", "arm", CORRECT, "output"))
    by_arm: dict[str, dict[str, tuple[bool, str]]] = {}
    for name, arm, is_right, output in zip(*columns, strict=True):
        by_arm.setdefault(str(arm), {})[str(name)] = bool(is_right), str(output)
    clean, edited = by_arm[Arm.CLEAN], by_arm.get(Arm.EDITED, {})
    broken = [name for name, (is_right, _) in clean.items() if is_right and name in edited and not edited[name][0]]
    return [(name, clean[name][1].strip(), edited[name][1].strip()) for name in broken[:_SHOWN]]
