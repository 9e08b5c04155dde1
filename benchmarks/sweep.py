"""Sweeps over heads: patching z against TransformerLens' loop, masks of key sets, how cost grows, and memory.

In: a GPT-2-small shape with random, sharpened weights, float32. Out: rows. TransformerLens' loop is one whole forward a
head, whatever is patched; a sample of heads is timed and scaled up. Our time holds both source runs. No times unless
TransformerLens and whole passes give the same logits.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import torch

from attnprobe.models.load import load_model
from attnprobe.models.model import Model
from attnprobe.plan import SweepMode, Tokens
from benchmarks.footprint import answer, footprint, in_fresh_process
from benchmarks.harness import Gate, Timing, largest_difference, race
from benchmarks.inputs import gpt2_small
from benchmarks.records import Row, finish, measure_rows
from benchmarks.sweep_contestants import Heads, heads_of, lens_sweep, mask_edits, patch_sweep, prompts, swept

SPANS = ("all", "half", "last 8", "last")
TOLERANCE_LOGITS = 1e-4
SAMPLED = 6
KEY_SETS = 20


def main() -> None:
    """Measure rows; or one cell of the memory row, in this process."""
    parser = argparse.ArgumentParser(description="Sweeps over heads.")
    parser.add_argument("--repeats", type=int, default=5, help="timed rounds (default 5)")
    parser.add_argument("--only", default="", help="rows whose id holds this text")
    parser.add_argument("--full", action="store_true", help="every row")
    parser.add_argument("--cell", choices=[mode.value for mode in SweepMode], help="of memory, in this process")
    parser.add_argument("--length", type=int, default=256)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.cell is not None:
        cell(SweepMode(options.cell), options.length)
        return
    finish(measure_rows("sweep", measurements(full=options.full, repeats=options.repeats), only=options.only))


def measurements(*, full: bool, repeats: int = 5) -> dict[str, Callable[[], Row]]:
    """How each row is measured, by id."""
    rows: dict[str, Callable[[], Row]] = {}
    for length in (64, 128):
        rows[f"patch {length}"] = lambda length=length: patch_row(length, repeats=repeats)
    for length in (64, 256) if full else (64,):
        rows[f"masks {length}"] = lambda length=length: mask_row(length, repeats=min(repeats, 3))
    grown = {"heads": (12, 48, 144), "layers": (4, 8, 12), "tokens": (64, 128, 256, 512), "examples": (1, 2, 4, 8)}
    for what, counts in grown.items() if full else ():
        rows[f"{what} grow"] = lambda what=what, counts=counts: growth_row(what, counts, repeats=min(repeats, 3))
    if full:
        rows["memory 256"] = lambda: memory_row(256)
    return rows


def differing(span: str, length: int) -> int:
    """How many last tokens of the two prompts differ."""
    return {"all": length, "half": length // 2, "last 8": min(8, length), "last": 1}[span]


def patch_row(length: int, *, repeats: int, build: Callable[[int], Any] = gpt2_small) -> Row:
    """Patch z of every head, prompts differing in more or less of their tokens."""
    hf = build(length)
    model, theirs = load_model(hf, backend="native"), lens_sweep(hf)
    heads = heads_of(model)
    sample = heads[:: max(1, len(heads) // SAMPLED)]
    pairs = {span: prompts(length, differing(span, length), hf.config.vocab_size) for span in SPANS}
    gates = [
        gate
        for span, pair in pairs.items()
        for gate in _patch_gates(span, model, pair, heads, sample, theirs(*pair, sample))
    ]
    contestants: dict[str, Callable[[], Any]] = {"plain forward": lambda: model.forward(Tokens.of([pairs["all"][0]]))}
    for span, pair in pairs.items():
        contestants[span] = lambda pair=pair: patch_sweep(model, *pair, heads, SweepMode.CORNER)
    contestants["TransformerLens sample"] = lambda: theirs(*pairs["all"], sample)
    timings = race(contestants, repeats=repeats, warm=False)
    scale = len(heads) / len(sample)
    peer = timings["TransformerLens sample"].median * scale
    ratios = {f"TransformerLens / {span}": peer / timings[span].median for span in SPANS}
    ratios |= {f"{span} / plain forward": timings[span].median / timings["plain forward"].median for span in SPANS}
    row = {"length": length, "heads": len(heads), "heads_sampled_of_peer": len(sample)}
    return row | _taken(timings, gates, ratios)


def _patch_gates(
    span: str, model: Model, pair: tuple[list[int], list[int]], heads: Heads, sample: Heads, theirs: torch.Tensor
) -> list[Gate]:
    """Ours against TransformerLens and against whole passes, on a sample of heads of the sweep over all."""
    values = dict(zip(heads, patch_sweep(model, *pair, heads, SweepMode.CORNER), strict=True))
    ours = torch.stack([values[head] for head in sample])
    whole = patch_sweep(model, *pair, sample, SweepMode.FULL)
    references = {"TransformerLens": theirs, "whole passes": whole}
    return [
        Gate(name=f"{span}: {name}", difference=largest_difference(ours, other), tolerance=TOLERANCE_LOGITS)
        for name, other in references.items()
    ]


def mask_row(length: int, *, repeats: int, n_sets: int = KEY_SETS, build: Callable[[int], Any] = gpt2_small) -> Row:
    """Mask key sets of the last query in every head, beside z patched there."""
    hf = build(length)
    model = load_model(hf, backend="native")
    heads, (clean, corrupted) = heads_of(model), prompts(length, 1, hf.config.vocab_size)
    edits, tokens = mask_edits(heads, length, n_sets), (clean[-1], corrupted[-1])
    chosen = range(0, len(edits), max(1, len(edits) // 12))
    found = swept(model, clean, edits, tokens, SweepMode.CORNER)
    whole = swept(model, clean, [edits[index] for index in chosen], tokens, SweepMode.FULL)
    gates = [
        Gate(
            name="whole passes",
            difference=largest_difference(found[list(chosen)], whole),
            tolerance=TOLERANCE_LOGITS,
        )
    ]
    timings = race(
        {
            "plain forward": lambda: model.forward(Tokens.of([clean])),
            "masks": lambda: swept(model, clean, edits, tokens, SweepMode.CORNER),
            "one patch a head": lambda: patch_sweep(model, clean, corrupted, heads, SweepMode.CORNER),
        },
        repeats=repeats,
        warm=False,
    )
    plain, masks, patches = (one.median for one in timings.values())
    ratios = {
        "masks / plain forward": masks / plain,
        "edits for one plain forward": len(edits) * plain / masks,
        "one patch a head / plain forward": patches / plain,
    }
    return {"length": length, "edits": len(edits), "key_sets": n_sets} | _taken(timings, gates, ratios)


def growth_row(what: str, counts: Sequence[int], *, repeats: int, build: Callable[..., Any] = gpt2_small) -> Row:
    """Seconds of a sweep whose prompts differ in the last 8 tokens, as one of its sizes grows."""
    contestants: dict[str, Callable[[], Any]] = {}
    gates: list[Gate] = []
    for count in counts:
        size = {"heads": 144, "layers": 12, "tokens": 64, "examples": 1} | {what: count}
        hf = build(size["tokens"], n_layers=size["layers"])
        model = load_model(hf, backend="native")
        heads = heads_of(model)[:: max(1, 144 // size["heads"])]
        clean, corrupted = prompts(size["tokens"], min(8, size["tokens"]), hf.config.vocab_size)

        def sweep(model: Any = model, clean: Any = clean, other: Any = corrupted, heads: Any = heads, n: Any = size):
            return torch.cat([patch_sweep(model, clean, other, heads, SweepMode.CORNER) for _ in range(n["examples"])])

        whole = patch_sweep(model, clean, corrupted, heads[:2], SweepMode.FULL)
        gap = largest_difference(sweep()[:2], whole)
        gates.append(Gate(name=f"{count} {what}", difference=gap, tolerance=TOLERANCE_LOGITS))
        contestants[str(count)] = sweep
    timings = race(contestants, repeats=repeats, warm=False)
    first = timings[str(counts[0])].median
    ratios = {f"{count} {what} / {counts[0]}": timings[str(count)].median / first for count in counts[1:]}
    return {"grows": what, "counts": list(counts)} | _taken(timings, gates, ratios)


def memory_row(length: int) -> Row:
    """Peak memory of a sweep over the resident model, by corners and by whole passes of 64 edits."""
    taken = {
        mode.value: in_fresh_process("benchmarks.sweep", ["--cell", mode.value, "--length", str(length)])
        for mode in (SweepMode.CORNER, SweepMode.FULL)
    }
    gap = max(abs(one - other) for one, other in zip(*(found["values"] for found in taken.values()), strict=True))
    gate = Gate(name="corner and full", difference=gap, tolerance=TOLERANCE_LOGITS)
    peaks = {name: round(found["extra_megabytes"], 1) for name, found in taken.items()}
    return {
        "length": length,
        "seconds": {},
        "extra_megabytes": peaks,
        "differences": {gate.name: gate.entry()},
        "ratios": {},
        "says": ", ".join(f"{name} {peak} MB" for name, peak in peaks.items()),
    }


def cell(mode: SweepMode, length: int) -> None:
    """The footprint of one sweep over all heads of the last two layers, all positions patched, in this process."""
    model = load_model(gpt2_small(length), backend="native")
    heads = [head for head in heads_of(model) if head[0] >= model.dims.n_layers - 2]
    pair = prompts(length, length, model.dims.vocab)
    # what is set up on a first run is no part of the peak
    patch_sweep(model, pair[0][:8], pair[1][:8], heads, mode)
    taken, values = footprint(lambda: patch_sweep(model, *pair, heads, mode))
    answer(asdict(taken) | {"values": values.tolist()})


def _taken(timings: dict[str, Timing], gates: Sequence[Gate], ratios: dict[str, float]) -> Row:
    rounded = {name: round(value, 3) for name, value in ratios.items()}
    return {
        "seconds": {name: asdict(timing) for name, timing in timings.items()},
        "differences": {gate.name: gate.entry() for gate in gates},
        "ratios": rounded,
        "says": ", ".join(f"{name} {value:.3g}" for name, value in rounded.items()),
    }


if __name__ == "__main__":
    main()
