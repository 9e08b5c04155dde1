"""A sweep by whole forward passes: every edit runs the whole model over the whole sequence. The oracle.

In: a model of any backend, token ids, edits. Out: `SweepRun`. Edits of one first layer share a pass, so that the layers
that a pass leaves alone keep their fast attention.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np
import torch
from torch import Tensor

from attnprobe.models.model import Model
from attnprobe.plan import (
    Edit,
    Firing,
    Measure,
    Plan,
    SweepLimits,
    SweepMode,
    SweepRun,
    Tokens,
    Unembedding,
    Write,
    check_sweep,
)

_BATCH_SIZE = 64


def sweep_by_full_forwards(
    model: Model,
    ids: Sequence[int],
    edits: Sequence[Edit],
    unembedding: Unembedding,
    measure: Measure,
    limits: SweepLimits,
) -> SweepRun:
    """Run every edit of one sequence as a forward pass of its own, several in a batch.

    Args:
        model: which model.
        ids: the sequence that is edited.
        edits: at least one.
        unembedding: which logits are needed.
        measure: what is made of them.
        limits: `batch_size` is heeded, 64 by default.

    Raises:
        SpecError: an edit or the unembedding does not fit the model or the sequence.
        PlanError: an edit cannot be honoured or did not fire.
    """
    check_sweep(ids, edits, unembedding, model.dims)
    values: dict[int, Tensor] = {}
    fired: dict[int, tuple[Firing, ...]] = {}
    last_logits = len(ids) - unembedding.positions[0]
    for chunk in _chunks(edits, limits.batch_size or _BATCH_SIZE):
        placed = [[_placed(write, row) for write in edits[index].writes] for row, index in enumerate(chunk)]
        plan = Plan(writes=tuple(write for writes in placed for write in writes), last_logits=last_logits)
        run = model.forward(Tokens.of([ids] * len(chunk)), plan)
        logits = torch.stack([run.logits_at(row, unembedding.positions) for row in range(len(chunk))])
        measured = measure(logits if unembedding.tokens is None else logits[..., list(unembedding.tokens)])
        firings = iter(run.fired)
        for row, index in enumerate(chunk):
            values[index] = measured[row]
            fired[index] = tuple(next(firings) for _ in edits[index].writes)
    return SweepRun(
        values=torch.stack([values[index] for index in range(len(edits))]),
        fired=tuple(fired[index] for index in range(len(edits))),
        mode=SweepMode.FULL,
    )


def _placed(write: Write, row: int) -> Write:
    return replace(write, site=replace(write.site, batch=(row,)))


def _chunks(edits: Sequence[Edit], batch_size: int) -> Iterator[list[int]]:
    """Indices of edits that share a forward pass: of one first layer, evenly cut to the batch size."""
    layers = [min(write.site.layer for write in edit.writes) for edit in edits]
    order = sorted(range(len(edits)), key=layers.__getitem__)
    for _, group in groupby(order, key=layers.__getitem__):
        members = list(group)
        n_chunks = -(-len(members) // batch_size)
        for part in np.array_split(np.asarray(members), n_chunks):
            yield [int(index) for index in part]
