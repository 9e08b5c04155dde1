"""Gold-token scores end to end: ours against the authors' loop, eager transformers, TransformerLens and nnsight.

In: models of known shapes with random, sharpened weights in float32, and 32 gold tokens. Out: a row for each model and
length: seconds of every contestant, how far each lies from the float64 reference, and the ratios. The authors' loop is
one forward pass for each gold token; the first, the middle and the last of them are timed, and their mean is taken
times the number of gold tokens. One row runs the whole loop, to hold that to account.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import cache
from typing import Any

import torch
from torch import Tensor

from attnprobe.models.load import load_model
from benchmarks import exact
from benchmarks.contestants import ALL_LAYERS, AUTHORS, NO_HEAD, Who, authors_turn, build, categories
from benchmarks.harness import Gate, Timing, largest_difference, race_outputs
from benchmarks.inputs import MODELS, Gold, gold_sequence
from benchmarks.peers import authors_whole, eager_copy
from benchmarks.records import Row
from benchmarks.rounding import authors_error, patterns_error

N_GOLD = 32
TOLERANCE = 5e-6
LENGTHS = (128, 512, 1024, 2048)
# lengths from which a turn of the authors' loop takes seconds: each of the three is run twice, six turns in all
LONG = 1024
SLOW = {**dict.fromkeys((*NO_HEAD, Who.EAGER, Who.PLAIN), 2), **dict.fromkeys(AUTHORS, 2)}
# of each layer, where not all are
CHECKED_HEADS = (0, 5)
OTHER_SHAPES = (("smollm2-135m", 1024), ("gemma2-like", 1024))
ON_TWO_THREADS = (Who.BARE, Who.OURS_LAST, Who.OURS_ALL, Who.AUTHORS_LAST, Who.LENS)


def measurements(*, full: bool, repeats: int = 5) -> dict[str, Callable[[], Row]]:
    """How each row is measured, by id."""
    rows: dict[str, Callable[[], Row]] = {}
    for length in LENGTHS if full else LENGTHS[:2]:
        rows[f"gpt2-small {length}"] = lambda length=length: race_row("gpt2-small", length, repeats=repeats)
    rows["gpt2-small 128 authors in full"] = lambda: full_loop_row("gpt2-small", 128)
    for length in (512, 2048) if full else (512,):
        rows[f"gpt2-small {length} two threads"] = lambda length=length: race_row(
            "gpt2-small", length, repeats=min(repeats, 3), threads=2, who=ON_TWO_THREADS
        )
    for length in (512, 2048) if full else (512,):
        rows[f"gpt2-small {length} mass"] = lambda length=length: mass_row("gpt2-small", length, repeats=repeats)
    for name, length in OTHER_SHAPES if full else ():
        rows[f"{name} {length}"] = lambda name=name, length=length: race_row(
            name, length, repeats=repeats, who=(Who.BARE, Who.PLAIN, Who.OURS_ALL)
        )
    return rows


def race_row(
    name: str,
    length: int,
    *,
    repeats: int,
    who: tuple[Who, ...] = tuple(one for one in Who if one is not Who.MASS),
    threads: int = 1,
    n_gold: int = N_GOLD,
) -> Row:
    """One model and length: everyone in turns, each held to the float64 reference."""
    torch.set_num_threads(threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    hf = MODELS[name](length).to(device)
    gold = gold_sequence(length, n_gold, vocab=hf.config.vocab_size)
    reference, entropies, own_error = known(name, gold, device)
    contestants = {one: build(one, hf, gold) for one in who}
    fewer = {one: min(repeats, times) for one, times in SLOW.items()} if length >= LONG else {}
    found = race_outputs(contestants, repeats=repeats, warm=length < LONG, fewer=fewer, device=device)
    torch.set_num_threads(1)
    timings = {one: taken for one, (taken, _) in found.items()}
    outputs = {one: output for one, (_, output) in found.items()}
    gates = gates_of(outputs, reference, gold, own_error)
    ratios = ratios_of(timings, n_gold, wall=threads > 1)
    return {
        "model": name,
        "length": length,
        "gold_tokens": n_gold,
        "threads": threads,
        "clock": "device" if device == "cuda" else "wall" if threads > 1 else "process CPU",
        "entropy_nats": [round(value, 2) for value in entropies],
        "seconds": {one.value: asdict(taken) for one, taken in timings.items()},
        "differences": {gate.name: gate.entry() for gate in gates.values()},
        "ratios": ratios,
        "says": ", ".join(f"{key} {value}" for key, value in ratios.items()),
    }


@cache
def known(name: str, gold: Gold, device: str) -> tuple[Tensor, tuple[float, float], float]:
    """What outputs are held to: scores in float64 [layer, head, gold], the range of entropies, float32's own error."""
    model = MODELS[name](len(gold.seen)).to(device)
    eager = eager_copy(model)
    exactly = MODELS[name](len(gold.seen)).to(device).double()
    reference, entropies = exact.model_reference(load_model(exactly, backend="native"), exactly, gold)
    return reference, entropies, authors_error(eager, gold, reference)


def gates_of(outputs: Mapping[Who, Any], reference: Tensor, gold: Gold, own_error: float) -> dict[Who, Gate]:
    """Every output against the reference; refuses all times if one lies too far off."""
    turns = {one: reference[-1][:, authors_turn(one, gold)] for one in AUTHORS}
    expected = turns | {Who.OURS_LAST: reference[-1:]} | dict.fromkeys(ALL_LAYERS, reference)
    return {
        one: Gate(
            name=one.value,
            difference=largest_difference(output, expected[one]),
            tolerance=TOLERANCE,
            own_error=own_error,
        )
        for one, output in outputs.items()
        if one in expected
    }


def ratios_of(timings: Mapping[Who, Timing], n_gold: int, *, wall: bool = False) -> dict[str, float]:
    """The ratios that the goals are about, as far as these contestants give them."""
    seconds = {one: taken.wall if wall else taken.median for one, taken in timings.items()}
    turns = [seconds[one] for one in AUTHORS if one in seconds]
    loop = n_gold * sum(turns) / len(turns) if turns else None
    found: dict[str, float | None] = {
        "authors / attnprobe last layer": _over(loop, seconds.get(Who.OURS_LAST)),
        "authors / attnprobe all layers": _over(loop, seconds.get(Who.OURS_ALL)),
        "attnprobe last layer / bare forward": _over(seconds.get(Who.OURS_LAST), seconds.get(Who.BARE)),
        "attnprobe all layers / bare forward": _over(seconds.get(Who.OURS_ALL), seconds.get(Who.BARE)),
        "attnprobe all layers / forward with logits": _over(seconds.get(Who.OURS_ALL), seconds.get(Who.PLAIN)),
    }
    for one in (Who.EAGER, Who.LENS, Who.NNSIGHT, *NO_HEAD):
        found[f"{one.value} / attnprobe all layers"] = _over(seconds.get(one), seconds.get(Who.OURS_ALL))
    return {key: round(value, 3) for key, value in found.items() if value is not None}


def _over(above: float | None, below: float | None) -> float | None:
    return None if above is None or below is None else above / below


def full_loop_row(name: str, length: int, n_gold: int = N_GOLD) -> Row:
    """The authors' whole loop once, against three of its turns scaled up."""
    torch.set_num_threads(1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    hf = MODELS[name](length).to(device)
    gold = gold_sequence(length, n_gold, vocab=hf.config.vocab_size)
    reference, _, own_error = known(name, gold, device)
    eager = eager_copy(hf)
    contestants: dict[str, Callable[[], Any]] = {one.value: build(one, hf, gold) for one in AUTHORS}
    found = race_outputs({**contestants, "authors in full": authors_whole(eager, gold)}, repeats=1, device=device)
    (whole, scores), *turns = [found.pop("authors in full"), *found.values()]
    gate = Gate(
        name="authors in full",
        difference=largest_difference(scores, reference[-1]),
        tolerance=TOLERANCE,
        own_error=own_error,
    )
    scaled = n_gold * sum(taken.median for taken, _ in turns) / len(turns)
    return {
        "model": name,
        "length": length,
        "gold_tokens": n_gold,
        "seconds": {"authors in full": asdict(whole)},
        "differences": {gate.name: gate.entry()},
        "three_turns_scaled": scaled,
        "ratios": {"three turns scaled / in full": round(scaled / whole.median, 3)},
        "says": f"three turns scaled / in full {scaled / whole.median:.2f}",
    }


def mass_row(name: str, length: int, *, repeats: int) -> Row:
    """Mass by category in all layers against the bare forward; some heads of each layer are held to float64."""
    torch.set_num_threads(1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    hf = MODELS[name](length).to(device)
    gold = gold_sequence(length, N_GOLD, vocab=hf.config.vocab_size)
    contestants = {one: build(one, hf, gold) for one in (Who.BARE, Who.MASS)}
    found = race_outputs(contestants, repeats=repeats, warm=length < LONG, device=device)
    timings = {one: taken for one, (taken, _) in found.items()}
    exactly = MODELS[name](length).to(device).double()
    reference = exact.model_mass(load_model(exactly, backend="native"), exactly, gold, categories(gold), CHECKED_HEADS)
    gate = Gate(
        name=Who.MASS.value,
        difference=largest_difference(found[Who.MASS][1][:, list(CHECKED_HEADS)], reference),
        tolerance=TOLERANCE,
        own_error=patterns_error(eager_copy(hf), gold, categories(gold), CHECKED_HEADS, reference),
    )
    ratio = round(timings[Who.MASS].median / timings[Who.BARE].median, 3)
    return {
        "model": name,
        "length": length,
        "categories": categories(gold).shape[1],
        "heads_checked_of_each_layer": list(CHECKED_HEADS),
        "seconds": {one.value: asdict(taken) for one, taken in timings.items()},
        "differences": {gate.name: gate.entry()},
        "ratios": {"category mass, all layers / bare forward": ratio},
        "says": f"category mass / bare {ratio}",
    }
