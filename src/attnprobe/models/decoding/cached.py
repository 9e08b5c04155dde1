"""Decoding step by step with keys and values kept, on the native backend.

In: a native model, the prompts of a batch. Out: `CachedSteps`, a `Stepper`. The first step reads the prompts: all but
the last token of each, once for all rows of one prompt whose edits touch nothing earlier; rows that do edit earlier
positions read their prompt whole, each under its own edits. Every later step runs one token of each row.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from transformers import Cache

from attnprobe.models.decoding.key_values import RowsCache, empty_cache, layers_of
from attnprobe.models.decoding.shared_edits import shared_edits
from attnprobe.models.decoding.step_writes import NONE, StepWrites, on_row
from attnprobe.models.model import Model
from attnprobe.models.native import CachedPass, NativeModel
from attnprobe.plan import Firing, ModelDims, Plan, Run, Tokens, Write
from attnprobe.shapes import Scores

Layers = list[tuple[Tensor, Tensor]]


def why_not_cached(model: Model, *, shortest: int, longest: int) -> str | None:
    """Why a model cannot write with keys and values kept; None where it can.

    Args:
        model: of any backend.
        shortest: tokens of the shortest prompt.
        longest: tokens of the longest sequence that may come about.
    """
    if not isinstance(model, NativeModel):
        return f"backend {model.backend} runs whole sequences alone (native can)"
    turn = model.dims.turns_at
    if turn is not None and shortest <= turn < longest:
        return (
            f"beyond {turn} tokens the model embeds every position otherwise, so that keys kept of {shortest} tokens "
            f"would not be those of a sequence that grows past it (up to {longest})"
        )
    return model.why_not_cached()


@contextmanager
def open_cached(model: Model, prompts: Sequence[Sequence[int]]) -> Generator["CachedSteps"]:
    """Make a native model ready for the steps of one batch.

    Args:
        model: one that `why_not_cached` has nothing against.
        prompts: of each row; of one length, or all of two tokens at least.
    """
    assert isinstance(model, NativeModel)
    with model.cached_passes() as run:
        yield CachedSteps(run, model.dims, prompts)


class CachedSteps:
    """Every step runs one token of every row."""

    def __init__(self, run: CachedPass, dims: ModelDims, prompts: Sequence[Sequence[int]]) -> None:
        self._run = run
        self._dims = dims
        self._prompts = prompts
        self._width = max(map(len, prompts))
        self._rows = list(range(len(prompts)))
        self._cache: RowsCache | None = None
        self._ids = torch.zeros(0, 0, dtype=torch.int64)
        # keys and values are kept as they were before edits, which are therefore carried out again at every step
        self._standing: dict[int, list[Write]] = {}

    def scores(
        self, rows: Sequence[int], ids: Sequence[Sequence[int]], steps: Sequence[StepWrites]
    ) -> tuple[Scores, list[Firing]]:
        """Run one step; see `Stepper`."""
        if self._cache is None:
            scores, fired = self._first(ids, steps)
        else:
            self._leave_out(rows)
            newest = torch.tensor([[tokens[-1]] for tokens in ids])
            self._ids = torch.cat([self._ids, newest], dim=1)
            scores, fired = self._one_token(ids, steps)
        for row, step in zip(rows, steps, strict=True):
            kept = [write for write in step.writes if write.site.point.has_kv_heads]
            if kept:
                self._standing.setdefault(row, []).extend(kept)
        return scores, fired

    def _leave_out(self, rows: Sequence[int]) -> None:
        if list(rows) == self._rows:
            return
        assert self._cache is not None
        places = [self._rows.index(row) for row in rows]
        self._cache.keep(places)
        self._ids = self._ids[places]
        self._rows = list(rows)

    def _first(self, ids: Sequence[Sequence[int]], steps: Sequence[StepWrites]) -> tuple[Scores, list[Firing]]:
        """Read the prompts, and give the scores of the first new tokens."""
        self._ids = Tokens.of(ids).ids
        # before a prompt's only token there is nothing to share
        whole = [row for row, step in enumerate(steps) if step.is_early or self._width == 1]
        shared = [row for row in self._rows if row not in whole]
        parts: list[tuple[list[int], Layers]] = []
        scores: dict[int, Tensor] = {}
        fired: dict[int, Firing] = {}
        for members, cached in ((whole, 0), (shared, self._width - 1)):
            if not members:
                continue
            cache = RowsCache(self._prefixes(members)) if cached else empty_cache()
            own = [steps[row] for row in members]
            run, counts = self._pass(self._tokens(members, cached), own, members, cache)
            parts.append((members, layers_of(cache, self._dims.n_layers, self._width)))
            scores |= dict(zip(members, run.logits[:, -1].float(), strict=True))
            fired |= dict(zip(members, counts, strict=True))
        self._cache = RowsCache(_joined(parts))
        return torch.stack([scores[row] for row in self._rows]), [fired[row] for row in self._rows]

    def _prefixes(self, members: Sequence[int]) -> Layers:
        """Keys and values of all tokens but the last of each row's prompt; every prompt runs once."""
        prompts = list(dict.fromkeys(tuple(self._prompts[row]) for row in members))
        first_rows = [next(row for row in members if tuple(self._prompts[row]) == prompt) for prompt in prompts]
        cache = empty_cache()
        ids = self._ids[first_rows, : self._width - 1]
        self._run(Tokens(ids=ids, lengths=tuple(len(prompt) - 1 for prompt in prompts)), Plan(last_logits=1), cache)
        places = [prompts.index(tuple(self._prompts[row])) for row in members]
        layers = layers_of(cache, self._dims.n_layers, self._width - 1)
        return [(keys[places], values[places]) for keys, values in layers]

    def _tokens(self, members: Sequence[int], cached: int) -> Tokens:
        lengths = tuple(len(self._prompts[row]) for row in members)
        return Tokens(ids=self._ids[list(members)], lengths=lengths, cached=cached)

    def _one_token(self, ids: Sequence[Sequence[int]], steps: Sequence[StepWrites]) -> tuple[Scores, list[Firing]]:
        assert self._cache is not None
        tokens = Tokens(ids=self._ids, lengths=tuple(map(len, ids)), cached=self._ids.shape[1] - 1)
        run, fired = self._pass(tokens, steps, self._rows, self._cache)
        return run.logits[:, -1].float(), fired

    def _pass(
        self, tokens: Tokens, steps: Sequence[StepWrites], members: Sequence[int], cache: Cache
    ) -> tuple[Run, list[Firing]]:
        """Run some rows, each under what stands of its edits and what is new, and count what the new ones did."""
        writes: list[Write] = []
        new: list[range] = []
        for place, (row, step) in enumerate(zip(members, steps, strict=True)):
            own = (*self._standing.get(row, ()), *step.writes)
            writes += [on_row(write, place) for write in own]
            new.append(range(len(writes) - len(step.writes), len(writes)))
        shared = shared_edits(steps, tokens.lengths, self._dims)
        plan = Plan(writes=(*writes, *shared.writes), query_edits=shared.query_edits, last_logits=1)
        run = self._run(tokens, plan, cache)
        shared.check(run.fired[len(writes) :], run.fired_queries)
        fired = [sum((run.fired[index] for index in own), NONE) if own else NONE for own in new]
        return run, [one + other if one.edited else other for one, other in zip(fired, shared.fired, strict=True)]


def _joined(parts: Sequence[tuple[Sequence[int], Layers]]) -> Layers:
    """The layers of rows that were read apart, in the order of the rows."""
    if len(parts) == 1:
        return parts[0][1]
    order = torch.tensor([row for members, _ in parts for row in members]).argsort()
    joined: Layers = []
    for layer in zip(*(layers for _, layers in parts), strict=True):
        keys, values = torch.cat([keys for keys, _ in layer]), torch.cat([values for _, values in layer])
        joined.append((keys[order.to(keys.device)], values[order.to(values.device)]))
    return joined
