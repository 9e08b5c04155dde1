"""Does a head attend to the part of speech that comes next?

In: the category of every token of an example, and its queries. Out: for each query the keys that have the category of
the token after it, and what that is held against; for a layer, the masses.

A query at position t is scored where token t+1 begins a word that has a part of speech, and some key that t sees has
that category. Later pieces of a word are left out: a look at the piece before would count as a look at the category.

Its score is the mass on those keys. The nulls, each with as much to win by chance:
- WRONG_TOKEN: another part of speech, the one with the nearest number of visible keys (ties drawn), its mass scaled to
  the same number of keys.
- POSITION: as many visible keys that are not of the category, at neighbouring positions, by the folded matching of
  `statistics.matching`: drawn so that gold and control could change places. Where more than half of the keys are of the
  category, all others, their mass scaled to the same number of keys. One coin an example and category: with one a query
  the controls would average out over the queries of an example, which share most of their gold keys, and the difference
  would be skewed.
- PERMUTED: the next categories of the example's scored queries, permuted: how much the head likes the category over all
  scored queries, whatever comes next there (its mass as a multiple of what even attention would give), times what even
  attention would give here. What is left above it is no liking for the category as such. The multiple is averaged, not
  the mass, because a category is rarer among the keys of the queries that it follows than among those of the others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from attnprobe.attention.groups import visible_counts
from attnprobe.attention.settings import Null
from attnprobe.statistics.matching import folded_neighbours
from attnprobe.statistics.seeds import generator
from attnprobe.tasks.parts_of_speech import Category, TaggedTokens

_NO_KEYS = frozenset({Category.FIRST, Category.SPECIAL})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NextQueries:
    """The scored queries of one example, for one width of window.

    Attributes:
        positions: of the queries, ascending.
        categories: index of the category that comes next.
        base_rates: share of the keys that each query sees which are of each category.
        wrong: weights that make the wrong-category null of the category masses; NaN where a query has none.
        controls: by position, the keys of the position null; queries without one are missing.
        scales: for each query in `controls`, how many keys of the category it sees for each of its control keys.
        n_unseen: queries left out because no key that they see has the category.
    """

    positions: tuple[int, ...]
    categories: Int[np.ndarray, " query"]
    base_rates: Float[np.ndarray, "query category"]
    wrong: Float[np.ndarray, "query category"]
    controls: Mapping[int, tuple[int, ...]]
    scales: Float[np.ndarray, " control"]
    n_unseen: int

    @property
    def own_base_rates(self) -> Float[np.ndarray, " query"]:
        """Share of the keys that each query sees which are of the category that comes next."""
        return self.base_rates[np.arange(len(self.positions)), self.categories]

    def masses(
        self, mass: Float[np.ndarray, "head query category"], control: Float[np.ndarray, "head control"]
    ) -> tuple[Float[np.ndarray, "head query"], Mapping[Null, Float[np.ndarray, "head query"]]]:
        """The score of each query, and each of its nulls, NaN where it has none.

        Args:
            mass: of each scored query on the keys of each category.
            control: of each query that has one, on the keys of its position null.
        """
        queries = np.arange(len(self.positions))
        base = self.own_base_rates
        # a category that comes next is seen by at least the query that it comes next to
        enrichment = mass.sum(axis=1)[:, self.categories] / self.base_rates.sum(axis=0)[self.categories]
        position = np.full(mass.shape[:2], np.nan)
        position[:, [query in self.controls for query in self.positions]] = control * self.scales
        return mass[:, queries, self.categories], {
            Null.WRONG_TOKEN: (mass * self.wrong).sum(axis=2),
            Null.POSITION: position,
            Null.PERMUTED: base * enrichment,
        }


def next_queries(
    tagged: TaggedTokens,
    positions: Sequence[int],
    categories: Sequence[Category],
    *,
    window: int | None,
    seed: int,
    example_id: str,
) -> NextQueries:
    """Settle what each query is scored on.

    Args:
        tagged: the tokens of the example.
        positions: the queries asked for.
        categories: all categories of the task, in the order of the mass columns.
        window: how many keys a query sees, its own included; None for all before it.
        seed: of the run.
        example_id: of the example.
    """
    index_of = {category: index for index, category in enumerate(categories)}
    own = np.array([index_of[category] for category in tagged.categories])
    counts = visible_counts(np.arange(len(categories))[:, None] == own[None, :], window)
    following = [position for position in positions if _is_scored(tagged, position + 1)]
    kept = [position for position in following if counts[own[position + 1], position] > 0]
    gold = np.array([own[position + 1] for position in kept], dtype=np.int64)
    visible = counts[:, kept].T
    scored = np.array([category.is_part_of_speech for category in categories])
    controls = _controls(tagged, kept, window, seed, example_id)
    n_gold = dict(zip(kept, visible[np.arange(len(kept)), gold].tolist(), strict=True))
    return NextQueries(
        positions=tuple(kept),
        categories=gold,
        base_rates=visible / visible.sum(axis=1, keepdims=True),
        wrong=_wrong(visible, gold, scored, seed, example_id),
        controls=controls,
        scales=np.array([n_gold[position] / len(keys) for position, keys in controls.items()]),
        n_unseen=len(following) - len(kept),
    )


def _is_scored(tagged: TaggedTokens, position: int) -> bool:
    return (
        position < len(tagged.categories)
        and tagged.begins_word(position)
        and tagged.categories[position].is_part_of_speech
    )


def _wrong(visible: np.ndarray, gold: np.ndarray, scored: np.ndarray, seed: int, example_id: str) -> np.ndarray:
    """Weight on the part of speech with the nearest number of keys, so that they weigh as much as the gold ones."""
    ties = generator(seed, example_id, "", "next/wrong").random(visible.shape[1])
    weights = np.full(visible.shape, np.nan)
    for query, (counts, own) in enumerate(zip(visible, gold.tolist(), strict=True)):
        others = [index for index in np.flatnonzero(scored & (counts > 0)).tolist() if index != own]
        if others:
            nearest = min(others, key=lambda index: (abs(counts[index] - counts[own]), ties[index]))
            weights[query] = 0.0
            weights[query, nearest] = counts[own] / counts[nearest]
    return weights


def _controls(
    tagged: TaggedTokens, positions: Sequence[int], window: int | None, seed: int, example_id: str
) -> dict[int, tuple[int, ...]]:
    found: dict[int, tuple[int, ...]] = {}
    ahead: dict[Category, bool] = {}
    for position in positions:
        category = tagged.categories[position + 1]
        if category not in ahead:
            ahead[category] = bool(generator(seed, example_id, "", f"next/position/{category}").integers(2))
        first = 0 if window is None else max(0, position - window + 1)
        pool = [key for key in range(first, position + 1) if tagged.categories[key] not in _NO_KEYS]
        is_gold = [tagged.categories[key] is category for key in pool]
        places = folded_neighbours(is_gold, ahead=ahead[category])
        if places:
            found[position] = tuple(pool[place] for place in places)
    return found
