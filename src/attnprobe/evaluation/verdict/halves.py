"""Which examples choose heads and which test them.

In: the ids of examples and a seed. Out: `Halves`. No example is in both, and which half an example is in depends on
nothing that a model does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from attnprobe.statistics.seeds import derived_seed


@dataclass(frozen=True, slots=True, kw_only=True)
class Halves:
    """Ids of examples, in the order in which they were given.

    Attributes:
        selecting: choose heads; none where heads are named.
        testing: everything that is reported as a test rests on these.
    """

    selecting: tuple[str, ...]
    testing: tuple[str, ...]

    def __post_init__(self) -> None:
        assert not set(self.selecting) & set(self.testing)


def split_halves(ids: Sequence[str], seed: int, *, selects: bool) -> Halves:
    """Deal examples into halves; the testing half is the larger when they are odd.

    Args:
        ids: distinct.
        seed: the run's.
        selects: whether heads are chosen at all; if not, every example tests.

    Source: ours; sample splitting as in Cox, Biometrika 62 (1975).
    """
    if not selects:
        return Halves(selecting=(), testing=tuple(ids))
    ranked = sorted(ids, key=lambda name: (derived_seed(seed, name, "", "verdict/halves"), name))
    chosen = set(ranked[: len(ids) // 2])
    return Halves(
        selecting=tuple(name for name in ids if name in chosen),
        testing=tuple(name for name in ids if name not in chosen),
    )
