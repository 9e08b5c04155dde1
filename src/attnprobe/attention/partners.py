"""Who stands in for whom: a partner for the gold unit among units of the same kind and size.

In: for each unit (a token type, the occurrences of a word) its kind and size, and which is gold. Out: the index of its
partner, or None. The draw is symmetric: had the partner been gold, the gold unit would have been its partner as often
(docs/decisions/0004-controls.md says why this makes sign-flip tests exact).
"""

from collections.abc import Sequence

import numpy as np

from attnprobe.statistics.matching import folded_neighbours


def draw_partner(kinds: Sequence[str], sizes: Sequence[int], gold: int, rng: np.random.Generator) -> int | None:
    """Draw a unit to compare the gold one with.

    Units of equal kind and size are a class. A gold unit that is not alone in its class gets any other of it, each as
    often. Units alone in their class are laid out by size, and the gold one gets a neighbour among those of its kind
    or, if its kind has no other, among the ones that are left over in their kinds too.

    Args:
        kinds: of each unit.
        sizes: of each unit, the same number.
        gold: index of the gold unit.
        rng: of this draw.

    Returns:
        An index other than `gold`; None where nothing is left to pair the gold unit with.

    Source: ours.
    """
    ties, ahead = rng.random(len(sizes)), bool(rng.integers(2))
    traits = list(zip(kinds, sizes, strict=True))
    alike = [unit for unit, trait in enumerate(traits) if trait == traits[gold]]
    if len(alike) > 1:
        others = [unit for unit in alike if unit != gold]
        return others[int(rng.integers(len(others)))]
    alone = [unit for unit, trait in enumerate(traits) if traits.count(trait) == 1]
    of_kind = [unit for unit in alone if kinds[unit] == kinds[gold]]
    if len(of_kind) == 1:
        n_alone = {kind: sum(kinds[unit] == kind for unit in alone) for kind in kinds}
        of_kind = [unit for unit in alone if n_alone[kinds[unit]] == 1]
    ordered = sorted(of_kind, key=lambda unit: (sizes[unit], ties[unit]))
    found = folded_neighbours([unit == gold for unit in ordered], ahead=ahead)
    return ordered[found[0]] if found else None
