"""Sets of heads that are edited together, and which other sets they are compared with.

In: heads by name, a model's dimensions. Out: `HeadSet`, which sweeps, frames and tables take where they take a `Unit`;
drawn sets of other heads.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from attnprobe.causal.controls import random_heads
from attnprobe.causal.settings import PatchSettings
from attnprobe.causal.units import Unit, point_of
from attnprobe.errors import SpecError
from attnprobe.plan import HeadId, ModelDims

EVERY_HEAD = "all"
"""What the set of all heads is called."""
DRAWS = 8
"""How many sets of other heads a set is compared with, where there are that many."""
_TRIES_A_DRAW = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadSet:
    """Heads, of one layer or of several, that are edited in one and the same run.

    Attributes:
        name: what results call it.
        heads: in model order, at least one, all of them query heads or all of them key and value heads.
    """

    name: str
    heads: tuple[HeadId, ...]

    def __post_init__(self) -> None:
        if not self.heads:
            raise SpecError(f"set {self.name!r}: it has no heads; expected at least one.")
        if list(self.heads) != sorted(set(self.heads)):
            raise SpecError(f"set {self.name!r}: its heads must be sorted and distinct; build it with `HeadSet.of`.")
        if len({head.is_kv for head in self.heads}) > 1:
            raise SpecError(f"set {self.name!r}: it mixes query heads (L0H0) with key and value heads (L0KV0).")

    @classmethod
    def of(cls, heads: Iterable[HeadId], name: str | None = None) -> "HeadSet":
        """A set of heads in any order; by default it is called by its heads, `L0H1+L1H2`."""
        ordered = tuple(sorted(set(heads)))
        return cls(name="+".join(map(str, ordered)) if name is None else name, heads=ordered)

    @classmethod
    def parse(cls, text: str) -> "HeadSet":
        """Read `L0H1,L1H2`.

        Raises:
            SpecError: a head is of another form.
        """
        return cls.of(HeadId.parse(head) for head in text.split(","))

    def __str__(self) -> str:
        return self.name

    @property
    def layer(self) -> int:
        """The first layer that it edits."""
        return self.heads[0].layer

    @property
    def index(self) -> None:
        """It is not one head."""
        return

    @property
    def members(self) -> tuple[Unit, ...]:
        """Its heads as a sweep knows them."""
        return tuple(Unit(layer=head.layer, index=head.head, is_kv=head.is_kv) for head in self.heads)

    @property
    def label(self) -> str:
        """Its heads in text, whatever it is called: what its draws are seeded by."""
        return "+".join(map(str, self.heads))


Edited = Unit | HeadSet
"""What one run of a sweep edits."""


def heads_of(settings: PatchSettings, dims: ModelDims) -> tuple[HeadId, ...]:
    """Every head that an intervention can edit, in model order: key and value heads at k and v.

    Raises:
        SpecError: the site has no heads.
    """
    point = point_of(settings)
    if not point.has_heads:
        raise SpecError(f"sets of heads at site {point}: this site has no heads; choose z, pattern, q, k or v.")
    return dims.kv_heads if point.has_kv_heads else dims.heads


def check_sets(sets: Sequence[HeadSet], settings: PatchSettings, dims: ModelDims) -> None:
    """Refuse sets that a model does not have, or that results could not tell apart.

    Raises:
        SpecError: a head does not exist at the site, or two sets have one name.
    """
    available = frozenset(heads_of(settings, dims))
    for one in sets:
        missing = [str(head) for head in one.heads if head not in available]
        if missing:
            form = max(available)
            raise SpecError(
                f"set {one.name!r}: {', '.join(missing)} does not exist at site {point_of(settings)} of this model; "
                f"its heads there go from {min(available)} to {form}."
            )
    twice = [name for name, count in Counter(one.name for one in sets).items() if count > 1]
    if twice:
        raise SpecError(f"two sets are called {twice[0]!r}; give each its own name.")


def all_but(kept: HeadSet, available: Sequence[HeadId]) -> HeadSet:
    """All heads but those of a set, under the set's name.

    Raises:
        SpecError: nothing is left to edit.
    """
    others = [head for head in available if head not in set(kept.heads)]
    if not others:
        raise SpecError(
            f"all but {kept.name!r}: the set holds every head, so that none is left to edit; leave one out."
        )
    return HeadSet.of(others, kept.name)


def drawn_sets(
    chosen: HeadSet, available: Sequence[HeadId], *, seed: int, draws: int = DRAWS
) -> tuple[tuple[HeadSet, ...], str | None]:
    """Draw sets of other heads, as many of each layer, no two alike.

    Args:
        chosen: the set that is to be compared.
        available: every head that could be edited.
        seed: the run's seed; with it the heads of `chosen` settle what is drawn, not its name.
        draws: how many at most; fewer where there are not so many.

    Returns:
        The sets, and why there are none where there are none.

    Source: ours; `random_heads`, drawn again where a draw came out before.
    """
    counts = Counter(head.layer for head in chosen.heads)
    pools = Counter(head.layer for head in available)
    n_possible = 1
    for layer, count in counts.items():
        n_others = pools[layer] - count
        if n_others < count:
            return (), f"{count} of {pools[layer]} heads of layer {layer} are in the set: too few others to draw from"
        n_possible *= math.comb(n_others, count)
    per_layer = [pools[layer] for layer in range(max(pools) + 1)]
    found: dict[tuple[HeadId, ...], None] = {}
    for draw in range(_TRIES_A_DRAW * draws):
        if len(found) == min(draws, n_possible):
            break
        found[random_heads(chosen.heads, per_layer, seed=seed, draw=draw)] = None
    return tuple(HeadSet(name=f"{chosen.name} ~{place}", heads=heads) for place, heads in enumerate(found)), None
