"""Answers under edits: what is counted is what was written, and the arms are held against each other fairly."""

import json
from pathlib import Path

import pandas as pd
import pytest

from attnprobe.causal.steering import Arm
from attnprobe.causal.steering_settings import KeyTiming, SteerKind, SteerSettings
from attnprobe.errors import SpecError, TaskError
from attnprobe.evaluation.under_plan import SteerResult, generate_under_plan
from attnprobe.evaluation.under_plan.result import comparisons_of, shares_of
from attnprobe.models.decoding import DecodingMode
from attnprobe.models.load import load_model
from attnprobe.models.model import Model
from attnprobe.plan import HeadId
from attnprobe.report.steer_files import save_steering, steer_settings_record
from attnprobe.report.steer_words import edit_words, headline, remarks
from attnprobe.tasks import CollectedTask, Example, prontoqa_task

HEAD = (HeadId(layer=1, head=2),)
N = 4


@pytest.fixture(scope="module")
def solver() -> Model:
    """Proves what it is asked here, and its L1H2 reads the source words."""
    return load_model("zoo:elimination-144k", device="cpu")


@pytest.fixture(scope="module")
def task() -> CollectedTask:
    return prontoqa_task(hops=1, distractors="none", n=N)


@pytest.fixture(scope="module")
def masked(solver: Model, task: CollectedTask) -> SteerResult:
    return generate_under_plan(solver, task, SteerSettings(heads=HEAD))


def test_every_arm_answers_every_example(masked: SteerResult, task: CollectedTask) -> None:
    items = masked.items
    assert list(items["arm"].unique()) == list(Arm)
    assert all(list(rows["id"]) == [example.id for example in task.examples] for _, rows in items.groupby("arm"))
    assert masked.counts["answers"] == 4 * N
    clean = items[items["arm"] == Arm.CLEAN.value]
    assert (clean["edited_steps"] == 0).all()
    assert (items.loc[items["arm"] != Arm.CLEAN.value, "edited_steps"] > 0).all()
    # what is judged is what stands there
    gold = [example.gold.strip() for example in task.examples]
    assert [output.strip() for output in clean["output"]] == gold
    assert clean[["correct", "strict", "contain", "valid", "exact"]].to_numpy().all()
    assert not clean["off_gold"].any()


def test_hiding_the_source_words_from_the_head_that_reads_them_breaks_proofs(masked: SteerResult) -> None:
    found = masked.compare("edited", "clean")
    assert (found.n, found.other_share, found.mended) == (N, 1.0, 0)
    assert found.broken >= N - 1
    assert found.difference == pytest.approx(-found.broken / N)
    assert masked.compare(Arm.RANDOM_HEADS, Arm.CLEAN).broken == 0


def test_whole_passes_write_the_same_answers(solver: Model, task: CollectedTask, masked: SteerResult) -> None:
    settings = SteerSettings(heads=HEAD, mode=DecodingMode.UNCACHED, batch_size=5)
    first = CollectedTask(name=task.name, settings={}, examples=task.examples[:1])
    whole = generate_under_plan(solver, first, settings)
    assert (masked.mode, whole.mode) == (DecodingMode.CACHED, DecodingMode.UNCACHED)
    pd.testing.assert_frame_equal(whole.items, masked.items.iloc[: len(Arm)])


def test_other_interventions_have_other_controls(solver: Model, task: CollectedTask) -> None:
    scaled = generate_under_plan(
        solver, task, SteerSettings(heads=HEAD, intervention=SteerKind.SCALE, factor=1.0, reads_prompt=True)
    )
    assert scaled.arms == (Arm.CLEAN, Arm.EDITED, Arm.RANDOM_HEADS)
    # a factor of 1 changes nothing, and acts all the same
    edited, clean = (scaled.items[scaled.items["arm"] == arm].reset_index() for arm in ("edited", "clean"))
    assert list(edited["output"]) == list(clean["output"])
    assert (edited["edited_entries"] > clean["n_new_tokens"]).all()
    with pytest.raises(SpecError, match="not compared"):
        scaled.compare("edited", "random_keys")


def test_a_model_transplanted_into_itself_writes_what_it_wrote(solver: Model, task: CollectedTask) -> None:
    settings = SteerSettings(heads=HEAD, intervention=SteerKind.TRANSPLANT)
    found = generate_under_plan(solver, task, settings, donor=solver)
    assert found.compare("edited", "clean").broken == 0
    outputs = {arm: list(rows["output"]) for arm, rows in found.items.groupby("arm")}
    assert outputs["edited"] == outputs["clean"]
    with pytest.raises(SpecError, match="without a donor"):
        generate_under_plan(solver, task, settings)
    with pytest.raises(SpecError, match="with a donor"):
        generate_under_plan(solver, task, SteerSettings(heads=HEAD), donor=solver)


def test_a_task_whose_gold_has_no_such_keys_is_refused(solver: Model) -> None:
    """Text that is not known to be a proof has no source words; equal tokens it has, and it is graded by its gold."""
    example = Example(id="yes", prompt="Q: Fae is a vumpus. Prove: Fae is a vumpus.\nA:", gold=" Fae is a vumpus.")
    task = CollectedTask(name="texts", settings={}, examples=(example,))
    with pytest.raises(TaskError, match="source_word"):
        generate_under_plan(solver, task, SteerSettings(heads=HEAD))
    found = generate_under_plan(solver, task, SteerSettings(heads=HEAD, keys="token_match", max_new_tokens=3))
    assert found.compare("edited", "clean").n == 1
    assert max(found.items["n_new_tokens"]) == 3


def test_shares_and_comparisons_are_worked_by_hand() -> None:
    """Unedited 3 of 4; edited 1 of 4, the one that was wrong; one of the controls has 3 examples."""
    right = {"clean": [1, 1, 1, 0], "edited": [0, 0, 0, 1], "random_keys": [1, 1, 0]}
    items = pd.DataFrame(
        [
            {"id": f"e{place}", "arm": arm, "correct": bool(hit), "off_gold": arm == "edited" and place < 2}
            for arm, hits in right.items()
            for place, hit in enumerate(hits)
        ]
    )
    shares = {(one.arm, one.text): (one.k, one.n, one.value) for one in shares_of(items, ["correct"])}
    assert shares[Arm.CLEAN, "all"] == (3, 4, 0.75)
    assert shares[Arm.EDITED, "off_gold"] == (0, 2, 0.0)
    assert shares[Arm.EDITED, "on_gold"] == (1, 2, 0.5)
    assert shares[Arm.CLEAN, "off_gold"] == (0, 0, None)

    pairs = {(one.arm, one.other): one for one in comparisons_of(items, ["correct"])}
    assert set(pairs) == {
        (Arm.EDITED, Arm.CLEAN),
        (Arm.EDITED, Arm.RANDOM_KEYS),
        (Arm.RANDOM_KEYS, Arm.CLEAN),
    }
    found = pairs[Arm.EDITED, Arm.CLEAN]
    assert (found.broken, found.mended, found.n, found.difference) == (3, 1, 4, -0.5)
    # 3 of 4 changes one way: 2 * (1 + 4) / 16
    assert found.p == pytest.approx(10 / 16)
    assert found.low < found.difference < found.high
    assert (pairs[Arm.EDITED, Arm.RANDOM_KEYS].n, pairs[Arm.EDITED, Arm.RANDOM_KEYS].broken) == (3, 2)


def test_results_are_saved_in_the_usual_way(
    masked: SteerResult, solver: Model, task: CollectedTask, tmp_path: Path
) -> None:
    out = save_steering(masked, model=solver, task=task, out=tmp_path / "run")
    assert {path.name for path in out.iterdir()} == {
        "report.html", "steer.png", "summary.json", "items.parquet", "manifest.json",
    }  # fmt: skip
    summary = json.loads((out / "summary.json").read_text())
    assert summary["comparisons"][0]["broken"] == masked.compare("edited", "clean").broken
    assert summary["settings"]["keys"] == "source_word"
    assert len(pd.read_parquet(out / "items.parquet")) == 4 * N
    page = (out / "report.html").read_text()
    assert "Arms held against each other" in page
    assert headline(masked).split(":")[0] in page
    assert any("left the gold" in remark for remark in remarks(masked)) == bool(masked.counts["answers_off_gold"])


def test_no_setting_is_forgotten_in_the_record() -> None:
    from dataclasses import fields

    assert set(steer_settings_record(SteerSettings(heads=HEAD))) == {one.name for one in fields(SteerSettings)}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "attention of L1H2 to source_word masked of the gold token that comes next"),
        ({"intervention": SteerKind.FORCE, "mass": 0.5, "keys": "rules"},
         "attention of L1H2 to rules forced to 0.5, the same at every token"),
        ({"timing": KeyTiming.DYNAMIC, "steps": (0, 2), "strength": 0.5},
         "masked (strength 0.5) of the gold token that comes next, in steps 0, 2 of the gold alone"),
        ({"intervention": SteerKind.ABLATE, "reads_prompt": True}, "replaced by nothing, prompt included"),
        ({"intervention": SteerKind.SCALE, "factor": 2.0}, "outputs of L1H2 times 2"),
        ({"intervention": SteerKind.TRANSPLANT}, "attention of L1H2 replaced by the donor's"),
    ],
)  # fmt: skip
def test_edits_are_said_in_words(options: dict[str, object], words: str) -> None:
    assert words in edit_words(SteerSettings(heads=HEAD, **options))  # type: ignore[arg-type]
