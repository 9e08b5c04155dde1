"""Mass between groups of queries and keys, worked by hand."""

import numpy as np
import pytest

from attnprobe.attention.groups import Groups, key_mass, layers_of, mean_mass, visible_counts
from attnprobe.attention.settings import ScoreSettings
from attnprobe.errors import SpecError
from attnprobe.kernels import Impl
from tests.attention.tagged_texts import stored

LONG = [[1.0, 0, 0, 0], [0.5, 0.5, 0, 0], [0.2, 0.3, 0.5, 0], [0.1, 0.2, 0.3, 0.4]]
SHORT = [[1.0, 0], [0.25, 0.75]]


def flags(*rows: str) -> np.ndarray:
    return np.array([[mark == "x" for mark in row] for row in rows])


def test_mass_is_the_mean_over_a_groups_queries_of_what_they_give_a_groups_keys() -> None:
    attention = stored(LONG, SHORT)
    groups = [
        Groups(queries=flags("..xx", "x..."), keys=flags("xx..", "...x", "....")),
        Groups(queries=flags(".x", ".."), keys=flags("x.")),
    ]
    long, short = mean_mass(attention, groups, key_mass(attention, groups, Impl.AUTO))
    # queries 2 and 3 give .5 and .3 to the first two keys, 0 and .4 to the last
    assert long[0] == pytest.approx(np.array([[0.4, 0.2, 0.0], [1.0, 0.0, 0.0]]))
    assert short[0, 0] == pytest.approx([0.25])
    assert np.isnan(short[0, 1]).all()


def test_base_rates_are_what_even_attention_gives() -> None:
    groups = Groups(queries=flags(".x.x", "...."), keys=flags("x...", ".xx."))
    # query 1 sees 2 keys, query 3 sees 4
    assert groups.base_rates()[0] == pytest.approx([(1 / 2 + 1 / 4) / 2, (1 / 2 + 2 / 4) / 2])
    assert np.isnan(groups.base_rates()[1]).all()
    # with a window of 2 the last query sees keys 2 and 3
    assert groups.base_rates(2)[0] == pytest.approx([(1 / 2 + 0) / 2, (1 / 2 + 1 / 2) / 2])


@pytest.mark.parametrize("window", [1, 2, 3, 7, None])
def test_visible_counts_count_the_keys_within_the_window(window: int | None) -> None:
    keys = np.random.default_rng(0).random((3, 7)) < 0.5
    width = 7 if window is None else window
    expected = [[row[max(0, t - width + 1) : t + 1].sum() for t in range(7)] for row in keys]
    assert visible_counts(keys, window).tolist() == expected


def test_a_layer_that_does_not_exist_is_refused() -> None:
    assert layers_of(ScoreSettings(), 3) == (0, 1, 2)
    assert layers_of(ScoreSettings(layers=(2,)), 3) == (2,)
    with pytest.raises(SpecError, match="layer 3 does not exist: the model has layers 0 to 2"):
        layers_of(ScoreSettings(layers=(1, 3)), 3)
