"""The writes of a set: fewer than its heads, and the same edit."""

import pytest
import torch

from attnprobe.causal.edits import mask_write
from attnprobe.causal.joint_writes import merged
from attnprobe.causal.units import Unit
from attnprobe.models.model import Model
from attnprobe.plan import EmptyRow, Plan, Point, Replace, Scale, Site, Tokens, Write

IDS = list(range(5, 15))
HEADS = ((0, 3), (2, 1), (0, 1), (2, 2))
"""Layer and head, in no order."""


def replaced(point: Point, layer: int, head: int, values: torch.Tensor) -> Write:
    site = Site(point=point, layer=layer, heads=(head,))
    return Write(site=site, intervention=Replace(values=values, label="other"))


def masked(layer: int, head: int, strength: float | tuple[float, ...]) -> Write:
    return mask_write({7: (2, 4), 9: (3,)}, Unit(layer=layer, index=head), strength, EmptyRow.RAISE)


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(shape[0]))


CASES = {
    "mask": [masked(*place, 0.5) for place in HEADS],
    "zero": [replaced(Point.Z, *place, torch.zeros(())) for place in HEADS],
    "z": [replaced(Point.Z, *place, drawn(10, 1, 8)) for place in HEADS],
    "pattern": [replaced(Point.PATTERN, *place, drawn(1, 10, 10).softmax(-1)) for place in HEADS],
    "scale": [
        Write(site=Site(point=Point.Z, layer=layer, heads=(head,)), intervention=Scale(factor=0.3))
        for layer, head in HEADS
    ],
}


@pytest.mark.parametrize("name", CASES)
def test_heads_of_one_layer_share_a_write_and_the_run_is_the_same(tiny: Model, name: str) -> None:
    apart, together = CASES[name], merged(CASES[name])
    assert [(write.site.layer, write.site.heads) for write in together] == [(0, (1, 3)), (2, (1, 2))]
    tokens = Tokens.of([IDS])
    runs = [tiny.forward(tokens, Plan(writes=tuple(writes))) for writes in (apart, together)]
    assert torch.equal(runs[0].logits, runs[1].logits)
    assert not torch.allclose(runs[0].logits, tiny.forward(tokens).logits, atol=1e-3)
    for layer in (0, 2):
        counts = [sum(fired.edited for fired, write in zip(run.fired, writes, strict=True) if write.site.layer == layer)
                  for run, writes in zip(runs, (apart, together), strict=True)]  # fmt: skip
        assert counts[0] == counts[1]


def test_edits_that_differ_stay_apart() -> None:
    weaker = [masked(0, 1, 0.5), masked(0, 2, 0.4), masked(0, 3, (0.5, 0.5))]
    assert len(merged(weaker)) == 3
    numbers = [replaced(Point.Z, 0, 1, torch.zeros(())), replaced(Point.Z, 0, 2, torch.ones(()))]
    assert len(merged(numbers)) == 2
    layers = [Write(site=Site(point=Point.RESID, layer=1), intervention=Scale(factor=0.5))] * 2
    assert len(merged(layers)) == 2


def test_one_head_stays_as_it_is() -> None:
    write = masked(1, 2, 1.0)
    assert merged([write]) == (write,)
