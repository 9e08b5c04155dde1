"""Attention by part of speech: against plain loops over whole patterns, and on a circuit whose attention is known."""

from collections.abc import Sequence
from functools import cache

import numpy as np
import pandas as pd
import pytest

from attnprobe.attention.categories import score_categories
from attnprobe.attention.category_result import CategoryResult
from attnprobe.attention.queries import Queries
from attnprobe.attention.settings import FirstKey, Null, ScoreSettings
from attnprobe.errors import TaskError
from attnprobe.kernels import Impl
from attnprobe.models.model import Backend, Model
from attnprobe.models.native import NativeModel
from attnprobe.plan import Plan, Point, Read, Tokens
from attnprobe.tasks.alignment import align
from attnprobe.tasks.jsonl import jsonl_task
from attnprobe.tasks.parts_of_speech import Category
from tests.attention.tagged_texts import BY_NUMBER, NumberTagger, task
from tests.causal.conftest import ListTask
from tests.circuits import INDUCTION, SHADOW, circuit_tokenizer, draw_examples, induction_gpt2, write_examples
from tests.models.architectures import Architecture, build_tokenizer
from tests.models.loaders import LOADERS, PROVENANCE, build

FAMILIES = (Architecture.LLAMA, Architecture.MISTRAL, Architecture.GEMMA2)


@cache
def model_of(family: str, backend: Backend = Backend.NATIVE) -> Model:
    return LOADERS[backend].open(build(family), build_tokenizer())


def patterns(model: Model, ids: Sequence[int]) -> np.ndarray:
    """[layer, head, query, key], as the model computes it when it must."""
    reads = tuple(Read(point=Point.PATTERN, layer=layer) for layer in range(model.dims.n_layers))
    run = model.forward(Tokens.of([ids]), Plan(reads=reads))
    return np.stack([run.read(Point.PATTERN, layer, 0).double().numpy() for layer in range(model.dims.n_layers)])


def score(model: Model, of: ListTask | None = None, **changes: object) -> CategoryResult:
    queries = changes.pop("queries", Queries.PREDICTING)
    assert isinstance(queries, Queries)
    settings = ScoreSettings(**changes)  # pyright: ignore[reportArgumentType]
    return score_categories(model, of or task(), settings, tagger=NumberTagger(), queries=queries)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("queries", Queries)
def test_masses_and_next_scores_are_what_loops_over_whole_patterns_give(family: Architecture, queries: Queries) -> None:
    model = model_of(family)
    result = score(model, queries=queries, batch_size=2)
    rows = result.rows.set_index(["example", "head", "query_category", "key_category"])
    nexts = result.next_rows.set_index(["example", "head", "next_category"])
    for example in task().examples:
        aligned = align(example, model.tokenizer)
        names = ["FIRST", *(str(BY_NUMBER[int(word[1:]) % 4]) for word in example.text.split()[1:])]
        first = {Queries.ALL: 0, Queries.GOLD: aligned.prompt_length, Queries.PREDICTING: aligned.prompt_length - 1}
        looks = range(first[queries], len(names) - (queries is Queries.PREDICTING))
        whole = patterns(model, aligned.ids)
        for head in model.dims.heads:
            pattern, window = whole[head.layer, head.head], model.dims.windows[head.layer] or len(names)
            _compare_masses(rows.loc[example.id, str(head)], pattern, names, looks, window)
            found = nexts.loc[(example.id, str(head), "all")]
            scores = []
            for query in looks:
                seen = range(max(0, query - window + 1), query + 1)
                keys = [key for key in seen if query + 1 < len(names) and names[key] == names[query + 1]]
                if keys:
                    scores.append((pattern[query, keys].sum(), len(keys) / len(seen)))
            assert found["n_queries"] == len(scores)
            assert [found["score"], found["base_rate"]] == pytest.approx(np.mean(scores, axis=0).tolist(), abs=5e-6)


def _compare_masses(found: pd.DataFrame, pattern: np.ndarray, names: Sequence[str], looks: range, window: int) -> None:
    for (of, to), row in found.iterrows():
        queries = [query for query in looks if names[query] == of]
        seen = [range(max(0, query - window + 1), query + 1) for query in queries]
        keys = [[key for key in reach if names[key] == to] for reach in seen]
        masses = [pattern[query, own].sum() for query, own in zip(queries, keys, strict=True)]
        shares = [len(own) / len(reach) for own, reach in zip(keys, seen, strict=True)]
        assert row["n_queries"] == len(queries)
        assert [row["mass"], row["base_rate"]] == pytest.approx([np.mean(masses), np.mean(shares)], abs=5e-6)


def test_masses_to_all_categories_add_up_to_one() -> None:
    rows = score(model_of(Architecture.LLAMA), queries=Queries.ALL).rows
    sums = rows.groupby(["example", "head", "query_category"])[["mass", "base_rate"]].sum()
    assert sums.to_numpy() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("backend", [name for name in LOADERS if name is not Backend.NATIVE])
def test_backends_agree(backend: Backend) -> None:
    one, other = (score(model_of(Architecture.LLAMA, name)) for name in (Backend.NATIVE, backend))
    # one that always computes whole patterns hands those over
    assert other.impl == ("stored" if backend == Backend.TRANSFORMER_LENS else "torch")
    for frame in ("rows", "table", "next_rows"):
        left, right = (getattr(result, frame) for result in (one, other))
        pd.testing.assert_frame_equal(left, right, rtol=0, atol=1e-5, check_dtype=False)


def test_batches_and_padding_change_nothing() -> None:
    model = model_of(Architecture.MISTRAL)
    alone, together = (score(model, batch_size=size) for size in (1, 5))
    pd.testing.assert_frame_equal(alone.rows, together.rows, rtol=0, atol=1e-5)
    pd.testing.assert_frame_equal(alone.next_rows, together.next_rows, rtol=0, atol=1e-5)
    assert alone.counts == together.counts


def test_implementations_agree_and_are_named() -> None:
    model = model_of(Architecture.GEMMA2)
    reference, torch_ = (score(model, impl=impl) for impl in (Impl.REFERENCE, Impl.TORCH))
    assert (reference.impl, torch_.impl) == ("reference", "torch")
    pd.testing.assert_frame_equal(reference.next_rows, torch_.next_rows, rtol=0, atol=1e-5)


def test_a_choice_of_layers_changes_no_number_of_theirs() -> None:
    model = model_of(Architecture.LLAMA)
    every, last = score(model), score(model, layers=(2,))
    assert {scored.layer for scored in last.next_heads} == {2}
    assert last.next_heads[1].score == every.next_heads[-3].score
    assert last.next_heads[1].nulls[Null.POSITION].p == every.next_heads[-3].nulls[Null.POSITION].p


def test_the_first_token_is_a_category_of_its_own_unless_it_is_asked_not_to_be() -> None:
    model = model_of(Architecture.LLAMA)
    assert Category.FIRST in score(model).categories
    plain = score(model, first_key=FirstKey.NONE)
    assert Category.FIRST not in plain.categories
    assert plain.counts["tokens_NOUN"] + plain.counts["tokens_DET"] >= 1
    assert sum(count for name, count in plain.counts.items() if name.startswith("tokens_")) == 100


def test_the_table_is_the_mean_of_the_rows_with_intervals() -> None:
    result = score(model_of(Architecture.LLAMA))
    keys = ["head", "query_category", "key_category"]
    means = result.rows.groupby(keys)[["mass", "base_rate"]].mean()
    table = result.table.set_index(keys).loc[means.index]
    assert table["mass"].to_numpy() == pytest.approx(means["mass"].to_numpy())
    assert table["base_rate"].to_numpy() == pytest.approx(means["base_rate"].to_numpy())
    assert table["difference"].to_numpy() == pytest.approx((table["mass"] - table["base_rate"]).to_numpy())
    assert table["enrichment"].to_numpy() == pytest.approx((table["mass"] / table["base_rate"]).to_numpy())
    several = table[table["n"] > 1]
    assert (several["low"] <= several["mass"] + 1e-12).all()
    assert (several["mass"] <= several["high"] + 1e-12).all()


@pytest.fixture(scope="module")
def circuit(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Rows of induction texts in which B alone is a noun, and all other words but the first are verbs."""
    path = write_examples(tmp_path_factory.mktemp("circuit") / "task.jsonl", 10)
    model = NativeModel(induction_gpt2(), tokenizer=circuit_tokenizer(), provenance=PROVENANCE)
    found: list[pd.DataFrame] = []
    for example, drawn in zip(jsonl_task(path).examples, draw_examples(10), strict=True):
        told = {word: Category.NOUN if word == drawn.gold else Category.VERB for word in drawn.words}
        of = ListTask(examples=[example])
        found.append(score_categories(model, of, ScoreSettings(), tagger=NumberTagger(told)).next_rows)
    rows = pd.concat(found)
    return rows[rows["next_category"] == "all"].set_index("head")


def test_the_induction_head_attends_to_the_category_that_comes_next_and_an_even_head_by_its_base_rate(
    circuit: pd.DataFrame,
) -> None:
    """B, the one noun, completes the text: the heads that look at it have all their mass on the next category."""
    for head in (INDUCTION, SHADOW):
        found = circuit.loc[str(head)]
        assert found["score"].to_numpy() == pytest.approx(1.0, abs=1e-4)
        assert found["wrong_token"].to_numpy() == pytest.approx(0.0, abs=1e-4)
        assert found["position"].to_numpy() == pytest.approx(0.0, abs=1e-4)
    even = circuit.loc["L0H0"]
    lengths = np.array([len(example.words) for example in draw_examples(10)])
    assert even["score"].to_numpy() == pytest.approx(1 / lengths, abs=1e-6)
    assert even["base_rate"].to_numpy() == pytest.approx(1 / lengths)
    assert even["wrong_token"].to_numpy() == pytest.approx(1 / lengths, abs=1e-6)
    assert even["position_difference"].to_numpy() == pytest.approx(0.0, abs=1e-6)


def test_a_text_without_parts_of_speech_is_refused() -> None:
    unknown = NumberTagger({})
    with pytest.raises(TaskError, match="no token of a known part of speech comes after a predicting query"):
        score_categories(model_of(Architecture.LLAMA), task(), tagger=unknown)


def test_progress_is_told_after_every_batch() -> None:
    seen: list[tuple[int, int]] = []
    score_categories(
        model_of(Architecture.LLAMA),
        task(),
        ScoreSettings(batch_size=2),
        tagger=NumberTagger(),
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(2, 5), (4, 5), (5, 5)]
