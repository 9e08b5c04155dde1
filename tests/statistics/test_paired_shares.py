"""Tango's interval of the difference of two shares of the same examples."""

import numpy as np
import pytest

from attnprobe.errors import StatisticsError
from attnprobe.statistics.paired_shares import paired_share_difference


def flags(*, both: int = 0, first: int = 0, second: int = 0, neither: int = 0) -> tuple[np.ndarray, np.ndarray]:
    pairs = [(1, 1)] * both + [(1, 0)] * first + [(0, 1)] * second + [(0, 0)] * neither
    columns = np.array(pairs, dtype=bool).T
    return columns[0], columns[1]


def test_where_nothing_changes_the_ends_are_worked_out_by_hand() -> None:
    # the score is -sqrt(n d^2 / (1 - d^2) ...): with b = c = 0 it is n d / sqrt(n (2q + d - d^2)) with q = 0 at d > 0
    reach = 1.959964**2
    low, high = paired_share_difference(*flags(both=30, neither=18))
    assert high == pytest.approx(reach / (48 + reach), abs=1e-4)
    assert low == pytest.approx(-high, abs=1e-9)


def test_where_everything_changes_the_inner_end_is_worked_out_by_hand() -> None:
    # q = (1 - d) / 2, so n (1 - d)^2 = z^2 (1 - d^2)
    reach = 1.959964**2
    low, high = paired_share_difference(*flags(first=10))
    assert low == pytest.approx((10 - reach) / (10 + reach), abs=1e-5)
    assert high == 1.0


def test_the_interval_of_the_source_is_met() -> None:
    # one of 44 cross-over patients changed: -.118 to .059
    low, high = paired_share_difference(*flags(both=43, second=1))
    assert (low, high) == (pytest.approx(-0.118, abs=5e-4), pytest.approx(0.059, abs=5e-4))


def test_exchanging_the_conditions_turns_the_interval_over() -> None:
    one, other = flags(both=20, first=7, second=3, neither=11)
    low, high = paired_share_difference(one, other)
    turned = paired_share_difference(other, one)
    assert turned == (pytest.approx(-high), pytest.approx(-low))


def test_it_covers_what_it_says() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(400):
        kind = rng.choice(4, size=40, p=[0.5, 0.2, 0.1, 0.2])
        low, high = paired_share_difference(kind <= 1, (kind == 0) | (kind == 2))
        covered += low <= 0.1 <= high
    # 95% of 400 less four standard errors
    assert covered >= 362


@pytest.mark.usefixtures("without_shape_checks")
def test_unequal_or_empty_answers_and_levels_outside_are_refused() -> None:
    with pytest.raises(StatisticsError, match="the same examples"):
        paired_share_difference(np.ones(3, dtype=bool), np.ones(2, dtype=bool))
    with pytest.raises(StatisticsError, match="one flag an example"):
        paired_share_difference(np.ones(0, dtype=bool), np.ones(0, dtype=bool))
    with pytest.raises(StatisticsError, match=r"level 1\.0"):
        paired_share_difference(np.ones(3, dtype=bool), np.ones(3, dtype=bool), level=1.0)
