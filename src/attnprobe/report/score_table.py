"""The tables that end scoring in the terminal.

In: a `ScoreResult` or a `PaperResult`, names. Out: titled rich tables within 80 columns, and the sentence below them.
"""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from attnprobe.attention.result import PaperResult, Scored, ScoreResult
from attnprobe.attention.settings import Null
from attnprobe.attention.strongest import by_margin, closest_null
from attnprobe.report.numbers import MISSING, interval, number, q_value
from attnprobe.report.score_finding import (
    DECIMALS,
    NULL_NAMES,
    find_score,
    finite,
    head_q,
    noun_of,
    paper_sentence,
    stands_out,
)
from attnprobe.report.table import ROWS_SHOWN, VERDICT_STYLES

_GROUPS_SHOWN = 40


def score_table(result: ScoreResult, *, model: str, task: str, rows: int = ROWS_SHOWN) -> Group:
    """Lay out the strongest heads, score beside nulls, and the mean over all.

    Args:
        result: of scoring.
        model: what to call the model.
        task: what to call the task.
        rows: how many heads at most.
    """
    nulls = list(result.overall.nulls)
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(noun_of(result.settings).capitalize(), no_wrap=True)
    for name in ("Score", *(NULL_NAMES[null].capitalize().replace("token", "") for null in nulls)):
        table.add_column(name.strip(), justify="right", no_wrap=True)
    table.add_column("Difference", justify="right", no_wrap=True)
    table.add_column("95% interval", justify="right", no_wrap=True)
    table.add_column("q", justify="right", no_wrap=True)
    for head in by_margin(result)[:rows]:
        table.add_row(*_cells(head, nulls), style="bold" if stands_out(head) else "dim")
    table.add_row(*_cells(result.overall, nulls), end_section=True)
    parts: list[RenderableType] = [Text(_title(result, model, task), style="bold"), table]
    hidden = len(result.heads) - rows
    if hidden > 0:
        parts.append(Text(f"{hidden} more {noun_of(result.settings)}s are in summary.json", style="dim"))
    parts.append(
        Text(
            "Wrong: something else that occurs as often. Position: other keys as far back. Permuted: keys of other "
            "gold tokens. Difference: from the closest of these nulls. q: the largest over them. all: mean over heads",
            style="dim",
        )
    )
    return Group(*parts)


def score_text(result: ScoreResult) -> Text:
    """The question, the answer, and nothing that the numbers do not say."""
    finding = find_score(result)
    first, rest = finding.answer.split(" ", 1)
    text = Text(f"{finding.question}\n")
    text.append(first, style=VERDICT_STYLES[finding.verdict])
    return text.append(f" {rest}")


def paper_table(result: PaperResult, *, model: str, task: str) -> Group:
    """Lay out the paper's mean and standard deviation, group by group.

    Args:
        result: of scoring.
        model: what to call the model.
        task: what to call the task.
    """
    table = Table(box=None, pad_edge=False)
    table.add_column("Group", overflow="fold")
    for name in ("Mean", "Standard deviation", "n"):
        table.add_column(name, justify="right", no_wrap=True)
    for group, (mean, std, n) in list(result.by_group.items())[:_GROUPS_SHOWN]:
        table.add_row(Text(group), number(finite(mean), DECIMALS), number(finite(std), DECIMALS), str(n))
    overall = (number(finite(result.mean), DECIMALS), number(finite(result.std), DECIMALS), str(result.n))
    table.add_row("all", *overall, style="bold")
    title = f"score · paper protocol · {model} · n = {result.n}\n{task}\nkernels: {result.impl}"
    return Group(Text(title, style="bold"), table)


def paper_text(result: PaperResult) -> Text:
    """The finding."""
    return Text(paper_sentence(result))


def _title(result: ScoreResult, model: str, task: str) -> str:
    settings = result.settings
    return (
        f"score · {model} · n = {result.n}\n{task}\n"
        f"{settings.normalise.value} score of {settings.keys} keys; "
        f"{result.counts.get('gold_tokens_scored', 0)} gold tokens; kernels: {result.impl}"
    )


def _cells(scored: Scored, nulls: list[Null]) -> list[str]:
    closest = closest_null(scored)
    margin = None if closest is None else closest.difference
    return [
        scored.label,
        number(scored.score.value, DECIMALS),
        *(number(scored.nulls[null].value, DECIMALS) if null in scored.nulls else MISSING for null in nulls),
        number(None if margin is None else margin.value, DECIMALS),
        interval(None if margin is None else margin.low, None if margin is None else margin.high, DECIMALS),
        MISSING if scored.layer is None else q_value(head_q(scored)),
    ]
