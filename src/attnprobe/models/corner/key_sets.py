"""The key sets of masks, as factors on the rows of a pattern.

In: masks of one head each. Out: `KeySets`: each distinct mask once, the rows that any of them touches, what each leaves
of every key there, and which rows it empties.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from attnprobe.errors import PlanError
from attnprobe.plan import Edges, EmptyRow, Firing, Mask, Write
from attnprobe.plan.edits import describe


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KeySets:
    """Distinct masks, and which is whose.

    Attributes:
        rows: columns that any of them touches, ascending, counted from the first that runs.
        factors: by mask, what is left of each key, in float64.
        masks_row: by mask, which of the rows it touches.
        empties_row: by mask, which rows it leaves without a visible key.
        fired: by mask, how often it acts on one head.
        policies: by mask, what becomes of an emptied row.
        of_pair: the mask of each pair.
        own: by row, the column of the row itself.
    """

    rows: Int[Tensor, " row"]
    factors: Float[Tensor, "set row k_pos"]
    masks_row: Bool[Tensor, "set row"]
    empties_row: Bool[Tensor, "set row"]
    fired: tuple[Firing, ...]
    policies: tuple[EmptyRow, ...]
    of_pair: Int[Tensor, " pair"]
    own: Int[Tensor, " row"]

    @classmethod
    def of(
        cls,
        writes: Sequence[Write],
        heads: Sequence[int],
        first: int,
        visible: Bool[Tensor, "q_pos k_pos"],
        *,
        has_sink: bool,
    ) -> "KeySets":
        """The masks of pairs.

        Args:
            writes: the mask of each pair.
            heads: of each pair, for messages.
            first: absolute position of the first column that runs.
            visible: what each running column may attend to.
            has_sink: the softmax has a sink beside the keys, so that no row is ever empty.

        Raises:
            PlanError: a mask leaves a row without keys under `EmptyRow.RAISE`.
        """
        # edges of one key set are mostly one object: comparing them would cost as much as using them
        same: dict[Edges, int] = {}
        by_identity: dict[int, int] = {}
        distinct: dict[tuple[int, object, EmptyRow], int] = {}
        of_pair: list[int] = []
        firsts: list[int] = []
        for index, write in enumerate(writes):
            mask, edges = _parts(write)
            if id(edges) not in by_identity:
                by_identity[id(edges)] = same.setdefault(edges, len(same))
            key = (by_identity[id(edges)], mask.strength, mask.empty_row)
            if key not in distinct:
                distinct[key] = len(firsts)
                firsts.append(index)
            of_pair.append(distinct[key])
        parts = [_parts(writes[index]) for index in firsts]
        touched = sorted({query - first for _, edges in parts for query, _ in edges.rows})
        rows = torch.tensor(touched, device=visible.device)
        place = {column: index for index, column in enumerate(touched)}
        seen = visible[rows]
        factors = seen.new_ones(len(parts), *seen.shape, dtype=torch.float64)
        masks_row = seen.new_zeros(len(parts), len(touched), dtype=torch.bool)
        fired: list[Firing] = []
        for index, (mask, edges) in enumerate(parts):
            strengths = mask.strength if isinstance(mask.strength, tuple) else (mask.strength,) * len(edges.rows)
            row = torch.tensor([place[query - first] for query, keys in edges.rows for _ in keys])
            key = torch.tensor([one for _, keys in edges.rows for one in keys])
            strength = [value for (_, keys), value in zip(edges.rows, strengths, strict=True) for _ in keys]
            factors[index, row, key] = 1 - torch.tensor(strength, dtype=torch.float64, device=seen.device)
            masks_row[index, row] = True
            fired.append(_firing(row, seen[row.to(seen.device), key.to(seen.device)].cpu()))
        empties = masks_row & ~(seen & (factors > 0)).any(-1)
        sets = cls(
            rows=rows,
            factors=factors,
            masks_row=masks_row,
            empties_row=torch.zeros_like(empties) if has_sink else empties,
            fired=tuple(fired),
            policies=tuple(mask.empty_row for mask, _ in parts),
            of_pair=torch.tensor(of_pair, device=visible.device),
            own=rows + first,
        )
        sets._refuse_empty_rows(writes, heads, of_pair)
        return sets

    def settle_empty_rows(self, edited: Float[Tensor, "pair row k_pos"]) -> Float[Tensor, "pair row k_pos"]:
        """Rows without keys as their masks' policies have it: on themselves, or on nothing."""
        if not bool(self.empties_row.any()):
            return edited
        for policy, value in ((EmptyRow.SELF, 1.0), (EmptyRow.ZERO, 0.0)):
            is_policy = torch.tensor([one is policy for one in self.policies], device=edited.device)
            pair, row = (self.empties_row & is_policy[:, None])[self.of_pair].nonzero().unbind(1)
            edited[pair, row] = 0
            edited[pair, row, self.own[row]] = value
        return edited

    def _refuse_empty_rows(self, writes: Sequence[Write], heads: Sequence[int], of_pair: Sequence[int]) -> None:
        for index, policy in enumerate(self.policies):
            if policy is not EmptyRow.RAISE or not bool(self.empties_row[index].any()):
                continue
            pair = of_pair.index(index)
            write = writes[pair]
            named = replace(write, site=replace(write.site, heads=(heads[pair],)))
            positions = self.own[self.empties_row[index]].tolist()
            raise PlanError(
                f"{describe(named)}: head {heads[pair]} has no visible key left at query position {positions[0]} "
                f"({len(positions)} such rows). Leave one key, or choose empty_row 'self' or 'zero'."
            )


def _parts(write: Write) -> tuple[Mask, Edges]:
    mask, edges = write.intervention, write.site.edges
    assert isinstance(mask, Mask)
    assert edges is not None
    return mask, edges


def _firing(query: Int[Tensor, " edge"], reachable: Bool[Tensor, " edge"]) -> Firing:
    edited = int(reachable.sum())
    active = query[reachable].unique().numel()
    return Firing(edited=edited, unreachable=query.numel() - edited, idle_rows=int(query.unique().numel()) - active)
