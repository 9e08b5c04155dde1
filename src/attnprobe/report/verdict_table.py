"""What `attnprobe verdict` ends with in the terminal.

In: a `VerdictResult` and the names of its model and task. Out: a rich table, and the headline below it.
"""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from attnprobe.evaluation.association.result import Verdict
from attnprobe.evaluation.verdict.contrasts import Contrast
from attnprobe.evaluation.verdict.result import VerdictResult
from attnprobe.evaluation.verdict.transplant import DONOR
from attnprobe.report.numbers import interval, number
from attnprobe.report.verdict_plot import short_name
from attnprobe.report.verdict_words import QUESTION, headline, untested

STYLES = {
    Verdict.SUPPORTED: "bold green",
    Verdict.CONTRADICTED: "bold red",
    Verdict.UNDETERMINED: "bold yellow",
}
_DECIMALS = 3


def verdict_table(result: VerdictResult, *, model: str, task: str) -> Group:
    """Lay out the contrasts that decide, test by test, within 80 columns."""
    table = Table(box=None, pad_edge=False)
    table.add_column("Test", no_wrap=True)
    table.add_column("Verdict", no_wrap=True)
    table.add_column("Rests on", no_wrap=True)
    for name in ("n", "Difference", "95% interval"):
        table.add_column(name, justify="right", no_wrap=True)
    for test in result.tests:
        opening = (Text(test.question.value), Text(test.verdict.value, style=STYLES[test.verdict]))
        if not test.deciding:
            table.add_row(*opening, "not tested")
        for place, contrast in enumerate(test.deciding):
            table.add_row(*(opening if place == 0 else ("", "")), *_cells(contrast))
        for contrast in test.contrasts:
            if contrast.asked.name == DONOR:
                # asked for by name, with a verdict of its own
                table.add_row(
                    "  donor", Text(contrast.verdict.value, style=STYLES[contrast.verdict]), *_cells(contrast)
                )
    parts: list[RenderableType] = [Text(f"verdict · {model} · {task}", style="bold"), table]
    parts += [Text(line, style="dim") for line in untested(result)]
    return Group(*parts)


def verdict_text(result: VerdictResult) -> Text:
    """The question and the headline."""
    first, rest = headline(result).split(". ", 1)
    return Text(f"{QUESTION}\n").append(f"{first}.", style="bold").append(f" {rest}")


def _cells(contrast: Contrast) -> tuple[str, ...]:
    found = contrast.difference
    return (
        short_name(contrast),
        str(contrast.n),
        number(found.value, _DECIMALS),
        interval(found.low, found.high, _DECIMALS),
    )
