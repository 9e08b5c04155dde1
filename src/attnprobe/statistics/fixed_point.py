"""Sums that do not depend on the order of adding, for resampling by matrix product.

In: samples, one column a head. Out: whole numbers that stand for them, and the unit of each column. A float64 product
of these with a matrix of signs or counts is exact, so a head's numbers are the same bits whichever other heads stand
beside it, however the product is blocked or threaded, and equal sums compare as equal.
"""

import numpy as np
from jaxtyping import Float

from attnprobe.errors import StatisticsError

# every whole number up to 2**53 is a float64
_EXACT_BITS = 53
# the unit of a column of denormals is still a float64
_MAX_SHIFT = 1074


def to_fixed_point(
    samples: Float[np.ndarray, "example head"], max_weight: int
) -> tuple[Float[np.ndarray, "example head"], Float[np.ndarray, " head"]]:
    """Round each column to whole multiples of a power of two, small enough that weighted sums are exact.

    Args:
        samples: finite numbers, any unit, one column a head.
        max_weight: the largest total weight that a sum will carry; n for n signs of one, or for n draws in all.

    Returns:
        The multiples (float64 holding whole numbers) and the power of two of each column: samples are
        `multiples * unit` to within half a unit, and a unit is at most 2 * max_weight * 2**-52 of the column's peak.

    Raises:
        StatisticsError: a sample is NaN or infinite.

    Source: ours. float32 measurements within some 2**(29 - log2 max_weight) of the peak are held without rounding.
    """
    if not np.isfinite(samples).all():
        bad = int((~np.isfinite(samples)).sum())
        raise StatisticsError(
            f"{bad} of {samples.size} samples are NaN or infinite; expected finite numbers. "
            "Leave unmeasured entries out through the matched mask, and look at why the others overflowed."
        )
    peak = np.abs(samples).max(axis=0, initial=0.0)
    _, exponent = np.frexp(peak)
    bits = _EXACT_BITS - max(max_weight - 1, 0).bit_length()
    shift = np.minimum(bits - exponent, _MAX_SHIFT)
    return np.rint(np.ldexp(samples, shift)), np.ldexp(1.0, -shift)
