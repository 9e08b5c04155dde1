"""Which tiles the Triton kernels visit: every pair that may be seen once, and without a mask only where all may.

The functions are run as plain Python on integers, so that every small call can be asked, and each loop is seen to run
over no tile, one and several.
"""

import math
from collections import Counter
from collections.abc import Iterator
from itertools import product
from types import SimpleNamespace

import pytest

pytest.importorskip("triton")

from attnprobe.kernels import triton_tiles

ROWS, KEYS = 4, 8


class Column(int):
    """A column of which Triton's division (towards 0) and Python's (down) give the same: none is below 0."""

    def __floordiv__(self, other: int) -> "Column":
        assert self >= 0
        return Column(int(self) // other)

    def __add__(self, other: int) -> "Column":
        return Column(int(self) + other)

    def __sub__(self, other: int) -> "Column":
        return Column(int(self) - other)

    def __mul__(self, other: int) -> "Column":
        return Column(int(self) * other)


@pytest.fixture(autouse=True)
def _plain_python(monkeypatch: pytest.MonkeyPatch) -> None:
    def chosen(condition: bool, yes: int, no: int) -> Column:
        return Column(yes if condition else no)

    def larger(left: int, right: int) -> Column:
        return Column(max(left, right))

    def smaller(left: int, right: int) -> Column:
        return Column(min(left, right))

    monkeypatch.setattr(triton_tiles, "tl", SimpleNamespace(maximum=larger, minimum=smaller, where=chosen))


def calls() -> Iterator[tuple[int, int, int, int, int | None]]:
    """n_keys, first_query, start, stop, window."""
    for n_keys, n_queries, window in product((1, 7, 8, 19, 26), (1, 4, 7, 19, 26), (None, 1, 3, 4, 9, 12)):
        if n_queries > n_keys or (window is not None and window >= n_keys):
            continue
        paddings = {(0, n_keys), (n_keys // 2, n_keys), (0, n_keys // 2 + 1), (n_keys // 3, n_keys - n_keys // 3)}
        for start, stop in paddings:
            if start < stop:
                yield n_keys, n_keys - n_queries, start, stop, window


def sees(query: int, key: int, start: int, stop: int, window: int | None) -> bool:
    return start <= key <= query < stop and (window is None or query - key < window)


def lengths(counts: Counter[str], name: str, begin: int, end: int, size: int) -> range:
    n_tiles = max(0, math.ceil((end - begin) / size))
    counts[f"{name} {'many' if n_tiles > 1 else n_tiles}"] += 1
    return range(begin, end, size)


def test_rows_meet_each_key_that_they_see_once_and_unmasked_tiles_are_seen_whole() -> None:
    counts: Counter[str] = Counter()
    for n_keys, first_query, start, stop, window in calls():
        for first in range(first_query, n_keys, ROWS):
            low, free_low, free_high, high = triton_tiles.key_ranges.fn(
                Column(first), Column(start), Column(stop), window, ROWS, KEYS
            )
            assert 0 <= low <= free_low <= free_high <= high
            queries = [query for query in range(first, first + ROWS) if query < stop]
            met: Counter[int] = Counter()
            for name, begin, end in (
                ("left", low, free_low),
                ("free", free_low, free_high),
                ("right", free_high, high),
            ):
                for tile in lengths(counts, name, begin, end, KEYS):
                    met.update(range(tile, tile + KEYS))
                    if name == "free":
                        whole = product(queries, range(tile, tile + KEYS))
                        assert all(sees(query, key, start, stop, window) for query, key in whole)
            wanted = {key for key in range(n_keys) for query in queries if sees(query, key, start, stop, window)}
            assert wanted <= set(met)
            assert max(met.values(), default=1) == 1
    assert set(counts) == {f"{name} {count}" for name in ("left", "free", "right") for count in (0, 1, "many")}


@pytest.mark.parametrize("is_cut", [False, True])
def test_keys_meet_each_query_that_sees_them_once_and_unmasked_tiles_are_seen_whole(is_cut: bool) -> None:
    counts: Counter[str] = Counter()
    for n_keys, first_query, start, stop, window in calls():
        for first in range(0, n_keys, KEYS):
            # as queries before and after the first prefix are shared out: the border is one of row tiles
            border = first_query + (n_keys - first_query) // 2 // ROWS * ROWS
            spans = [(0, border), (border, n_keys)] if is_cut else [(0, n_keys)]
            met: Counter[int] = Counter()
            for low, high in spans:
                begin, free_begin, free_end, end = triton_tiles.row_ranges.fn(
                    Column(first), Column(low), Column(high), Column(first_query), Column(start), Column(stop), window,
                    ROWS, KEYS,
                )  # fmt: skip
                assert begin % ROWS == free_begin % ROWS == free_end % ROWS == 0
                assert 0 <= begin <= free_begin <= free_end
                phases = (("left", begin, free_begin), ("free", free_begin, free_end), ("right", free_end, end))
                for name, phase_begin, phase_end in phases:
                    for tile in lengths(counts, name, phase_begin, phase_end, ROWS):
                        queries = range(first_query + tile, first_query + tile + ROWS)
                        met.update(queries)
                        if name == "free":
                            whole = product(queries, range(first, min(first + KEYS, n_keys)))
                            assert all(sees(query, key, start, stop, window) for query, key in whole)
                            assert queries[-1] < n_keys
            keys = range(first, min(first + KEYS, n_keys))
            queries = range(first_query, n_keys)
            wanted = {query for query in queries for key in keys if sees(query, key, start, stop, window)}
            assert wanted <= set(met)
            assert max(met.values(), default=1) == 1
    assert set(counts) == {f"{name} {count}" for name in ("left", "free", "right") for count in (0, 1, "many")}


def test_the_tangent_is_exact_to_single_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    # x in steps on both sides of where the polynomial ends
    fake = SimpleNamespace(exp2=lambda x: 2.0**x, abs=abs, where=lambda condition, yes, no: yes if condition else no)
    monkeypatch.setattr(triton_tiles, "tl", fake)
    for step in range(-4000, 4001):
        x = step / 1000
        assert triton_tiles.hyperbolic_tangent.fn(x) == pytest.approx(math.tanh(x), rel=2e-8, abs=0)
