"""Controls: which other keys, or other heads, an effect is compared with.

In: the gold keys of an example's rows (`KeyGroup`), for mass also one head's clean pattern. Out: `Control`, the edges
and strengths of both sides of the comparison, stored with the results; or a set of other heads.

Every kind is symmetric: had its keys been gold, the gold ones would have been its control as often. So when gold keys
are nothing special, differences are symmetric about 0 and the tests exact (docs/decisions/0004-controls.md).
"""

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from jaxtyping import Float

from attnprobe.causal.key_groups import KeyGroup, edges_of, group_mass, query_positions
from attnprobe.errors import SpecError, StatisticsError
from attnprobe.plan import Edges, HeadId
from attnprobe.statistics.matching import buddies, folded_neighbours
from attnprobe.statistics.seeds import generator

MIN_DOSE = 0.01
"""Below this attention mass a dose-matched example compares next to nothing with next to nothing."""

# bf16 rows sum to 1 within 2e-3
_ROW_SUM_SLACK = 1e-2


class ControlKind(StrEnum):
    """What an effect is compared with.

    RANDOM_KEYS: as many keys, drawn uniformly. DISTANCE: as many keys, about as far back.
    MASS: as many keys of about equal attention mass, both sides masked by strength so that equal mass is removed.
    RANDOM_HEADS: for sets of heads, as many other heads of the same layers. OTHER_EXAMPLE: for a transplant, the same
    head of the donor on another example. OTHER_HEAD: for a transplant, another head of the donor's layer on the same
    example. NONE: nothing.
    """

    RANDOM_KEYS = "random_keys"
    DISTANCE = "distance"
    MASS = "mass"
    RANDOM_HEADS = "random_heads"
    OTHER_EXAMPLE = "other_example"
    OTHER_HEAD = "other_head"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """The two sides of one example's comparison (and, for mass, of one head's).

    Attributes:
        kind: of control.
        gold: edges of the gold side; None where nothing is to be edited.
        gold_strengths: mask strength of each row of `gold`, in [0, 1]; all 1 unless kind is mass.
        control: edges of the control side, or None.
        control_strengths: of each row of `control`.
        is_matched: whether the example takes part in the comparison.
        reason: why it does not.
        dose: for mass, the attention mass removed on either side, mean over the example's rows, in [0, 1].
        left_out: for mass, gold keys that found no partner, summed over groups; left alone on both sides.
    """

    kind: ControlKind
    gold: Edges | None = None
    gold_strengths: tuple[float, ...] = ()
    control: Edges | None = None
    control_strengths: tuple[float, ...] = ()
    is_matched: bool = True
    reason: str | None = None
    dose: float | None = None
    left_out: int = 0

    def __post_init__(self) -> None:
        for edges, strengths in ((self.gold, self.gold_strengths), (self.control, self.control_strengths)):
            assert len(strengths) == (0 if edges is None else len(edges.rows))
            assert all(0.0 <= strength <= 1.0 for strength in strengths)
        assert self.is_matched == (self.reason is None)
        assert not self.is_matched or (self.gold is not None and self.control is not None)

    def as_record(self) -> dict[str, object]:
        """What is stored: plain lists and numbers, ready for JSON."""
        sides = {
            "gold": (self.gold, self.gold_strengths),
            "control": (self.control, self.control_strengths),
        }
        rows = {
            name: [
                {"q_pos": q_pos, "keys": list(keys), "strength": strength}
                for (q_pos, keys), strength in zip(edges.rows if edges else (), strengths, strict=True)
            ]
            for name, (edges, strengths) in sides.items()
        }
        return {"kind": str(self.kind), **rows, "reason": self.reason, "dose": self.dose, "left_out": self.left_out}


def sample_control(
    kind: ControlKind,
    groups: Sequence[KeyGroup],
    *,
    seed: int,
    example_id: str,
    head: str = "",
    draw: int = 0,
    pattern: Float[np.ndarray, "row k_pos"] | None = None,
    pairing: Float[np.ndarray, "row k_pos"] | None = None,
) -> Control:
    """Draw the control of one example.

    Args:
        kind: random_keys, distance or mass. Sliding windows need groups, and so a control, for each window.
        groups: the edited rows, from `key_groups`.
        seed: the run's seed.
        example_id: of the example.
        head: "" for a draw that all heads share (random_keys, distance); the head's label for mass.
        draw: which of several draws.
        pattern: for mass, this head's clean attention, one row for each of `query_positions(groups)`, in [0, 1].
        pairing: for mass, the attention by which keys are matched, shaped as `pattern`, which it is by default. Heads
            that are edited together need one for all of them, or each would get control keys of its own.

    Returns:
        Edges and strengths of both sides. An example is not matched when it has no gold key in sight; when some group
        has fewer keys in its pool than gold keys (random_keys, distance: the counts would differ); when the dose is
        below `MIN_DOSE` (mass).

    Raises:
        SpecError: the kind draws no keys, or mass came without a pattern.
        StatisticsError: the pattern is not one.

    Source: ours, docs/decisions/0004-controls.md.
    """
    if not groups:
        return Control(kind=kind, is_matched=False, reason="no gold key is in sight of an edited row")
    rng = generator(seed, example_id, head, f"control/{kind}/{draw}")
    match kind:
        case ControlKind.RANDOM_KEYS | ControlKind.DISTANCE:
            return _full_strength(kind, groups, rng)
        case ControlKind.MASS:
            if pattern is None:
                raise SpecError("control mass: got no pattern; give the head's clean attention at the edited rows.")
            pairing = pattern if pairing is None else pairing
            for given in (pattern, pairing):
                _check_pattern(given, groups)
            return _dose_matched(groups, rng, pattern.astype(np.float64), pairing.astype(np.float64))
        case ControlKind.RANDOM_HEADS | ControlKind.OTHER_EXAMPLE | ControlKind.OTHER_HEAD | ControlKind.NONE:
            raise SpecError(f"control {kind} draws no keys; choose random_keys, distance or mass.")


def _full_strength(kind: ControlKind, groups: Sequence[KeyGroup], rng: np.random.Generator) -> Control:
    gold: dict[int, tuple[int, ...]] = {}
    control: dict[int, tuple[int, ...]] = {}
    for group in groups:
        if len(group.pool) < len(group.gold):
            reason = f"{len(group.pool)} keys to draw controls from for {len(group.gold)} gold keys"
            return Control(kind=kind, is_matched=False, reason=reason)
        if kind is ControlKind.RANDOM_KEYS:
            keys = rng.choice(group.pool, size=len(group.gold), replace=False).tolist()
        else:
            keys = _at_like_distance(group, ahead=bool(rng.integers(2)))
        gold |= group.rows(group.gold)
        control |= group.rows(keys)
    if not control:
        return Control(kind=kind, is_matched=False, reason="no control key is in sight of an edited row")
    return _control(kind, gold, dict.fromkeys(gold, 1.0), control, dict.fromkeys(control, 1.0))


def _at_like_distance(group: KeyGroup, *, ahead: bool) -> list[int]:
    # nearest first; distances to one row differ from those to another by a constant, so the order is the group's
    outwards = group.candidates[::-1]
    gold = set(group.gold)
    return [outwards[place] for place in folded_neighbours([key in gold for key in outwards], ahead=ahead)]


def _dose_matched(
    groups: Sequence[KeyGroup],
    rng: np.random.Generator,
    pattern: Float[np.ndarray, "row k_pos"],
    pairing: Float[np.ndarray, "row k_pos"],
) -> Control:
    """Match keys by mass over the group, then take from each row, on both sides, the lesser mass of the two.

    Masking keys of mass M with strength s (`attn_logits += log(1 - s)`) takes s * M of the row's mass away before what
    is left is renormalised; s = m / M takes exactly m, and every key outside the masked set then has 1 / (1 - m) of
    its clean mass. To first order the difference of the two effects is m / (1 - m) times the difference in worth of
    what the two sides carry, whatever their shares.
    """
    row_of = {q_pos: row for row, q_pos in enumerate(query_positions(groups))}
    gold: dict[int, tuple[int, ...]] = {}
    control: dict[int, tuple[int, ...]] = {}
    gold_strengths: dict[int, float] = {}
    control_strengths: dict[int, float] = {}
    total_dose, left_out = 0.0, 0
    for group in groups:
        gold_keys, control_keys = _at_like_mass(group, rng, pairing, [row_of[q_pos] for q_pos in group.q_positions])
        left_out += len(group.gold) - len(gold_keys)
        gold_rows, control_rows = group.rows(gold_keys), group.rows(control_keys)
        for q_pos in sorted(gold_rows.keys() & control_rows.keys()):
            row = pattern[row_of[q_pos]]
            gold_mass = math.fsum(row[key] for key in gold_rows[q_pos])
            control_mass = math.fsum(row[key] for key in control_rows[q_pos])
            dose = min(gold_mass, control_mass)
            if dose > 0:
                total_dose += dose
                gold[q_pos], gold_strengths[q_pos] = gold_rows[q_pos], dose / gold_mass
                control[q_pos], control_strengths[q_pos] = control_rows[q_pos], dose / control_mass
    mean_dose = total_dose / len(row_of)
    reason = None
    if mean_dose < MIN_DOSE:
        reason = f"matched dose {mean_dose:.2g} of attention mass is below {MIN_DOSE}"
    return _control(
        ControlKind.MASS, gold, gold_strengths, control, control_strengths, mean_dose, left_out=left_out, reason=reason
    )


def _at_like_mass(
    group: KeyGroup, rng: np.random.Generator, pattern: Float[np.ndarray, "row k_pos"], rows: Sequence[int]
) -> tuple[list[int], list[int]]:
    mass = group_mass(group, pattern, rows)
    # ties, above all of keys with no mass, fall as the coin does: by place, early keys would always pair up
    order = np.lexsort((rng.random(len(mass)), -mass))
    by_mass = np.asarray(group.candidates)[order].tolist()
    gold = set(group.gold)
    gold_places, control_places = buddies([key in gold for key in by_mass])
    return [by_mass[place] for place in gold_places], [by_mass[place] for place in control_places]


def _control(
    kind: ControlKind,
    gold: dict[int, tuple[int, ...]],
    gold_strengths: dict[int, float],
    control: dict[int, tuple[int, ...]],
    control_strengths: dict[int, float],
    dose: float | None = None,
    *,
    left_out: int = 0,
    reason: str | None = None,
) -> Control:
    return Control(
        kind=kind,
        gold=edges_of(gold),
        gold_strengths=tuple(gold_strengths[q_pos] for q_pos in sorted(gold)),
        control=edges_of(control),
        control_strengths=tuple(control_strengths[q_pos] for q_pos in sorted(control)),
        is_matched=reason is None,
        reason=reason,
        dose=dose,
        left_out=left_out,
    )


def _check_pattern(pattern: Float[np.ndarray, "row k_pos"], groups: Sequence[KeyGroup]) -> None:
    n_rows, last = len(query_positions(groups)), max(group.candidates[-1] for group in groups)
    if pattern.ndim != 2 or pattern.shape[0] != n_rows or pattern.shape[1] <= last:
        raise StatisticsError(
            f"pattern has shape {pattern.shape}; expected [{n_rows}, at least {last + 1}]: a row for each of "
            "`query_positions(groups)`, over all keys."
        )
    sums = pattern.sum(axis=1, dtype=np.float64)
    if not (np.isfinite(sums).all() and (pattern >= 0).all() and (sums <= 1 + _ROW_SUM_SLACK).all()):
        raise StatisticsError(
            f"pattern rows sum to {sums.min():.3g} to {sums.max():.3g}, smallest entry {pattern.min():.3g}; expected "
            "attention after the softmax: entries >= 0, rows summing to 1, or less beside a sink."
        )


def random_heads(
    chosen: Collection[HeadId], heads_per_layer: Sequence[int], *, seed: int, draw: int = 0
) -> tuple[HeadId, ...]:
    """Draw the control of a set of heads: as many heads of each layer, none of the set.

    Args:
        chosen: at least one, all of them query heads or all of them key and value heads.
        heads_per_layer: how many of that kind each layer has.
        seed: the run's seed.
        draw: which of several draws.

    Returns:
        Heads in model order.

    Raises:
        SpecError: a head does not exist, or a layer has fewer heads outside the set than in it.
    """
    counts = Counter(head.layer for head in set(chosen))
    is_kv = any(head.is_kv for head in chosen)
    if not counts:
        raise SpecError("random heads: got an empty set of heads; expected at least one.")
    drawn: list[HeadId] = []
    for layer, count in sorted(counts.items()):
        if layer >= len(heads_per_layer):
            raise SpecError(f"layer {layer} does not exist: the model has layers 0 to {len(heads_per_layer) - 1}.")
        taken = {head.head for head in chosen if head.layer == layer}
        if max(taken) >= heads_per_layer[layer]:
            raise SpecError(
                f"head L{layer}H{max(taken)} does not exist: layer {layer} has heads 0 to {heads_per_layer[layer] - 1}."
            )
        others = [head for head in range(heads_per_layer[layer]) if head not in taken]
        if len(others) < count:
            raise SpecError(
                f"random heads: {count} of {heads_per_layer[layer]} heads of layer {layer} are in the set, only "
                f"{len(others)} are left to draw from; choose at most half of a layer, or use no control."
            )
        rng = generator(seed, "", f"L{layer}", f"control/{ControlKind.RANDOM_HEADS}/{draw}")
        picked = sorted(rng.choice(others, size=count, replace=False))
        drawn += [HeadId(layer=layer, head=int(head), is_kv=is_kv) for head in picked]
    return tuple(drawn)
