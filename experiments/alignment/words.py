"""The experiment's records as tables in Markdown.

In: records of `tables`. Out: text.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from attnprobe.report.numbers import MISSING, number, q_value, with_interval

_QUANTITIES = (("score", "score"), ("wrong_token", "− wrong token"), ("position", "− position"))
_LEVELS = 100


def markdown(
    config: Mapping[str, Any], records: Sequence[Mapping[str, Any]], across: Sequence[Mapping[str, Any]]
) -> str:
    """All tables."""
    says = {scoring["name"]: scoring["says"] for scoring in config["scoring"]}
    parts = [_headline(records, says)]
    for scope, title in (("model", "By size"), ("rule", "By rule, all sizes together")):
        for name, words in says.items():
            chosen = [row for row in records if row["scoring"] == name and row["scope"] == scope]
            parts.append(f"## {title}: {words}\n\n{_table(chosen)}")
    parts.append(f"## Across the six sizes\n\n{_across(across, says)}")
    return "\n".join(parts)


def _headline(records: Sequence[Mapping[str, Any]], says: Mapping[str, str]) -> str:
    lines = [
        "## All sizes together, within model, rule, hops and distractors",
        "",
        "| score | verdict | all pairs, sizes mixed | within: score | − wrong token | − position |",
        "|---|---|---|---|---|---|",
    ]
    for row in records:
        if row["scope"] == "all":
            pooled = _cell(row["contrasts"]["score"]["pooled"])
            within = " | ".join(_within(row, quantity) for quantity, _ in _QUANTITIES)
            lines.append(f"| {says[row['scoring']]} | **{row['verdict']}** | {pooled} | {within} |")
    return "\n".join(lines) + "\n"


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        "| | right | verdict | mean, right / wrong | all pairs | within: score | − wrong token | − position | heads |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        right = f"{row['n_correct']} of {row['n']}"
        means = f"{number(row['mean_right'], 3)} / {number(row['mean_wrong'], 3)}"
        within = " | ".join(_within(row, quantity) for quantity, _ in _QUANTITIES)
        heads = ", ".join(row["heads_that_stand_out"]) or MISSING
        pooled = _cell(row["contrasts"]["score"]["pooled"])
        name = str(row["name"]).replace("_", " ")
        lines.append(f"| {name} | {right} | **{row['verdict']}** | {means} | {pooled} | {within} | {heads} |")
    return "\n".join(lines) + "\n"


def _within(row: Mapping[str, Any], quantity: str) -> str:
    return _cell(row["contrasts"][quantity]["within"]) if quantity in row["contrasts"] else MISSING


def _cell(found: Mapping[str, Any]) -> str:
    return with_interval(found["auroc"], found["low"], found["high"])


def _across(across: Sequence[Mapping[str, Any]], says: Mapping[str, str]) -> str:
    lines = [
        "| score | proofs | mean score by size | accuracy by size, % | Spearman | p (exact) |",
        "|---|---|---|---|---|---|",
    ]
    for row in across:
        if row["rule"] != "all" and row["scoring"] != "paper":
            continue
        scores = ", ".join(number(value, 2) for value in row["scores"].values())
        right = ", ".join(number(_LEVELS * value, 0) for value in row["accuracies"].values())
        rho = with_interval(row["spearman"], row["low"], row["high"])
        rule = str(row["rule"]).replace("_", " ")
        lines.append(f"| {says[row['scoring']]} | {rule} | {scores} | {right} | {rho} | {q_value(row['p'])} |")
    return "\n".join(lines) + "\n"
