"""The authors' CSV: the same examples as upstream's JSON, and errors that name the line."""

from pathlib import Path

import pytest

from attnprobe.errors import TaskError
from attnprobe.tasks.authors_csv import csv_task
from attnprobe.tasks.upstream import upstream_task

DATA = Path(__file__).parent / "data"
HEADER = "input,label\n"


def test_all_rows_are_read_in_order() -> None:
    task = csv_task(DATA / "logic_proving_sample.csv")
    assert [example.id for example in task.examples] == [f"row {number}" for number in range(1, 31)]
    assert task.name == "csv/logic_proving_sample"
    assert len(csv_task(DATA / "logic_proving_sample.csv", n=4).examples) == 4


def test_rows_agree_with_upstreams_json_in_text_spans_and_words() -> None:
    rows = {example.prompt: example for example in csv_task(DATA / "logic_proving_sample.csv").examples}
    for example in upstream_task(DATA / "prontoqa_sample.json").examples:
        row = rows[example.prompt]
        assert (row.gold, row.spans, row.words, row.facts) == (
            example.gold,
            example.spans,
            example.words,
            example.facts,
        )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", ": the file holds no example; expected at least one."),
        (HEADER, ": the file holds no example; expected at least one."),
        ("input,output\n", ", line 1: column 'label' is missing; expected a header with input and label."),
        (HEADER + "a,b,c\n", ", line 2: 3 fields; expected 2, as in the header."),
        (
            HEADER + '"Q: x Prove: y\nA:",\n',
            ", line 3: input and label must both hold text; mend the row or take it out.",
        ),
        (HEADER + '"a" b,c\n', ", line 2: not CSV (',' expected after '\"'); mend or quote the field."),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "wrong.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(TaskError) as caught:
        csv_task(path)
    assert str(caught.value) == f"{path}{message}"


def test_a_row_without_exemplars_has_no_exemplar_span(tmp_path: Path) -> None:
    path = tmp_path / "zero_shot.csv"
    path.write_text(HEADER + '"Q: Rex is hot. Prove: Rex is hot.\nA:", Rex is hot.\n', encoding="utf-8")
    (example,) = csv_task(path).examples
    assert example.spans["exemplars"] == ()
    assert example.facts["shots"] == 0


def test_a_row_of_other_text_is_an_example_without_named_spans(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text(HEADER + "What is red?, Blood.\n", encoding="utf-8")
    (example,) = csv_task(path).examples
    assert (example.prompt, example.gold, dict(example.spans)) == ("What is red?", " Blood.", {})
