"""Which rows are edited together, and which keys their controls may be drawn from.

In: the gold keys of each edited query position of an example. Out: `KeyGroup`s: rows that read the same gold keys,
with the pool that controls come from. `controls` draws from them.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from attnprobe.errors import SpecError
from attnprobe.plan import Edges
from attnprobe.statistics.seeds import generator
from attnprobe.tasks.aligned import SINK_POSITION


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyGroup:
    """Rows of one example that read the same gold keys, and therefore get the same control keys.

    Attributes:
        q_positions: the rows, ascending.
        gold: gold keys, ascending; each is seen from at least one row.
        pool: the keys that a control may take, ascending: neither gold, nor special, nor at `SINK_POSITION`.
        window: sliding window of the layer (a row sees keys k with q - window < k <= q), or None.
    """

    q_positions: tuple[int, ...]
    gold: tuple[int, ...]
    pool: tuple[int, ...]
    window: int | None = None

    def __post_init__(self) -> None:
        for name, positions in (("q_positions", self.q_positions), ("gold", self.gold), ("pool", self.pool)):
            if list(positions) != sorted(set(positions)) or any(position < 0 for position in positions):
                raise SpecError(f"key group: {name} {list(positions)} must be sorted, distinct and >= 0.")
        if not self.q_positions or not self.gold:
            raise SpecError("key group: expected at least one query position and one gold key.")
        if set(self.gold) & set(self.pool):
            raise SpecError(f"key group: {sorted(set(self.gold) & set(self.pool))} are both gold and in the pool.")

    @property
    def candidates(self) -> tuple[int, ...]:
        """Gold keys and pool together, ascending."""
        return tuple(sorted(self.gold + self.pool))

    def rows(self, keys: Iterable[int]) -> dict[int, tuple[int, ...]]:
        """For each query position those of `keys` that it sees; positions that see none are left out."""
        chosen = sorted(keys)
        seen = {q_pos: _seen(q_pos, chosen, self.window) for q_pos in self.q_positions}
        return {q_pos: found for q_pos, found in seen.items() if found}


def _seen(q_pos: int, keys: Iterable[int], window: int | None) -> tuple[int, ...]:
    first = 0 if window is None else q_pos - window + 1
    return tuple(key for key in keys if first <= key <= q_pos)


def key_groups(
    gold: Mapping[int, Sequence[int]],
    *,
    special: Collection[int] = (),
    window: int | None = None,
    shared_keys: bool = False,
) -> tuple[KeyGroup, ...]:
    """Group the edited rows of an example.

    Args:
        gold: for each edited query position its gold keys, all at positions <= it.
        special: positions of tokens that the tokenizer added (BOS); never in a pool.
        window: sliding window of the layer, or None. Gold keys outside it are left out, rows without any too.
        shared_keys: one set of keys is hidden from all rows, each row seeing those before it (`--queries all` or a
            span): all rows are then one group, with controls drawn for the whole set. Otherwise (`predicting`) a group
            is the rows with exactly equal gold keys, and its pool what every one of them sees.

    Returns:
        Groups in order of their first row; together they hold every row that sees a gold key.

    Raises:
        SpecError: a gold key lies after its row.

    Source: ours; the reasons are in docs/decisions/0004-controls.md.
    """
    seen: dict[int, tuple[int, ...]] = {}
    for q_pos, keys in sorted(gold.items()):
        late = [key for key in keys if key > q_pos]
        if late:
            raise SpecError(
                f"gold keys {late} of query {q_pos} lie after it; a query sees only keys up to its position."
            )
        if found := _seen(q_pos, sorted(set(keys)), window):
            seen[q_pos] = found
    if not seen:
        return ()
    barred = {SINK_POSITION, *special}
    if shared_keys:
        union = {key for keys in seen.values() for key in keys}
        visible = {key for q_pos in seen for key in _seen(q_pos, range(q_pos + 1), window)}
        return (_group(tuple(seen), union, visible - barred, window),)
    members: dict[tuple[int, ...], list[int]] = {}
    for q_pos, keys in seen.items():
        members.setdefault(keys, []).append(q_pos)
    groups: list[KeyGroup] = []
    for keys, q_positions in members.items():
        # what the last row's window and the first row's place leave
        common = set(_seen(q_positions[-1], range(q_positions[0] + 1), window))
        groups.append(_group(tuple(q_positions), set(keys), common - barred, window))
    return tuple(groups)


def _group(q_positions: tuple[int, ...], gold: set[int], allowed: set[int], window: int | None) -> KeyGroup:
    return KeyGroup(
        q_positions=q_positions,
        gold=tuple(sorted(gold)),
        pool=tuple(sorted(allowed - gold)),
        window=window,
    )


def query_positions(groups: Sequence[KeyGroup]) -> tuple[int, ...]:
    """The rows of all groups, ascending: the order in which `sample_control` wants pattern rows."""
    return tuple(sorted(q_pos for group in groups for q_pos in group.q_positions))


def edges_of(rows: Mapping[int, tuple[int, ...]]) -> Edges | None:
    """Edges of rows, or None when there is no row."""
    return Edges.of(rows) if rows else None


def null_groups(groups: Sequence[KeyGroup], *, seed: int, example_id: str) -> tuple[KeyGroup, ...]:
    """The exchangeable null: as many keys drawn at random from gold keys and pool stand in for the gold ones.

    Whatever a test finds on these is a false finding, so it says how often the method errs on a given model and task.

    Args:
        groups: of an example. Special tokens and the sink that were gold stay candidates.
        seed: the run's seed.
        example_id: of the example.

    Returns:
        The same rows with other gold keys; a control drawn for them avoids those and may take the true ones.
    """
    rng = generator(seed, example_id, "", "null_gold")
    drawn: list[KeyGroup] = []
    for group in groups:
        picked = set(rng.choice(group.candidates, size=len(group.gold), replace=False).tolist())
        drawn.append(_group(group.q_positions, picked, set(group.candidates), group.window))
    return tuple(drawn)


def group_mass(group: KeyGroup, pattern: np.ndarray, rows: Sequence[int]) -> np.ndarray:
    """Attention mass of each candidate, summed over the group's rows."""
    return pattern[list(rows)].sum(axis=0, dtype=np.float64)[list(group.candidates)]
