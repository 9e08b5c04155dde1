"""The sweep gives, for every variant, what a run of that variant alone gives."""

import numpy as np
import pytest
import torch

from attnprobe.causal.effects import Readout, gold_logprob
from attnprobe.causal.settings import Metric
from attnprobe.causal.sweep import Variant, reader_of, readout_logits, run_variants, unedited
from attnprobe.errors import EffectError, PlanError
from attnprobe.models.model import Model
from attnprobe.plan import Edges, Plan, Point, Replace, Site, SweepLimits, Tokens, Write, mask_edges
from attnprobe.tasks import WordKind

IDS = (3, 14, 15, 9, 26, 5, 35, 8, 9, 7)
READOUT = Readout(positions=(6, 8), gold=(8, 7), foil=(1, 2), kinds=(WordKind.NOUN, WordKind.NAME))


def mask_variant(layer: int, head: int, keys: tuple[int, ...] = (2, 4)) -> Variant:
    edges = Edges.product((6, 8), keys)
    return Variant(key=(layer, head), writes=(mask_edges(layer=layer, heads=(head,), edges=edges),))


def log_probs_of(model: Model, write: Write | None) -> np.ndarray:
    """The slow way: one forward of the whole sequence, every position unembedded."""
    run = model.forward(Tokens.of([IDS]), Plan(writes=() if write is None else (write,)))
    log_probs = torch.log_softmax(run.logits[0].double(), dim=-1)
    return np.array([log_probs[6, 8].item(), log_probs[8, 7].item()])


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_every_variant_reads_as_if_it_were_run_alone(tiny: Model, batch_size: int) -> None:
    # layers out of order, so that the order of results is not the order of runs
    variants = [mask_variant(layer, head) for layer in (2, 0, 1) for head in (3, 0, 1)]
    reader = reader_of(Metric.GOLD_LOGPROB, READOUT, torch.zeros(2, 61))
    readings = run_variants(tiny, IDS, variants, reader, SweepLimits(batch_size=batch_size))
    for variant, reading in zip(variants, readings, strict=True):
        assert np.abs(reading.values - log_probs_of(tiny, variant.writes[0])).max() < 5e-6
        assert reading.firing.edited == 4
    plain = log_probs_of(tiny, None)
    assert max(np.abs(reading.values - plain).max() for reading in readings) > 1e-2


def test_the_unedited_run_unembeds_only_what_is_read(tiny: Model) -> None:
    run = unedited(tiny, IDS, READOUT)
    assert run.logits.shape[1] == len(IDS) - 6
    values = gold_logprob(readout_logits(run, 0, READOUT), torch.tensor(READOUT.gold))
    assert np.abs(values.numpy() - log_probs_of(tiny, None)).max() < 5e-6


def test_kl_of_an_unedited_variant_is_zero_and_of_an_edited_one_is_not(tiny: Model) -> None:
    clean = readout_logits(unedited(tiny, IDS, READOUT), 0, READOUT)
    reader = reader_of(Metric.KL, READOUT, clean)
    same = Write(
        site=Site(point=Point.RESID, layer=0, positions=(0,)),
        intervention=Replace(values=torch.zeros(())),
    )
    edited = run_variants(tiny, IDS, [Variant(key=0, writes=(same,))], reader, SweepLimits(batch_size=1))
    assert reader(clean).max() < 1e-12
    assert edited[0].values.min() > 1e-4


def test_logit_diff_without_a_foil_is_refused() -> None:
    readout = Readout(positions=(6,), gold=(8,), foil=None, kinds=(WordKind.NOUN,))
    with pytest.raises(EffectError, match="logit_diff compares the gold token with a foil"):
        reader_of(Metric.LOGIT_DIFF, readout, torch.zeros(1, 61))


def test_a_variant_that_cannot_fire_raises_whatever_shares_its_batch(windowed: Model) -> None:
    """Key 2 is four tokens behind query 6: outside a window of four, which holds the querying token too."""
    dead = Variant(key="dead", writes=(mask_edges(layer=0, heads=(0,), edges=Edges.product((6,), (2,))),))
    live = Variant(key="live", writes=(mask_edges(layer=0, heads=(0,), edges=Edges.product((6,), (3,))),))
    reader = reader_of(Metric.GOLD_LOGPROB, READOUT, torch.zeros(2, 61))
    with pytest.raises(PlanError, match="fired 0 times"):
        run_variants(windowed, IDS, [live, dead], reader, SweepLimits(batch_size=2))
