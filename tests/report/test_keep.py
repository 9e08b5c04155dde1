"""From Python the same directory is left as by the command."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from attnprobe.causal.result import PatchResult
from attnprobe.causal.settings import PatchSettings
from attnprobe.errors import RunError
from attnprobe.models.model import Provenance
from attnprobe.models.native import NativeModel
from attnprobe.report.keep import patch_manifest, save_result
from attnprobe.tasks import CollectedTask, Example
from tests.models.architectures import Architecture, build_model

MakeResult = Callable[..., PatchResult]


@pytest.fixture
def model() -> NativeModel:
    provenance = Provenance(name="/home/someone/tiny", revision="abc", architecture="GPT2LMHeadModel")
    return NativeModel(build_model(Architecture.GPT2), tokenizer=None, provenance=provenance)


@pytest.fixture
def task(example: Example) -> CollectedTask:
    return CollectedTask(name="toy", settings={"seed": 0}, examples=(example,))


def test_a_result_is_saved_with_everything_that_it_rests_on(
    make_result: MakeResult, model: NativeModel, task: CollectedTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    place = save_result(make_result(), model=model, task=task)
    manifest = json.loads((place / "manifest.json").read_text())

    assert place == Path("attnprobe-runs") / f"patch-{manifest['configuration_hash']}"
    assert manifest["state"] == "finished"
    assert {path.name for path in place.iterdir()} == {*manifest["files"], "manifest.json"}
    assert json.loads((place / "summary.json").read_text())["model"] == "PATH/TO/tiny"
    # there is no command to repeat
    assert manifest["repeat"] == ""
    assert '<pre class="command">' not in (place / "report.html").read_text()


def test_another_result_is_not_put_on_top(
    make_result: MakeResult, model: NativeModel, task: CollectedTask, tmp_path: Path
) -> None:
    save_result(make_result(), model=model, task=task, out=tmp_path)

    with pytest.raises(RunError, match=r"patch\.seed is 0 there and 1 here"):
        save_result(make_result(settings=PatchSettings(seed=1)), model=model, task=task, out=tmp_path)


def test_the_configuration_is_the_same_from_python_and_from_the_command_line(
    model: NativeModel, task: CollectedTask
) -> None:
    from_python = patch_manifest(model, task, PatchSettings())
    from_command = patch_manifest(model, task, PatchSettings(), given={"--seed": "0"}, words=("patch", "--seed", "0"))

    assert from_python.configuration_hash == from_command.configuration_hash
    assert from_command.repeat == "attnprobe patch --seed 0"
