"""A card survives the file, and its intervals are exact."""

from pathlib import Path

import pytest
from scipy.stats import beta

from attnprobe.tasks.prontoqa.distractors import Distractors
from attnprobe.training.exact_match import score
from attnprobe.training.stream import Kind
from attnprobe.zoo.card import Card, as_text, read_card, write_card


def a_card() -> Card:
    return Card(
        name="toy",
        n_parameters=1234,
        recipe={"seed": 7, "steps": 10},
        recipe_fingerprint="0123456789ab",
        steps=10,
        cpu_seconds=120,
        versions={"python": "3.11"},
        evaluation_seed="evaluation",
        scores=(score(Kind(hops=2, distractors=Distractors.RELEVANT), 9, 10),),
    )


def test_a_card_read_is_the_card_written(tmp_path: Path) -> None:
    write_card(a_card(), tmp_path)
    assert read_card(tmp_path) == a_card()


def test_the_interval_is_that_of_clopper_and_pearson() -> None:
    measured = a_card().scores[0]
    assert measured.low == pytest.approx(beta.ppf(0.025, 9, 2), rel=1e-6)
    assert measured.high == pytest.approx(beta.ppf(0.975, 10, 1), rel=1e-6)


def test_the_text_states_counts_and_interval() -> None:
    assert "| 2 | relevant | 9 / 10 | 90.0% | 55.5% to 99.7% |" in as_text(a_card())
