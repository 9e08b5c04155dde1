"""Edits of attention, carried out on the heads that they name and on no others.

An edit of a run's attention names some heads; what it makes of each is settled by that head's queries, keys and values
alone. So every (run, head) pair is a sequence with one head, and all pairs of a layer go through one small computation,
in which plan/edits.py does the arithmetic. In: writes, and where queries, keys and values come from. Out: z of each
pair, and how often each write acted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor

from attnprobe.models.attention_call import AttentionCall, attend_under_plan, explicit_attention
from attnprobe.models.corner.head_sources import HeadSource
from attnprobe.models.corner.key_set_masks import mask_key_sets
from attnprobe.models.corner.key_sets import KeySets
from attnprobe.plan import Execution, Firing, Mask, ModelDims, Plan, Point, Replace, Tokens, Write
from attnprobe.shapes import HeadVectors, TokenIds

HEAD_POINTS = (Point.Q, Point.K, Point.V, Point.ATTN_LOGITS, Point.PATTERN, Point.Z)
PairVectors = Float[Tensor, "pair pos d_head"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadWrite:
    """What a write is for one head alone.

    Attributes:
        index: of the write among its run's.
        write: in a sequence that has this head only.
        is_counted: whether its firing counts; keys and values that a group of heads shares are counted once.
    """

    index: int
    write: Write
    is_counted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadPair:
    """One head of one run, with the writes that meet there.

    Attributes:
        run: index of the run.
        head: query head.
        writes: in the order in which they act.
    """

    run: int
    head: int
    writes: tuple[HeadWrite, ...]

    @property
    def is_z_only(self) -> bool:
        """Whether the head's attention itself is left alone."""
        return all(one.write.site.point is Point.Z for one in self.writes)

    @property
    def is_key_set_mask(self) -> bool:
        """Whether one mask of keys is all that happens to the head."""
        (first, *others) = self.writes
        return not others and isinstance(first.write.intervention, Mask) and first.write.intervention.renormalise


def pairs_of(run: int, writes: Sequence[tuple[int, Write]], layer: int, dims: ModelDims) -> list[HeadPair]:
    """A run's writes on the attention of a layer, head by head.

    Args:
        run: index of the run.
        writes: the run's, each with its index; those elsewhere are left out.
        layer: which layer.
        dims: of the model.
    """
    n_heads, n_repeats = dims.n_heads[layer], dims.n_heads[layer] // dims.n_kv_heads[layer]
    found: dict[int, list[HeadWrite]] = {}
    # of keys and values, what all heads of a group share is edited before the copies of one
    ordered = sorted(writes, key=lambda one: one[1].site.per_query_head)
    for index, write in ordered:
        site = write.site
        if site.layer != layer or site.point not in HEAD_POINTS:
            continue
        is_shared = site.point.has_kv_heads and not site.per_query_head
        n_named = dims.n_kv_heads[layer] if is_shared else n_heads
        for place, named in enumerate(range(n_named) if site.heads is None else site.heads):
            alone = _of_one_head(write, place, n_named if site.heads is None else len(site.heads))
            heads = range(named * n_repeats, (named + 1) * n_repeats) if is_shared else (named,)
            for head in heads:
                counted = head == heads[0]
                found.setdefault(head, []).append(HeadWrite(index=index, write=alone, is_counted=counted))
    return [HeadPair(run=run, head=head, writes=tuple(found[head])) for head in sorted(found)]


def _of_one_head(write: Write, place: int, n_named: int) -> Write:
    """A write as it is for the head at one place of those that it names, in a sequence that has that head only."""
    what = write.intervention
    if isinstance(what, Replace):
        axis = what.values.ndim - (3 if write.site.point is Point.PATTERN else 2)
        if axis >= 0 and what.values.shape[axis] == n_named > 1:
            what = replace(what, values=what.values.narrow(axis, place, 1))
    return replace(write, site=replace(write.site, heads=(0,), per_query_head=False), intervention=what)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairEdits:
    """The edits of pairs at one layer.

    Attributes:
        pairs: at least one.
        layer: which layer.
        dims: of the model.
        ids: the sequence.
        first: columns before it do not run.
        visible: what each running column may attend to.
    """

    pairs: Sequence[HeadPair]
    layer: int
    dims: ModelDims
    ids: TokenIds
    first: int
    visible: Bool[Tensor, "q_pos k_pos"]

    def z(self, source: HeadSource) -> tuple[PairVectors, dict[tuple[int, int], Firing]]:
        """z of each pair, and by run and write how often it acted.

        Raises:
            PlanError: a mask leaves a row without keys.
            SpecError: values do not fit what they replace.
        """
        device = source.z.device
        runs = torch.tensor([pair.run for pair in self.pairs], device=device)
        heads = torch.tensor([pair.head for pair in self.pairs], device=device)
        z = source.outputs(runs, heads)
        fired: dict[tuple[int, int], Firing] = {}
        for group in self._groups(source):
            which = torch.tensor(group, device=device)
            edited = self._of_group(source, group, runs[which], heads[which], z[which], fired)
            z = edited if len(group) == len(self.pairs) else z.index_copy(0, which, edited)
        return rearrange(z, "pair pos 1 d -> pair pos d"), fired

    def _groups(self, source: HeadSource) -> list[list[int]]:
        """Pairs that go together: with one mask; edited at z alone; the others, by head where heads have sinks."""
        found: dict[int, list[int]] = {}
        for index, pair in enumerate(self.pairs):
            kind = -1 if source.call.sinks is None else pair.head
            kind = -3 if pair.is_key_set_mask else -2 if pair.is_z_only else kind
            found.setdefault(kind, []).append(index)
        return list(found.values())

    def _of_group(
        self,
        source: HeadSource,
        group: Sequence[int],
        runs: Tensor,
        heads: Tensor,
        z: HeadVectors,
        fired: dict[tuple[int, int], Firing],
    ) -> HeadVectors:
        pairs = [self.pairs[index] for index in group]
        if pairs[0].is_key_set_mask:
            return self._masked(source, pairs, runs, heads, z, fired)
        placed = [
            (pair.run, one, replace(one.write, site=replace(one.write.site, batch=(row,))))
            for row, pair in enumerate(pairs)
            for one in pair.writes
        ]
        tokens = Tokens(
            ids=self.ids.expand(len(pairs), -1), lengths=(self.ids.shape[1],) * len(pairs), cached=self.first
        )
        plan = Plan(writes=tuple(write for _, _, write in placed), last_logits=None)
        execution = Execution(plan, _one_head(self.dims), tokens)
        if pairs[0].is_z_only:
            edited = execution.vectors(Point.Z, self.layer, z)
        else:
            call = self._call(source, runs, heads)
            edited = attend_under_plan(
                call, lambda q, k, v: explicit_attention(replace(call, query=q, key=k, value=v)), execution, self.layer
            )
        for (run, one, _), firing in zip(placed, execution.fired, strict=True):
            if one.is_counted:
                fired[run, one.index] = fired.get((run, one.index), Firing()) + firing
        return edited

    def _masked(
        self,
        source: HeadSource,
        pairs: Sequence[HeadPair],
        runs: Tensor,
        heads: Tensor,
        z: HeadVectors,
        fired: dict[tuple[int, int], Firing],
    ) -> HeadVectors:
        sets = KeySets.of(
            [pair.writes[0].write for pair in pairs],
            [pair.head for pair in pairs],
            self.first,
            self.visible,
            has_sink=source.call.sinks is not None,
        )
        for pair, which in zip(pairs, sets.of_pair.tolist(), strict=True):
            key = (pair.run, pair.writes[0].index)
            fired[key] = fired.get(key, Firing()) + sets.fired[which]
        return mask_key_sets(source, runs, heads, sets, self.visible, z)

    def _call(self, source: HeadSource, runs: Tensor, heads: Tensor) -> AttentionCall:
        key, value = source.keys_values(runs, heads)
        return replace(
            source.call,
            query=source.queries(runs, heads),
            key=key,
            value=value,
            mask=self.visible[None, None].expand(len(runs), 1, -1, -1),
            sinks=None if source.call.sinks is None else source.call.sinks[heads[:1]],
        )


def _one_head(dims: ModelDims) -> ModelDims:
    ones = (1,) * dims.n_layers
    return replace(dims, n_heads=ones, n_kv_heads=ones)
