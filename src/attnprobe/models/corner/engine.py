"""Sweeps by corners on one model: plans rows, runs them in waves within a memory budget, and reads them.

In: a model's parts, token ids, edits. Out: `SweepRun`, equal to whole forward passes.
"""

import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

import torch
from torch import Tensor

from attnprobe.errors import ModelError, PlanError
from attnprobe.models.corner.budget import budget_of, bytes_of_logits, bytes_of_row
from attnprobe.models.corner.clean_run import CleanRun, run_clean
from attnprobe.models.corner.parts import ModelParts
from attnprobe.models.corner.rows import Group, Row, groups_of, row_of
from attnprobe.models.corner.stand_ins import fused_gelu
from attnprobe.models.corner.wave import Fired, Wave
from attnprobe.models.memory import is_out_of_memory, release_memory
from attnprobe.models.passes import input_device
from attnprobe.plan import (
    Edit,
    Firing,
    Measure,
    Plan,
    Point,
    SweepLimits,
    SweepMode,
    SweepRun,
    Tokens,
    Unembedding,
    check_fired,
    check_sweep,
)


class CornerEngine:
    """Runs sweeps of one model; the caller holds the model's lock and turns gradients off.

    Args:
        parts: of the model.
    """

    def __init__(self, parts: ModelParts) -> None:
        self._parts = parts

    def sweep(
        self,
        ids: Sequence[int],
        edits: Sequence[Edit],
        unembedding: Unembedding,
        measure: Measure,
        limits: SweepLimits,
    ) -> SweepRun:
        """Run every edit of one sequence, computing only what it can change.

        Args:
            ids: the sequence that is edited.
            edits: at least one.
            unembedding: which logits are needed.
            measure: what is made of them.
            limits: how much runs at once.

        Raises:
            SpecError: an edit does not fit the model or the sequence.
            PlanError: an edit cannot be honoured or did not fire, or logits are not finite.
            ModelError: one edit alone does not fit in memory.
        """
        check_sweep(ids, edits, unembedding, self._parts.dims)
        tokens = Tokens.of([ids])
        for edit in edits:
            Plan(writes=edit.writes).check(self._parts.dims, tokens)
        self._check_modules(edits)
        rows = [row_of(index, edit) for index, edit in enumerate(edits)]
        with ExitStack() as stack:
            stack.enter_context(fused_gelu(self._parts.model))
            clean = self._clean(rows, tokens, unembedding)
            settled = [_settled(row, self._parts, clean) for row in rows]
            groups = groups_of(settled, unembedding.positions[0], tokens.width)
            ran = _Ran(self._parts, clean, tokens, unembedding, measure)
            for group in groups:
                ran.group(group, limits)
        if ran.halvings:
            times = "once" if ran.halvings == 1 else f"{ran.halvings} times"
            warnings.warn(f"memory ran out {times}; edits ran {ran.most} at once at last.", stacklevel=2)
        for index, edit in enumerate(edits):
            for place, write in enumerate(edit.writes):
                check_fired(write, ran.fired.get((index, place), Firing()))
        return SweepRun(
            values=torch.stack([ran.values[index] for index in range(len(edits))]),
            fired=tuple(
                tuple(ran.fired[index, place] for place in range(len(edit.writes))) for index, edit in enumerate(edits)
            ),
            mode=SweepMode.CORNER,
            halvings=ran.halvings,
        )

    def _clean(self, rows: Sequence[Row], tokens: Tokens, unembedding: Unembedding) -> CleanRun:
        return run_clean(
            self._parts,
            tokens,
            lowest=min(row.layer for row in rows),
            joined={row.layer for row in rows},
            first=min(unembedding.positions[0], *(row.position for row in rows)),
        )

    def _check_modules(self, edits: Sequence[Edit]) -> None:
        for write in (write for edit in edits for write in edit.writes):
            layer = self._parts.layers[write.site.layer]
            module = {Point.ATTN_OUT: layer.attention, Point.MLP_OUT: layer.mlp}.get(write.site.point, layer.block)
            if module is None:
                raise PlanError(
                    f"{write.site.point} of layer {write.site.layer}: {type(layer.block).__name__} has no one module "
                    "that returns it; choose resid or z."
                )


class _Ran:
    """What became of the rows so far."""

    def __init__(
        self, parts: ModelParts, clean: CleanRun, tokens: Tokens, unembedding: Unembedding, measure: Measure
    ) -> None:
        self.values: dict[int, Tensor] = {}
        self.fired: Fired = {}
        self.halvings = 0
        self._parts = parts
        self._clean = clean
        self._tokens = tokens
        self._unembedding = unembedding
        self._measure = measure
        self.most: int | None = None

    def group(self, group: Group, limits: SweepLimits) -> None:
        """Run rows that share a first column, as many at once as fit."""
        waiting = list(group.rows)
        budget = budget_of(limits, input_device(self._parts.model), len(waiting))
        n_columns = self._tokens.width - group.first
        at_once = budget.rows(bytes_of_row(self._parts, n_columns, self._tokens.width, waiting))
        unembedded = budget.rows(bytes_of_logits(self._parts, self._unembedding))
        while waiting:
            at_once = at_once if self.most is None else min(at_once, self.most)
            n_waves = -(-len(waiting) // at_once)
            rows = waiting[: -(-len(waiting) // n_waves)]
            try:
                self._wave(rows, group.first, min(unembedded, at_once))
            except (torch.OutOfMemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                self._halve(len(rows))
                continue
            waiting = waiting[len(rows) :]

    def _wave(self, rows: Sequence[Row], first: int, at_once: int) -> None:
        fired: Fired = {}
        values: dict[int, Tensor] = {}
        wave = Wave(
            parts=self._parts,
            clean=self._clean,
            tokens=self._tokens,
            rows=rows,
            first=first,
            unembedding=self._unembedding,
            at_once=at_once,
        )
        for read, logits in wave.run(fired):
            if not torch.isfinite(logits).all():
                raise PlanError(
                    "the logits hold NaN or infinite values; check the weights, the dtype and the values written."
                )
            for row, value in zip(read, self._measure(logits), strict=True):
                values[row.index] = value
        self.values |= values
        self.fired |= fired

    def _halve(self, count: int) -> None:
        if count == 1:
            raise ModelError(
                "a single edited run does not fit in memory; use a smaller dtype, a shorter sequence or another device."
            )
        self.most = count // 2
        self.halvings += 1
        release_memory()


def _settled(row: Row, parts: ModelParts, clean: CleanRun) -> Row:
    """A row that joins late only where its layer allows that."""
    edits_heads = any(write.site.point.has_heads for _, write in row.writes_at(row.layer, tuple(Point)))
    allows = parts.layers[row.layer].attention is not None and (not edits_heads or row.layer in clean.projected)
    return row if allows else replace(row, joins_late=False)
