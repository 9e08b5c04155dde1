"""Numbers as people read them: a true minus sign, few digits, nothing lost by rounding to zero.

In: values of results, None where one does not apply. Out: short text, the same on paper, page and terminal.
"""

from collections.abc import Iterable

MISSING = "–"
_SMALLEST_Q = 0.001


def decimals_for(values: Iterable[float | None]) -> int:
    """How many decimals a column needs: two, or three where everything in it is smaller than 1."""
    peak = max((abs(value) for value in values if value is not None), default=0.0)
    return 2 if peak >= 1 else 3


def number(value: float | None, decimals: int = 2) -> str:
    """Write a number with a fixed number of decimals, `−0.81`; a dash where there is none."""
    if value is None:
        return MISSING
    text = f"{value:.{decimals}f}"
    # a minus before zeros would tell a direction that the digits do not show
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")


def interval(low: float | None, high: float | None, decimals: int = 2) -> str:
    """Write an interval, `[−0.95, −0.66]`; a dash where there is none."""
    if low is None or high is None:
        return MISSING
    return f"[{number(low, decimals)}, {number(high, decimals)}]"


def with_interval(value: float | None, low: float | None, high: float | None, decimals: int = 2) -> str:
    """Write a value and, where it has one, its interval."""
    text = number(value, decimals)
    return text if low is None or high is None else f"{text} {interval(low, high, decimals)}"


def q_value(value: float | None) -> str:
    """Write a p or q: three decimals, `<.001` below."""
    if value is None:
        return MISSING
    return "<.001" if value < _SMALLEST_Q else f"{value:.3f}".lstrip("0") if value < 1 else "1"


def counted(count: int, noun: str) -> str:
    """Write a count with its noun, `1 head`, `3 heads`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
