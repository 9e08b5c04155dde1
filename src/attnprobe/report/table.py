"""The table that ends a run in the terminal.

In: a `PatchResult` and the names of its model and task. Out: a titled rich table and the sentence below it.
"""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from attnprobe.causal.result import PatchResult, leading
from attnprobe.causal.rows import HeadResult
from attnprobe.report.dose_curves import dose_curve_table, strongest_curve
from attnprobe.report.finding import Verdict, find_answer, is_large
from attnprobe.report.numbers import decimals_for, interval, number, q_value, with_interval
from attnprobe.report.phrases import phrases_for

ROWS_SHOWN = 12
VERDICT_STYLES = {
    Verdict.SUPPORTED: "bold green",
    Verdict.CONTRADICTED: "bold red",
    Verdict.UNDETERMINED: "bold yellow",
}


def head_table(result: PatchResult, *, model: str, task: str, rows: int = ROWS_SHOWN) -> Group:
    """Lay out the strongest heads, effect beside control.

    Args:
        result: of a sweep.
        model: what to call the model.
        task: what to call the task.
        rows: how many heads at most.

    Returns:
        Title, table and what is left out, within 80 columns.
    """
    noun = phrases_for(result.settings).unit_noun
    shown = result.strongest_first()[:rows]
    has_control = any(head.difference is not None for head in result.heads)
    table = Table(box=None, pad_edge=False)
    table.add_column(noun.capitalize(), no_wrap=True)
    table.add_column("Effect", justify="right", no_wrap=True)
    table.add_column("95% interval", justify="right", no_wrap=True)
    if has_control:
        table.add_column("Control", justify="right", no_wrap=True)
        table.add_column("Difference", justify="right", no_wrap=True)
        table.add_column("95% interval", justify="right", no_wrap=True)
    table.add_column("q", justify="right", no_wrap=True)
    decimals = decimals_for(value for head in shown for value in (head.effect, head.control, head.difference))
    for head in shown:
        table.add_row(*_cells(head, decimals, has_control=has_control), style=_row_style(head, result.unit))
    # beside the table, not its title and caption: those wrap at the table's own width; and as text: names are no markup
    parts: list[RenderableType] = [Text(_title(result, model, task), style="bold"), table]
    hidden = len(result.heads) - len(shown)
    if hidden:
        parts.append(Text(f"{hidden} weaker {noun}s are in summary.json", style="dim"))
    curve = strongest_curve(result)
    if curve:
        had = number(curve[0].clean_mass, 2)
        title = f"\n{curve[0].head} by mass; its keys have {had} unedited. Foil: the same mass on the foil's keys"
        parts += [Text(title, style="bold"), dose_curve_table(curve)]
    return Group(*parts)


def finding_text(result: PatchResult) -> Text:
    """The question, the answer, and nothing that the numbers do not say."""
    finding = find_answer(result)
    first, rest = finding.answer.split(" ", 1)
    text = Text(f"{finding.question}\n")
    text.append(first, style=VERDICT_STYLES[finding.verdict])
    return text.append(f" {rest}")


def _title(result: PatchResult, model: str, task: str) -> str:
    settings, clean = result.settings, result.clean
    decimals = decimals_for((clean.value, clean.low, clean.high))
    unedited = with_interval(clean.value, clean.low, clean.high, decimals)
    return (
        f"{settings.intervention.value} · {model} · n = {result.n}\n{task}\n"
        f"{settings.metric.value} in {result.unit}, unedited {unedited}; control {settings.resolved_control.value}"
    )


def _cells(head: HeadResult, decimals: int, *, has_control: bool) -> list[str]:
    cells = [head.head, number(head.effect, decimals), interval(head.low, head.high, decimals)]
    if has_control:
        cells += [
            number(head.control, decimals),
            number(head.difference, decimals),
            interval(head.difference_low, head.difference_high, decimals),
        ]
    return [*cells, q_value(head.q)]


def _row_style(head: HeadResult, unit: str) -> str:
    if not is_large(head, unit):
        return "dim"
    # bold alone would say the same of harm and help
    return "bold" if leading(head) < 0 else "bold cyan"
