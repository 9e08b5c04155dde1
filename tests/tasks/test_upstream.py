"""Upstream's JSON: the same page as the authors' CSV, and errors that name the entry."""

import json
from pathlib import Path

import pytest

from attnprobe.errors import TaskError
from attnprobe.tasks.example import KeyDefinition, WordKind
from attnprobe.tasks.upstream import upstream_task

DATA = Path(__file__).parent / "data" / "prontoqa_sample.json"


def test_the_sample_is_read_whole_and_in_order() -> None:
    task = upstream_task(DATA)
    assert [example.id for example in task.examples] == [f"example{number}" for number in range(1, 13)]
    assert task.name == "upstream/prontoqa_sample"
    assert {example.facts["shots"] for example in task.examples} == {3}
    assert len(upstream_task(DATA, n=2).examples) == 2


def test_an_examples_parts_are_where_its_spans_say() -> None:
    example = upstream_task(DATA, n=3).examples[2]
    (question,), (query,), (exemplars,) = (example.spans[name] for name in ("question", "query", "exemplars"))
    assert example.prompt[question.start : question.end] == "Polly is a yumpus. Polly is opaque."
    assert example.prompt[query.start : query.end] == "Prove: Polly is an opaque yumpus."
    shown = example.prompt[exemplars.start : exemplars.end]
    assert shown.startswith("Q:  Alex is earthy.")
    assert shown.endswith("Rex is a brown lempus.")


def test_the_kinds_of_words_are_known_and_their_sources_are_not() -> None:
    example = upstream_task(DATA, n=1).examples[0]
    kinds = [(example.gold[word.span.start : word.span.end], word.kind) for word in example.words[:8]]
    assert kinds == [
        ("Wren", WordKind.NAME),
        ("is", WordKind.UNLICENSED),
        ("a", WordKind.UNLICENSED),
        ("sterpus", WordKind.NOUN),
        (".", WordKind.UNLICENSED),
        ("Sterpuses", WordKind.NOUN),
        ("are", WordKind.UNLICENSED),
        ("transparent", WordKind.ADJECTIVE),
    ]
    assert example.definitions == (KeyDefinition.TOKEN_MATCH,)


def test_exemplars_are_put_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    def item(word: str) -> dict[str, object]:
        return {"question": f"{word}.", "query": "Prove: x.", "chain_of_thought": ["y."]}

    entry = {f"in_context_example{number}": item(f"shot{number}") for number in (10, 2, 0)}
    path = tmp_path / "many.json"
    path.write_text(json.dumps({"example1": {**entry, "test_example": item("asked")}}), encoding="utf-8")
    prompt = upstream_task(path).examples[0].prompt
    assert [prompt.index(f"shot{number}.") for number in (0, 2, 10)] == sorted(
        prompt.index(f"shot{number}.") for number in (0, 2, 10)
    )


ITEM = {"question": "Rex is hot.", "query": "Prove: Rex is hot.", "chain_of_thought": ["Rex is hot."]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "{\n oops",
            ": not JSON (Expecting property name enclosed in double quotes, at line 2, character 2); mend it.",
        ),
        ([], ": expected an object {...}, got a list []."),
        ({}, ": the file holds no example; expected at least one."),
        ({"example1": 1}, ", example1: expected an object {...}, got a whole number 1."),
        ({"example1": {}}, ", example1: field 'test_example' is missing; expected it in every object."),
        (
            {"example1": {"test_example": {**ITEM, "query": 3}}},
            ", example1, test_example: field 'query': expected text, got a whole number 3.",
        ),
        (
            {"example1": {"test_example": {**ITEM, "chain_of_thought": []}}},
            ", example1, test_example: field 'chain_of_thought': expected a list of sentences, and at least one.",
        ),
        (
            {"example1": {"test_example": ITEM, "in_context_examplex": ITEM}},
            ", example1: field 'in_context_examplex': expected in_context_example0, in_context_example1, ...",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_entry(tmp_path: Path, content: object, message: str) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    with pytest.raises(TaskError) as caught:
        upstream_task(path)
    assert str(caught.value) == f"{path}{message}"
