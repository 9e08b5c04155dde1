"""What a key's score is: every `Normalisation`, as a pure function of what the kernels give.

In: column sums and their shares by prefix (`KeyScores`), or attention rows summed over key sets. Out: scores. Nothing
here is larger than [batch, head, k_pos, prefix].

Two families. *Values* (SAMRank and its kin): every key of a prefix has a value, a set of keys the largest of its own.
*Masses* (direct, renormalised, value_weighted, rollout): what the row of the predicting position gives to the keys, so
a set of keys has the sum.

A prefix with no value to tell its keys apart (all equal, or a single token) is degenerate: min-max makes every value 0,
and a percentile is 1/2. A row with nothing left gives 0 to every key.
"""

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor

from attnprobe.attention.settings import Normalisation
from attnprobe.errors import SpecError
from attnprobe.kernels import KeyScores

Values = Float[Tensor, "batch head k_pos prefix"]
InPrefix = Bool[Tensor, "batch k_pos prefix"]


def key_values(scores: KeyScores, inside: InPrefix, normalisation: Normalisation) -> Values:
    """The value of every key within every prefix, minus infinity outside it.

    Args:
        scores: received and given, first key and sinks already excluded as the settings say.
        inside: which columns each prefix holds.
        normalisation: one whose `is_mass` is false.

    Returns:
        In [0, 1], but for `sum`, which is in attention mass.

    Source: Kang and Shin 2023 (SAMRank, global and proportional score), as coded for arXiv 2502.15120: G the column
    sums with the first key at 0, P the row sums of the column-normalised map, G + P min-max scaled. Percentiles and
    the exclusion of sinks are ours.
    """
    outside = ~rearrange(inside, "batch k_pos prefix -> batch 1 k_pos prefix")
    match normalisation:
        case Normalisation.SAMRANK | Normalisation.SINK_REMOVED:
            return min_max(scores.received + scores.given, outside)
        case Normalisation.GLOBAL:
            return min_max(scores.received, outside)
        case Normalisation.PROPORTIONAL:
            return min_max(scores.given, outside)
        case Normalisation.SUM:
            return (scores.received + scores.given).masked_fill(outside, float("-inf"))
        case Normalisation.RANK:
            return percentile(scores.received + scores.given, outside)
        case _:
            raise SpecError(f"normalisation {normalisation} is a mass of key sets, not a value of keys.")


def min_max(values: Values, outside: Bool[Tensor, "batch 1 k_pos prefix"]) -> Values:
    """Scale each prefix's values to [0, 1]; all 0 where they are equal; minus infinity outside.

    Source: arXiv 2502.15120 as coded, which divides 0 by 0 where ours is 0.
    """
    lowest = values.masked_fill(outside, float("inf")).amin(2, keepdim=True)
    span = values.masked_fill(outside, float("-inf")).amax(2, keepdim=True) - lowest
    scaled = torch.where(span > 0, (values - lowest) / span.masked_fill(span <= 0, 1.0), 0.0)
    return scaled.masked_fill(outside, float("-inf"))


def percentile(values: Values, outside: Bool[Tensor, "batch 1 k_pos prefix"]) -> Values:
    """The share of the prefix's other tokens that have less, ties counted half; 1/2 where there is no other.

    A token that stands nowhere in particular has 1/2 on average whatever the values' distribution, and no sink sets the
    scale. Values that differ by rounding alone are not ties: two precisions may order them differently.

    Source: ours; mid-ranks as in the Mann-Whitney statistic.
    """
    columns = rearrange(values.masked_fill(outside, float("inf")), "batch head k_pos prefix -> batch head prefix k_pos")
    columns = columns.contiguous()
    ordered = columns.sort(dim=-1).values
    below = torch.searchsorted(ordered, columns)
    up_to = torch.searchsorted(ordered, columns, right=True)
    n_others = rearrange((~outside).sum(2) - 1, "batch 1 prefix -> batch 1 prefix 1")
    share = (below + (up_to - below - 1) / 2).to(values) / n_others.clamp_min(1)
    share = torch.where(n_others > 0, share, 0.5)
    share = rearrange(share, "batch head prefix k_pos -> batch head k_pos prefix")
    return share.masked_fill(outside, float("-inf"))


def share_of_row(
    mass: Float[Tensor, "*batch head token set"], whole: Float[Tensor, "*batch head token"]
) -> Float[Tensor, "*batch head token set"]:
    """Mass as a share of what the whole row counts; 0 where the row counts nothing.

    Source: ours; for value-weighted rows the norms are those of Kobayashi et al. 2020 (arXiv 2004.10102).
    """
    whole = rearrange(whole, "... token -> ... token 1")
    return torch.where(whole > 0, mass / whole.masked_fill(whole <= 0, 1.0), 0.0)


def sink_columns(
    received: Values, n_queries: Float[Tensor, "batch prefix"], share: float
) -> Bool[Tensor, "batch head k_pos prefix"]:
    """Columns that receive more than a share of the mass of a prefix's queries: at most 1 / share of them.

    Source: ours; that attention piles up on a few tokens whatever they say is Xiao et al. 2023 (arXiv 2309.17453).
    """
    return received > share * rearrange(n_queries, "batch prefix -> batch 1 1 prefix")
