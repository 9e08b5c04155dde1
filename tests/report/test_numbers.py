"""Numbers read as people write them."""

import pytest

from attnprobe.report.numbers import counted, decimals_for, interval, number, q_value, with_interval


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (-0.814, 2, "−0.81"),
        (0.0, 2, "0.00"),
        (-0.001, 2, "0.00"),
        (12.5, 1, "12.5"),
        (None, 2, "–"),
        (-0.0, 3, "0.000"),
    ],
)
def test_a_number_has_a_true_minus_and_no_sign_that_its_digits_do_not_show(
    value: float | None, decimals: int, text: str
) -> None:
    assert number(value, decimals) == text


def test_an_interval_is_in_brackets_and_a_dash_where_there_is_none() -> None:
    assert interval(-0.95, 0.1) == "[−0.95, 0.10]"
    assert interval(None, None) == "–"
    assert with_interval(0.5, 0.25, 0.75) == "0.50 [0.25, 0.75]"
    assert with_interval(0.5, None, None) == "0.50"


@pytest.mark.parametrize(
    ("value", "text"), [(0.0002, "<.001"), (0.001, ".001"), (0.0499, ".050"), (0.7, ".700"), (1.0, "1"), (None, "–")]
)
def test_a_q_has_three_decimals_and_no_false_zero(value: float | None, text: str) -> None:
    assert q_value(value) == text


def test_small_columns_have_one_decimal_more() -> None:
    assert decimals_for([0.2, -0.99, None]) == 3
    assert decimals_for([0.2, -1.0]) == 2
    assert decimals_for([None]) == 3


def test_one_is_singular() -> None:
    assert [counted(count, "head") for count in (0, 1, 2)] == ["0 heads", "1 head", "2 heads"]
