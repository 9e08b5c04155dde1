"""Our own task format: what it gives, and one clear line for each way in which a file can be wrong."""

import json
from pathlib import Path

import pytest

from attnprobe.errors import TaskError
from attnprobe.tasks.alignment import align
from attnprobe.tasks.example import Corruption, KeyDefinition, Span, WordKind
from attnprobe.tasks.jsonl import jsonl_task, read_jsonl
from attnprobe.tasks.keys import keys_for
from tests.tasks.made_tokenizers import byte_bpe

LISBON = {
    "id": "lisbon",
    "prompt": "Lisbon is the capital of Portugal. The capital of Portugal is",
    "gold": " Lisbon.",
    "foil": " Porto.",
    "corrupted": "Porto is the capital of Portugal. The capital of Portugal is",
    "spans": {"fact": [[0, 34]], "names": [[0, 6], [25, 33]]},
    "sources": [{"gold": [1, 7], "keys": [[0, 6]]}],
}


def write(path: Path, *lines: object) -> Path:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    path.write_text(text, encoding="utf-8")
    return path


def without(*fields: str, **others: object) -> dict[str, object]:
    return {name: value for name, value in LISBON.items() if name not in fields} | others


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "capitals.jsonl"


def test_a_full_line_gives_words_sources_foil_spans_and_corruption(file: Path) -> None:
    (example,) = jsonl_task(write(file, LISBON)).examples
    word, mark = example.words
    assert (word.span, word.kind, word.foils) == (Span(1, 7), WordKind.OTHER, ("Porto",))
    # one notion of source: it serves under both definitions
    assert word.premise == word.source_word == (Span(0, 6),)
    assert (mark.span, mark.premise, mark.source_word) == (Span(7, 8), (), ())
    assert example.spans == {"fact": (Span(0, 34),), "names": (Span(0, 6), Span(25, 33))}
    assert example.corruptions == (Corruption(word=0, foil="Porto", prompt=str(LISBON["corrupted"]), gold=" Porto."),)


def test_spans_of_a_corrupted_prompt_are_kept_beside_it(file: Path) -> None:
    spans = {"fact": [[0, 33]], "names": [[0, 5], [24, 32]]}
    (example,) = jsonl_task(write(file, without(corrupted_spans=spans))).examples
    (corruption,) = example.corruptions
    assert corruption.spans == {"fact": (Span(0, 33),), "names": (Span(0, 5), Span(24, 32))}


def test_a_line_of_prompt_and_gold_alone_knows_token_match_and_its_spans(file: Path) -> None:
    (example,) = jsonl_task(write(file, without("foil", "corrupted", "sources"))).examples
    assert example.words == ()
    assert example.definitions == (KeyDefinition.TOKEN_MATCH,)
    aligned = align(example, byte_bpe())
    assert all(target.kind is WordKind.OTHER for target in aligned.targets)
    assert set(keys_for(aligned, "fact")) == {aligned.spans["fact"]}


def test_a_foil_is_read_at_the_first_word_that_differs(file: Path) -> None:
    line = without("sources", "corrupted", gold=" It is Lisbon, I think.", foil="It is Porto, I think.")
    (example,) = jsonl_task(write(file, line)).examples
    assert {example.gold[word.span.start : word.span.end]: word.foils for word in example.words if word.foils} == {
        "Lisbon": ("Porto",)
    }
    assert example.definitions == (KeyDefinition.TOKEN_MATCH,)


def test_the_white_space_before_a_foil_does_not_matter(file: Path) -> None:
    bare, spaced = without(id="bare", foil="Porto."), without(id="spaced", foil="  Porto.\n")
    one, other = jsonl_task(write(file, bare, spaced)).examples
    assert one.corruptions == other.corruptions


def test_sources_may_lie_in_the_gold_before_their_word_and_add_up(file: Path) -> None:
    prompt = str(LISBON["prompt"])
    sources = [
        {"gold": [1, 7], "keys": [[0, 6]]},
        {"gold": [12, 18], "keys": [[len(prompt) + 1, len(prompt) + 7], [25, 33]]},
        {"gold": [8, 18], "keys": [[34, 35]]},
    ]
    line = without("foil", "corrupted", gold=" Lisbon yes Lisbon", sources=sources)
    (example,) = jsonl_task(write(file, line)).examples
    assert [(word.span, word.source_word) for word in example.words] == [
        (Span(1, 7), (Span(0, 6),)),
        (Span(8, 11), (Span(34, 35),)),
        (Span(12, 18), (Span(25, 33), Span(34, 35), Span(len(prompt) + 1, len(prompt) + 7))),
    ]


def test_a_source_may_begin_within_a_word(file: Path) -> None:
    line = without("foil", "corrupted", sources=[{"gold": [1, 4], "keys": [[0, 3]]}])
    (example,) = jsonl_task(write(file, line)).examples
    assert [(word.span, word.source_word) for word in example.words] == [
        (Span(1, 4), (Span(0, 3),)),
        (Span(4, 7), ()),
        (Span(7, 8), ()),
    ]


def test_blank_lines_a_byte_order_mark_and_other_scripts_are_fine(file: Path) -> None:
    line = without("foil", "corrupted", "sources", "spans", prompt="東京は日本の首都。日本の首都は", gold="東京")
    file.write_bytes(b"\xef\xbb\xbf" + json.dumps(line, ensure_ascii=False).encode() + b"\r\n\r\n  \n")
    (example,) = jsonl_task(file).examples
    assert (example.prompt, example.gold) == (line["prompt"], "東京")


def test_a_file_is_read_only_as_far_as_it_is_needed(file: Path) -> None:
    write(file, *(without(id=f"capital {index}") for index in range(3)), "this is no JSON")
    assert [example.id for example in jsonl_task(file, n=3).examples] == ["capital 0", "capital 1", "capital 2"]
    stream = read_jsonl(file)
    assert next(stream).id == "capital 0"


def test_a_task_is_named_and_pinned_by_its_file(file: Path) -> None:
    task = jsonl_task(str(write(file, LISBON)))
    assert task.name == "jsonl/capitals"
    assert set(task.settings) == {"task", "file", "sha256", "n"}
    before = task.settings["sha256"]
    assert jsonl_task(write(file, without("foil", "corrupted"))).settings["sha256"] != before


WRONG = {
    '{"id": "a",': "not JSON (Expecting property name enclosed in double quotes, at character 12); mend it.",
    "[1, 2]": "expected an object {...}, got a list [1, 2].",
    "null": "expected an object {...}, got null.",
    '"' + "x" * 50 + '"': "expected an object {...}, got text '" + "x" * 36 + "....",
}
WRONG_FIELDS = [
    (without("id"), "field 'id' is missing; expected it in every object."),
    (without("prompt"), "field 'prompt' is missing; expected it in every object."),
    (without("gold"), "field 'gold' is missing; expected it in every object."),
    (without(id=7), "field 'id': expected text, got a whole number 7."),
    (without(gold=""), "field 'gold' is empty; expected text."),
    (without(prompt="\ud800"), "field 'prompt' holds half a character (a lone \\u escape); mend it."),
    (
        without(corupted="x"),
        "field 'corupted' is not known and looks like 'corrupted'; mend its name, or give it one that is unlike all of "
        "id, prompt, gold, foil, corrupted, corrupted_spans, spans, sources.",
    ),
    (without(spans=[[0, 1]]), "field 'spans': expected an object {...}, got a list [[0, 1]]."),
    (without(spans={"fact": [0, 34]}), "spans.fact[0]: expected [start, end] in characters, got a whole number 0."),
    (without(spans={"fact": [[0, True]]}), "spans.fact[0]: expected [start, end] in characters, got a list [0, True]."),
    (
        without(spans={"fact": [[0, 34], [30, 62]]}),
        "spans.fact[1]: [30, 62] is empty or lies outside the prompt, which has 61 characters; expected 0 <= start < "
        "end <= 61.",
    ),
    (
        without(spans={"fact": [[5, 5]]}),
        "spans.fact[0]: [5, 5] is empty or lies outside the prompt, which has 61 characters; expected 0 <= start < end "
        "<= 61.",
    ),
    (
        without(spans={"premise": [[0, 5]]}),
        "field 'spans': 'premise' names a key definition; give the span another.",
    ),
    (
        without("corrupted", corrupted_spans={"fact": [[0, 33]]}),
        "field 'corrupted_spans' needs 'corrupted', the prompt that it counts in; add it.",
    ),
    (
        without(corrupted_spans={"names": [[0, 5]]}),
        "corrupted_spans.names has 1 stretches and spans.names 2; expected as many, in the same order.",
    ),
    (
        without(corrupted_spans={"fact": [[0, 61]]}),
        "corrupted_spans.fact[0]: [0, 61] is empty or lies outside the corrupted prompt, which has 60 characters; "
        "expected 0 <= start < end <= 60.",
    ),
    (without(sources={}), "field 'sources': expected a list [...], got an object {}."),
    (without(sources=[{"gold": [1, 7]}]), "sources[0]: field 'keys' is missing; expected it in every object."),
    (
        without(sources=[{"gold": [1, 7], "keys": [], "why": 1}]),
        "sources[0]: field 'why' is not known; expected gold, keys. Take it out, or mend its name.",
    ),
    (
        without(sources=[{"gold": [1, 9], "keys": []}]),
        "sources[0].gold: [1, 9] is empty or lies outside the gold, which has 8 characters; expected 0 <= start < end "
        "<= 8.",
    ),
    (
        without(sources=[{"gold": [0, 1], "keys": []}]),
        "sources[0].gold: [0, 1] holds white space alone; expected words.",
    ),
    (
        without(sources=[{"gold": [1, 7], "keys": [[61, 63]]}]),
        "sources[0].keys[0]: [61, 63] is empty or lies outside the text before that gold stretch, which has 62 "
        "characters; expected 0 <= start < end <= 62.",
    ),
    (
        without(foil=" Lisbon."),
        "field 'foil' ' Lisbon.' has no word that differs from the gold's ' Lisbon.'; expected another answer.",
    ),
    (
        without(sources=[{"gold": [1, 4], "keys": [[0, 6]]}]),
        "a source cuts through the word 'Lisbon', at which foil and gold differ; expected sources of whole words "
        "there.",
    ),
    (
        without("foil"),
        "field 'corrupted' needs 'foil', the gold that is right for the corrupted prompt; add it.",
    ),
    (LISBON, "id 'lisbon' is also that of line 1; give each its own."),
]


@pytest.mark.parametrize(
    ("line", "message"), [*WRONG.items(), *WRONG_FIELDS], ids=lambda value: value[:40] if isinstance(value, str) else ""
)
def test_what_is_wrong_in_a_line_is_told_in_one_line_with_its_number(file: Path, line: object, message: str) -> None:
    write(file, LISBON, "", without(id="other") if line is LISBON else "", line)
    with pytest.raises(TaskError) as caught:
        jsonl_task(file)
    told = str(caught.value)
    assert told == f"{file}, line 4: {message}"
    assert "\n" not in told


def test_bytes_that_are_no_utf_8_are_told_with_their_line(file: Path) -> None:
    file.write_bytes(json.dumps(LISBON).encode() + b"\n{\xff}\n")
    with pytest.raises(TaskError) as caught:
        jsonl_task(file)
    assert str(caught.value) == f"{file}, line 2: not UTF-8 (byte 2 of the line); save the file as UTF-8."


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_a_file_without_examples_is_an_empty_task(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(TaskError) as caught:
        jsonl_task(file)
    assert str(caught.value) == f"{file}: the file holds no example; expected at least one."


def test_a_file_that_cannot_be_read_is_told_by_name(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "missing.jsonl", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(TaskError) as caught:
            jsonl_task(path)
        assert str(caught.value) == f"{path}: cannot be read ({reason}); give the path of a task file."


def test_fewer_than_one_example_cannot_be_asked_for(file: Path) -> None:
    with pytest.raises(TaskError, match="expected at least 1; leave n out for all"):
        jsonl_task(write(file, LISBON), n=0)


def test_fields_of_the_users_own_are_let_be(tmp_path: Path) -> None:
    path = tmp_path / "task.jsonl"
    path.write_text(json.dumps({"id": "a", "prompt": "one two", "gold": " three", "note": "mine", "hops": 2}))
    assert jsonl_task(path).examples[0].id == "a"
