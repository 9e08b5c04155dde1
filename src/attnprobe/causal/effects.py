"""Metrics: what is read off the logits of a run.

In: logits at the positions that predict chosen gold tokens. Out: one number a token; averaging over the tokens of an
example gives the example's value. Everything is computed in float64 from the logits as the model gave them.

An *effect* is metric(edited) - metric(unedited) of the same example. For `gold_logprob`, `logit_diff` and `recovery`
harm is negative; `kl` is a distance and can only be positive.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from attnprobe.errors import EffectError
from attnprobe.tasks.example import WordKind

MIN_GAP_LOGITS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Readout:
    """Which gold tokens of an example are read.

    Attributes:
        positions: predicting positions, ascending; each is the token before the gold one.
        gold: id of the gold token that each predicts.
        foil: id of the foil's token at the same place, for each; None where the metric needs no foil.
        kinds: kind of each gold token.
    """

    positions: tuple[int, ...]
    gold: tuple[int, ...]
    foil: tuple[int, ...] | None
    kinds: tuple[WordKind, ...]

    def __post_init__(self) -> None:
        lengths = {len(self.positions), len(self.gold), len(self.kinds)}
        if self.foil is not None:
            lengths.add(len(self.foil))
        if len(lengths) != 1 or not self.positions:
            raise EffectError(
                f"readout: expected as many positions as gold tokens and kinds, at least one; got {lengths}."
            )


def gold_logprob(
    logits: Float[Tensor, "*batch token vocab"], gold: Int[Tensor, " token"]
) -> Float[Tensor, "*batch token"]:
    """Log-probability of each gold token.

    Args:
        logits: at the predicting positions.
        gold: ids of the gold tokens.

    Returns:
        Nats, <= 0, float64.

    Source: ours; teacher-forced log-likelihood.
    """
    log_probs = torch.log_softmax(logits.double(), dim=-1)
    return log_probs.gather(-1, gold.expand(*log_probs.shape[:-1])[..., None])[..., 0]


def logit_diff(
    logits: Float[Tensor, "*batch token vocab"], gold: Int[Tensor, " token"], foil: Int[Tensor, " token"]
) -> Float[Tensor, "*batch token"]:
    """Logit of the gold token minus the logit of the foil's.

    Args:
        logits: at the positions that predict the first piece where gold and foil differ.
        gold: ids of the gold tokens.
        foil: ids of the foil's tokens.

    Returns:
        Logits, float64; positive where the gold token is preferred.

    Source: Wang et al. 2022 (arXiv 2211.00593), section 2.
    """
    shape = logits.shape[:-1]
    gold_logits = logits.double().gather(-1, gold.expand(shape)[..., None])
    foil_logits = logits.double().gather(-1, foil.expand(shape)[..., None])
    return (gold_logits - foil_logits)[..., 0]


def kl(
    clean: Float[Tensor, "token vocab"], edited: Float[Tensor, "*batch token vocab"]
) -> Float[Tensor, "*batch token"]:
    """Kullback-Leibler divergence of the edited prediction from the clean one, KL(clean || edited).

    Args:
        clean: logits of the unedited run.
        edited: logits of edited runs of the same tokens.

    Returns:
        Nats, >= 0, float64.
    """
    clean_log = torch.log_softmax(clean.double(), dim=-1)
    edited_log = torch.log_softmax(edited.double(), dim=-1)
    # the sum is a few 1e-17 below zero where the two are equal
    return (clean_log.exp() * (clean_log - edited_log)).sum(-1).clamp_min(0.0)


def recovery(
    patched: Float[Tensor, "*batch"], clean: float, corrupted: float, *, min_gap: float = MIN_GAP_LOGITS
) -> Float[Tensor, "*batch"]:
    """Share of the gap between the corrupted and the clean run that a patch restores.

    0 is the corrupted run and 1 the clean one; values beyond are overshoot or harm.

    Args:
        patched: logit_diff of patched runs of one example, in logits.
        clean: logit_diff of its clean run, in logits.
        corrupted: logit_diff of its corrupted run, in logits.
        min_gap: smallest |clean - corrupted| worth dividing by, in logits, > 0.

    Returns:
        (patched - corrupted) / (clean - corrupted), without unit.

    Raises:
        EffectError: the gap is below `min_gap`, or not a number.

    Source: Meng et al. 2022 (arXiv 2202.05262), normalised per example as in TransformerLens; here never of means.
    """
    gap = clean - corrupted
    # negated so that a NaN gap is caught too
    if not abs(gap) >= min_gap:
        raise EffectError(
            f"recovery: |clean - corrupted| = {abs(gap):.3f} logits, below the smallest gap to divide by, {min_gap}; "
            "the ratio would be noise. Drop such examples, or measure logit_diff instead."
        )
    return (patched - corrupted) / gap
