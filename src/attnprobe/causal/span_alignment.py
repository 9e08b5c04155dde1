"""Patching between prompts of unequal length: which position takes its values from where.

In: an example with an uneven corruption, and a policy. Out: `Matched`, sources by position of the run that is edited.

Positions are matched by the parts that both texts have (`tasks.uneven`): token by token where a part has as many tokens
in both, and by the policy where it has not. What no part holds is not patched, and counted. Only values that mean the
same wherever they stand can be carried over: outputs of heads and modules, values, the residual stream. Queries and
keys are turned by their own position, and a pattern is a row of shares of keys of which some have no counterpart: where
lengths differ these are refused (docs/decisions/0018-sets-and-unequal-prompts.md).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from attnprobe.causal.settings import Direction, UnequalSpans
from attnprobe.plan import Point
from attnprobe.tasks.aligned import Stretch, UnevenCorruption

PLACED = (Point.Q, Point.K, Point.PATTERN)
"""Points whose values say where something stands, in the coordinates of their own prompt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """Where each matched position of the recipient takes its values from.

    Attributes:
        sources: donor positions by recipient position, ascending; the mean of several is taken. May be empty.
        n_even: parts with as many tokens in both texts.
        n_uneven: parts that the policy settled.
        n_unmatched: positions of the recipient, up to the predicting one, that no part holds or the policy leaves; of
            those asked for.
        is_refused: whether the policy refuses a part; nothing is matched then.
    """

    sources: Mapping[int, tuple[int, ...]]
    n_even: int
    n_uneven: int
    n_unmatched: int
    is_refused: bool = False


def match_positions(
    corruption: UnevenCorruption,
    direction: Direction,
    policy: UnequalSpans,
    *,
    within: Collection[int] | None = None,
) -> Matched:
    """Match the positions of two runs of one example.

    Args:
        corruption: with the parts that both texts have.
        direction: which of the two is edited.
        policy: what becomes of a part of unequal lengths.
        within: positions of the clean text; only what stands there is matched. All by default.

    Source: ours.
    """
    into_corrupted = direction is Direction.CLEAN_TO_CORRUPTED
    sources: dict[int, tuple[int, ...]] = {}
    n_even = n_uneven = n_left = 0
    for stretch in corruption.stretches:
        if len(stretch.clean) == len(stretch.corrupted):
            found = _even(stretch, within, into_corrupted=into_corrupted)
            n_even += bool(found)
        elif within is not None and not set(stretch.clean) & set(within):
            continue
        elif policy is UnequalSpans.REFUSE:
            return Matched(sources={}, n_even=0, n_uneven=0, n_unmatched=0, is_refused=True)
        else:
            found = _unequal(stretch, policy, into_corrupted=into_corrupted)
            n_uneven += 1
            n_left += len(stretch.corrupted if into_corrupted else stretch.clean) - len(found)
        sources |= found
    if within is None:
        predicting = (corruption.corrupted_position if into_corrupted else corruption.position) - 1
        n_left = sum(position not in sources for position in range(predicting + 1))
    return Matched(sources=dict(sorted(sources.items())), n_even=n_even, n_uneven=n_uneven, n_unmatched=n_left)


def _even(stretch: Stretch, within: Collection[int] | None, *, into_corrupted: bool) -> dict[int, tuple[int, ...]]:
    pairs = zip(stretch.clean, stretch.corrupted, strict=True)
    kept = [(one, two) for one, two in pairs if within is None or one in within]
    return {(two if into_corrupted else one): (one if into_corrupted else two,) for one, two in kept}


def _unequal(stretch: Stretch, policy: UnequalSpans, *, into_corrupted: bool) -> dict[int, tuple[int, ...]]:
    recipient, donor = stretch.corrupted, stretch.clean
    if not into_corrupted:
        recipient, donor = donor, recipient
    if policy is UnequalSpans.LAST:
        return {recipient[-1]: (donor[-1],)}
    return dict.fromkeys(recipient, donor)
