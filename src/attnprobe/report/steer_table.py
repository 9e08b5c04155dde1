"""The table that ends `attnprobe steer` in the terminal.

In: a `SteerResult` and names. Out: titled rich tables within 80 columns, and the sentences below them.
"""

from rich.console import Group
from rich.table import Table
from rich.text import Text

from attnprobe.evaluation.under_plan.result import CORRECT, SteerResult
from attnprobe.report.numbers import interval, number, q_value
from attnprobe.report.steer_words import ARM_NAMES, DECIMALS, edit_words, headline, remarks


def steer_table(result: SteerResult, *, model: str, task: str) -> Group:
    """Lay out every arm, then every comparison by what makes an answer right.

    Args:
        result: of answers under edits.
        model: what to call the model.
        task: what to call the task.
    """
    title = f"steer · {model}\n{task} · {result.counts['examples']} examples · {edit_words(result.settings)}"
    return Group(Text(title, style="bold"), _arms(result), Text(""), _pairs(result))


def steer_text(result: SteerResult) -> Text:
    """The headline and the remarks."""
    text = Text(headline(result), style="bold")
    for remark in remarks(result):
        text.append(f"\n\n{remark}", style="not bold")
    return text


def _arms(result: SteerResult) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("Answers", no_wrap=True)
    for name in ("n", *(measure.capitalize() for measure in result.measures), "Left gold", "Right of those"):
        table.add_column(name, justify="right", no_wrap=True)
    for arm in result.arms:
        shares = {(one.measure, one.text): one for one in result.shares if one.arm is arm}
        left = shares[CORRECT, "off_gold"]
        cells = [number(shares[measure, "all"].value, DECIMALS) for measure in result.measures]
        table.add_row(ARM_NAMES[arm], str(shares[CORRECT, "all"].n), *cells, str(left.n), str(left.k))
    return table


def _pairs(result: SteerResult) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("Correct", overflow="fold")
    for name in ("n", "Difference", "95% interval", "Broken", "Mended", "p"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in result.comparisons:
        if one.measure == CORRECT:
            table.add_row(
                f"{ARM_NAMES[one.arm]} − {ARM_NAMES[one.other]}",
                str(one.n),
                number(one.difference, DECIMALS),
                interval(one.low, one.high, DECIMALS),
                str(one.broken),
                str(one.mended),
                q_value(one.p),
            )
    return table
