"""Sign-flip permutation tests of paired samples, for all heads at once.

In: samples [example, head], for example differences between gold and control effects. Out: a p-value for each head,
or the max-T p-values that hold the chance of any false finding in the family. All heads share the same flips.

The null is that each example's samples have a distribution symmetric about 0; controls are drawn so that this is
exact when the gold keys are nothing special (docs/decisions/0004-controls.md).
"""

import math
from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float

from attnprobe.errors import StatisticsError
from attnprobe.statistics.fixed_point import to_fixed_point
from attnprobe.statistics.seeds import generator

MIN_EXAMPLES = 8
"""Below this many examples no p-value is given: 2 of 2**7 flips is the least that seven examples can reach."""

FALSE_DISCOVERY_RATE = 0.05
FLIPS_PER_HEAD_AT_RATE = 40
"""At least 40 * heads / .05 flips, so that the smallest p can pass the first step of Benjamini-Hochberg 40-fold."""

MIN_FLIPS = 10_000
_CHUNK_ENTRIES = 1 << 22
_WORD_BITS = 64


def flips_needed(n_heads: int) -> int:
    """Number of random flips for a family of `n_heads`."""
    return max(MIN_FLIPS, math.ceil(FLIPS_PER_HEAD_AT_RATE * n_heads / FALSE_DISCOVERY_RATE))


def sign_flip_p(
    samples: Float[np.ndarray, "example head"],
    seed: int,
    *,
    matched: Bool[np.ndarray, "example head"] | None = None,
    n_heads: int | None = None,
) -> tuple[float | None, ...]:
    """Two-sided sign-flip permutation p of the mean of each head.

    Args:
        samples: paired samples, any unit. Entries that are not matched are not looked at.
        seed: the run's seed; the flips derive from it and the number of examples.
        matched: which entries count; all by default.
        n_heads: size of the family that sets the number of flips, by default the number of columns. Give the number
            of heads of the model and p is the same whatever subset of them is looked at.

    Returns:
        For each head p in (0, 1], or None below `MIN_EXAMPLES` matched examples (`too_few` words the reason).
        With 2**n flips at most `flips_needed`, all of them are taken and p is their exact fraction; else random flips
        and p = (1 + hits) / (1 + flips), which is never 0 and valid at any number of flips.
        A flip is a hit when its |sum| is at least the observed one, sums being exact in fixed point, less one unit an
        example (about 1e-13 of the largest sample): rounding to fixed point can thus only raise p, and a head of
        zeros has p = 1.

    Raises:
        StatisticsError: a matched sample is NaN or infinite, or shapes differ.

    Source: ours; the +1 after Phipson and Smyth, Stat. Appl. Genet. Mol. Biol. 9 (2010), arXiv 1603.05766.
    """
    filled, n_matched = fill_unmatched(samples, matched)
    n_examples = len(filled)
    multiples, _ = to_fixed_point(filled, n_examples)
    threshold = np.abs(multiples.sum(axis=0)) - n_examples
    hits = np.zeros(filled.shape[1], dtype=np.int64)
    n_flips = 0
    for signs in _sign_chunks(n_examples, filled.shape[1], flips_needed(n_heads or filled.shape[1]), seed):
        hits += (np.abs(signs @ multiples) >= threshold).sum(axis=0)
        n_flips += len(signs)
    return _as_p(hits, n_flips, n_matched, exhaustive=_is_exhaustive(n_examples, n_heads or filled.shape[1]))


def max_t_p(
    samples: Float[np.ndarray, "example head"],
    seed: int,
    *,
    matched: Bool[np.ndarray, "example head"] | None = None,
    n_heads: int | None = None,
) -> tuple[float | None, ...]:
    """Sign-flip p-values that hold the chance of any false finding among all heads (single-step max-T).

    The statistic is |sum| over the root of the sum of squares. Flips leave the squares alone, so for one head it
    orders flips as |mean| and as Student's t do, and it puts heads of different scale on one footing.

    Args: as `sign_flip_p`.

    Returns:
        For each head the share of flips whose largest statistic over all heads reaches this head's; None below
        `MIN_EXAMPLES` matched examples, and such heads do not enter the maximum.

    Raises:
        StatisticsError: a matched sample is NaN or infinite, or shapes differ.

    Source: Westfall and Young, Resampling-Based Multiple Testing (1993), with sign flips as in Nichols and Holmes,
        Human Brain Mapping 15 (2001).
    """
    filled, n_matched = fill_unmatched(samples, matched)
    n_examples, n_columns = filled.shape
    multiples, _ = to_fixed_point(filled, n_examples)
    multiples = np.where(n_matched >= MIN_EXAMPLES, multiples, 0.0)
    norm = np.sqrt((multiples**2).sum(axis=0))
    scale = np.divide(1.0, norm, out=np.zeros_like(norm), where=norm > 0)
    # sums are exact, their ratio to the norm is not: an ulp or so must not part a flip from its equal
    threshold = np.maximum(np.abs(multiples.sum(axis=0)) - n_examples, 0.0) * scale * (1 - 1e-12)
    hits = np.zeros(n_columns, dtype=np.int64)
    n_flips = 0
    for signs in _sign_chunks(n_examples, n_columns, flips_needed(n_heads or n_columns), seed):
        largest = (np.abs(signs @ multiples) * scale).max(axis=1, initial=0.0)
        hits += (largest[:, None] >= threshold).sum(axis=0)
        n_flips += len(signs)
    return _as_p(hits, n_flips, n_matched, exhaustive=_is_exhaustive(n_examples, n_heads or n_columns))


def too_few(n_matched: int) -> str | None:
    """The reason why p is null at this many matched examples, or None when it is not."""
    if n_matched >= MIN_EXAMPLES:
        return None
    return f"{n_matched} matched examples; a p-value needs at least {MIN_EXAMPLES}"


def fill_unmatched(
    samples: Float[np.ndarray, "example head"], matched: Bool[np.ndarray, "example head"] | None
) -> tuple[Float[np.ndarray, "example head"], np.ndarray]:
    """Samples with 0 where they do not count, and how many count for each head.

    A zero has no sign to flip, so it changes no sum: all heads can share flips though their examples differ.

    Raises:
        StatisticsError: shapes differ, or there is no example.
    """
    if samples.ndim != 2 or samples.shape[0] == 0:
        raise StatisticsError(
            f"samples have shape {samples.shape}; expected [example, head] with at least one example."
        )
    if matched is None:
        return samples.astype(np.float64), np.full(samples.shape[1], samples.shape[0])
    if matched.shape != samples.shape:
        raise StatisticsError(
            f"matched has shape {matched.shape}, samples {samples.shape}; expected one flag for each sample."
        )
    return np.where(matched, samples, 0.0).astype(np.float64), matched.sum(axis=0)


def _is_exhaustive(n_examples: int, n_heads: int) -> bool:
    return 2**n_examples <= flips_needed(n_heads)


def _sign_chunks(
    n_examples: int, n_columns: int, needed: int, seed: int
) -> Iterator[Float[np.ndarray, "flip example"]]:
    """Sign matrices of a bounded size: every flip once up to an overall sign, or `needed` random ones."""
    rows = max(1, _CHUNK_ENTRIES // (n_examples + n_columns))
    if 2**n_examples <= needed:
        # |sum| ignores the overall sign, so half of the flips, the last sign kept, have the same fraction of hits
        shifts = np.arange(n_examples, dtype=np.uint64)
        for start in range(0, 2 ** (n_examples - 1), rows):
            numbers = np.arange(start, min(start + rows, 2 ** (n_examples - 1)), dtype=np.uint64)
            yield 1.0 - 2.0 * ((numbers[:, None] >> shifts) & np.uint64(1))
        return
    rng = generator(seed, f"{n_examples} examples", "", "sign_flips")
    words = math.ceil(n_examples / _WORD_BITS)
    for start in range(0, needed, rows):
        # whole 64-bit words a flip: the stream of flips is then the same however it is cut into chunks
        drawn = rng.integers(0, 2**_WORD_BITS, size=(min(rows, needed - start), words), dtype=np.uint64)
        bits = np.unpackbits(drawn.astype("<u8").view(np.uint8), axis=1, bitorder="little", count=n_examples)
        yield 1.0 - 2.0 * bits


def _as_p(hits: np.ndarray, n_flips: int, n_matched: np.ndarray, *, exhaustive: bool) -> tuple[float | None, ...]:
    fractions = hits / n_flips if exhaustive else (1 + hits) / (1 + n_flips)
    return tuple(None if too_few(int(n)) else float(fraction) for n, fraction in zip(n_matched, fractions, strict=True))
