"""Carry a plan out on the tensors of one forward pass: what is read, edited and streamed, in the plan's own order.

In: tensors that a backend brings from a model, with the boolean mask of what each query may see. Out: the tensors the
model is to go on with, and at the end a `Run`. A backend calls, for every layer: `vectors` at each point it passes,
`attn_logits` before the softmax and `pattern` after it, or `stream` where it keeps to its own attention, then `finish`.
Exact meanings: DESIGN.md section 4.
"""

from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from attnprobe.errors import PlanError
from attnprobe.kernels import Attention, StoredPattern
from attnprobe.plan.dims import ModelDims
from attnprobe.plan.edits import check_fired, edit_pattern, edit_vectors, mask_logits
from attnprobe.plan.forcing import ShortRows, force_logits
from attnprobe.plan.interventions import Force
from attnprobe.plan.plan import Plan, Read, Write
from attnprobe.plan.query_edits import as_write, edit_queries
from attnprobe.plan.run import Firing, Run
from attnprobe.plan.sites import Point
from attnprobe.plan.streams import LayerAttention
from attnprobe.plan.tokens import Tokens
from attnprobe.shapes import AttnLogits, HeadKeys, Logits, Visible
from attnprobe.shapes import Pattern as PatternTensor


class Execution:
    """The state of one forward pass under a plan: what was read and streamed, how often each write fired.

    Args:
        plan: what to do.
        dims: of the model that runs.
        tokens: the batch that runs.

    Raises:
        SpecError: the plan does not fit the model or the batch.
    """

    def __init__(self, plan: Plan, dims: ModelDims, tokens: Tokens) -> None:
        plan.check(dims, tokens)
        self.plan = plan
        self.dims = dims
        self.tokens = tokens
        self._reads: dict[tuple[Point, int], Tensor] = {}
        self._streamed: dict[int, Any] = {}
        self._fired = [Firing() for _ in plan.writes]
        self._fired_queries = [Firing() for _ in plan.query_edits]
        self._passed: set[int] = set()
        # asked many times in a pass, of plans of many writes
        self._touched = {(edit.layer, Point.ATTN_LOGITS) for edit in plan.query_edits}
        self._touched |= {(read.layer, read.point) for read in plan.reads}
        self._touched_layers = {layer for layer, _ in self._touched} | {write.site.layer for write in plan.writes}
        self._writes: dict[tuple[Point, int], list[tuple[int, Write]]] = {}
        for index, write in enumerate(plan.writes):
            self._touched.add((write.site.layer, write.site.point))
            self._writes.setdefault((write.site.point, write.site.layer), []).append((index, write))
        self._is_token = tokens.attention_mask().bool()
        # rows that an edit emptied in whole or in part under EmptyRow.ZERO: their pattern is cut once it exists
        self._short_rows: dict[int, list[ShortRows]] = {}

    def touches(self, layer: int, *points: Point) -> bool:
        """Whether the plan reads or writes at one of these points of a layer."""
        return layer in self._touched_layers and any((layer, point) in self._touched for point in points)

    def needs_pattern(self, layer: int) -> bool:
        """Whether this layer must compute its attention pattern explicitly."""
        return self.touches(layer, Point.ATTN_LOGITS, Point.PATTERN)

    def has_streams(self, layer: int) -> bool:
        """Whether a statistic looks at this layer's attention."""
        return any(stream.layer == layer for stream in self.plan.streams)

    @property
    def masks_itself(self) -> bool:
        """Whether the pass is one for looking only, in which a backend that can spares the model its T x T masks."""
        return bool(self.plan.streams) or self.plan.last_logits == 0

    @property
    def is_over(self) -> bool:
        """Whether nothing that the plan asks for is still to come, so that the pass may stop here."""
        return (
            self.plan.last_logits == 0
            and len(self._streamed) == len(self.plan.streams)
            and len(self._passed) == len(self.plan.writes)
            and not self.plan.query_edits
            and all((read.point, read.layer) in self._reads for read in self.plan.reads)
        )

    @property
    def fired(self) -> tuple[Firing, ...]:
        """How often each write has acted so far, in the plan's order."""
        return tuple(self._fired)

    def needs_per_query_head(self, layer: int) -> bool:
        """Whether keys or values of this layer must be expanded to query heads before `vectors` sees them."""
        return any(w.site.layer == layer and w.site.per_query_head for w in self.plan.writes)

    def vectors(self, point: Point, layer: int, tensor: Tensor, *, per_query_head: bool = False) -> Tensor:
        """Edit and read a tensor of positions.

        Args:
            point: one without edges.
            layer: which layer.
            tensor: [batch, pos, head, d_head] or [batch, pos, d_model].
            per_query_head: `tensor` is the copy of k or v that query heads see; only the writes meant for it act, and
                nothing is read.
        """
        edited = tensor
        for index, write in self._writes_at(point, layer):
            if write.site.per_query_head != per_query_head:
                continue
            self._passed.add(index)
            edited = edited.clone() if edited is tensor else edited
            self._fired[index] += edit_vectors(write, self.tokens, edited)
        if Read(point=point, layer=layer) in self.plan.reads and not per_query_head:
            # of keys and values every column is there, cached ones included
            first = self._is_token.shape[1] - edited.shape[1]
            keep = self._is_token[:, first:].to(edited.device)
            self._reads[point, layer] = torch.where(
                rearrange(keep, "batch pos -> batch pos" + " 1" * (edited.ndim - 2)), edited, 0
            )
        return edited

    def attn_logits(
        self, layer: int, logits: AttnLogits, visible: Visible, *, sinks: Float[Tensor, " head"] | None = None
    ) -> AttnLogits:
        """Apply masks and forces to the softmax's own input, and read it.

        Args:
            layer: which layer.
            logits: scaled, softcapped, with whatever mask the model adds.
            visible: where a query may attend: causal, window and padding masks together.
            sinks: one logit a head that stands beside the keys in the softmax, so that no row is ever empty; None for
                none.

        Raises:
            PlanError: an edit leaves a row without keys under `EmptyRow.RAISE`, or forces keys that are masked.
        """
        edited = logits
        writes = self._writes_at(Point.ATTN_LOGITS, layer)
        queries = [(index, edit) for index, edit in enumerate(self.plan.query_edits) if edit.layer == layer]
        if writes or queries:
            # models add finfo.min to what may not be seen; once all visible keys of a row are masked too, the softmax
            # would spread over the future. Only -inf keeps it out. Rows of padding stay as they were.
            edited = logits.masked_fill(~visible & visible.any(-1, keepdim=True), float("-inf"))
            for index, write in writes:
                self._passed.add(index)
                if isinstance(write.intervention, Force):
                    firing, short = force_logits(write, self.tokens, edited, visible, sinks=sinks)
                else:
                    firing, emptied = mask_logits(write, self.tokens, edited, visible, has_sink=sinks is not None)
                    short = [(rows, torch.zeros(rows.shape[1], device=rows.device)) for rows in emptied]
                self._fired[index] += firing
                self._short_rows.setdefault(layer, []).extend(short)
            for index, edit in queries:
                firing, short = edit_queries(edit, self.tokens, edited, visible, sinks=sinks)
                self._fired_queries[index] += firing
                self._short_rows.setdefault(layer, []).extend(short)
        if Read(point=Point.ATTN_LOGITS, layer=layer) in self.plan.reads:
            self._reads[Point.ATTN_LOGITS, layer] = edited.masked_fill(~visible, float("-inf"))
        return edited

    def pattern(self, layer: int, pattern: PatternTensor, visible: Visible) -> PatternTensor:
        """Apply the edits that act after the softmax, and read the pattern.

        Args:
            layer: which layer.
            pattern: rows sum to 1, less a sink's share.
            visible: as for `attn_logits`.
        """
        edited = pattern
        writes = self._writes_at(Point.PATTERN, layer)
        if writes or self._short_rows.get(layer):
            edited = pattern.clone()
            for (batch, head, query), share in self._short_rows.get(layer, []):
                edited[batch, head, query] *= share.to(edited)[:, None]
            for index, write in writes:
                self._passed.add(index)
                self._fired[index] += edit_pattern(write, self.tokens, edited, visible)
        if Read(point=Point.PATTERN, layer=layer) in self.plan.reads:
            self._reads[Point.PATTERN, layer] = self._of_tokens(edited, visible)
        return edited

    def stream(self, layer: int, source: Attention | StoredPattern, value: HeadKeys) -> None:
        """Let the layer's statistics look at its attention, and keep what they return.

        Args:
            layer: which layer.
            source: its attention, after the plan's edits.
            value: what its heads mix, after the plan's edits.
        """
        attention = LayerAttention(layer=layer, tokens=self.tokens, source=source, value=value)
        for index, stream in enumerate(self.plan.streams):
            if stream.layer == layer:
                self._streamed[index] = stream.statistic(attention)

    def stream_pattern(self, layer: int, pattern: PatternTensor, visible: Visible, value: HeadKeys) -> None:
        """The same, where the pattern exists already.

        Args:
            layer: which layer.
            pattern: what `pattern` returned.
            visible: as for `attn_logits`.
            value: as for `stream`.
        """
        if not self.has_streams(layer):
            return
        kept = self._of_tokens(pattern, visible)
        self.stream(layer, StoredPattern(pattern=kept, starts=self.tokens.starts), value)

    def finish(self, logits: Logits | None) -> Run:
        """Close the pass.

        Args:
            logits: what the model gave; None where the pass was stopped once it was over.

        Raises:
            PlanError: something asked for was not read or streamed, a write did not fire, or the logits are not finite.
        """
        for read in self.plan.reads:
            if (read.point, read.layer) not in self._reads:
                raise PlanError(
                    f"{read.point} of layer {read.layer} was asked for but never passed by; "
                    "this backend cannot read it."
                )
        for index, stream in enumerate(self.plan.streams):
            if index not in self._streamed:
                raise PlanError(
                    f"the attention of layer {stream.layer} was to be streamed but never passed by; this backend "
                    "cannot look at it."
                )
        for firing, write in zip(self._fired, self.plan.writes, strict=True):
            check_fired(write, firing)
        for firing, edit in zip(self._fired_queries, self.plan.query_edits, strict=True):
            check_fired(as_write(edit), firing)
        return Run(
            tokens=self.tokens,
            logits=self._checked(logits),
            reads=self._reads,
            fired=tuple(self._fired),
            fired_queries=tuple(self._fired_queries),
            streamed=tuple(self._streamed[index] for index in range(len(self.plan.streams))),
        )

    def _checked(self, logits: Logits | None) -> Float[Tensor, "batch kept vocab"]:
        """The logits that the plan keeps, all finite."""
        last = self.plan.last_logits
        if last == 0:
            return torch.zeros(len(self.tokens.lengths), 0, self.dims.vocab) if logits is None else logits[:, :0]
        assert logits is not None, "only a pass without logits may stop early"
        kept = logits if last is None else logits[:, -last:]
        first = max(0, self.tokens.width - kept.shape[1])
        # the last column is never padding
        tokens = kept if kept.shape[1] == 1 else kept[self._is_token[:, first:].to(kept.device)]
        if not torch.isfinite(tokens).all():
            raise PlanError(
                "the logits hold NaN or infinite values; check the weights, the dtype and the values written."
            )
        return kept

    def _of_tokens(self, pattern: PatternTensor, visible: Visible) -> PatternTensor:
        """A pattern with zeros in rows of padding and wherever a query may not look."""
        running = self._is_token[:, self.tokens.cached :].to(pattern.device)
        keep = rearrange(running, "batch q_pos -> batch 1 q_pos 1")
        return torch.where(keep & visible, pattern, 0)

    def _writes_at(self, point: Point, layer: int) -> list[tuple[int, Write]]:
        return self._writes.get((point, layer), [])
