"""Run many edits of one token sequence and read each of them.

In: a model, token ids, and `Variant`s. Out: for every variant what the readout gives, and how often its writes fired.
How it is carried out is the model's business (`Model.sweep`): whole forward passes, or only what an edit can change.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from attnprobe.causal.effects import Readout, gold_logprob, kl, logit_diff
from attnprobe.causal.settings import Metric
from attnprobe.errors import EffectError
from attnprobe.models.model import Model
from attnprobe.plan import (
    EMPTY_PLAN,
    Edit,
    Firing,
    Measure,
    Plan,
    Run,
    Stream,
    SweepLimits,
    Tokens,
    Unembedding,
    Write,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Variant:
    """One edited run of a sequence.

    Attributes:
        key: what the caller knows it by.
        writes: the edits of that run, at least one; their sites name no sequence.
    """

    key: object
    writes: tuple[Write, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reading:
    """What one variant gave.

    Attributes:
        values: the metric at each token of the readout.
        firing: how often its writes acted, all together.
    """

    values: np.ndarray
    firing: Firing


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reader:
    """A metric at the tokens of a readout.

    Attributes:
        unembedding: the logits it is made of.
        measure: from those logits to the metric, token by token.
    """

    unembedding: Unembedding
    measure: Measure

    def __call__(self, logits: Float[Tensor, "*variant token vocab"]) -> Float[Tensor, "*variant token"]:
        """The metric from logits over the whole vocabulary at the readout's positions."""
        tokens = self.unembedding.tokens
        return self.measure(logits if tokens is None else logits[..., list(tokens)])


def unedited(model: Model, ids: Sequence[int], readout: Readout, streams: Sequence[Stream] = ()) -> Run:
    """The plain run of a sequence, unembedded from the first position that the readout needs."""
    plan: Plan = replace(EMPTY_PLAN, streams=tuple(streams), last_logits=len(ids) - min(readout.positions))
    return model.forward(Tokens.of([ids]), plan)


def readout_logits(run: Run, row: int, readout: Readout) -> Float[Tensor, "token vocab"]:
    """Logits of a run at the predicting positions of a readout."""
    return run.logits_at(row, readout.positions)


def reader_of(metric: Metric, readout: Readout, clean: Float[Tensor, "token vocab"]) -> Reader:
    """What turns logits at the readout's positions into the metric, token by token.

    Args:
        metric: which; `recovery` is a ratio of two `logit_diff`s and is formed from them by the caller.
        readout: the gold and foil tokens.
        clean: logits of the unedited run, which `kl` compares with.

    Raises:
        EffectError: the metric needs a foil and the readout has none.
    """
    everything = Unembedding(positions=readout.positions)
    gold = torch.tensor(readout.gold, device=clean.device)
    if metric is Metric.GOLD_LOGPROB:
        return Reader(unembedding=everything, measure=lambda logits: gold_logprob(logits, gold))
    if metric is Metric.KL:
        return Reader(unembedding=everything, measure=lambda logits: kl(clean, logits))
    if readout.foil is None:
        raise EffectError(f"{metric} compares the gold token with a foil, and these gold tokens have none.")
    # a difference of two logits needs no others
    tokens = tuple(sorted({*readout.gold, *readout.foil}))
    gold, foil = (
        torch.tensor([tokens.index(token) for token in chosen], device=clean.device)
        for chosen in (readout.gold, readout.foil)
    )
    return Reader(
        unembedding=Unembedding(positions=readout.positions, tokens=tokens),
        measure=lambda logits: logit_diff(logits, gold, foil),
    )


def run_variants(
    model: Model, ids: Sequence[int], variants: Sequence[Variant], reader: Reader, limits: SweepLimits
) -> list[Reading]:
    """Run every variant of one sequence and read it.

    Args:
        model: which model.
        ids: the sequence that is edited.
        variants: the edits, each alone in its run.
        reader: from `reader_of`.
        limits: how the sweep is carried out, and how much of it at once.

    Returns:
        One reading for each variant, in order.

    Raises:
        PlanError: an edit cannot be honoured or did not fire.
    """
    if not variants:
        return []
    edits = [Edit(writes=variant.writes) for variant in variants]
    run = model.sweep(ids, edits, reader.unembedding, reader.measure, limits)
    values = run.values.cpu().numpy()
    return [Reading(values=found, firing=sum(fired, Firing())) for found, fired in zip(values, run.fired, strict=True)]
