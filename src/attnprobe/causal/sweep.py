"""Run many edits of one token sequence and read each of them.

In: a model, token ids, and `Variant`s (one write each). Out: for every variant what the readout gives, and how often
its write fired. Full forward passes, batched over variants of one layer at a time, so that every other layer keeps
its fast attention. A faster engine may take this function's place; what it returns is its contract.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from attnprobe.causal.effects import Readout, gold_logprob, kl, logit_diff
from attnprobe.causal.settings import Metric
from attnprobe.errors import EffectError
from attnprobe.models.model import Model
from attnprobe.plan import EMPTY_PLAN, Firing, Plan, Run, Stream, Tokens, Write

Measure = Callable[[Float[Tensor, "variant token vocab"]], Float[Tensor, "variant token"]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Variant:
    """One edited run of a sequence.

    Attributes:
        key: what the caller knows it by.
        write: the edit; its site names no sequence, the sweep places it.
    """

    key: object
    write: Write


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reading:
    """What one variant gave.

    Attributes:
        values: the metric at each token of the readout.
        firing: how often its write acted.
    """

    values: np.ndarray
    firing: Firing


def unedited(model: Model, ids: Sequence[int], readout: Readout, streams: Sequence[Stream] = ()) -> Run:
    """The plain run of a sequence, unembedded from the first position that the readout needs."""
    plan = replace(EMPTY_PLAN, streams=tuple(streams), last_logits=_columns(ids, readout))
    return model.forward(Tokens.of([ids]), plan)


def readout_logits(run: Run, row: int, readout: Readout) -> Float[Tensor, "token vocab"]:
    """Logits of a run at the predicting positions of a readout."""
    return run.logits_at(row, readout.positions)


def measure_of(metric: Metric, readout: Readout, clean: Float[Tensor, "token vocab"]) -> Measure:
    """The function that turns logits at the readout's positions into the metric, token by token.

    Args:
        metric: which; `recovery` is a ratio of two `logit_diff`s and is formed from them by the caller.
        readout: the gold and foil tokens.
        clean: logits of the unedited run, which `kl` compares with.

    Raises:
        EffectError: the metric needs a foil and the readout has none.
    """
    gold = torch.tensor(readout.gold, device=clean.device)
    if metric is Metric.GOLD_LOGPROB:
        return lambda logits: gold_logprob(logits, gold)
    if metric is Metric.KL:
        return lambda logits: kl(clean, logits)
    if readout.foil is None:
        raise EffectError(f"{metric} compares the gold token with a foil, and these gold tokens have none.")
    foil = torch.tensor(readout.foil, device=clean.device)
    return lambda logits: logit_diff(logits, gold, foil)


def run_variants(
    model: Model,
    ids: Sequence[int],
    variants: Sequence[Variant],
    readout: Readout,
    measure: Measure,
    *,
    batch_size: int,
) -> list[Reading]:
    """Run every variant of one sequence and read it.

    Args:
        model: which model.
        ids: the sequence that is edited.
        variants: the edits, each alone in its run.
        readout: where to read.
        measure: from `measure_of`.
        batch_size: variants in one forward pass.

    Returns:
        One reading for each variant, in order.

    Raises:
        PlanError: an edit cannot be honoured or did not fire.
    """
    readings: dict[int, Reading] = {}
    for chunk in _chunks(variants, batch_size):
        writes = tuple(
            replace(variants[index].write, site=replace(variants[index].write.site, batch=(row,)))
            for row, index in enumerate(chunk)
        )
        plan = Plan(writes=writes, last_logits=_columns(ids, readout))
        run = model.forward(Tokens.of([ids] * len(chunk)), plan)
        logits = torch.stack([readout_logits(run, row, readout) for row in range(len(chunk))])
        values = measure(logits).cpu().numpy()
        for row, index in enumerate(chunk):
            readings[index] = Reading(values=values[row], firing=run.fired[row])
    return [readings[index] for index in range(len(variants))]


def _columns(ids: Sequence[int], readout: Readout) -> int:
    return len(ids) - min(readout.positions)


def _chunks(variants: Sequence[Variant], batch_size: int) -> Iterator[list[int]]:
    """Indices of variants that share a forward pass: of one layer, evenly cut to the batch size."""
    order = sorted(range(len(variants)), key=lambda index: variants[index].write.site.layer)
    for _, group in groupby(order, key=lambda index: variants[index].write.site.layer):
        members = list(group)
        n_chunks = -(-len(members) // batch_size)
        for part in np.array_split(np.asarray(members), n_chunks):
            yield [int(index) for index in part]
