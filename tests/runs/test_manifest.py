"""A manifest says everything that determines a run's results."""

import dataclasses
import json
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from attnprobe.errors import RunError
from attnprobe.models.model import Provenance
from attnprobe.models.native import NativeModel
from attnprobe.runs.manifest import Manifest, RunState, StoredManifest, model_record, task_record
from attnprobe.tasks.example import Example, GoldWord, Span, WordKind
from tests.models.architectures import Architecture, build_model


@dataclass(frozen=True)
class FixedTask:
    name: str
    settings: dict[str, str | int | None]
    examples: tuple[Example, ...]


def example(gold: str = " Max is red.") -> Example:
    return Example(
        id="1",
        prompt="Q: Max is a wumpus. A:",
        gold=gold,
        words=(GoldWord(span=Span(8, 11), kind=WordKind.ADJECTIVE, premise=(Span(3, 19),), source_word=()),),
        spans={"facts": (Span(3, 19),)},
        facts={"hops": 1},
    )


def manifest(**changes: object) -> Manifest:
    made = Manifest(
        command="patch",
        configuration={"seed": 0, "model": {"name": "zoo:demo"}},
        repeat="attnprobe patch",
        environment={"python": "3.11"},
        started=datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC),
    )
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def test_the_hash_is_of_the_configuration_and_of_nothing_that_changes_from_run_to_run() -> None:
    later = manifest(started=datetime(2031, 1, 1, tzinfo=UTC), state=RunState.FINISHED, environment={"python": "3.12"})

    assert later.configuration_hash == manifest().configuration_hash
    assert manifest(configuration={"seed": 1}).configuration_hash != manifest().configuration_hash
    assert manifest(command="sweep").configuration_hash != manifest().configuration_hash
    assert len(manifest().configuration_hash) == 12


def test_a_manifest_is_read_back_from_its_bytes() -> None:
    stored = StoredManifest.parse(manifest(state=RunState.FINISHED).to_bytes(), "manifest.json")

    assert stored.configuration_hash == manifest().configuration_hash
    assert stored.configuration == {"seed": 0, "model": {"name": "zoo:demo"}}
    assert stored.state is RunState.FINISHED


def test_times_are_in_utc_and_only_in_the_part_that_may_change() -> None:
    record = json.loads(manifest().to_bytes())

    assert record["started"] == "2030-01-02T03:04:05+00:00"
    assert record["finished"] is None
    assert not {"started", "finished", "state", "files"} & set(manifest().lasting_record())


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"not json", b'{"format": 1}', b"\xff\xfe"])
def test_a_manifest_of_something_else_is_refused(data: bytes) -> None:
    with pytest.raises(RunError, match=r"^m\.json is not a manifest of attnprobe, or it is damaged\. Choose another"):
        StoredManifest.parse(data, "m.json")


def test_a_manifest_of_a_later_format_is_refused_by_its_number() -> None:
    with pytest.raises(RunError, match=r"m\.json is of format 2; this attnprobe writes format 1\."):
        StoredManifest.parse(b'{"format": 2, "configuration_hash": "x"}', "m.json")


def test_a_model_is_described_without_the_directory_that_it_came_from() -> None:
    provenance = Provenance(
        name="/home/someone/models/tiny", revision="abc", architecture="GPT2LMHeadModel", settings={"dtype": "float32"}
    )

    model = NativeModel(build_model(Architecture.GPT2), tokenizer=None, provenance=provenance)

    assert model_record(model) == {
        "name": "PATH/TO/tiny",
        "revision": "abc",
        "architecture": "GPT2LMHeadModel",
        "backend": "native",
        "device": "cpu",
        "settings": {"dtype": "float32"},
    }


def test_a_task_is_known_by_its_settings_and_by_every_word_of_its_examples() -> None:
    task = FixedTask("toy", {"seed": 0, "file": "/home/someone/toy.jsonl"}, (example(),))
    other_text = FixedTask("toy", {"seed": 0}, (example(" Max is tall."),))
    other_keys = FixedTask(
        "toy",
        {"seed": 0},
        (dataclasses.replace(example(), words=(GoldWord(span=Span(8, 11), kind=WordKind.ADJECTIVE),)),),
    )

    record = task_record(task)

    assert record["settings"] == {"file": "PATH/TO/toy.jsonl", "seed": 0}
    assert record["examples"] == 1
    assert len({record["sha256"], task_record(other_text)["sha256"], task_record(other_keys)["sha256"]}) == 3
    assert task_record(FixedTask("toy", {}, (example(),)))["sha256"] == record["sha256"]
