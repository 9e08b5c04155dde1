"""What ends an attribution in the terminal: the strongest, score beside exact effect, and the answer.

In: an `AttributionResult` and the names of its model and task. Out: rich tables and text within 80 columns.
"""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from attnprobe.causal.attribution.result import AttributionResult, ratio_of
from attnprobe.causal.attribution.settings import Target
from attnprobe.report.attribution_words import Trust, find_attribution, score_name
from attnprobe.report.numbers import MISSING, decimals_for, interval, number, with_interval
from attnprobe.report.texts import printable

_STYLES = {
    Trust.YES: "bold green",
    Trust.IN_PROPORTION: "bold cyan",
    Trust.NO: "bold red",
    Trust.UNDETERMINED: "bold yellow",
    Trust.EXACT: "bold",
}
_ROWS = 12


def attribution_table(result: AttributionResult, *, model: str, task: str) -> Group:
    """Lay out the strongest heads, edges or paths.

    Args:
        result: of an attribution.
        model: what to call the model.
        task: what to call the task.
    """
    parts: list[RenderableType] = [Text(_title(result, model, task), style="bold")]
    tables = {Target.HEADS: _heads, Target.EDGES: _edges, Target.PATHS: _paths}
    parts.append(tables[result.settings.target](result))
    return Group(*parts)


def attribution_text(result: AttributionResult) -> Text:
    """The question and the answer."""
    finding = find_attribution(result)
    text = Text(f"{finding.question}\n")
    first, rest = finding.answer.split(" ", 1)
    text.append(first, style=_STYLES[finding.trust])
    return text.append(f" {rest}")


def _title(result: AttributionResult, model: str, task: str) -> str:
    settings, clean = result.settings, result.clean
    unedited = with_interval(clean.value, clean.low, clean.high)
    how = "exact" if settings.target is Target.PATHS else score_name(settings)
    return (
        f"attribute {settings.target} · {settings.patch.intervention} · {model} · n = {result.n}\n{task}\n"
        f"{settings.patch.metric.value} in {result.unit}, unedited {unedited}; {how}"
    )


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(columns[0], no_wrap=True)
    for name in columns[1:]:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _heads(result: AttributionResult) -> Table:
    table = _table("Head", "Score", "95% interval", "Exact", "95% interval", "Ratio")
    shown = result.strongest_heads()[:_ROWS]
    decimals = decimals_for(value for head in shown for value in (head.score, head.exact))
    for head in shown:
        table.add_row(
            head.head,
            number(head.score, decimals),
            interval(head.score_low, head.score_high, decimals),
            number(head.exact, decimals),
            interval(head.exact_low, head.exact_high, decimals),
            number(head.ratio),
            style="" if head.exact is not None else "dim",
        )
    return table


def _edges(result: AttributionResult) -> Table:
    table = _table("Edge", "From", "To", "Score", "Exact", "Ratio", "Gold")
    for edge in result.strongest_edges().head(_ROWS).to_dict("records"):
        exact = None if edge["exact"] != edge["exact"] else float(edge["exact"])
        table.add_row(
            f"L{edge['layer']}H{edge['head']} {edge['query']}→{edge['key']}",
            Text(printable(repr(edge["query_token"]))),
            Text(printable(repr(edge["key_token"]))),
            number(float(edge["score"]), 3),
            number(exact, 3),
            number(ratio_of(float(edge["score"]), exact)),
            "yes" if edge["is_gold"] else MISSING,
        )
    return table


def _paths(result: AttributionResult) -> Table:
    table = _table("Path", "Effect", "95% interval")
    wholes = [path for path in result.paths if path.input is None]
    strongest = sorted(wholes, key=lambda path: -abs(path.effect))[: _ROWS // 3]
    for path in (*result.strongest_paths()[:_ROWS], *strongest):
        table.add_row(
            path.path,
            number(path.effect, 3),
            interval(path.low, path.high, 3),
            style="" if path.input is not None else "dim",
        )
    return table
