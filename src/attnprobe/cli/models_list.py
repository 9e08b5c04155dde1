"""`attnprobe models`, carried out: the zoo's cards as a table or as JSON.

In: the cards that ship. Out: text on standard output. Loads no model, nor the libraries that do.
"""

import io
import json
import sys
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from attnprobe.zoo.card import Card, read_card
from attnprobe.zoo.catalogue import DEFAULT_NAME, LEARNER_NAME, SOLVER_NAME, ZOO, ZooEntry

MEASURE = "strict"


def list_models(*, prints_json: bool) -> None:
    """Write what the zoo holds.

    Args:
        prints_json: JSON instead of a table.
    """
    cards = [(entry, read_card(entry.path)) for entry in ZOO.values()]
    if prints_json:
        listed = [_listed(entry, card) for entry, card in cards]
        sys.stdout.write(json.dumps({"default": DEFAULT_NAME, "models": listed}, indent=2) + "\n")
        return
    # a terminal that cannot show a sign should not end the listing
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    console = Console(highlight=False)
    console.print(_table(cards))
    for entry, _ in cards:
        console.print(f"zoo:{entry.name}: {entry.description}", markup=False)
    console.print(
        f"\nPer cent of held-out problems, without exemplars, with a proof that the judge calls {MEASURE}. "
        f"zoo:{DEFAULT_NAME} is what `attnprobe patch` takes by default, zoo:{LEARNER_NAME} what `attnprobe score` and "
        f"zoo:{SOLVER_NAME} what `attnprobe eval` does. "
        "Cards with intervals: --json."
    )


def size_of(entry: ZooEntry) -> int:
    """Bytes of a model's directory.

    Args:
        entry: which model.
    """
    return sum(path.stat().st_size for path in entry.path.iterdir())


def _table(cards: list[tuple[ZooEntry, Card]]) -> Table:
    # 80 columns hold it
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("zoo:", no_wrap=True)
    for heading in ("params", "layers\nx heads", "width", "MB", *(_short(rule) for rule in _rules(cards))):
        table.add_column(heading, justify="right")
    for entry, card in cards:
        shares = (card.share(MEASURE, rule) for rule in _rules(cards))
        table.add_row(
            entry.name,
            f"{card.n_parameters:,}",
            f"{card.n_layers} x {card.n_heads}",
            str(card.d_model),
            f"{size_of(entry) / 1e6:.2f}",
            *("-" if share is None else f"{100 * share:.0f}" for share in shares),
        )
    return table


def _listed(entry: ZooEntry, card: Card) -> dict[str, object]:
    return {
        "name": f"zoo:{entry.name}",
        "description": entry.description,
        "n_parameters": card.n_parameters,
        "n_layers": card.n_layers,
        "n_heads": card.n_heads,
        "d_model": card.d_model,
        "bytes": size_of(entry),
        "start_from": card.start_from,
        "left_out": list(card.left_out),
        MEASURE: {rule: card.share(MEASURE, rule) for rule in dict.fromkeys(score.rule for score in card.scores)},
        "scores": [asdict(score) for score in card.scores],
    }


def _rules(cards: list[tuple[ZooEntry, Card]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(score.rule for _, card in cards for score in card.scores))


def _short(rule: str) -> str:
    """A heading of two short lines, for the table must fit a terminal."""
    first, *_, last = rule.split("_")
    return f"{first[:4]}\n{last[:4]}"
