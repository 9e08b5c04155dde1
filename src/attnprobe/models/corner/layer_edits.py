"""The writes of the rows of one pass, layer by layer, on whatever passes by.

In: tensors of rows. Out: the tensors edited, and how often each write acted. The arithmetic is that of plan/edits.py,
through executions over those rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from attnprobe.errors import PlanError, SpecError
from attnprobe.models.attention_call import AttentionCall
from attnprobe.models.corner.clean_run import CleanLayer
from attnprobe.models.corner.columns import Columns
from attnprobe.models.corner.head_pairs import HEAD_POINTS, HeadPair, HeadSource, PairEdits, PairVectors, pairs_of
from attnprobe.models.corner.rows import Row
from attnprobe.models.corner.shared_prefix import Prefix, visible_to
from attnprobe.plan import Execution, Firing, ModelDims, Plan, Point, Tokens
from attnprobe.shapes import HeadVectors, Residual, TokenIds


class RefusedEdit(Exception):  # noqa: N818, it tells which edit, its cause tells of the error
    """An edit cannot be carried out; the words for it are those of a whole forward pass. Never seen outside.

    Args:
        index: of the edit.
    """

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


RunningVectors = Float[Tensor, "row column head d_head"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LayerEdits:
    """The writes of some rows.

    Attributes:
        rows: in the order in which they stand in tensors; those of a layer that is not reached yet are missing there.
        dims: of the model.
        ids: the sequence.
        columns: that run.
        fired: by edit and write, how often it acted; added to.
    """

    rows: Sequence[Row]
    dims: ModelDims
    ids: TokenIds
    columns: Columns
    fired: dict[tuple[int, int], Firing]

    def touches(self, layer: int, point: Point) -> bool:
        """Whether a row is edited there."""
        return any(row.writes_at(layer, (point,)) for row in self.rows)

    def stream(self, point: Point, layer: int, tensor: Residual) -> Residual:
        """Edit a tensor that has no heads."""
        placed = [
            (row.index, index, replace(write, site=replace(write.site, batch=(place,))))
            for place, row in enumerate(self.rows[: tensor.shape[0]])
            for index, write in row.writes_at(layer, (point,))
        ]
        if not placed:
            return tensor
        width, count = self.columns.width, tensor.shape[0]
        tokens = Tokens(ids=self.ids.expand(count, -1), lengths=(width,) * count, cached=self.columns.first)
        execution = Execution(Plan(writes=tuple(write for _, _, write in placed)), self.dims, tokens)
        edited = execution.vectors(point, layer, self.columns.spread(tensor, 1))
        for (edit, index, _), firing in zip(placed, execution.fired, strict=True):
            self._count(edit, index, firing)
        return self.columns.pick(edited, 1)

    def running_heads(self, layer: int, call: AttentionCall, prefix: Prefix, z: HeadVectors) -> HeadVectors:
        """Edit the attention of rows that run.

        Args:
            layer: which.
            call: queries of the running columns, keys and values of all from the first on.
            prefix: keys and values before.
            z: what the heads put out unedited.
        """
        pairs = self._pairs(layer, range(z.shape[0]))
        if not pairs:
            return z
        source = HeadSource(
            call=replace(call, query=self.columns.spread(call.query, 2)),
            prefix=(prefix.key, prefix.value),
            z=self.columns.spread(z, 1),
        )
        return self._placed(pairs, 0, self._edited(layer, pairs, source), z.clone())

    def joining_heads(self, layer: int, rows: range, clean: CleanLayer, skipped: int) -> HeadVectors | None:
        """What edits make of the unedited run's heads.

        Args:
            layer: which.
            rows: those that join there.
            clean: the unedited run.
            skipped: columns that it has kept before the first.

        Returns:
            z of each row; None if no row is edited at its heads.
        """
        pairs = self._pairs(layer, rows)
        if not pairs:
            return None
        assert clean.z is not None
        z = clean.z[:, skipped:]
        call = replace(
            clean.call,
            query=clean.call.query[:, :, skipped:],
            key=clean.key[None],
            value=clean.value[None],
        )
        edited = self._edited(layer, pairs, HeadSource(call=call, prefix=None, z=z))
        return self._placed(pairs, rows.start, edited, self.columns.pick(z, 1).repeat(len(rows), 1, 1, 1))

    def _placed(self, pairs: Sequence[HeadPair], start: int, edited: PairVectors, z: RunningVectors) -> RunningVectors:
        """z with that of pairs at its place; written to.

        Args:
            pairs: of rows from `start` on.
            start: the row that stands first in `z`.
            edited: of each pair, all columns from the first on.
            z: the columns that run.
        """
        runs = torch.tensor([pair.run - start for pair in pairs], device=z.device)
        heads = torch.tensor([pair.head for pair in pairs], device=z.device)
        z[runs, :, heads] = self.columns.pick(edited, 1)
        return z

    def _pairs(self, layer: int, rows: range) -> list[HeadPair]:
        return [
            pair
            for row in rows
            for pair in pairs_of(row, self.rows[row].writes_at(layer, HEAD_POINTS), layer, self.dims)
        ]

    def _edited(self, layer: int, pairs: Sequence[HeadPair], source: HeadSource) -> Tensor:
        every = replace(self.columns, chosen=None)
        visible = visible_to(every, self.dims.windows[layer], source.z.device)
        edits = PairEdits(
            pairs=pairs, layer=layer, dims=self.dims, ids=self.ids, first=self.columns.first, visible=visible
        )
        try:
            z, fired = edits.z(source)
        except (PlanError, SpecError):
            self._find_refused(edits, source)
            raise
        for (run, index), firing in fired.items():
            self._count(self.rows[run].index, index, firing)
        return z

    def _find_refused(self, edits: PairEdits, source: HeadSource) -> None:
        """Raise for the edit that cannot be carried out, which is known by its run alone."""
        for pair in edits.pairs:
            try:
                replace(edits, pairs=(pair,)).z(source)
            except (PlanError, SpecError) as error:
                raise RefusedEdit(self.rows[pair.run].index) from error

    def _count(self, edit: int, index: int, firing: Firing) -> None:
        self.fired[edit, index] = self.fired.get((edit, index), Firing()) + firing
