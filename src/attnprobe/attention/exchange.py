"""Exchanging key sets between the gold tokens of an example: does it matter whose keys a token is scored on?

In: for each example the scores of its tokens on each other's key sets. Out: a permutation p for each head, which is
exact: under the null hypothesis every assignment of key sets to tokens, each within its token's prefix, is as likely
as the true one, and these are drawn uniformly.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

from attnprobe.statistics.seeds import generator
from attnprobe.statistics.sign_flips import too_few

N_ASSIGNMENTS = 10_000
"""The least p is 2 / 10,001: below the first step of Benjamini-Hochberg for families of up to 250 heads."""
_ROUNDING = 1e-9


def draw_assignments(
    reach: Bool[np.ndarray, "group group"], n: int, rng: np.random.Generator
) -> Int[np.ndarray, "draw group"]:
    """Draw ways to deal the key sets out again, uniformly among those that leave each set within its prefix.

    Groups come in order of their prefixes, so what a group can take, every later one can take too. Dealing in that
    order, group g has as many sets left to choose from whatever was dealt before it, so that equal chances at each step
    make equal chances of the whole.

    Args:
        reach: whether set s, by column, lies within the prefix of group g, by row; true on the diagonal.
        n: how many.
        rng: of these draws.

    Returns:
        For each draw the set that each group gets.

    Source: ours; permutations of truncated data as in Efron and Petrosian, JASA 94 (1999).
    """
    n_groups = len(reach)
    assert reach.diagonal().all()
    assert (np.diff(reach.astype(int), axis=0) >= 0).all()
    free = np.ones((n, n_groups), dtype=bool)
    dealt = np.empty((n, n_groups), dtype=np.int64)
    rows = np.arange(n)
    for group in range(n_groups):
        lots = rng.random((n, n_groups), dtype=np.float32)
        dealt[:, group] = np.where(free & reach[group], lots, -1.0).argmax(axis=1)
        free[rows, dealt[:, group]] = False
    return dealt


def chances(reach: Bool[np.ndarray, "group group"]) -> Float[np.ndarray, "group group"]:
    """How often each group gets each set in `draw_assignments`: rows and columns sum to 1.

    A set that groups before could take is still there unless one of them took it, each of whom took any of what was
    left equally often.

    Args:
        reach: as for `draw_assignments`.

    Source: ours.
    """
    n_left = reach.sum(axis=1) - np.arange(len(reach))
    taken = np.where(reach, 1 / n_left[:, None], 0.0)
    still_there = np.cumprod(1 - taken, axis=0)
    return taken * np.vstack([np.ones((1, len(reach))), still_there[:-1]])


class Exchange:
    """Sums over examples, under the true assignment and under drawn ones.

    Args:
        n_columns: heads, or whatever is tested side by side; all share the draws.
        seed: the run's seed.
        n_draws: how many assignments.
    """

    def __init__(self, n_columns: int, seed: int, n_draws: int = N_ASSIGNMENTS) -> None:
        self._seed = seed
        self._observed = np.zeros(n_columns)
        self._drawn = np.zeros((n_draws, n_columns))
        self._n_examples = np.zeros(n_columns, dtype=np.int64)

    def add(self, example_id: str, reach: Bool[np.ndarray, "group group"], parts: Float[np.ndarray, "h g s"]) -> None:
        """Count an example in.

        Args:
            example_id: of the example; its draws derive from it.
            reach: as for `draw_assignments`.
            parts: what column h gets where group g has set s, so that the sum over groups is the example's value; not
                looked at where s is out of reach. NaN in all of a column: the example does not count for it.
        """
        own = np.einsum("hgg->hg", parts)
        counts = np.isfinite(own).all(axis=1)
        if not counts.any():
            return
        parts = np.where(counts[:, None, None] & reach, parts, 0.0)
        rng = generator(self._seed, example_id, "", "score/permuted")
        dealt = draw_assignments(reach, len(self._drawn), rng)
        for group in range(len(reach)):
            by_set = np.ascontiguousarray(parts[:, group].T)
            self._observed += by_set[group]
            self._drawn += by_set[dealt[:, group]]
        self._n_examples += counts

    def p(self) -> tuple[float | None, ...]:
        """Two-sided p of each column, twice the smaller tail; None below the examples that a p-value needs.

        Source: the +1 after Phipson and Smyth, Stat. Appl. Genet. Mol. Biol. 9 (2010), arXiv 1603.05766.
        """
        # equal values must tie however their sums were rounded
        slack = _ROUNDING * np.maximum(np.abs(self._observed), np.abs(self._drawn).max(axis=0))
        upper = (self._drawn >= self._observed - slack).sum(axis=0)
        lower = (self._drawn <= self._observed + slack).sum(axis=0)
        n_draws = len(self._drawn)
        tails = np.minimum(1.0, 2 * (1 + np.minimum(upper, lower)) / (1 + n_draws))
        counts = zip(self._n_examples.tolist(), tails.tolist(), strict=True)
        return tuple(None if too_few(n) else tail for n, tail in counts)
