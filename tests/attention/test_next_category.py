"""Which keys a query is scored on, worked by hand, and that nulls are fair."""

import numpy as np
import pytest

from attnprobe.attention.comparisons import Sample, scored_heads
from attnprobe.attention.next_category import NextQueries, next_queries
from attnprobe.attention.settings import Null
from attnprobe.plan import HeadId
from attnprobe.tasks.parts_of_speech import Category, TaggedTokens

F, N, V, D, S = Category.FIRST, Category.NOUN, Category.VERB, Category.DET, Category.SPACE


def tagged(*categories: Category, words: tuple[int | None, ...] | None = None) -> TaggedTokens:
    own = tuple(None if one in (F, S) else index for index, one in enumerate(categories))
    return TaggedTokens(categories=categories, words=words or own)


def asked(tokens: TaggedTokens, *, window: int | None = None, seed: int = 0, name: str = "e") -> NextQueries:
    order = [category for category in Category if category in tokens.categories]
    positions = range(len(tokens.categories))
    return next_queries(tokens, positions, order, window=window, seed=seed, example_id=name)


def test_queries_are_those_before_the_first_piece_of_a_word_whose_category_they_see() -> None:
    """`FIRST the dog s(piece) bark SPACE the dog`: categories F D N N V S D N."""
    tokens = tagged(F, D, N, N, V, S, D, N, words=(None, 1, 2, 2, 4, None, 6, 7))
    found = asked(tokens)
    # 0, 1 and 3 see nothing of what comes next, 2 is before a later piece, 4 before white space
    assert found.positions == (5, 6)
    assert found.n_unseen == 3
    # columns in the order of `Category`: DET, NOUN, VERB, SPACE, FIRST
    assert found.categories.tolist() == [0, 1]
    assert found.own_base_rates == pytest.approx([1 / 6, 2 / 7])
    assert found.base_rates[0] == pytest.approx([1 / 6, 2 / 6, 1 / 6, 1 / 6, 1 / 6])


def test_the_wrong_category_has_the_nearest_number_of_keys_and_weighs_as_much() -> None:
    found = asked(tagged(F, D, N, N, N, V, V, D, N))
    # query 7 sees DET twice, NOUN three times, VERB twice; NOUN comes next
    assert found.positions[-1] == 7
    weights = dict(zip(("DET", "NOUN", "VERB", "FIRST"), found.wrong[-1].tolist(), strict=True))
    assert weights in ({"DET": 1.5, "NOUN": 0, "VERB": 0, "FIRST": 0}, {"DET": 0, "NOUN": 0, "VERB": 1.5, "FIRST": 0})


def test_there_is_no_wrong_category_where_all_words_are_of_one() -> None:
    found = asked(tagged(F, N, N, N))
    assert found.positions == (1, 2)
    assert np.isnan(found.wrong).all()
    assert found.controls == {}


def test_position_controls_are_as_many_visible_keys_of_other_categories() -> None:
    tokens = tagged(F, D, N, V, D, N, V, D, N, V, D, N)
    for window in (None, 5):
        found = asked(tokens, window=window)
        assert found.controls
        for position, keys in found.controls.items():
            first = 0 if window is None else position - window + 1
            gold = [
                key
                for key in range(max(first, 1), position + 1)
                if tokens.categories[key] is tokens.categories[position + 1]
            ]
            assert len(keys) == len(gold)
            assert not set(keys) & {*gold, 0}
            assert all(first <= key <= position for key in keys)
            assert max(abs(one - other) for one, other in zip(sorted(keys), gold, strict=True)) <= 4


def test_position_controls_are_all_other_keys_scaled_where_most_are_of_the_category() -> None:
    found = asked(tagged(F, N, D, N, N, N))
    # query 4 sees three nouns and one determiner, queries 1 and 2 as many of the one as of the other or no other
    assert found.controls == {2: (2,), 3: (2,), 4: (2,)}
    assert found.scales.tolist() == [1.0, 2.0, 3.0]


def test_scores_and_nulls_by_hand() -> None:
    """Two queries: NOUN after the first, VERB after the second."""
    found = NextQueries(
        positions=(3, 4),
        categories=np.array([0, 1]),
        base_rates=np.array([[0.25, 0.0], [0.5, 0.2]]),
        wrong=np.array([[np.nan, np.nan], [2.0, 0.0]]),
        controls={4: (1,)},
        scales=np.array([2.0]),
        n_unseen=0,
    )
    mass = np.array([[[0.5, 0.0], [0.1, 0.3]]])
    score, nulls = found.masses(mass, np.array([[0.025]]))
    assert score.tolist() == [[0.5, 0.3]]
    assert nulls[Null.WRONG_TOKEN][0] == pytest.approx([np.nan, 0.2], nan_ok=True)
    assert nulls[Null.POSITION][0] == pytest.approx([np.nan, 0.05], nan_ok=True)
    # NOUN has .6 of the mass where even attention gives .75, VERB .3 where it gives .2
    assert nulls[Null.PERMUTED][0] == pytest.approx([0.25 * 0.6 / 0.75, 0.2 * 0.3 / 0.2])


def test_draws_depend_on_seed_and_example_alone() -> None:
    tokens = tagged(F, *[D, N, V, D, N, N, V, S] * 4)
    draws = {
        (seed, name): tuple(asked(tokens, seed=seed, name=name).controls.items()) for seed in range(4) for name in "ab"
    }
    assert len(set(draws.values())) > 1
    assert tuple(asked(tokens, seed=1, name="b").controls.items()) == draws[1, "b"]


def _simulated(
    rng: np.random.Generator, name: str, n_heads: int, liking: float
) -> tuple[np.ndarray, dict[Null, np.ndarray]]:
    """An example of random categories under random peaked attention; with `liking`, more of it to the category next."""
    n = 40
    drawn = [(N, V, D)[index] for index in rng.choice(3, size=n, p=[0.4, 0.35, 0.25])]
    tokens = tagged(F, *drawn)
    found = asked(tokens, name=name)
    order = [category for category in Category if category in tokens.categories]
    logits = rng.normal(scale=2.0, size=(n_heads, n + 1, n + 1))
    for query in range(n):
        logits[:, query, [category is drawn[query] for category in tokens.categories]] += liking
    pattern = np.exp(np.where(np.tri(n + 1, dtype=bool), logits, -np.inf))
    pattern /= pattern.sum(axis=2, keepdims=True)
    own = np.array([[category is one for category in tokens.categories] for one in order])
    mass = np.einsum("hqk,ck->hqc", pattern[:, list(found.positions)], own)
    control = np.stack([pattern[:, query, list(keys)].sum(axis=1) for query, keys in found.controls.items()], axis=1)
    return found.masses(mass, control)


def _sample(seed: int, *, n: int, n_heads: int, liking: float = 0.0) -> Sample:
    rng = np.random.default_rng(seed)
    scores, nulls, differences = [], {null: [] for null in Null}, {null: [] for null in Null}
    for index in range(n):
        score, of_null = _simulated(rng, f"{seed}/{index}", n_heads, liking)
        scores.append(score.mean(axis=1))
        for null in Null:
            nulls[null].append(np.nanmean(of_null[null], axis=1))
            differences[null].append(np.nanmean(score - of_null[null], axis=1))
    return Sample(
        score=np.stack(scores),
        nulls={null: np.stack(values) for null, values in nulls.items()},
        differences={null: np.stack(values) for null, values in differences.items()},
    )


def test_random_attention_beats_no_null_more_often_than_by_chance() -> None:
    """400 tests a null at 5%: a calibrated one calls 20, and at most 31 with a chance of 99%."""
    heads = tuple(HeadId(layer=0, head=head) for head in range(40))
    called = {null: 0 for null in Null}
    for seed in range(10):
        for scored in scored_heads(_sample(seed, n=12, n_heads=40), heads, seed):
            for null, comparison in scored.nulls.items():
                assert comparison.p is not None
                called[null] += comparison.p < 0.05
    assert max(called.values()) <= 31, called
    assert min(called.values()) >= 5, called


def test_a_liking_for_the_category_that_comes_next_is_found() -> None:
    heads = tuple(HeadId(layer=0, head=head) for head in range(3))
    for scored in scored_heads(_sample(1, n=12, n_heads=3, liking=0.5), heads, 0):
        for comparison in scored.nulls.values():
            assert comparison.difference.low is not None
            assert comparison.difference.low > 0.02
            assert comparison.q is not None
            assert comparison.q < 0.01
