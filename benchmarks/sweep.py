"""A z-patching sweep over every head: ours against the TransformerLens loop, in one run.

In: a GPT-2-small-shaped model with random weights, a clean and a corrupted sequence. Out: process CPU time of a plain
forward, of our sweep over all heads, and of one full forward a head under TransformerLens hooks (timed on a sample of
heads and scaled up, every cell being one full forward). No number unless both give the same patched logits.
"""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import torch
from attnprobe.models.load import load_model
from einops import rearrange
from transformers import GPT2Config, GPT2LMHeadModel

from attnprobe.causal.effects import Readout
from attnprobe.causal.settings import Metric
from attnprobe.causal.sweep import Variant, measure_of, readout_logits, run_variants, unedited
from attnprobe.models.model import Model
from attnprobe.plan import Plan, Point, Read, Replace, Site, Tokens, Write
from attnprobe.tasks import WordKind
from benchmarks.harness import arguments, race, store

LENGTH = 64
SAMPLED_HEADS = 12
TOLERANCE = 1e-4


def main() -> None:
    """Run the benchmark and store its row."""
    options = arguments(__doc__ or "")
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=50257, n_positions=LENGTH)
    hf = GPT2LMHeadModel(config).eval()
    ids = torch.randint(0, config.vocab_size, (2, LENGTH)).tolist()
    native, bridge = load_model(hf, backend="native"), load_model(hf, backend="transformer_lens")
    ours = Sweep(native, *ids)
    heads = [(layer, head) for layer in range(config.n_layer) for head in range(config.n_head)]
    sample = heads[:: len(heads) // SAMPLED_HEADS]
    loop = Sweep(bridge, *ids)
    values = dict(zip(heads, ours.batched(heads), strict=True))
    gap = max(abs(values[head] - loop.one_by_one([head])[0]) for head in sample)
    if not gap < TOLERANCE:
        raise SystemExit(f"outputs differ by {gap:.1e} logits, more than {TOLERANCE:.0e}: no times without equality.")
    contestants: dict[str, Callable[[], object]] = {
        "plain forward": lambda: native.forward(Tokens.of([ids[0]])),
        "attnprobe, all heads": lambda: ours.batched(heads),
        f"TransformerLens, {len(sample)} heads": lambda: loop.one_by_one(sample),
    }
    timings = race(contestants, repeats=options.repeats)
    plain, mine, theirs = (timings[name].median for name in contestants)
    theirs *= len(heads) / len(sample)
    row: dict[str, Any] = {
        "model": "GPT-2 small shape, random weights, float32",
        "positions": LENGTH,
        "heads": len(heads),
        "largest_difference_logits": gap,
        "seconds": {name: asdict(timing) for name, timing in timings.items()},
        "attnprobe_in_plain_forwards": mine / plain,
        "transformer_lens_in_plain_forwards": theirs / plain,
        "transformer_lens_over_attnprobe": theirs / mine,
    }
    store("sweep", [row])


class Sweep:
    """Patch every head's output of a clean run into a corrupted one, read at the last position."""

    def __init__(self, model: Model, clean: list[int], corrupted: list[int]) -> None:
        self.model, self.corrupted = model, corrupted
        layers = range(model.dims.n_layers)
        run = model.forward(
            Tokens.of([clean]), Plan(reads=tuple(Read(point=Point.Z, layer=layer) for layer in layers), last_logits=1)
        )
        self.values = {layer: run.read(Point.Z, layer, 0) for layer in layers}
        self.readout = Readout(
            positions=(len(corrupted) - 1,), gold=(clean[-1],), foil=(corrupted[-1],), kinds=(WordKind.OTHER,)
        )
        self.measure = measure_of(
            Metric.LOGIT_DIFF, self.readout, readout_logits(unedited(model, corrupted, self.readout), 0, self.readout)
        )

    def write(self, layer: int, head: int) -> Write:
        """Patch one head at all positions."""
        values = rearrange(self.values[layer][:, head], "pos d_head -> pos 1 d_head")
        return Write(site=Site(point=Point.Z, layer=layer, heads=(head,)), intervention=Replace(values=values))

    def batched(self, heads: list[tuple[int, int]]) -> list[float]:
        """All heads of a layer in one pass."""
        variants = [Variant(key=head, write=self.write(*head)) for head in heads]
        readings = run_variants(self.model, self.corrupted, variants, self.readout, self.measure, batch_size=12)
        return [float(reading.values[0]) for reading in readings]

    def one_by_one(self, heads: list[tuple[int, int]]) -> list[float]:
        """One full forward a head, as `transformer_lens.patching` goes."""
        return [self.batched([head])[0] for head in heads]


if __name__ == "__main__":
    main()
