"""The experiment's records as tables in Markdown.

In: records of `tables`, the records of the questions. Out: text.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attnprobe.report.numbers import MISSING, number, q_value, with_interval

_HEAD = "| n | effect | control | difference | p |"
_TESTS = {
    ("necessity", "nats"): "hide the keys: log p(gold), nats",
    ("necessity", "proofs"): "hide the keys: right proofs, of those right unedited",
    ("sufficiency", "nats"): "force the premise of the first wrong word: its log p, nats",
    ("sufficiency", "proofs"): "the same, then write on: right proofs",
    ("mediation", "recovery"): "put in the output of the uncorrupted run: share of the gap",
}

Record = Mapping[str, Any]


def markdown(
    config: Mapping[str, Any], records: Sequence[Record], asked: Sequence[Record], transplants: Sequence[Record]
) -> str:
    """All tables."""
    says = {one["name"]: one["says"] for one in config["asked"]}
    parts = [f"## Verdicts\n\n{_verdicts(records, asked, says)}"]
    for name, words in says.items():
        parts.append(
            f"## {words[0].upper()}{words[1:]}\n\n{_contrasts(row for row in records if row['asked'] == name)}"
        )
    parts.append(f"## By rule: verdicts\n\n{_by_rule(records, says)}")
    if transplants:
        parts.append(f"## Transplant\n\n{_transplants(transplants)}")
    return "\n".join(parts)


def _verdicts(records: Sequence[Record], asked: Sequence[Record], says: Mapping[str, str]) -> str:
    lines = [
        "| model | whose attention, which keys | heads | association | necessity | sufficiency | mediation |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in asked:
        own = [row for row in records if (row["model"], row["asked"]) == (one["model"], one["asked"])]
        said = {row["test"]: row["test_verdict"] for row in own if row["scope"] == "all"}
        n_heads = max(len(other["heads"]) for other in asked if other["model"] == one["model"])
        heads = f"{len(one['heads'])} of {n_heads}" + (" (none aligned)" if one["none_aligned"] else "")
        tests = " | ".join(
            f"**{said[test]}**" if test in said else MISSING for test in ("necessity", "sufficiency", "mediation")
        )
        lines.append(
            f"| {_short(one['model'])} | {says[one['asked']]} | {heads} | {one['verdicts']['association']} | {tests} |"
        )
    return "\n".join(lines) + "\n"


def _contrasts(records: Iterable[Record]) -> str:
    rows = [row for row in records if row["scope"] == "all"]
    parts: list[str] = []
    for (test, contrast), title in _TESTS.items():
        chosen = [row for row in rows if (row["test"], row["contrast"]) == (test, contrast)]
        if not chosen:
            continue
        lines = [f"*{title}*\n", f"| model {_HEAD} verdict |", "|---|---|---|---|---|---|---|"]
        lines += [f"| {_short(row['model'])} | {_numbers(row)} | {row['verdict']} |" for row in chosen]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _numbers(row: Record) -> str:
    effect = with_interval(row["effect"], row["effect_low"], row["effect_high"])
    difference = with_interval(row["difference"], row["low"], row["high"])
    left_out = f" (+{row['n_unmatched']})" if row["n_unmatched"] else ""
    return f"{row['n']}{left_out} | {effect} | {number(row['control'])} | {difference} | {q_value(row['p'])}"


def _by_rule(records: Sequence[Record], says: Mapping[str, str]) -> str:
    rules = list(dict.fromkeys(row["scope"] for row in records if row["scope"] != "all"))
    header = " | ".join(rule.replace("_", " ") for rule in rules)
    lines = [f"| model | keys | test | {header} |", "|---|---|---|" + "---|" * len(rules)]
    cells = {(row["model"], row["asked"], row["test"], row["scope"]): row["test_verdict"] for row in records}
    for model, asked, test in dict.fromkeys(key[:3] for key in cells):
        found = " | ".join(cells.get((model, asked, test, rule), MISSING) for rule in rules)
        lines.append(f"| {_short(model)} | {says[asked]} | {test} | {found} |")
    return "\n".join(lines) + "\n"


def _transplants(records: Sequence[Record]) -> str:
    lines = [
        f"| proofs | direction | site {_HEAD} donor on another problem | recipient's log p | gap | share of the gap | "
        "verdict |",
        "|---" * 13 + "|",
    ]
    for row in records:
        numbers = [number(row[name]) for name in ("other_text", "clean", "gap", "share_of_gap")]
        lines.append(
            f"| {row['rule'].replace('_', ' ')} | {row['direction']} | {row['site']} | {_numbers(row)} | "
            f"{' | '.join(numbers)} | {row['verdict']} |"
        )
    return "\n".join(lines) + "\n"


def _short(model: str) -> str:
    return model.removeprefix("pronto-")
