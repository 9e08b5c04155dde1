"""Peak memory over the resident model, one fresh process for each contestant.

In: a contestant, a model and a length. Out: a row for each length: the peak of each contestant in MB, over what the
process held once model and contestant were built and had run on a short sequence. No number unless the scores that a
process leaves pass the gate of `benchmarks.scores`.
"""

import argparse
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.contestants import Who, build
from benchmarks.footprint import answer, footprint, in_fresh_process
from benchmarks.inputs import MODELS, gold_sequence
from benchmarks.records import Row
from benchmarks.scores import N_GOLD, gates_of, known

MEASURED = (Who.BARE, Who.PLAIN, Who.OURS_LAST, Who.OURS_ALL, Who.MASS)
MEASURED += (Who.AUTHORS_LAST, Who.EAGER, Who.LENS, Who.NNSIGHT)
# also measured with malloc as it comes
KEPT = (Who.BARE, Who.OURS_ALL, Who.LENS)
SOME = (Who.BARE, Who.OURS_LAST, Who.OURS_ALL, Who.LENS)


def main() -> None:
    """Measure one cell in this process and print it."""
    parser = argparse.ArgumentParser(description="Peak memory of one contestant over the resident model.")
    parser.add_argument("--cell", choices=[who.value for who in Who], required=True, help="whose")
    parser.add_argument("--model", choices=list(MODELS), default="gpt2-small")
    parser.add_argument("--length", type=int, default=2048)
    parser.add_argument("--scores", type=Path, help="where the cell leaves its scores")
    options = parser.parse_args()
    cell(Who(options.cell), options.model, options.length, options.scores)


def measurements(*, full: bool, repeats: int = 1) -> dict[str, Callable[[], Row]]:
    """How each row is measured, by id; every cell runs once, whatever `repeats`."""
    who = MEASURED if full else SOME
    return {"gpt2-small 2048": lambda: memory_row("gpt2-small", 2048, who)}


def memory_row(model: str, length: int, contestants: Sequence[Who]) -> Row:
    """The peak of each contestant, and how much of it is more than the bare forward's."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {who: Path(folder) / f"{who.name}.pt" for who in contestants}

        def peak(who: Who) -> float:
            return _peak(who, model, length, ["--scores", str(paths[who])])

        # a process a core: neither feels the other's memory
        with ThreadPoolExecutor(2) as pool:
            peaks = dict(zip(contestants, pool.map(peak, contestants), strict=True))
            kept = dict(
                zip(KEPT, pool.map(lambda who: _peak(who, model, length, [], gives_back=False), KEPT), strict=True)
            )
        scores = {who: torch.load(path, weights_only=True) for who, path in paths.items() if path.exists()}
    gold = gold_sequence(length, N_GOLD, vocab=MODELS[model](length).config.vocab_size)
    reference, _, own_error = known(model, gold, "cuda" if torch.cuda.is_available() else "cpu")
    gates = gates_of(scores, reference, gold, own_error)
    extra = {who.value: round(peak - peaks[Who.BARE], 1) for who, peak in peaks.items()}
    return {
        "model": model,
        "length": length,
        "gold_tokens": N_GOLD,
        "megabytes": {who.value: round(peak, 1) for who, peak in peaks.items()},
        "extra_megabytes": extra,
        "megabytes_as_malloc_keeps": {who.value: round(peak, 1) for who, peak in kept.items()},
        "differences": {gate.name: gate.entry() for gate in gates.values()},
        "says": ", ".join(f"{who} {peak} MB" for who, peak in extra.items()),
    }


def _peak(who: Who, model: str, length: int, more: Sequence[str], *, gives_back: bool = True) -> float:
    arguments = ["--cell", who.value, "--model", model, "--length", str(length), *more]
    return in_fresh_process("benchmarks.memory", arguments, gives_back=gives_back)["extra_megabytes"]


def cell(who: Who, model: str, length: int, scores: Path | None) -> None:
    """The footprint of one run, in this process."""
    torch.set_num_threads(1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    hf = MODELS[model](length).to(device)
    vocab = hf.config.vocab_size
    # what is set up on a first run, modules loaded and code compiled, is no part of the peak
    build(who, hf, gold_sequence(48, 8, vocab=vocab))()
    taken, found = footprint(build(who, hf, gold_sequence(length, N_GOLD, vocab=vocab)), device=device)
    if scores is not None and isinstance(found, Tensor):
        torch.save(found.cpu(), scores)
    answer(asdict(taken))


if __name__ == "__main__":
    main()
