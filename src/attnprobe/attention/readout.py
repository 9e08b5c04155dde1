"""Scoring one batch while it runs: from a layer's attention to a number for each head, gold token and key set.

In: the key sets of a batch, and what streams see of a layer. Out: `LayerScores`, which are small; nothing of the layer
is kept. Of a pattern only the rows of predicting positions are ever summed, except where a normalisation needs what
keys receive from everywhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from einops import einsum, rearrange, repeat
from jaxtyping import Bool, Float
from torch import Tensor

from attnprobe.attention.key_sets import DRAWN, ExampleKeys
from attnprobe.attention.normalise import key_values, share_of_row, sink_columns
from attnprobe.attention.rollout import Rollout
from attnprobe.attention.settings import FirstKey, Normalisation, ScoreSettings
from attnprobe.attention.value_norms import ValueNorms
from attnprobe.kernels import Attention, StoredPattern, column_sums, key_scores, resolve, weighted_values
from attnprobe.kernels.attention import accumulator
from attnprobe.plan import Tokens
from attnprobe.plan.streams import LayerAttention

# tokens and sets are as many as each example has
SetScores = Float[Tensor, "head _token _set"]
ValueColumns = Float[Tensor, "batch #head k_pos column"]
STORED = "stored"
"""What `impl` says where whole patterns exist anyway."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LayerScores:
    """What one layer gives a batch.

    Attributes:
        scores: for each sequence [head, token, set], the sets in the order of `columns_of`.
        impl: which kernels ran.
    """

    scores: tuple[SetScores, ...]
    impl: str


def columns_of(keys: ExampleKeys) -> tuple[tuple[int, ...], ...]:
    """The key sets of an example in the order of a score's last axis: all gold sets, then for each null all drawn.

    A set that could not be drawn is empty.
    """
    gold = tuple(found.gold for found in keys.sets)
    return gold + tuple(found.drawn[null] or () for null in DRAWN for found in keys.sets)


class GoldReadout:
    """The statistic of a stream: scores of the key sets of a batch, in any layer of it.

    Args:
        keys: of the examples that run, each with a scored token.
        tokens: the batch, in the same order.
        settings: of the run.
        norms: what each key carries; for value_weighted alone.
    """

    def __init__(
        self, keys: Sequence[ExampleKeys], tokens: Tokens, settings: ScoreSettings, norms: ValueNorms | None = None
    ) -> None:
        self._settings = settings
        self._n_tokens = [len(one.tokens) for one in keys]
        self._shifted = [
            [[tokens.padding(row) + key for key in columns] for columns in columns_of(one)]
            for row, one in enumerate(keys)
        ]
        longest = max(self._n_tokens)
        ends = [[tokens.padding(row) + position for position in one.positions] for row, one in enumerate(keys)]
        # shorter examples end with their last prefix again and again
        self._prefixes = torch.tensor([own + own[-1:] * (longest - len(own)) for own in ends])
        self._starts = torch.tensor([tokens.padding(row) for row in range(len(keys))])
        self._excluded = _excluded(keys, tokens, settings.first_key)
        self._members = _members(self._shifted, tokens.width)
        self._norms = norms
        self._rollout: Rollout | None = None

    def __call__(self, seen: LayerAttention) -> LayerScores:
        """Score one layer."""
        source = seen.source
        match self._settings.normalise:
            case Normalisation.DIRECT:
                scores = self._rows(source, self._members)
            case Normalisation.RENORMALISED:
                scores = self._renormalised(source)
            case Normalisation.VALUE_WEIGHTED:
                scores = self._value_weighted(seen)
            case Normalisation.ROLLOUT:
                scores = self._rolled_out(seen)
            case _:
                return self._as_layer(self._largest(source), source)
        counts = zip(self._n_tokens, self._shifted, strict=True)
        return self._as_layer(
            [scores[row, :, :n_tokens, : len(sets)] for row, (n_tokens, sets) in enumerate(counts)], source
        )

    def _as_layer(self, scores: Sequence[SetScores], source: Attention | StoredPattern) -> LayerScores:
        impl = STORED
        if isinstance(source, Attention):
            query = source.query
            impl = resolve(self._settings.impl, query.device, query.dtype, query.shape[3]).value
        # a copy, so that the layer's larger tensors can go
        return LayerScores(scores=tuple(one.cpu().clone() for one in scores), impl=impl)

    def _largest(self, source: Attention | StoredPattern) -> list[SetScores]:
        """Normalised values of keys; a set has its largest."""
        settings, prefixes = self._settings, self._prefixes.to(_device(source))
        found = key_scores(
            source,
            prefixes,
            excluded=None if self._excluded is None else self._excluded.to(prefixes.device),
            sink_share=settings.sink_share if settings.normalise is Normalisation.SINK_REMOVED else None,
            impl=settings.impl,
        )
        columns = rearrange(torch.arange(found.received.shape[2], device=prefixes.device), "k_pos -> k_pos 1")
        starts = rearrange(self._starts.to(prefixes.device), "batch -> batch 1 1")
        inside = (columns >= starts) & (columns < rearrange(prefixes, "batch prefix -> batch 1 prefix"))
        values = key_values(found, inside, settings.normalise)
        scores: list[SetScores] = []
        for row, (n_tokens, sets) in enumerate(zip(self._n_tokens, self._shifted, strict=True)):
            own = values[row, :, :, :n_tokens]
            nothing = torch.full_like(own[:, 0], float("nan"))
            largest = [own[:, columns].amax(1) if columns else nothing for columns in sets]
            scores.append(rearrange(largest, "set head token -> head token set"))
        return scores

    def _rows(
        self, source: Attention | StoredPattern, values: ValueColumns
    ) -> Float[Tensor, "batch head token column"]:
        """What the rows of predicting positions give to value columns."""
        first = int(self._prefixes.min()) - 1
        sums = weighted_values(_last_queries(source, first), _like(source, values), impl=self._settings.impl)
        return self._at_predicting(sums, first)

    def _at_predicting(
        self, sums: Float[Tensor, "batch head q_pos column"], first: int
    ) -> Float[Tensor, "batch head token column"]:
        """The rows of predicting positions, of rows from a column on."""
        rows = self._prefixes.to(sums.device) - 1 - first
        return sums.gather(
            2, repeat(rows, "batch token -> batch head token column", head=sums.shape[1], column=sums.shape[3])
        )

    def _value_weighted(self, seen: LayerAttention) -> Float[Tensor, "batch head token set"]:
        """Rows weighted by what each key carries, as shares of what the row carries."""
        assert self._norms is not None
        norms = rearrange(self._norms(seen), "batch head k_pos -> batch head k_pos 1")
        columns = _like(seen.source, torch.nn.functional.pad(self._members, (0, 1), value=1.0))
        sums = self._rows(seen.source, columns * norms)
        return share_of_row(sums[..., :-1], sums[..., -1])

    def _rolled_out(self, seen: LayerAttention) -> Float[Tensor, "batch 1 token set"]:
        """Rows of the attention rolled out through the layers so far."""
        if self._rollout is None:
            self._rollout = Rollout(_like(seen.source, self._members), self._settings.impl)
        return self._at_predicting(self._rollout(seen), 0)

    def _renormalised(self, source: Attention | StoredPattern) -> Float[Tensor, "batch head token set"]:
        """Rows without first key and sinks, as shares of what is left of them.

        Columns that are dropped for some head and prefix are summed one by one and added where they are kept: taken
        from the sum of all, a sink of nearly all mass would leave rounding errors.
        """
        device = _device(source)
        prefixes, members = self._prefixes.to(device), self._members.to(device)
        received = column_sums(source, prefixes, impl=self._settings.impl)
        n_queries = prefixes - rearrange(self._starts.to(device), "batch -> batch 1")
        dropped = sink_columns(received, n_queries.to(received), self._settings.sink_share)
        if self._excluded is not None:
            dropped = dropped | rearrange(self._excluded.to(device), "batch head k_pos -> batch head k_pos 1")
        apart = dropped.any(dim=3).any(dim=1).any(dim=0)
        places = apart.nonzero()[:, 0]
        never = rearrange((~apart).to(members), "k_pos -> 1 1 k_pos 1")
        one_hot = torch.eye(len(apart), dtype=members.dtype, device=device)[:, places]
        columns = [members * never, never.expand(*members.shape[:3], 1), one_hot.expand(*members.shape[:2], -1, -1)]
        sums = self._rows(source, torch.cat(columns, dim=3))
        n_sets = members.shape[3]
        kept = rearrange(~dropped[:, :, places], "batch head place token -> batch head token place")
        single = sums[..., n_sets + 1 :] * kept
        in_sets = einsum(
            single, members[:, 0, places].to(single), "batch head token place, batch place set -> batch head token set"
        )
        return share_of_row(sums[..., :n_sets] + in_sets, sums[..., n_sets] + single.sum(-1))


def _device(source: Attention | StoredPattern) -> torch.device:
    return source.pattern.device if isinstance(source, StoredPattern) else source.query.device


def _like(source: Attention | StoredPattern, values: Tensor) -> Tensor:
    """Values where the source is, as precise as sums over it."""
    like = source.pattern if isinstance(source, StoredPattern) else source.query
    return values.to(like.device, accumulator(like))


def _last_queries(source: Attention | StoredPattern, first: int) -> Attention | StoredPattern:
    """The same attention, asked only by queries from a column on."""
    skipped = first - source.first_query
    if isinstance(source, StoredPattern):
        return replace(source, pattern=source.pattern[:, :, skipped:])
    return replace(source, query=source.query[:, :, skipped:])


def _excluded(keys: Sequence[ExampleKeys], tokens: Tokens, first_key: FirstKey) -> Bool[Tensor, "batch 1 k_pos"] | None:
    """Columns of first keys; None where none is excluded."""
    if first_key is FirstKey.NONE:
        return None
    flags = torch.zeros(len(keys), 1, tokens.width, dtype=torch.bool)
    for row, one in enumerate(keys):
        first = (0,) if first_key is FirstKey.FIRST_TOKEN else one.aligned.special
        flags[row, 0, [tokens.padding(row) + position for position in first]] = True
    return flags


def _members(shifted: Sequence[Sequence[Sequence[int]]], width: int) -> Float[Tensor, "batch 1 k_pos set"]:
    """1 where a column is in a set, for each sequence."""
    members = torch.zeros(len(shifted), 1, width, max(map(len, shifted)), dtype=torch.float64)
    for row, sets in enumerate(shifted):
        for place, columns in enumerate(sets):
            members[row, 0, list(columns), place] = 1.0
    return members
