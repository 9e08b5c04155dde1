"""A sweep by part of a forward pass, on libraries that can only run whole models: TransformerLens and nnsight.

In: a backend's model that can skip its lower layers and cache its first columns. Out: `SweepRun`. Edits that begin at
one layer and one position share a pass; layers below and columns before are those of one unedited pass. Before the
first sweep unedited parts are held to the whole pass: where they differ, only whole passes are run.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from attnprobe.errors import AttnprobeError, ModelError, PlanError
from attnprobe.models.full_forwards import sweep_by_full_forwards
from attnprobe.models.model import Backend, Model
from attnprobe.models.part_passes import CleanPass, Part
from attnprobe.plan import (
    Edit,
    Firing,
    Measure,
    Plan,
    Point,
    Read,
    Run,
    SweepLimits,
    SweepMode,
    SweepRun,
    Tokens,
    Unembedding,
    Write,
    check_sweep,
)

_BATCH_SIZE = 64
# how far a part's logits may lie from the whole pass's, as a share of the largest: rounding, not another model
_ROUNDING = {torch.float64: 1e-12, torch.float32: 1e-5}
_ROUNDING_HALF = 5e-2


@runtime_checkable
class PartModel(Model, Protocol):
    """A model that can run part of a pass."""

    def forward_clean(self, tokens: Tokens, plan: Plan) -> CleanPass:
        """One unedited pass, and what it leaves behind."""
        ...

    def forward_part(self, tokens: Tokens, plan: Plan, part: Part) -> Run:
        """As `forward`, from a layer and a column on; `tokens.cached` is the part's."""
        ...


class PartSweeps:
    """The sweeps of one model.

    Args:
        model: whose.
    """

    def __init__(self, model: PartModel) -> None:
        self._model = model
        self._fault: str | None = None
        self._is_proven = False

    def sweep(
        self,
        ids: Sequence[int],
        edits: Sequence[Edit],
        unembedding: Unembedding,
        measure: Measure,
        limits: SweepLimits,
    ) -> SweepRun:
        """As `Model.sweep`.

        Raises:
            SpecError: an edit or the unembedding does not fit the model or the sequence.
            PlanError: an edit cannot be honoured or did not fire, or parts were asked for where they are not the whole.
        """
        if limits.mode is SweepMode.FULL:
            return sweep_by_full_forwards(self._model, ids, edits, unembedding, measure, limits)
        check_sweep(ids, edits, unembedding, self._model.dims)
        clean = self._prove(ids, unembedding)
        if clean is None and limits.mode is SweepMode.CORNER:
            raise PlanError(
                f"sweep by corners: on this model under {self._model.backend}, part of a pass is not part of the whole "
                f"one ({self._fault}). Use mode 'full', or backend '{Backend.NATIVE}'."
            )
        if clean is None:
            return sweep_by_full_forwards(self._model, ids, edits, unembedding, measure, limits)
        return _Sweep(self._model, ids, edits, unembedding, measure, clean).run(limits.batch_size or _BATCH_SIZE)

    def _prove(self, ids: Sequence[int], unembedding: Unembedding) -> CleanPass | None:
        """The unedited pass; None where an unedited part is not the same."""
        if self._fault is not None:
            return None
        tokens = Tokens.of([ids])
        clean = self._model.forward_clean(tokens, Plan(last_logits=len(ids) - unembedding.positions[0]))
        if self._is_proven:
            return clean
        cached = 0 if clean.cache is None else len(ids) // 2
        # skipping all layers but the last, then none: each tells of what the other cannot
        for first_layer in (self._model.dims.n_layers - 1, 0):
            part = Part(clean=clean, first_layer=first_layer, cached=cached, rows=1)
            self._fault = self._fault_of(replace(tokens, cached=cached), part)
            if self._fault is not None:
                return None
        # a part of a single token proves nothing about columns
        self._is_proven = cached > 0 or clean.cache is None
        return clean

    def _fault_of(self, tokens: Tokens, part: Part) -> str | None:
        """How an unedited part differs from the whole pass, in words; None where it does not."""
        # reading the patterns has the masks checked as well
        layers = range(part.first_layer, self._model.dims.n_layers)
        plan = Plan(reads=tuple(Read(point=Point.PATTERN, layer=layer) for layer in layers), last_logits=1)
        try:
            found = self._model.forward_part(tokens, plan, part).logits[0, -1]
        except (RuntimeError, TypeError, ValueError, IndexError, AttributeError, KeyError, AttnprobeError) as error:
            return f"{type(error).__name__}: {error}"
        expected = part.clean.logits[0, -1]
        allowed = _ROUNDING.get(expected.dtype, _ROUNDING_HALF) * float(expected.abs().max())
        difference = float((found.double() - expected.double()).abs().max())
        # negated so that a NaN is caught too
        return f"its logits differ by {difference:.2g}" if not difference <= allowed else None


class _Sweep:
    """One sweep under way."""

    def __init__(
        self,
        model: PartModel,
        ids: Sequence[int],
        edits: Sequence[Edit],
        unembedding: Unembedding,
        measure: Measure,
        clean: CleanPass,
    ) -> None:
        self._model = model
        self._ids = ids
        self._edits = edits
        self._unembedding = unembedding
        self._measure = measure
        self._clean = clean
        self._values: dict[int, Tensor] = {}
        self._fired: dict[int, tuple[Firing, ...]] = {}
        self._halvings = 0

    def run(self, batch_size: int) -> SweepRun:
        """All edits, in chunks that share a first layer and a first position."""
        beginnings = [_begins(edit) for edit in self._edits]
        order = sorted(range(len(self._edits)), key=beginnings.__getitem__)
        for (layer, position), group in groupby(order, key=beginnings.__getitem__):
            # a position beyond the sequence is refused by the plan's own check, which must get to see it
            cached = 0 if self._clean.cache is None else min(position, len(self._ids) - 1)
            first_layer = min(layer, self._model.dims.n_layers - 1)
            members = list(group)
            while members:
                chunk = members[: -(-len(members) // -(-len(members) // batch_size))]
                try:
                    self._run_chunk(chunk, first_layer, cached)
                except torch.OutOfMemoryError as error:
                    if len(chunk) == 1:
                        raise ModelError(
                            f"one edit of {len(self._ids)} tokens does not fit in memory; give a shorter sequence."
                        ) from error
                    batch_size, self._halvings = max(1, len(chunk) // 2), self._halvings + 1
                    continue
                members = members[len(chunk) :]
        return SweepRun(
            values=torch.stack([self._values[index] for index in range(len(self._edits))]),
            fired=tuple(self._fired[index] for index in range(len(self._edits))),
            mode=SweepMode.CORNER,
            halvings=self._halvings,
        )

    def _run_chunk(self, chunk: Sequence[int], first_layer: int, cached: int) -> None:
        rows = [[_placed(write, row) for write in self._edits[index].writes] for row, index in enumerate(chunk)]
        positions = [position for position in self._unembedding.positions if position >= cached]
        plan = Plan(
            writes=tuple(write for writes in rows for write in writes),
            last_logits=len(self._ids) - positions[0] if positions else 0,
        )
        tokens = replace(Tokens.of([self._ids] * len(chunk)), cached=cached)
        part = Part(clean=self._clean, first_layer=first_layer, cached=cached, rows=len(chunk))
        run = self._model.forward_part(tokens, plan, part)
        measured = self._measure(self._logits(run, positions, len(chunk)))
        firings = iter(run.fired)
        for row, index in enumerate(chunk):
            self._values[index] = measured[row]
            self._fired[index] = tuple(next(firings) for _ in self._edits[index].writes)

    def _logits(self, run: Run, positions: Sequence[int], n_rows: int) -> Float[Tensor, "edit position token"]:
        """Logits at all positions asked for: before the part, those of the unedited pass."""
        asked = self._unembedding
        clean_from = len(self._ids) - self._clean.logits.shape[1]
        earlier = [position - clean_from for position in asked.positions if position not in positions]
        before = self._clean.logits[:, earlier].expand(n_rows, -1, -1)
        after = [run.logits_at(row, positions) for row in range(n_rows)] if positions else []
        logits = torch.cat([before, torch.stack(after)], dim=1) if after else before
        return logits if asked.tokens is None else logits[..., list(asked.tokens)]


def _begins(edit: Edit) -> tuple[int, int]:
    """The lowest layer and the first query position that an edit can change."""
    sites = [write.site for write in edit.writes]
    firsts = [
        site.edges.rows[0][0] if site.edges is not None else 0 if site.positions is None else site.positions[0]
        for site in sites
    ]
    return min(site.layer for site in sites), min(firsts)


def _placed(write: Write, row: int) -> Write:
    return replace(write, site=replace(write.site, batch=(row,)))
