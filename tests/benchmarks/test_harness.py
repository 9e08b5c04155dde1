"""Turns, quantiles and the gate."""

import pytest
import torch

from benchmarks.harness import Gate, Timing, UnequalError, largest_difference, race, race_outputs, ratios, timing


def test_median_and_quantiles_are_those_of_the_sorted_times() -> None:
    taken = timing([(5.0, 1.0), (1.0, 2.0), (3.0, 9.0), (2.0, 3.0), (4.0, 4.0), (6.0, 5.0)])
    assert (taken.median, taken.low, taken.high, taken.n, taken.wall) == (3.5, 2.0, 5.0, 6, 3.5)


def test_contestants_run_in_turns_after_a_round_that_is_not_timed() -> None:
    calls: list[str] = []
    found = race({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, repeats=2)
    assert calls == ["a", "b"] * 3
    assert [taken.n for taken in found.values()] == [2, 2]


def test_a_slow_contestant_may_run_in_fewer_rounds() -> None:
    calls: list[str] = []
    run = {"a": lambda: calls.append("a"), "slow": lambda: calls.append("slow")}
    found = race(run, repeats=3, warm=False, fewer={"slow": 1})
    assert calls == ["a", "slow", "a", "a"]
    assert (found["a"].n, found["slow"].n) == (3, 1)


def test_a_race_gives_back_what_contestants_returned_last() -> None:
    numbers = iter(range(10))
    found = race_outputs({"a": lambda: next(numbers)}, repeats=2)
    assert found["a"][1] == 2


def test_work_takes_time_and_rest_takes_none() -> None:
    import time

    found = race({"work": lambda: sum(range(400_000)), "rest": lambda: time.sleep(0.05)}, repeats=1)
    assert found["rest"].median < 0.02 < found["rest"].wall
    assert found["work"].median > 0


def test_ratios_are_of_medians_or_of_wall_time() -> None:
    timings = {
        "floor": Timing(median=2.0, low=2.0, high=2.0, n=1, wall=1.0),
        "a": Timing(median=3.0, low=3.0, high=3.0, n=1, wall=4.0),
    }
    assert ratios(timings, "floor") == {"a": 1.5}
    assert ratios(timings, "floor", wall=True) == {"a": 4.0}


def test_a_gate_refuses_what_is_too_far_off_and_what_is_no_number() -> None:
    assert Gate(name="a", difference=4e-6, tolerance=5e-6).allowed == 5e-6
    for difference in (6e-6, float("nan"), float("inf")):
        with pytest.raises(UnequalError, match="a: outputs differ by"):
            Gate(name="a", difference=difference, tolerance=5e-6)


def test_a_gate_allows_twice_what_float32_itself_costs_if_that_is_more() -> None:
    assert Gate(name="a", difference=1.5e-5, tolerance=5e-6, own_error=8e-6).allowed == 1.6e-5
    assert Gate(name="a", difference=1e-6, tolerance=5e-6, own_error=1e-6).allowed == 5e-6
    with pytest.raises(UnequalError):
        Gate(name="a", difference=1.7e-5, tolerance=5e-6, own_error=8e-6)


def test_outputs_of_other_shapes_are_infinitely_far_apart() -> None:
    assert largest_difference(torch.zeros(2), torch.zeros(3)) == float("inf")
    assert largest_difference(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.5], dtype=torch.float64)) == 0.5
