"""Masks of key sets by formula: no new softmax, and one product a head for all of its key sets.

A mask of strength s on keys K makes of a row A of the unedited pattern A'_k = A_k (1 - s [k in K]) / D, where D is the
sum of the numerators; a sink's share, which no mask touches, belongs to D. So every key set of a head is a row of
factors, and z of all of them is one product with the head's values.

D is summed over what is left. Written as 1 - s sum_K A, with the numerator as z - s sum_K A v, it is the same number
but loses all digits that cancel: an error of about eps / D, 5e-6 at D = .05 in float32. Summed, what remains is the
exponentials' own error, as their arguments are rounded: eps / 2 for each nat below the row's maximum. Rows of which
less than `SMALLEST` is left are therefore done anew, from their logits.

In: pairs of a run and a head, each with one mask. Out: z of each, and how often each mask acted. Source: ours; the
arithmetic is that of plan/edits.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from einops import rearrange, repeat
from jaxtyping import Bool, Float, Int
from torch import Tensor

from attnprobe.models.corner.head_sources import HeadSource
from attnprobe.models.corner.key_sets import KeySets
from attnprobe.shapes import HeadVectors

SMALLEST = 2.0**-14
"""Of a row's mass, what must be left; ten nats below its maximum, the exponentials are good to 3e-7 in float32."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Patterns:
    """Rows of the unedited pattern of some heads.

    Attributes:
        logits: -inf where a query may not look.
        pattern: in float32 or finer, not yet rounded to the model's dtype.
        sink: logits of the sinks; None without.
        share: of the mass, what the sinks take.
    """

    logits: Float[Tensor, "source row k_pos"]
    pattern: Float[Tensor, "source row k_pos"]
    sink: Float[Tensor, " source"] | None
    share: Float[Tensor, "source row"]


def mask_key_sets(
    source: HeadSource,
    runs: Int[Tensor, " pair"],
    heads: Int[Tensor, " pair"],
    sets: KeySets,
    visible: Bool[Tensor, "q_pos k_pos"],
    z: HeadVectors,
) -> HeadVectors:
    """z of pairs under the mask of each.

    Args:
        source: their queries, keys and values.
        runs: of each pair.
        heads: of each pair.
        sets: the masks; `sets.of_pair` says which is whose.
        visible: what each running column may attend to.
        z: of each pair unedited [pair, pos, 1, d_head].

    Returns:
        As `z`, with the rows that are masked changed.
    """
    pair_source, order = _sources(source, runs, heads)
    rows = sets.rows
    keys, values = source.keys_values(runs[order], heads[order])
    patterns = _patterns(source, runs[order], heads[order], rows, visible[rows], keys)
    kept = patterns.pattern[pair_source] * sets.factors[sets.of_pair].to(patterns.pattern)
    left = kept.sum(-1) + patterns.share[pair_source]
    edited = _normalised(kept, left, patterns, pair_source, sets)
    edited = sets.settle_empty_rows(edited).to(z.dtype)
    mixed = _mixed(edited, rearrange(values, "source 1 k_pos d -> source k_pos d"), pair_source)
    is_masked = rearrange(sets.masks_row[sets.of_pair], "pair row -> pair row 1 1")
    changed = z.clone()
    changed[:, rows] = torch.where(is_masked, rearrange(mixed, "pair row d -> pair row 1 d"), z[:, rows])
    return changed


def _sources(
    source: HeadSource, runs: Int[Tensor, " pair"], heads: Int[Tensor, " pair"]
) -> tuple[Int[Tensor, " pair"], Int[Tensor, " source"]]:
    """Which pattern each pair starts from, and a pair that has each; runs that join start from the same."""
    first_of: dict[tuple[int, int], int] = {}
    order: list[int] = []
    of_pair: list[int] = []
    is_shared = source.is_shared
    for index, (run, head) in enumerate(zip(runs.tolist(), heads.tolist(), strict=True)):
        key = (0 if is_shared else run, head)
        if key not in first_of:
            first_of[key] = len(order)
            order.append(index)
        of_pair.append(first_of[key])
    return torch.tensor(of_pair, device=runs.device), torch.tensor(order, device=runs.device)


def _patterns(
    source: HeadSource,
    runs: Int[Tensor, " source"],
    heads: Int[Tensor, " source"],
    rows: Int[Tensor, " row"],
    visible: Bool[Tensor, "row k_pos"],
    keys: Float[Tensor, "source 1 k_pos d_head"],
) -> _Patterns:
    """The rows that masks change; the order scale, softcap, mask, softmax is that of `explicit_attention`."""
    call = source.call
    queries = source.queries(runs, heads)[:, 0].index_select(1, rows)
    logits = torch.bmm(queries, rearrange(keys, "source 1 k_pos d -> source d k_pos")) * call.scaling
    if call.softcap is not None:
        logits = torch.tanh(logits / call.softcap) * call.softcap
    logits = logits.masked_fill(~visible, float("-inf"))
    dtype = torch.promote_types(logits.dtype, torch.float32)
    if call.sinks is None:
        pattern = logits.softmax(-1, dtype=dtype)
        return _Patterns(logits=logits, pattern=pattern, sink=None, share=pattern.new_zeros(pattern.shape[:2]))
    sink = call.sinks[heads].to(logits.dtype)
    whole = _with_sink(logits, sink).softmax(-1, dtype=dtype)
    return _Patterns(logits=logits, pattern=whole[..., :-1], sink=sink, share=whole[..., -1])


def _with_sink(
    logits: Float[Tensor, "source row k_pos"], sink: Float[Tensor, " source"]
) -> Float[Tensor, "source row k_pos_and_sink"]:
    column = repeat(sink, "source -> source row 1", row=logits.shape[1])
    return torch.cat([logits, column], dim=-1)


def _normalised(
    kept: Float[Tensor, "pair row k_pos"],
    left: Float[Tensor, "pair row"],
    patterns: _Patterns,
    pair_source: Int[Tensor, " pair"],
    sets: KeySets,
) -> Float[Tensor, "pair row k_pos"]:
    """What is left, as a share of itself; done anew from the logits where it is too little to be divided by."""
    edited = kept / left.clamp_min(SMALLEST)[..., None]
    is_small = (left < SMALLEST) & ~sets.empties_row[sets.of_pair]
    if not bool(is_small.any()):
        return edited
    pair, row = is_small.nonzero().unbind(1)
    of = pair_source[pair]
    # in the pattern's own precision: the logarithm of a factor near 0 has no digits to lose
    logits = patterns.logits[of, row].to(kept) + sets.factors[sets.of_pair[pair], row].log().to(kept)
    if patterns.sink is not None:
        logits = torch.cat([logits, patterns.sink[of, None].to(kept)], dim=-1)
    edited[pair, row] = logits.softmax(-1)[:, : kept.shape[-1]]
    return edited


def _mixed(
    edited: Float[Tensor, "pair row k_pos"],
    values: Float[Tensor, "source k_pos d_head"],
    pair_source: Int[Tensor, " pair"],
) -> Float[Tensor, "pair row d_head"]:
    """Values mixed, all pairs of one head in one product."""
    counts = torch.bincount(pair_source, minlength=values.shape[0]).tolist()
    order = torch.argsort(pair_source, stable=True)
    by_source = edited[order]
    if len(set(counts)) == 1:
        flat = rearrange(by_source, "(source set) row k_pos -> source (set row) k_pos", source=len(counts))
        mixed = torch.bmm(flat, values)
        mixed = rearrange(mixed, "source (set row) d -> (source set) row d", row=edited.shape[1])
    else:
        parts: Sequence[Tensor] = by_source.split(counts)
        mixed = torch.cat([part @ values[index] for index, part in enumerate(parts)])
    return torch.empty_like(mixed).index_copy_(0, order, mixed)
