"""First-order scores of attention edges (layer, head, query, key): what masking that one edge would do.

In: a pass with gradients of one example. Out: the strongest edges, and a few drawn at random. Rows are made anew from q
and k some at a time and let go again, so nothing of size T x T is held.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from einops import einsum, rearrange
from jaxtyping import Bool, Float
from torch import Tensor

from attnprobe.causal.attribution.masked_outputs import in_double, rows_without, values_by_head
from attnprobe.kernels import Attention
from attnprobe.kernels.rows import pattern_rows
from attnprobe.models.gradients import GradientRun, LayerGradient
from attnprobe.statistics.seeds import generator

ROWS_AT_ONCE = 64
_VANISHING = 1e-280

EdgeScores = Float[Tensor, "head row k_pos"]


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Edge:
    """One attention edge of one example: head `head` of `layer` looks from `query` at `key`."""

    layer: int
    head: int
    query: int
    key: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoredEdges:
    """What was found among all edges of an example.

    Attributes:
        top: the strongest by size, strongest first, with their scores.
        drawn: drawn with equal chances from all edges, those in `top` included, with their scores.
        n_edges: how many edges can be masked; those that are all that their row sees cannot, and are not scored.
        size: sum of the scores' sizes over all edges.
        n_gold: how many of the edges are gold ones.
        gold_size: sum of the scores' sizes over those.
    """

    top: Mapping[Edge, float]
    drawn: Mapping[Edge, float]
    n_edges: int
    size: float
    n_gold: int
    gold_size: float


def edge_rows(
    layer: LayerGradient, *, strength: float = 1.0, rows_at_once: int = ROWS_AT_ONCE
) -> Iterator[tuple[int, EdgeScores, Bool[Tensor, "row k_pos"]]]:
    """Scores of all edges of a layer, a block of query rows at a time.

    Masking the edge (q, k) with strength s moves the head's output at q by s p / (1 - s p) (z_q - v_k): exactly, not to
    first order. What comes after is held linear: the score is that times d metric / d z_q.

    Args:
        layer: of the unedited run, which stands first in its batch.
        strength: s, in (0, 1].
        rows_at_once: rows of a block.

    Yields:
        The first query position, the scores, and which edges there are: in sight, and not the only one of their row.
        Scores of the others are 0. Blocks stop after the last row that the metric depends on.

    Source: ours; the first-order form of masks is Kramar et al. 2024 (arXiv 2403.00745), section 3.
    """
    attention, value = in_double(layer.attention), values_by_head(layer)
    gradient = rearrange(layer.gradient[0].double(), "pos head d -> head pos d")
    for columns in _blocks(layer, rows_at_once):
        start = int(columns[0])
        pattern = pattern_rows(attention, columns[None])[0]
        slope = gradient[:, columns]
        worth = einsum(slope, value, "head row d, head k_pos d -> head row k_pos")
        mean = (pattern * worth).sum(-1, keepdim=True)
        taken = strength * pattern
        # where p is all but 1, the quotient is made of what is left of the row instead
        scores = taken / (1 - taken).clamp_min(0.5) * (mean - worth)
        if strength > 0.5:
            _settle_dominant(attention, pattern, worth, scores, start, strength)
        seen = _seen(attention, columns)
        yield start, scores.masked_fill(~seen, 0.0), seen


def _settle_dominant(
    attention: Attention, pattern: Tensor, worth: Tensor, scores: Tensor, start: int, strength: float
) -> None:
    """Edges that hold more than half of their row, at most one a row: the row's mean without them, in place."""
    largest, key = pattern.max(-1)
    is_top = torch.zeros_like(pattern, dtype=torch.bool).scatter_(-1, key[..., None], True)
    weights = torch.where(is_top, (1 - strength) * pattern, pattern)
    kept = weights.sum(-1)
    if attention.sinks is not None:
        kept = kept + (1 - pattern.sum(-1)).clamp_min(0.0)
    # what is left of the row, in units of its own mean, so that nothing is subtracted that nearly cancels
    weights = weights / kept.clamp_min(torch.finfo(kept.dtype).tiny)[..., None]
    for row in (kept < _VANISHING).any(0).nonzero()[:, 0].tolist():
        weights[:, row] = rows_without(attention, start + row, is_top[:, row])
    mean = (pattern * worth).sum(-1)
    change = (weights * worth).sum(-1) - mean
    is_dominant = largest * strength > 0.5
    scores.copy_(torch.where(is_top & is_dominant[..., None], change[..., None], scores))


def _seen(attention: Attention, columns: Tensor) -> Bool[Tensor, "row k_pos"]:
    n_keys = attention.key.shape[2]
    distance = rearrange(columns, "row -> row 1") - torch.arange(n_keys, device=columns.device)
    seen = (distance >= 0) & (distance < (n_keys if attention.window is None else attention.window))
    return seen if attention.sinks is not None else seen & (seen.sum(-1, keepdim=True) > 1)


def score_edges(
    run: GradientRun,
    gold: Mapping[int, Sequence[int]],
    *,
    top: int,
    drawn: int,
    strength: float,
    seed: int,
    example_id: str,
) -> ScoredEdges:
    """Find the strongest edges of an example among all, and draw some of all at random.

    Args:
        run: of the unedited example.
        gold: gold keys of the rows that have any.
        top: how many of the strongest.
        drawn: how many at random.
        strength: of the mask that an edge is scored for, in (0, 1].
        seed: the run's seed.
        example_id: of the example; what is drawn depends on both alone.
    """
    n_edges = sum(_n_edges(layer) for layer in run.layers)
    places = _draw(n_edges, min(n_edges, drawn), seed, example_id)
    best, at, before = dict[Edge, float](), dict[int, tuple[Edge, float]](), 0
    size, n_gold, gold_size = 0.0, 0, 0.0
    for index, layer in enumerate(run.layers):
        for start, scores, seen in edge_rows(layer, strength=strength):
            n_heads, n_here = scores.shape[0], scores.shape[0] * int(seen.sum())
            best = _merged(best, _strongest(scores, seen, top, index, start), top)
            at |= _drawn_here(scores, seen, [place - before for place in places], before, index, start)
            before += n_here
            is_gold = _gold(gold, seen, start)
            size += float(scores.abs().sum())
            n_gold += n_heads * int(is_gold.sum())
            gold_size += float((scores.abs() * is_gold).sum())
    assert before == n_edges
    chosen = dict(at[place] for place in places)
    return ScoredEdges(top=best, drawn=chosen, n_edges=n_edges, size=size, n_gold=n_gold, gold_size=gold_size)


def _n_edges(layer: LayerGradient) -> int:
    """How many edges `edge_rows` goes through."""
    n_heads = layer.attention.query.shape[1]
    return n_heads * sum(int(_seen(layer.attention, columns).sum()) for columns in _blocks(layer, ROWS_AT_ONCE))


def _blocks(layer: LayerGradient, rows_at_once: int) -> Iterator[Tensor]:
    """Query columns block by block, up to the last one that the metric depends on."""
    reads = layer.gradient[0].abs().amax(dim=(1, 2)).nonzero()[:, 0]
    end = int(reads[-1]) + 1 if len(reads) else 0
    for start in range(0, end, rows_at_once):
        yield torch.arange(start, min(end, start + rows_at_once), device=layer.gradient.device)


def _draw(n_edges: int, count: int, seed: int, example_id: str) -> list[int]:
    if not count:
        return []
    return generator(seed, example_id, "", "edges").choice(n_edges, size=count, replace=False).tolist()


def _strongest(scores: EdgeScores, seen: Tensor, count: int, layer: int, start: int) -> dict[Edge, float]:
    size = scores.abs().masked_fill(~seen, -1.0).flatten()
    places = size.topk(min(count, int(seen.sum()) * scores.shape[0])).indices
    return dict(_named(scores, places.tolist(), layer, start))


def _drawn_here(
    scores: EdgeScores, seen: Tensor, places: Sequence[int], before: int, layer: int, start: int
) -> dict[int, tuple[Edge, float]]:
    """The drawn edges of one block, by their place among all."""
    everywhere = seen.expand_as(scores).flatten().nonzero()[:, 0]
    here = [place for place in places if 0 <= place < len(everywhere)]
    named = _named(scores, everywhere[here].tolist() if here else [], layer, start)
    return {before + place: found for place, found in zip(here, named, strict=True)}


def _named(scores: EdgeScores, places: Sequence[int], layer: int, start: int) -> list[tuple[Edge, float]]:
    _, n_rows, n_keys = scores.shape
    found: list[tuple[Edge, float]] = []
    for place in places:
        head, row, key = place // (n_rows * n_keys), place // n_keys % n_rows, place % n_keys
        edge = Edge(layer=layer, head=head, query=start + row, key=key)
        found.append((edge, float(scores[head, row, key])))
    return found


def _gold(gold: Mapping[int, Sequence[int]], seen: Tensor, start: int) -> Bool[Tensor, "row k_pos"]:
    is_gold = torch.zeros_like(seen)
    for query, keys in gold.items():
        if start <= query < start + len(seen):
            is_gold[query - start, list(keys)] = True
    return is_gold & seen


def _merged(one: Mapping[Edge, float], other: Mapping[Edge, float], count: int) -> dict[Edge, float]:
    both = sorted({**one, **other}.items(), key=lambda item: (-abs(item[1]), item[0]))
    return dict(both[:count])
