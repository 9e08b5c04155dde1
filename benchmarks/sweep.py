"""A z-patching sweep over every head: ours against TransformerLens' own, in one run.

In: a GPT-2-small-shaped model with random weights, a clean and a corrupted sequence. Out: process CPU time of a plain
forward, of our sweep over all heads, and of `transformer_lens.patching` over a sample of heads, scaled up (every cell
of its loop is one full forward). No number unless both give the same patched logits.
"""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pandas as pd
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from attnprobe.causal.effects import Readout
from attnprobe.causal.settings import Metric
from attnprobe.causal.sweep import Variant, reader_of, readout_logits, run_variants, unedited
from attnprobe.models.load import load_model
from attnprobe.models.model import Model
from attnprobe.plan import Plan, Point, Read, Replace, Site, SweepLimits, Tokens, Write
from attnprobe.tasks import WordKind
from benchmarks.harness import arguments, race
from benchmarks.records import store

LENGTH = 64
SAMPLED_HEADS = 12
TOLERANCE_LOGITS = 1e-4

Heads = list[tuple[int, int]]


def main() -> None:
    """Run the benchmark and store its row."""
    options = arguments("A z-patching sweep over every head, against TransformerLens.")
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=50257, n_positions=LENGTH)
    hf = GPT2LMHeadModel(config).eval()
    clean, corrupted = torch.randint(0, config.vocab_size, (2, LENGTH)).tolist()
    native = load_model(hf, backend="native")
    heads = [(layer, head) for layer in range(config.n_layer) for head in range(config.n_head)]
    sample = heads[:: len(heads) // SAMPLED_HEADS]
    theirs = peer_sweep(hf, clean, corrupted)
    values = dict(zip(heads, our_sweep(native, clean, corrupted, heads), strict=True))
    gap = max(abs(values[head] - value) for head, value in zip(sample, theirs(sample), strict=True))
    if not gap < TOLERANCE_LOGITS:
        raise SystemExit(f"outputs differ by {gap:.1e} logits, more than {TOLERANCE_LOGITS:.0e}: no times.")
    contestants: dict[str, Callable[[], object]] = {
        "plain forward": lambda: native.forward(Tokens.of([clean])),
        "attnprobe": lambda: our_sweep(native, clean, corrupted, heads),
        "transformer_lens sample": lambda: theirs(sample),
    }
    timings = race(contestants, repeats=options.repeats)
    plain, ours, peer = (timings[name].median for name in contestants)
    peer *= len(heads) / len(sample)
    row: dict[str, Any] = {
        "model": "GPT-2 small shape, random weights, float32",
        "positions": LENGTH,
        "heads": len(heads),
        "heads_sampled_of_peer": len(sample),
        "largest_difference_logits": gap,
        "cpu_seconds": {name: asdict(timing) for name, timing in timings.items()},
        "attnprobe_in_plain_forwards": round(ours / plain, 2),
        "transformer_lens_in_plain_forwards": round(peer / plain, 2),
        "transformer_lens_over_attnprobe": round(peer / ours, 2),
    }
    store("sweep", [row])


def our_sweep(model: Model, clean: list[int], corrupted: list[int], heads: Heads) -> list[float]:
    """Logit difference at the last position under each patch, both source runs included in the cost."""
    layers = sorted({layer for layer, _ in heads})
    reads = tuple(Read(point=Point.Z, layer=layer) for layer in layers)
    run = model.forward(Tokens.of([clean]), Plan(reads=reads, last_logits=1))
    values = {layer: run.read(Point.Z, layer, 0) for layer in layers}
    readout = Readout(positions=(LENGTH - 1,), gold=(clean[-1],), foil=(corrupted[-1],), kinds=(WordKind.OTHER,))
    unpatched = readout_logits(unedited(model, corrupted, readout), 0, readout)
    variants = [
        Variant(
            key=(layer, head),
            writes=(
                Write(
                    site=Site(point=Point.Z, layer=layer, heads=(head,)),
                    intervention=Replace(values=values[layer][:, [head]]),
                ),
            ),
        )
        for layer, head in heads
    ]
    reader = reader_of(Metric.LOGIT_DIFF, readout, unpatched)
    readings = run_variants(model, corrupted, variants, reader, SweepLimits(batch_size=12))
    return [float(reading.values[0]) for reading in readings]


def peer_sweep(hf: GPT2LMHeadModel, clean: list[int], corrupted: list[int]) -> Callable[[Heads], list[float]]:
    """`transformer_lens.patching.generic_activation_patch` on z at all positions, for chosen heads."""
    import copy

    from transformer_lens import patching
    from transformer_lens.model_bridge.sources import build_bridge_from_module

    own = copy.deepcopy(hf)
    own.set_attn_implementation("eager")
    bridge: Any = build_bridge_from_module(own, "GPT2LMHeadModel", hf_config=own.config)
    # no progress bar inside a timing
    patching.tqdm = lambda cells, **_: cells  # pyright: ignore[reportPrivateImportUsage, reportAttributeAccessIssue]

    def sweep(heads: Heads) -> list[float]:
        with torch.no_grad():
            names = {f"blocks.{layer}.attn.hook_z" for layer in range(len(bridge.blocks))}
            _, cache = bridge.run_with_cache(torch.tensor([clean]), names_filter=lambda name: name in names)
            cells = patching.generic_activation_patch(
                bridge,
                torch.tensor([corrupted]),
                cache,
                lambda logits: logits[0, -1, clean[-1]] - logits[0, -1, corrupted[-1]],
                patching.layer_head_vector_patch_setter,
                "z",
                index_df=pd.DataFrame(heads, columns=["layer", "head"]),
            )
        return [float(cell) for cell in cells]

    return sweep


if __name__ == "__main__":
    main()
