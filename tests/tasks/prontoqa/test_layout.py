"""The page is laid out byte for byte as upstream and the authors did."""

import csv
import json
from pathlib import Path

import pytest

from attnprobe.tasks.prontoqa.layout import Item, lay_out

DATA = Path(__file__).parents[1] / "data"
SAMPLE = json.loads((DATA / "prontoqa_sample.json").read_text(encoding="utf-8"))
ROWS = list(csv.DictReader((DATA / "logic_proving_sample.csv").read_text(encoding="utf-8").splitlines(keepends=True)))


def as_item(raw: dict[str, object]) -> Item:
    return Item(question=raw["question"], query=raw["query"], proof=tuple(raw["chain_of_thought"]))


@pytest.mark.parametrize("number", range(1, 13))
def test_upstreams_items_give_the_authors_rows_byte_for_byte(number: int) -> None:
    entry = SAMPLE[f"example{number}"]
    exemplars = [as_item(entry[f"in_context_example{shot}"]) for shot in range(3)]
    page = lay_out(as_item(entry["test_example"]), exemplars)
    # five rows a rule in the csv, two items a rule in the json, the first two of each
    row = ROWS[(number - 1) // 2 * 5 + (number - 1) % 2]
    assert page.prompt == row["input"]
    assert page.gold == row["label"]


def test_spans_cover_exemplars_question_and_query_and_nothing_around_them() -> None:
    solved = Item(question=" Rex is hot.", query="Prove: Rex is hot or a wumpus.", proof=("Rex is hot.",))
    asked = Item(question=" Max is shy.", query="Prove: Max is shy or an impus.", proof=("Max is shy.",))
    page = lay_out(asked, [solved])
    cut = [page.prompt[span.start : span.end] for span in (page.exemplars, page.question, page.query)]
    assert cut == [
        "Q:  Rex is hot. Prove: Rex is hot or a wumpus.\nA: Rex is hot.",
        "Max is shy.",
        "Prove: Max is shy or an impus.",
    ]


def test_without_exemplars_the_prompt_is_the_question_alone() -> None:
    asked = Item(question="Every wumpus is shy. Max is a wumpus.", query="Prove: Max is shy.", proof=("Max is shy.",))
    page = lay_out(asked)
    assert page.prompt == "Q: Every wumpus is shy. Max is a wumpus. Prove: Max is shy.\nA:"
    assert page.gold == " Max is shy."
    assert page.exemplars is None
