"""Scores against answers: difficulty alone is no association, a planted one is found, nulls take it away."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from attnprobe.attention.measure import score_gold_tokens
from attnprobe.attention.paper import score_paper
from attnprobe.attention.settings import Protocol, ScoreSettings
from attnprobe.errors import TaskError
from attnprobe.evaluation.association.associate import associate
from attnprobe.evaluation.association.outcomes import answer_task
from attnprobe.evaluation.association.result import SCORE, AssociationResult, Verdict
from attnprobe.evaluation.association.settings import AssociationSettings
from attnprobe.models.language_model import load_language_model
from attnprobe.models.load import open_model
from attnprobe.tasks import CollectedTask, jsonl_task, prontoqa_task
from attnprobe.tasks.prontoqa.asked import Measure
from tests.evaluation.asked import induction_model
from tests.evaluation.association.made_up import HEADS, answers_of, result_of, task_of

RNG_SIZE = (240, len(HEADS))


def difficulty(rng: np.random.Generator) -> tuple[CollectedTask, np.ndarray, np.ndarray]:
    """240 examples of 1 to 3 hops: a task, hops, and answers that are right at .9, .5 and .1."""
    hops = np.repeat([1, 2, 3], 80)
    return task_of(hops.tolist()), hops, rng.random(240) < np.array([0.9, 0.5, 0.1])[hops - 1]


def planted(effect: float, *, in_differences: float, seed: int = 0) -> AssociationResult:
    """Scores that fall with hops, and are higher by `effect` where the answer is right."""
    rng = np.random.default_rng(seed)
    task, hops, correct = difficulty(rng)
    noise = rng.normal(size=RNG_SIZE)
    right = correct[:, None]
    score = noise - 2 * hops[:, None] + effect * right
    found = result_of(task, score, noise + in_differences * right)
    return associate(found, answers_of(task, correct), task)


def test_difficulty_alone_shows_in_all_pairs_and_not_within_strata() -> None:
    found = planted(0.0, in_differences=0.0)
    contrast = found.overall.contrasts[SCORE]
    assert contrast.pooled.low is not None
    assert contrast.pooled.low > 0.7
    assert contrast.within.low is not None
    assert contrast.within.high is not None
    assert contrast.within.low < 0.5 < contrast.within.high
    assert found.verdict is not Verdict.SUPPORTED


def test_a_planted_association_is_supported_and_every_head_stands_out() -> None:
    found = planted(1.0, in_differences=1.0)
    assert found.verdict is Verdict.SUPPORTED
    assert [head.label for head in found.heads] == list(HEADS)
    assert [(head.layer, head.index) for head in found.heads] == [(0, 0), (0, 1), (1, 0)]
    for head in found.heads:
        q = head.contrasts["position"].q_within
        assert q is not None
        assert q < 0.05
    assert found.because.startswith("score: AUROC ")


def test_what_keys_that_are_not_gold_have_too_is_not_alignment() -> None:
    found = planted(1.0, in_differences=-1.0)
    assert found.verdict is Verdict.CONTRADICTED
    low = found.overall.contrasts[SCORE].within.low
    assert low is not None
    assert low > 0.5


def test_the_mean_over_heads_is_that_of_each_example() -> None:
    found = planted(1.0, in_differences=1.0)
    rng = np.random.default_rng(0)
    task, hops, correct = difficulty(rng)
    expected = (rng.normal(size=RNG_SIZE) - 2 * hops[:, None] + correct[:, None]).mean(axis=1)
    assert found.examples["score"].to_numpy() == pytest.approx(expected)
    assert found.examples["example"].tolist() == [example.id for example in task.examples]
    assert set(found.examples["stratum"]) == {f"made/{count}hop/none" for count in (1, 2, 3)}
    assert (found.n, found.n_correct) == (240, correct.sum())


def test_groups_stand_beside_and_add_up_to_the_whole() -> None:
    found = planted(1.0, in_differences=1.0)
    parts = [head.contrasts[SCORE].pooled for head in found.by_group.values()]
    pairs = [part.n_positive * part.n_negative for part in parts]
    whole = sum(part.auroc * n for part, n in zip(parts, pairs, strict=True) if part.auroc is not None) / sum(pairs)
    assert found.overall.contrasts[SCORE].within.auroc == pytest.approx(whole)


def test_hops_and_lengths_are_said_to_tell_right_from_wrong() -> None:
    found = {confound.name: confound for confound in planted(0.0, in_differences=0.0).confounds}
    assert list(found) == ["hops", "gold_length", "prompt_length"]
    high, correlation = found["hops"].separation.high, found["hops"].correlation.high
    assert high is not None
    assert high < 0.3
    assert correlation is not None
    assert correlation < -0.5


def test_the_strongest_head_is_estimated_on_examples_that_did_not_pick_it() -> None:
    rng = np.random.default_rng(1)
    task, _, correct = difficulty(rng)
    score = rng.normal(size=RNG_SIZE)
    score[:, 1] += 2 * correct
    strongest = associate(result_of(task, score, score), answers_of(task, correct), task).strongest
    assert strongest is not None
    assert (strongest.head.label, strongest.n_picking) == ("L0H1", 120)
    found = strongest.head.contrasts[SCORE].pooled
    assert found.n_positive + found.n_negative == 120
    assert strongest.head.contrasts[SCORE].q_pooled is None


def test_examples_without_a_score_or_a_null_are_left_out_of_what_they_lack() -> None:
    rng = np.random.default_rng(2)
    task, _, correct = difficulty(rng)
    score, differences = rng.normal(size=RNG_SIZE), rng.normal(size=RNG_SIZE)
    differences[:40] = np.nan
    result = result_of(task, score, differences)
    answers = answers_of(task, correct).iloc[10:]
    found = associate(result, answers, task)
    assert (found.n, found.counts["without_score"]) == (230, 0)
    pooled = found.overall.contrasts["position"].pooled
    assert pooled.n_positive + pooled.n_negative == 200
    fewer = replace(result, rows=result.rows[result.rows["example"] != "e20"])
    assert associate(fewer, answers, task).counts["without_score"] == 1


def test_a_model_that_is_always_right_leaves_the_question_open_with_the_reason() -> None:
    task = task_of([1] * 20)
    noise = np.random.default_rng(3).normal(size=(20, len(HEADS)))
    found = associate(result_of(task, noise, noise), answers_of(task, np.ones(20, dtype=bool)), task)
    assert found.verdict is Verdict.UNDETERMINED
    assert "no AUROC within strata (all examples are positive; both classes are needed)" in found.because
    assert found.strongest is None
    assert found.by_group == {}


def test_the_frame_has_every_number_of_every_head() -> None:
    found = planted(1.0, in_differences=1.0)
    assert found.rows["head"].unique().tolist() == ["all", *HEADS]
    assert found.rows["quantity"].unique().tolist() == [SCORE, "wrong_token", "position", "permuted"]
    row = found.rows.query("head == 'L1H0' and quantity == 'position'").iloc[0]
    contrast = found.heads[2].contrasts["position"]
    assert row["within_auroc"] == contrast.within.auroc
    assert row["pooled_q"] == contrast.q_pooled
    assert row["pooled_rank_biserial"] == contrast.pooled.rank_biserial
    assert found.rows.query("head == 'all'")["pooled_q"].isna().all()


def test_scores_and_answers_of_other_tasks_are_refused() -> None:
    task, other = task_of([1] * 3), task_of([1] * 3)
    answers = answers_of(other, np.array([True, False, True])).assign(example=["x", "y", "z"])
    noise = np.zeros((3, len(HEADS)))
    with pytest.raises((TaskError, KeyError)):
        associate(result_of(task, noise, noise), answers, task)


def test_on_pure_noise_the_verdict_is_not_supported() -> None:
    verdicts = [planted(0.0, in_differences=0.0, seed=seed).verdict for seed in range(8)]
    assert Verdict.SUPPORTED not in verdicts


def test_a_zoo_model_is_asked_and_scored_on_the_same_examples_by_both_protocols() -> None:
    loaded = load_language_model("zoo:pronto-65k")
    examples = [
        example
        for hops in (1, 3)
        for example in prontoqa_task(rule="implication_elimination", hops=hops, n=8, side="test").examples
    ]
    task = CollectedTask(name="mixed", settings={"task": "prontoqa"}, examples=tuple(examples))
    answers = answer_task(loaded, task)
    assert answers["example"].tolist() == [example.id for example in examples]
    assert 0 < answers["correct"].sum() < 16
    model = open_model(loaded)
    aligned = associate(score_gold_tokens(model, task), answers, task)
    assert aligned.measure == "strict"
    assert {head.label for head in aligned.heads} == {str(head) for head in model.dims.heads}
    paper = associate(score_paper(model, task, ScoreSettings(protocol=Protocol.PAPER)), answers, task)
    assert paper.heads == ()
    assert list(paper.overall.contrasts) == [SCORE]
    # by its definition, over all pairs
    score, correct = paper.examples["score"].to_numpy(), paper.examples["correct"].to_numpy(dtype=bool)
    ahead = score[correct][:, None] > score[~correct][None, :]
    assert paper.overall.contrasts[SCORE].pooled.auroc == pytest.approx(ahead.mean())


def test_text_that_nothing_judges_is_held_against_its_gold(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    rows = [("start ant bee cat dog ant", " bee cat"), ("start elk fox gnu elk", " fox"), ("start hen jay hen", " kea")]
    lines = [json.dumps({"id": f"row {n}", "prompt": prompt, "gold": gold}) for n, (prompt, gold) in enumerate(rows)]
    path.write_text("\n".join(lines))
    task = jsonl_task(path)
    loaded = induction_model()
    settings = AssociationSettings(measure=Measure.CONTAIN)
    answers = answer_task(loaded, task, settings)
    # it goes on and on: right is only what ends with the gold
    assert answers["correct"].tolist() == [False, False, False]
    found = associate(score_gold_tokens(open_model(loaded), task, ScoreSettings(keys="token_match")), answers, task)
    # `kea` stands nowhere before its place, so that its example has no key to score
    assert (found.measure, found.n, found.n_correct, found.counts["without_score"]) == ("exact", 2, 0, 1)
    assert found.verdict is Verdict.UNDETERMINED
