"""Scores of edges: each is what masking that edge does to its head's own output, downstream linear."""

from math import log

import numpy as np
import pytest
import torch
from torch import Tensor

from attnprobe.causal.attribution.edges import Edge, edge_rows, score_edges
from attnprobe.causal.attribution.masked_outputs import mask_change
from attnprobe.causal.attribution.settings import Approximation
from attnprobe.kernels import Attention
from attnprobe.models.gradients import GradientRun, LayerGradient, gradients_of
from attnprobe.plan import EmptyRow, Unembedding
from tests.causal.attribution.doubles import double_model
from tests.models.architectures import Architecture

IDS = (3, 14, 15, 9, 26, 5, 35, 8, 9, 7)
FAMILIES = (Architecture.GPT2, Architecture.LLAMA, Architecture.GEMMA2)


def run_of(architecture: Architecture) -> GradientRun:
    return gradients_of(
        double_model(architecture),
        IDS,
        Unembedding(positions=(5, 8)),
        lambda logits: torch.log_softmax(logits, -1)[..., 3],
    )


def whole(layer: LayerGradient, *, strength: float = 1.0, rows_at_once: int = 64) -> tuple[Tensor, Tensor]:
    blocks = list(edge_rows(layer, strength=strength, rows_at_once=rows_at_once))
    assert [start for start, _, _ in blocks] == list(range(0, 9, rows_at_once))
    return torch.cat([scores for _, scores, _ in blocks], 1), torch.cat([seen for _, _, seen in blocks])


@pytest.mark.parametrize("architecture", FAMILIES, ids=str)
@pytest.mark.parametrize("strength", [1.0, 0.4])
def test_an_edge_is_worth_its_exact_local_change(architecture: Architecture, strength: float) -> None:
    for layer in run_of(architecture).layers:
        scores, seen = whole(layer, strength=strength, rows_at_once=4)
        window = layer.attention.window or 99
        for query, key in ((1, 0), (3, 3), (5, 2), (8, 6), (8, 8), (8, 0)):
            assert bool(seen[query, key]) == (query - key < window)
            if not seen[query, key]:
                assert float(scores[:, query, key].abs().max()) == 0.0
                continue
            change = mask_change(
                layer,
                {query: (key,)},
                strength=strength,
                empty_row=EmptyRow.RAISE,
                approximation=Approximation.SECANT,
            )
            expected = (change[query] * layer.gradient[0, query]).sum(-1)
            torch.testing.assert_close(scores[:, query, key], expected, rtol=1e-9, atol=1e-13)


def test_the_only_key_of_a_row_is_no_edge_that_can_be_masked() -> None:
    layer = run_of(Architecture.GPT2).layers[0]
    scores, seen = whole(layer)
    assert not seen[0].any()
    assert seen.sum() == sum(range(2, 10))
    assert float(scores[:, 0].abs().max()) == 0.0


def test_an_edge_that_holds_nearly_all_of_its_row_keeps_its_digits() -> None:
    """The last key has all but 3 e^-60 of the mass, less than float64 can tell from 1; without it z is 4."""
    scores, _ = whole_of_one(logits=[0.0, log(2), 60.0], values=[8.0, 2.0, 0.0])
    assert scores[0, 2].tolist() == pytest.approx([8 - 0.0 - 8, 0.0, 4.0], abs=1e-12)


def test_an_edge_that_leaves_nothing_a_float_can_hold_is_worked_out_anew() -> None:
    scores, _ = whole_of_one(logits=[0.0, log(2), 900.0], values=[8.0, 2.0, 0.0])
    assert scores[0, 2, 2].item() == pytest.approx(4.0)


def test_a_sink_keeps_its_mass_and_lets_an_only_key_go() -> None:
    """Sink 1, one key of 3: p = 3/4; without it z falls from 3/4 of 8 to nothing."""
    scores, seen = whole_of_one(logits=[log(3)], values=[8.0], sink=0.0)
    assert seen.all()
    assert scores[0, 0, 0].item() == pytest.approx(-6.0)


def test_the_strongest_and_the_drawn_are_those_of_all_edges() -> None:
    run = run_of(Architecture.LLAMA)
    every: dict[Edge, float] = {}
    for index, layer in enumerate(run.layers):
        scores, seen = whole(layer)
        for head, query, key in seen.expand_as(scores).nonzero().tolist():
            every[Edge(layer=index, head=head, query=query, key=key)] = float(scores[head, query, key])
    gold = {5: (1, 2), 8: (3,)}
    found = score_edges(run, gold, top=12, drawn=20, strength=1.0, seed=0, example_id="a")
    strongest = sorted(every, key=lambda edge: -abs(every[edge]))[:12]
    assert list(found.top) == strongest
    assert found.n_edges == len(every) == 3 * 4 * sum(range(2, 10))
    assert {**found.top, **found.drawn}.items() <= every.items()
    assert len(found.drawn) == 20
    assert found.size == pytest.approx(sum(map(abs, every.values())))
    gold_sizes = [abs(score) for edge, score in every.items() if edge.key in gold.get(edge.query, ())]
    assert found.n_gold == len(gold_sizes) == 3 * 4 * 3
    assert found.gold_size == pytest.approx(sum(gold_sizes))
    again = score_edges(run, gold, top=3, drawn=20, strength=1.0, seed=0, example_id="a")
    other = score_edges(run, gold, top=3, drawn=20, strength=1.0, seed=0, example_id="b")
    assert again.drawn == found.drawn
    assert other.drawn.keys() != found.drawn.keys()


def test_drawing_takes_every_edge_alike() -> None:
    """Three edges, one drawn, under many seeds: each a third of the time."""
    layer = one_head(logits=[0.0, 1.0], values=[8.0, 2.0], sink=0.0)
    run = GradientRun(values=torch.zeros(1, 1), layers=(layer,))
    found = (score_edges(run, {}, top=1, drawn=1, strength=1.0, seed=seed, example_id="a") for seed in range(300))
    drawn = [edge for one in found for edge in one.drawn]
    counts = np.unique([f"{edge.query}{edge.key}" for edge in drawn], return_counts=True)[1]
    # 99.9% of a binomial of 300 and 1/3 lies in 73..129
    assert len(counts) == 3
    assert 73 <= counts.min() <= counts.max() <= 129


def whole_of_one(*, logits: list[float], values: list[float], sink: float | None = None) -> tuple[Tensor, Tensor]:
    ((_, scores, seen),) = edge_rows(one_head(logits=logits, values=values, sink=sink))
    return scores, seen


def one_head(*, logits: list[float], values: list[float], sink: float | None = None) -> LayerGradient:
    """A head of width 1 all of whose queries have these logits, and whose output is the metric."""
    key = torch.tensor(logits, dtype=torch.float64).reshape(1, 1, -1, 1)
    attention = Attention(
        query=torch.ones_like(key),
        key=key,
        scaling=1.0,
        sinks=None if sink is None else torch.tensor([sink], dtype=torch.float64),
    )
    value = torch.tensor(values, dtype=torch.float64).reshape(1, 1, -1, 1)
    ones = torch.ones(1, len(logits), 1, 1, dtype=torch.float64)
    return LayerGradient(attention=attention, value=value, z=ones, gradient=ones)
