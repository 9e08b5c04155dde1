"""Two ways to give each gold key a control key like it, symmetric so that neither side is favoured.

In: for candidates in order of a trait (distance, mass), which of them are gold. Out: indices of the controls.

A control is fair when, had its keys been the gold ones, the gold ones would have been the control as often. Taking the
nearest key is not fair: the neighbour of the last candidate is the one before it, whose own neighbour is the last only
half of the time, so traits at an end are over-represented among controls. Both matchings here swap gold and control
when run on their own result; if gold keys are drawn at random from the candidates, then (gold, control) and
(control, gold) have the same distribution, and sign-flip tests of their difference are exact.
"""

from collections.abc import Sequence


def folded_neighbours(is_gold: Sequence[bool], *, ahead: bool) -> list[int]:
    """As many controls as gold keys, close in order, half of them on either side of a run of gold keys.

    The candidates are put on a ring: even places outwards, odd places back, so that neighbours on the ring are at most
    two places apart in order and nothing is at an end. Walking the ring, each gold key takes the first other key that
    is not taken by a gold key between them, as brackets close. Walking the other way undoes it.

    Args:
        is_gold: for each candidate in order.
        ahead: which way to walk; a fair coin makes the matching symmetric.

    Returns:
        Indices of the controls, ascending; fewer than the gold keys only if more than half of the candidates are gold.

    Source: ours.
    """
    ring = [*range(0, len(is_gold), 2), *reversed(range(1, len(is_gold), 2))]
    if not ahead:
        ring.reverse()
    n_open = 0
    controls: set[int] = set()
    for lap in range(2):
        for place in ring:
            if is_gold[place]:
                # a gold key opens once; what is still open after the first lap closes on the second
                n_open += lap == 0
            elif n_open > 0 and place not in controls:
                controls.add(place)
                n_open -= 1
    return sorted(controls)


def buddies(is_gold: Sequence[bool]) -> tuple[list[int], list[int]]:
    """Swap gold keys with their neighbours in blocks that double in size.

    Candidates 0 and 1, 2 and 3, ... are buddies. Where one of two buddies is gold, the other is its control. Two that
    are alike go on as one block, and the blocks that are left are paired again, in order. Running it on its own result
    meets the same blocks and swaps them back. A gold run at the head of the order gets the run right after it.

    Args:
        is_gold: for each candidate in order.

    Returns:
        Indices of the gold keys that found a control, and of the controls, both ascending and as many. Gold keys are
        left out only in a block without a buddy, which is at the tail of the order.

    Source: ours; the doubling blocks are those of buddy memory allocation.
    """
    gold: list[int] = []
    controls: list[int] = []
    blocks = [[place] for place in range(len(is_gold))]
    while len(blocks) > 1 and any(is_gold[block[0]] for block in blocks):
        alike: list[list[int]] = []
        for first, second in zip(blocks[::2], blocks[1::2], strict=False):
            if is_gold[first[0]] == is_gold[second[0]]:
                alike.append(first + second)
            elif is_gold[first[0]]:
                gold += first
                controls += second
            else:
                gold += second
                controls += first
        blocks = alike
    return sorted(gold), sorted(controls)
