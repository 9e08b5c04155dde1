"""The paper protocol equals the authors' loop: every tokenizer, prefixes that do not nest, unmatched tokens, NaN."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers as hf
from transformers import PreTrainedTokenizerBase

from attnprobe.attention.paper import score_paper
from attnprobe.attention.result import PaperResult
from attnprobe.attention.settings import Protocol, ScoreSettings
from attnprobe.errors import ModelError, SpecError
from attnprobe.kernels import Impl
from attnprobe.models.language_model import load_language_model
from attnprobe.models.model import Backend
from attnprobe.models.native import NativeModel
from attnprobe.plan import Plan, Run, Tokens
from attnprobe.tasks import CollectedTask, Example, csv_task, jsonl_task, prontoqa_task
from benchmarks.authors import authors_rows, authors_scores, eager
from tests.attention.test_prefixes import space_merger
from tests.models.architectures import Architecture, build_model, build_tokenizer, randomise
from tests.models.loaders import LOADERS, PROVENANCE
from tests.tasks.made_tokenizers import FAMILIES

CSV = Path(__file__).parents[1] / "tasks" / "data" / "logic_proving_sample.csv"
PAPER = ScoreSettings(protocol=Protocol.PAPER)
PROVED = Example(
    id="proved", prompt="Wren is a sterpus. Sterpuses are blue. Prove: Wren is blue.\nA:", gold=" Wren is blue."
)
WORDS = Example(id="words", prompt="w1 w2 w3 w1 w4 w5 w2 w6 w1 w7 w3", gold=" w2 w4 w9 w1 w1 w5")


def gpt2(tokenizer: PreTrainedTokenizerBase, *, dtype: torch.dtype = torch.float64) -> hf.PreTrainedModel:
    """A small random GPT-2 with room for text; its eager softmax is of the model's own precision."""
    config = hf.GPT2Config(vocab_size=len(tokenizer), n_positions=512, n_embd=32, n_layer=2, n_head=4)
    made = hf.GPT2LMHeadModel(config)
    randomise(made, seed=0)
    return made.to(dtype).eval()


def native(model: hf.PreTrainedModel, tokenizer: PreTrainedTokenizerBase | None) -> NativeModel:
    return NativeModel(model, tokenizer=tokenizer, provenance=PROVENANCE)


def task(*examples: Example, **settings: str) -> CollectedTask:
    return CollectedTask(name="made", settings=settings, examples=examples)


def ours_and_theirs(
    model: hf.PreTrainedModel, tokenizer: PreTrainedTokenizerBase, *examples: Example, **options: Any
) -> tuple[PaperResult, np.ndarray]:
    """Token scores of both, in order."""
    with eager(model):
        theirs = [score for each in examples for score in authors_scores(model, tokenizer, each.prompt, each.gold)]
    opened = native(model, tokenizer)
    try:
        return score_paper(opened, task(*examples), ScoreSettings(protocol=Protocol.PAPER, **options)), np.array(theirs)
    finally:
        opened.close()


def difference(found: PaperResult, theirs: np.ndarray) -> float:
    return float(np.abs(found.tokens["score"].to_numpy() - theirs).max())


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("impl", [Impl.REFERENCE, Impl.TORCH])
def test_in_float64_every_token_has_the_authors_score_under_every_tokenizer(family: str, impl: Impl) -> None:
    tokenizer = FAMILIES[family]()
    found, theirs = ours_and_theirs(gpt2(tokenizer), tokenizer, PROVED, impl=impl)
    assert found.counts["gold_tokens"] == len(theirs) >= 4
    assert theirs.std() > 0.01
    assert difference(found, theirs) < 1e-12
    assert found.impl == impl


@pytest.mark.parametrize("architecture", [Architecture.GPT2, Architecture.LLAMA, Architecture.GEMMA2])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_grouped_keys_windows_and_softcaps_have_the_authors_scores(
    architecture: Architecture, dtype: torch.dtype
) -> None:
    found, theirs = ours_and_theirs(build_model(architecture, dtype=dtype), build_tokenizer(), WORDS)
    # Llama's and Gemma's eager softmax is float32 whatever the model is
    exact = dtype is torch.float64 and architecture is Architecture.GPT2
    assert difference(found, theirs) < (1e-12 if exact else 5e-6)
    assert found.counts["passes"] == 1


@pytest.mark.parametrize("name", ["pronto-35k", "pronto-144k"])
def test_the_zoo_on_rows_of_the_authors_file_has_their_rows_mean_and_deviation(name: str) -> None:
    loaded = load_language_model(f"zoo:{name}")
    tokenizer = loaded.tokenizer
    assert tokenizer is not None
    rows = csv_task(CSV).examples[10:14:2]
    with eager(loaded.hf_model):
        theirs = list(authors_rows(loaded.hf_model, tokenizer, [(row.prompt, row.gold) for row in rows]))
    found = score_paper(native(loaded.hf_model, tokenizer), task(*rows, task="csv"), PAPER)
    assert np.abs(found.rows["score"] - [row.score for row in theirs]).max() < 5e-6
    assert (found.mean, found.std) == pytest.approx((theirs[-1].mean, theirs[-1].std), abs=5e-6)
    assert found.by_group == {"rows 1-2": (found.mean, found.std, 2)}


def test_prefixes_that_do_not_nest_are_scored_each_in_its_own_pass() -> None:
    tokenizer = space_merger()
    example = Example(id="apart", prompt="Q: Wren. A:", gold=" Wren. Wren.")
    found, theirs = ours_and_theirs(gpt2(tokenizer), tokenizer, example)
    assert found.tokens["text"].tolist() == [" W", "ren", ".", " W", "ren", "."]
    assert found.counts["passes"] == found.rows["n_passes"].item() == 2
    assert found.counts["not_nested"] == 1
    assert difference(found, theirs) < 1e-12


def test_an_end_of_text_token_behind_every_prefix_costs_a_pass_each_and_nothing_else() -> None:
    tokenizer = FAMILIES["SentencePiece unigram"]()
    found, theirs = ours_and_theirs(gpt2(tokenizer), tokenizer, PROVED)
    assert found.counts["passes"] >= len(theirs) - 1
    assert difference(found, theirs) < 1e-12


@pytest.mark.parametrize("backend", LOADERS, ids=str)
def test_every_backend_gives_the_authors_scores(backend: Backend) -> None:
    model, tokenizer = build_model(Architecture.LLAMA), build_tokenizer()
    with eager(model):
        theirs = authors_scores(model, tokenizer, WORDS.prompt, WORDS.gold)
    opened = LOADERS[backend].open(model, tokenizer)
    try:
        found = score_paper(opened, task(WORDS), PAPER)
    finally:
        opened.close()
    assert difference(found, np.array(theirs)) < 5e-6
    assert found.impl == ("stored" if backend is Backend.TRANSFORMER_LENS else "torch")


def test_a_token_that_stands_nowhere_before_scores_nothing() -> None:
    found, theirs = ours_and_theirs(build_model(Architecture.GPT2), build_tokenizer(), WORDS)
    of_w9 = found.tokens[found.tokens["text"] == "w9"]
    assert (of_w9["n_matches"].item(), of_w9["score"].item()) == (0, 0.0)
    assert found.counts["unmatched_tokens"] == 1
    assert theirs[2] == 0.0
    assert found.tokens["n_matches"].tolist() == [2, 1, 0, 3, 4, 1]


def test_a_map_without_any_difference_is_not_a_number_and_is_counted() -> None:
    alone = Example(id="alone", prompt="w1", gold=" w1 w2 w1")
    found, theirs = ours_and_theirs(build_model(Architecture.GPT2), build_tokenizer(), alone, WORDS)
    assert np.isnan(theirs[0])
    assert np.isnan(found.tokens["score"]).tolist() == [True] + [False] * 8
    assert np.nanmax(np.abs(found.tokens["score"] - theirs)) < 5e-6
    assert np.isnan(found.mean)
    assert np.isnan(found.std)
    assert found.rows["score"].isna().tolist() == [True, False]
    assert (found.counts["degenerate_maps"], found.counts["nan_examples"]) == (4, 1)


def test_one_pass_is_made_for_an_example_and_none_of_it_is_unembedded() -> None:
    tokenizer, plans = build_tokenizer(), []
    model = native(build_model(Architecture.LLAMA), tokenizer)
    forward = model.forward

    def counted(tokens: Tokens, plan: Plan) -> Run:
        plans.append((tokens.lengths, plan.last_logits, [stream.layer for stream in plan.streams]))
        return forward(tokens, plan)

    model.forward = counted  # type: ignore[method-assign]
    seen: list[tuple[int, int]] = []
    score_paper(
        model,
        task(WORDS, Example(id="more", prompt="w5 w6", gold=" w6 w5")),
        PAPER,
        progress=lambda *at: seen.append(at),
    )
    assert plans == [((16,), 0, [2]), ((3,), 0, [2])]
    assert seen == [(1, 2), (2, 2)]


def test_rows_are_grouped_by_rule_or_in_the_authors_hundreds() -> None:
    loaded = load_language_model("zoo:pronto-35k")
    model = native(loaded.hf_model, loaded.tokenizer)
    rules = [prontoqa_task(rule=rule, n=2).examples for rule in ("conjunction_elimination", "disjunction_introduction")]
    by_rule = score_paper(model, task(*rules[0], *rules[1], task="prontoqa"), PAPER).by_group
    assert list(by_rule) == ["conjunction_elimination", "disjunction_introduction"]
    short = [Example(id=str(index), prompt="Wren is A:", gold=" Wren") for index in range(101)]
    hundreds = score_paper(model, task(*short, task="csv"), PAPER)
    assert [(group, n) for group, (_, _, n) in hundreds.by_group.items()] == [("rows 1-100", 100), ("rows 101-101", 1)]
    assert score_paper(model, task(*short[:2]), PAPER).by_group == {}


def test_a_task_of_ones_own_is_scored_like_any(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text('{"id": "a", "prompt": "w1 w2 w1 w3", "gold": " w2 w1"}\n')
    model, tokenizer = build_model(Architecture.GPT2), build_tokenizer()
    found = score_paper(native(model, tokenizer), jsonl_task(path), PAPER)
    with eager(model):
        theirs = authors_scores(model, tokenizer, "w1 w2 w1 w3", " w2 w1")
    assert np.abs(found.tokens["score"] - theirs).max() < 5e-6
    assert found.mean == pytest.approx(np.mean(theirs), abs=5e-6)


def test_a_model_without_a_tokenizer_and_the_other_protocol_are_refused() -> None:
    model = native(build_model(Architecture.GPT2), None)
    with pytest.raises(ModelError, match="has no tokenizer, and the paper's protocol tokenises every prefix anew"):
        score_paper(model, task(WORDS), PAPER)
    with pytest.raises(SpecError, match="protocol aligned: expected `paper`"):
        score_paper(model, task(WORDS), ScoreSettings())
