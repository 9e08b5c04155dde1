"""Sets of heads as tables: cells that terminal and page share, and the table that ends a run in the terminal.

In: a `SetResult`. Out: text in cells; rich tables and text within 80 columns.
"""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from attnprobe.causal.set_result import SetResult, SetRow
from attnprobe.report.finding import Verdict
from attnprobe.report.numbers import MISSING, decimals_for, interval, number, q_value, with_interval
from attnprobe.report.sets_finding import find_sets, set_deed, verdict_of
from attnprobe.report.table import VERDICT_STYLES

_HEADS_SHOWN = 6
_STYLES = {Verdict.SUPPORTED: "bold", Verdict.CONTRADICTED: "dim", Verdict.UNDETERMINED: ""}


def decimals_of(result: SetResult) -> int:
    """How many decimals the numbers of a result need."""
    rows = [row.against for row in result.sets]
    return decimals_for(value for row in rows for value in (row.effect, row.control, row.difference))


def short_heads(row: SetRow, most: int = _HEADS_SHOWN) -> str:
    """Its heads in text, those beyond the first few counted."""
    names = [str(head) for head in row.heads.heads]
    more = f" +{len(names) - most}" if len(names) > most else ""
    return " ".join(names[:most]) + more


def random_cell(row: SetRow) -> str:
    """How many random sets do as much."""
    return f"{row.random.n_as_strong} of {len(row.random.heads)}" if row.random.heads else MISSING


def sets_table(result: SetResult, *, model: str, task: str) -> Group:
    """Lay out the sets, effect beside control, and what random sets do.

    Args:
        result: of sets.
        model: what to call the model.
        task: what to call the task.
    """
    decimals, keeps = decimals_of(result), result.settings.all_but
    table = Table(box=None, pad_edge=False)
    table.add_column("Set", overflow="fold")
    for name in ["Effect", "Kept", "95% interval"] if keeps else ["Effect", "Control", "Difference", "95% interval"]:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("q", justify="right", no_wrap=True)
    table.add_column("Random", justify="right", no_wrap=True)
    for row in result.sets:
        table.add_row(
            Text(_name(row, result)), *_cells(row, decimals, keeps=keeps), style=_STYLES[verdict_of(row, result)]
        )
    clean, every = result.clean, result.everything
    metric = f"{result.settings.edit.metric.value} in {result.unit}"
    heading = (
        f"{set_deed(result.settings)} · {model} · n = {result.n}\n{task}\n{metric}, unedited "
        f"{with_interval(clean.value, clean.low, clean.high, decimals)}; all heads edited at once "
        f"{with_interval(every.value, every.low, every.high, decimals)}; control "
        f"{result.settings.resolved_control.value}"
    )
    parts: list[RenderableType] = [Text(heading, style="bold"), table]
    parts.append(Text("Random: how many random sets of as many heads of the same layers do as much", style="dim"))
    return Group(*parts)


def sets_text(result: SetResult) -> Text:
    """The question, the answer, and nothing that the numbers do not say."""
    finding = find_sets(result)
    first, rest = finding.answer.split(" ", 1)
    text = Text(f"{finding.question}\n")
    text.append(first, style=VERDICT_STYLES[finding.verdict])
    return text.append(f" {rest}")


def _name(row: SetRow, result: SetResult) -> str:
    return row.name if row.name == row.heads.label else f"{row.name}: {short_heads(row)}"


def _cells(row: SetRow, decimals: int, *, keeps: bool) -> Sequence[str]:
    found = row.against
    if keeps:
        share = row.faithfulness
        kept = (MISSING, MISSING) if share is None else (number(share.value, 3), interval(share.low, share.high, 3))
        return (number(found.effect, decimals), *kept, q_value(found.q), random_cell(row))
    return (
        number(found.effect, decimals),
        number(found.control, decimals),
        number(found.difference, decimals),
        interval(found.difference_low, found.difference_high, decimals),
        q_value(found.q),
        random_cell(row),
    )
