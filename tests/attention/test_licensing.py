"""Which sentences stand in for the licensing ones, worked by hand."""

import numpy as np
import pytest

from attnprobe.attention.licensing import licences_of
from attnprobe.attention.sentences import Sentence
from attnprobe.attention.settings import Null
from attnprobe.tasks.example import Span


def sentences(*rows: tuple[str, int, tuple[int, ...] | None]) -> tuple[Sentence, ...]:
    """Role, number of tokens, licences."""
    return tuple(
        Sentence(span=Span(index, index + 1), role=role, positions=tuple(range(n)), licensed_by=licensed)
        for index, (role, n, licensed) in enumerate(rows)
    )


def test_only_answers_with_a_licence_are_compared_and_exemplars_and_the_sentence_itself_are_no_controls() -> None:
    given = sentences(
        ("exemplars", 5, None), ("question", 4, None), ("question", 6, None), ("gold", 4, (1,)), ("gold", 3, ())
    )
    found = licences_of(given, seed=0, example_id="e")
    assert found.queries == (3,)
    assert found.gold.tolist() == [[0, 1, 0, 0, 0]]
    # the one other sentence of the question, at 4 / 6 of its mass
    for null in (Null.WRONG_TOKEN, Null.POSITION):
        assert found.nulls[null][0] == pytest.approx([0, 0, 4 / 6, 0, 0])
    assert np.isnan(found.nulls[Null.PERMUTED]).all()


def test_permuted_is_the_licences_of_the_other_answers_that_stand_before() -> None:
    given = sentences(
        ("question", 4, None), ("question", 8, None), ("question", 5, None), ("gold", 4, (0,)), ("gold", 8, (1,)),
        ("gold", 3, (1, 3)),
    )  # fmt: skip
    permuted = licences_of(given, seed=0, example_id="e").nulls[Null.PERMUTED]
    # of sentence 3: (1,) alone, for (1, 3) holds itself; of sentence 4: (0,) and (1, 3), mean of both
    assert permuted[0] == pytest.approx([0, 4 / 8, 0, 0, 0, 0])
    assert permuted[1] == pytest.approx([8 / 4 / 2, 8 / 12 / 2, 0, 8 / 12 / 2, 0, 0])


def test_where_more_sentences_license_than_do_not_all_others_stand_in_for_them_and_none_where_there_is_none() -> None:
    given = sentences(("question", 4, None), ("question", 2, None), ("query", 4, None), ("gold", 4, (0, 1)))
    found = licences_of(given, seed=0, example_id="e")
    for null in (Null.WRONG_TOKEN, Null.POSITION):
        assert found.nulls[null][0] == pytest.approx([0, 0, 6 / 4, 0])
    alone = licences_of(sentences(("question", 4, None), ("gold", 4, (0,))), seed=0, example_id="e")
    assert all(np.isnan(weights).all() for weights in alone.nulls.values())


def test_draws_depend_on_seed_and_example_alone() -> None:
    given = sentences(*[("question", 4, None)] * 9, ("gold", 4, (4,)))
    draws = {
        (seed, name): licences_of(given, seed=seed, example_id=name).nulls[Null.WRONG_TOKEN].tobytes()
        for seed in range(3)
        for name in "ab"
    }
    assert len(set(draws.values())) > 1
    assert licences_of(given, seed=2, example_id="b").nulls[Null.WRONG_TOKEN].tobytes() == draws[2, "b"]
