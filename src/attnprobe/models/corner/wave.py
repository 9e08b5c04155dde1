"""One pass of many edited runs through the layers: each joins at its own first layer, at the first column of them all.

In: rows, the unedited run, a model. Out: logits of every row at the columns that are read. Weights of a layer are
read once for all rows. The model's own forward is driven twice: over the columns from the first on, up to the keys and
values of the last layer; and over the columns that are read, through the last layer and the unembedding.
"""

from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from attnprobe.models.attention_call import AttentionCall, Plain
from attnprobe.models.corner.clean_run import CleanRun
from attnprobe.models.corner.columns import Columns
from attnprobe.models.corner.layer_edits import LayerEdits
from attnprobe.models.corner.parts import ModelParts, first_tensor
from attnprobe.models.corner.rows import Row
from attnprobe.models.corner.shared_prefix import attend_with_prefix
from attnprobe.models.corner.stand_ins import Forward, standing_in, unembedding_only
from attnprobe.models.passes import PassIsOver
from attnprobe.plan import Firing, Point, Tokens, Unembedding
from attnprobe.shapes import HeadVectors, Logits, Residual

Passing = Float[Tensor, "present column d_model"]
Entering = Float[Tensor, "row column d_model"]
Fired = dict[tuple[int, int], Firing]
"""By row and write, how often it acted."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Wave:
    """Rows that go through the layers together.

    Attributes:
        parts: of the model.
        clean: the unedited run.
        tokens: the sequence.
        rows: sorted by first layer; of one layer, those that join late come last.
        first: the first column that runs.
        unembedding: what is read.
        at_once: most rows that are unembedded together.
    """

    parts: ModelParts
    clean: CleanRun
    tokens: Tokens
    rows: Sequence[Row]
    first: int
    unembedding: Unembedding
    at_once: int

    def run(self, fired: Fired) -> Generator[tuple[Sequence[Row], Logits]]:
        """Logits of rows at the positions that are read, some rows at a time.

        Args:
            fired: how often each write acted is added to it.
        """
        last = self.parts.dims.n_layers - 1
        carried = _Carried(resid=None, key=None, value=None)
        early = [row for row in self.rows if row.layer < last or not row.joins_late]
        if early:
            columns = Columns(first=self.first, width=self.tokens.width)
            suffix = _Pass(self, early, columns, _Carried(resid=None, key=None, value=None), fired)
            with ExitStack() as stack:
                stack.enter_context(suffix.driving())
                with suppress(PassIsOver):
                    self.parts.run(self.tokens.ids[:, self.first :], columns.positions)
            carried = suffix.carried()
        read, tokens, chooses = self._read_columns(), self.unembedding.tokens, self.parts.chooses_tokens
        wanted = [read.positions.index(position) for position in self.unembedding.positions]
        for start in range(0, len(self.rows), self.at_once):
            rows = self.rows[start : start + self.at_once]
            ending = _Pass(self, rows, read, carried.of(start, start + len(rows), len(early)), fired)
            with ExitStack() as stack:
                stack.enter_context(ending.driving())
                stack.enter_context(unembedding_only(self.parts.model, tokens if chooses else None))
                logits = self.parts.run(self.tokens.ids[:, list(read.positions)], read.positions)
            logits = logits if len(wanted) == logits.shape[1] else logits[:, wanted]
            yield rows, logits if chooses or tokens is None else logits[..., list(tokens)]

    def _read_columns(self) -> Columns:
        positions = self.unembedding.positions
        if self.parts.dims.turns_at is not None:
            # rotary embedding goes by the last position of what runs
            positions = tuple(sorted({*positions, self.tokens.width - 1}))
        return Columns(first=self.first, width=self.tokens.width, chosen=positions)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Carried:
    """What the first pass hands to the second, of rows that are under way when the last layer begins.

    Attributes:
        resid: into the last layer, of all columns from the first on; None if no row is under way.
        key, value: of the last layer, before edits of these.
    """

    resid: Residual | None
    key: Tensor | None
    value: Tensor | None

    def of(self, start: int, stop: int, count: int) -> "_Carried":
        """That of some rows, of which the first `count` are under way."""
        if self.resid is None or start >= count:
            return _Carried(resid=None, key=None, value=None)
        assert self.key is not None
        assert self.value is not None
        stop = min(stop, count)
        return _Carried(resid=self.resid[start:stop], key=self.key[start:stop], value=self.value[start:stop])


class _Pass:
    """Drives the model's own forward once: answers for its blocks, its attention modules and its attention calls."""

    def __init__(self, wave: Wave, rows: Sequence[Row], columns: Columns, carried: _Carried, fired: Fired) -> None:
        self._wave = wave
        self._parts = wave.parts
        self._rows = rows
        self._columns = columns
        self._given = carried
        self._taken = carried
        self._last = wave.parts.dims.n_layers - 1
        self._is_ending = columns.chosen is not None
        self._edits = LayerEdits(rows=rows, dims=wave.parts.dims, ids=wave.tokens.ids, columns=columns, fired=fired)
        # of the layer that runs: how many rows were there before their attention, and how many are after it
        self._n_before = 0
        self._n_after = 0

    def carried(self) -> _Carried:
        """What the first pass hands on."""
        return self._taken

    @contextmanager
    def driving(self) -> Generator[None]:
        """Stand-ins for the model's parts and its attention; gone afterwards."""
        with ExitStack() as stack:
            for index, layer in enumerate(self._parts.layers):
                stack.enter_context(standing_in(layer.block, partial(self._block, index)))
                if layer.attention is not None:
                    stack.enter_context(standing_in(layer.attention, partial(self._attention, index)))
                if layer.mlp is not None and self._edits.touches(index, Point.MLP_OUT):
                    stack.enter_context(standing_in(layer.mlp, partial(self._mlp, index)))
            stack.enter_context(self._parts.watch(self))
            yield

    def _block(self, layer: int, original: Forward, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        passing: Tensor = args[0] if args else kwargs["hidden_states"]
        resid = self._entering(layer, passing)
        if resid is None:
            return self._parts.returned(self._parts.layers[layer].block, passing)
        return original(
            *((resid, *args[1:]) if args else ()), **(kwargs if args else kwargs | {"hidden_states": resid})
        )

    def _entering(self, layer: int, passing: Passing) -> Entering | None:
        """The residual stream of all rows that run in a layer, the joining ones last; None if none does."""
        if self._is_ending and layer < self._last:
            return None
        is_first_half_of_last = layer == self._last and not self._is_ending
        n_under_way = len([row for row in self._rows if row.layer < layer])
        self._n_before = n_under_way + len([row for row in self._rows if row.layer == layer and not row.joins_late])
        self._n_after = len([row for row in self._rows if row.layer <= layer])
        if is_first_half_of_last and not self._n_after:
            raise PassIsOver
        if not self._n_after:
            return None
        parts = [passing] if n_under_way else []
        if self._is_ending:
            n_under_way = self._n_before
            parts = [] if self._given.resid is None else [self._columns.pick(self._given.resid, 1)]
        joining = self._rows[n_under_way : self._n_after]
        if joining:
            clean = self._columns.pick(self._wave.clean.resid(layer, self._columns.first), 1)
            parts.append(clean.expand(len(joining), -1, -1))
        resid = torch.cat(parts) if len(parts) > 1 else parts[0]
        if self._is_ending:
            return resid
        resid = self._edits.stream(Point.RESID, layer, resid)
        if is_first_half_of_last:
            self._taken = replace(self._taken, resid=resid)
        return resid

    def _attention(self, layer: int, original: Forward, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        n_before, n_after = self._n_before, self._n_after
        module = self._parts.layers[layer].attention
        assert module is not None
        found = []
        output: Any = None
        if n_before:
            shrink = partial(_first_rows, n_before, n_after)
            output = original(*map(shrink, args), **{name: shrink(value) for name, value in kwargs.items()})
            found.append(first_tensor(output))
        if n_after > n_before:
            found.append(self._joining(layer, n_before, n_after))
        out = torch.cat(found) if len(found) > 1 else found[0]
        out = self._edits.stream(Point.ATTN_OUT, layer, out)
        if output is None:
            return self._parts.returned(module, out)
        return (out, *output[1:]) if isinstance(output, tuple) else out

    def _joining(self, layer: int, start: int, stop: int) -> Residual:
        """What the attention module would return for rows whose edits begin in it."""
        clean = self._wave.clean.layers[layer]
        assert clean.attn_out is not None
        skipped = self._columns.first - self._wave.clean.kept
        z = self._edits.joining_heads(layer, range(start, stop), clean, skipped)
        if z is None:
            return self._columns.pick(clean.attn_out[:, skipped:], 1).expand(stop - start, -1, -1)
        projection = self._parts.projection(layer)
        assert projection is not None
        return projection(rearrange(z, "row pos head d_head -> row pos (head d_head)"))

    def _mlp(self, layer: int, original: Forward, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        output = original(*args, **kwargs)
        out = self._edits.stream(Point.MLP_OUT, layer, first_tensor(output))
        return (out, *output[1:]) if isinstance(output, tuple) else out

    def attend(self, caller: nn.Module, call: AttentionCall, plain: Plain) -> HeadVectors:
        """Answer the attention call of the rows that are there."""
        layer = self._parts.layer_of(caller)
        if layer is None:
            return plain(call.query, call.key, call.value)
        if layer == self._last:
            if not self._is_ending:
                self._taken = replace(self._taken, key=call.key, value=call.value)
                raise PassIsOver
            assert self._given.key is not None
            assert self._given.value is not None
            call = replace(call, key=self._given.key, value=self._given.value)
        prefix = self._wave.clean.prefix(layer, self._columns.first)
        window = self._parts.dims.windows[layer]
        z = attend_with_prefix(call, prefix, self._columns, window)
        return self._edits.running_heads(layer, call, prefix, z)


def _first_rows(n_before: int, n_after: int, value: Any) -> Any:
    """Of something with a residual stream for every row, that of the first; anything else as it is."""
    if n_after > n_before and isinstance(value, Tensor) and value.ndim == 3 and value.shape[0] == n_after:
        return value[:n_before]
    return value
