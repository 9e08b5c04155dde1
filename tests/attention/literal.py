"""Every normalisation once more, written down from the formulas with numpy, one head and one prefix at a time.

In: a whole attention pattern. Out: the score of a key set. Slow, and independent of kernels and of `normalise`: the
matrices are formed one after the other as the code of arXiv 2502.15120 forms them.
"""

from collections.abc import Collection, Sequence

import numpy as np

from attnprobe.attention.settings import Normalisation


def samrank_parts(pattern: np.ndarray, zeroed: Collection[int]) -> tuple[np.ndarray, np.ndarray]:
    """Global and proportional score of the tokens of one prefix: pattern is its square block."""
    received = pattern.sum(axis=0)
    received[list(zeroed)] = 0.0
    weighted = pattern @ np.diag(received)
    for j in range(len(pattern)):
        column = weighted[:, j].sum()
        weighted[:, j] = weighted[:, j] / column if column > 0 else 0.0
    return received, weighted.sum(axis=1)


def scaled(values: np.ndarray) -> np.ndarray:
    """Min-max, 0 where all are equal."""
    spread = values.max() - values.min()
    return (values - values.min()) / spread if spread > 0 else np.zeros_like(values)


def literal_score(
    pattern: np.ndarray,
    n: int,
    keys: Sequence[int],
    normalisation: Normalisation,
    *,
    zeroed: Collection[int],
    share: float,
    weights: np.ndarray | None = None,
) -> float:
    """Score of keys within the first n tokens.

    Args:
        pattern: [q_pos, k_pos] of one head, without padding.
        n: length of the prefix; its last token predicts.
        keys: positions below n.
        normalisation: all but rollout.
        zeroed: first keys that do not count.
        share: of the mass, above which a column is a sink.
        weights: of keys, for value_weighted.
    """
    block, row, keys = pattern[:n, :n], pattern[n - 1, :n], list(keys)
    sinks = {j for j in range(n) if block[:, j].sum() > share * n}
    if normalisation is Normalisation.DIRECT:
        return float(row[keys].sum())
    if normalisation is Normalisation.VALUE_WEIGHTED:
        assert weights is not None
        moved = row * weights[:n]
        return float(moved[keys].sum() / moved.sum())
    if normalisation is Normalisation.RENORMALISED:
        left = [j for j in range(n) if j not in zeroed and j not in sinks]
        whole = row[left].sum()
        return float(row[[j for j in keys if j in left]].sum() / whole) if whole > 0 else 0.0
    zeroed = {j for j in zeroed if j < n}
    if normalisation is Normalisation.SINK_REMOVED:
        zeroed |= sinks
    received, given = samrank_parts(block, zeroed)
    match normalisation:
        case Normalisation.GLOBAL:
            values = scaled(received)
        case Normalisation.PROPORTIONAL:
            values = scaled(given)
        case Normalisation.SUM:
            values = received + given
        case Normalisation.RANK:
            total = received + given
            values = np.array([_percentile(total, j) for j in range(n)])
        case _:
            values = scaled(received + given)
    return float(values[keys].max())


def _percentile(values: np.ndarray, j: int) -> float:
    others = np.delete(values, j)
    if len(others) == 0:
        return 0.5
    return float(((others < values[j]) + 0.5 * (others == values[j])).mean())
