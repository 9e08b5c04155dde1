"""The difference of two shares of the same examples, with its interval.

In: whether each example is right under two conditions. Out: the ends of an interval.
"""

import math
from typing import Any

import numpy as np
from jaxtyping import Bool
from scipy import optimize, stats

from attnprobe.errors import StatisticsError

_EDGE = 1e-12


def paired_share_difference(
    first: Bool[np.ndarray, " example"], second: Bool[np.ndarray, " example"], *, level: float = 0.95
) -> tuple[float, float]:
    """Interval of the share of the first less the share of the second.

    Args:
        first: whether each example is right under the first condition.
        second: whether it is under the second, in the same order.
        level: coverage aimed at, in (0, 1).

    Returns:
        Lower and upper end, in [-1, 1]: all differences that a score test of the paired table does not reject. It has a
        width even where no example changes, unlike the bootstrap.

    Raises:
        StatisticsError: lengths differ, there is no example, or the level is out of range.

    Source: Tango, Statistics in Medicine 17 (1998), equations 4 to 6; solved by bisection.
    """
    if first.shape != second.shape or first.ndim != 1 or first.size == 0:
        raise StatisticsError(
            f"answers have shapes {first.shape} and {second.shape}; expected one flag an example, the same examples."
        )
    if not 0 < level < 1:
        raise StatisticsError(f"level {level}: expected a number in (0, 1).")
    n, b, c = first.size, int((first & ~second).sum()), int((~first & second).sum())
    reach = float(stats.norm.ppf((1 + level) / 2))
    observed = (b - c) / n

    def beyond(difference: float) -> float:
        return _score(b, c, n, difference) ** 2 - reach**2

    low = -1.0 if observed <= -1 + _EDGE else _end(beyond, observed, -1.0)
    high = 1.0 if observed >= 1 - _EDGE else _end(beyond, observed, 1.0)
    return min(low, observed), max(high, observed)


def _end(beyond: Any, inside: float, outside: float) -> float:
    # at the very end of the range the score's spread is 0, and its square has no value
    far = outside * (1 - _EDGE)
    if beyond(far) <= 0:
        return outside
    found: Any = optimize.brentq(beyond, inside, far, xtol=1e-12)
    return float(found)


def _score(b: int, c: int, n: int, difference: float) -> float:
    """How many standard errors the observed difference is from another one, its spread taken at that one."""
    linear = -b - c + (2 * n - b + c) * difference
    constant = -c * difference * (1 - difference)
    share = (math.sqrt(max(0.0, linear**2 - 8 * n * constant)) - linear) / (4 * n)
    spread = n * (2 * share + difference * (1 - difference))
    distance = b - c - n * difference
    if spread <= 0:
        return 0.0 if distance == 0 else math.copysign(math.inf, distance)
    return distance / math.sqrt(spread)
