"""From Python the same directory is left as by `attnprobe score`."""

import json
from pathlib import Path

import pandas as pd
import pytest

from attnprobe.attention.measure import score_gold_tokens
from attnprobe.attention.paper import score_paper
from attnprobe.attention.settings import Protocol, ScoreSettings
from attnprobe.errors import RunError
from attnprobe.evaluation.association.associate import associate
from attnprobe.evaluation.association.settings import AssociationSettings
from attnprobe.evaluation.settings import Decoding, EvalSettings
from attnprobe.models.model import Provenance
from attnprobe.models.native import NativeModel
from attnprobe.report.score_keep import save_scores, score_manifest
from tests.causal.conftest import made_up_task
from tests.models.architectures import Architecture, build_model, build_tokenizer

TASK = made_up_task(4)


@pytest.fixture(scope="module")
def model() -> NativeModel:
    provenance = Provenance(name="/home/someone/tiny", revision="abc", architecture="LlamaForCausalLM")
    return NativeModel(build_model(Architecture.LLAMA), tokenizer=build_tokenizer(), provenance=provenance)


def test_scores_are_saved_with_everything_that_they_rest_on(
    model: NativeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    place = save_scores(score_gold_tokens(model, TASK), model=model, task=TASK)
    manifest = json.loads((place / "manifest.json").read_text())

    assert place == Path("attnprobe-runs") / f"score-{manifest['configuration_hash']}"
    assert manifest["state"] == "finished"
    assert {path.name for path in place.iterdir()} == {*manifest["files"], "manifest.json"}
    assert json.loads((place / "summary.json").read_text())["model"] == "PATH/TO/tiny"
    # there is no command to repeat
    assert '<pre class="command">' not in (place / "report.html").read_text()


def test_the_papers_scores_are_saved_too_and_another_result_is_not_put_on_top(
    model: NativeModel, tmp_path: Path
) -> None:
    paper = score_paper(model, TASK, ScoreSettings(protocol=Protocol.PAPER))
    save_scores(paper, model=model, task=TASK, out=tmp_path)

    assert json.loads((tmp_path / "summary.json").read_text())["mean"] == pytest.approx(paper.mean)
    with pytest.raises(RunError, match=r"score\.\w+ is "):
        save_scores(score_gold_tokens(model, TASK), model=model, task=TASK, out=tmp_path)


def test_what_was_measured_beside_is_saved_with_it(model: NativeModel, tmp_path: Path) -> None:
    result = score_gold_tokens(model, TASK)
    answers = pd.DataFrame(
        {
            "example": [example.id for example in TASK.examples],
            "group": "made up",
            "correct": [True, False, True, False],
            "outcome": ["correct", "wrong", "correct", "wrong"],
            "output": "w1",
            "n_new_tokens": 1,
            "finished": True,
        }
    )
    found = associate(result, answers, TASK, AssociationSettings())
    save_scores(result, model=model, task=TASK, association=found, out=tmp_path)

    assert json.loads((tmp_path / "summary.json").read_text())["association"]["n"] == 4
    assert (tmp_path / "correctness.png").exists()


def test_the_configuration_is_the_same_from_python_and_from_the_command_line(model: NativeModel) -> None:
    from_python = score_manifest(model, TASK, ScoreSettings())
    from_command = score_manifest(model, TASK, ScoreSettings(), given={"--seed": "0"}, words=("score", "--seed", "0"))
    judged = score_manifest(model, TASK, ScoreSettings(), association=AssociationSettings())
    tagged = score_manifest(model, TASK, ScoreSettings(), tagger="grammar")

    assert from_python.configuration_hash == from_command.configuration_hash
    assert from_command.repeat == "attnprobe score --seed 0"
    assert len({one.configuration_hash for one in (from_python, judged, tagged)}) == 3


def test_other_answers_and_other_rules_are_another_configuration(model: NativeModel) -> None:
    usual = AssociationSettings()
    others = (
        usual,
        AssociationSettings(minimum_auroc=0.7),
        AssociationSettings(seed=1),
        AssociationSettings(answering=EvalSettings(decoding=Decoding.PAPER)),
        AssociationSettings(answering=EvalSettings(max_new_tokens=3)),
    )
    made = [score_manifest(model, TASK, ScoreSettings(), association=one) for one in others]

    assert len({one.configuration_hash for one in made}) == len(others)
    first, last = (dict(one.configuration)["score"] for one in (made[0], made[-1]))
    assert isinstance(first, dict)
    assert last == {**first, "answering": {"max_new_tokens": 3}}
