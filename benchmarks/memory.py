"""Peak memory over the resident model, one fresh process for each contestant.

In: a contestant, a model and a length. Out: a row for each length: the peak of each contestant in MB, over what the
process held once model and contestant were built and had run on a short sequence. A fresh process, because memory that
was freed stays with the process and hides the next peak. On CUDA the peak is the allocator's.
"""

import ctypes
import gc
import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import torch

from benchmarks.contestants import Who, build
from benchmarks.harness import arguments
from benchmarks.inputs import MODELS, gold_sequence
from benchmarks.records import Row, measure_rows

N_GOLD = 32
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
MEASURED = (Who.BARE, Who.PLAIN, Who.OURS_LAST, Who.OURS_ALL, Who.MASS, Who.AUTHORS_LAST)
MEASURED += (Who.EAGER, Who.LENS, Who.NNSIGHT, Who.LENS_NO_HEAD, Who.NNSIGHT_NO_HEAD)


def main() -> None:
    """Run the benchmark and store its rows, or measure one cell and print it."""
    parser = arguments("Peak memory over the resident model.")
    parser.add_argument("--cell", choices=[who.value for who in Who], help="measure this contestant in this process")
    parser.add_argument("--model", choices=list(MODELS), default="gpt2-small")
    parser.add_argument("--length", type=int, default=2048)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--only", default="", help="rows whose id holds this text")
    parser.add_argument("--missing", action="store_true", help="only rows that are not stored yet")
    parser.add_argument("--full", action="store_true", help="all rows, not those of a few minutes")
    options = parser.parse_args()
    if options.cell:
        megabytes = peak(Who(options.cell), options.model, options.length, options.device)
        sys.stdout.write(json.dumps({"megabytes": megabytes}) + "\n")
    else:
        measure_rows("memory", measurements(full=options.full), only=options.only, missing=options.missing)


def measurements(*, full: bool, repeats: int = 0) -> dict[str, Callable[[], Row]]:
    """How each row is measured, by id; memory takes no repeats."""
    lengths = (512, 1024, 2048) if full else (2048,)
    some = MEASURED if full else (Who.BARE, Who.OURS_LAST, Who.OURS_ALL, Who.LENS)
    return {f"gpt2-small {length}": lambda length=length: memory_row("gpt2-small", length, some) for length in lengths}


def memory_row(model: str, length: int, contestants: Iterable[Who]) -> Row:
    """The peak of each contestant, and how much of it is more than the bare forward's."""
    peaks = {who: fresh_peak(who, model, length) for who in contestants}
    extra = {who.value: round(peak - peaks[Who.BARE], 1) for who, peak in peaks.items()}
    return {
        "model": model,
        "length": length,
        "gold_tokens": N_GOLD,
        "megabytes": {who.value: round(peak, 1) for who, peak in peaks.items()},
        "extra_megabytes": extra,
        "says": ", ".join(f"{who} {peak}" for who, peak in extra.items()),
    }


def fresh_peak(who: Who, model: str, length: int, device: str = "cpu") -> float:
    """One cell in a process of its own, in MB."""
    command = [sys.executable, "-m", "benchmarks.memory", "--cell", who.value]
    command += ["--model", model, "--length", str(length), "--device", device]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout.splitlines()[-1])["megabytes"])


def peak(who: Who, model: str, length: int, device: str = "cpu") -> float:
    """The peak of one run over what was held before it, in MB."""
    torch.set_num_threads(1)
    hf = MODELS[model](length).to(device)
    vocab = hf.config.vocab_size
    # what is set up on a first run, modules loaded and code compiled, is no part of the peak
    build(who, hf, gold_sequence(48, 8, vocab=vocab))()
    run = build(who, hf, gold_sequence(length, N_GOLD, vocab=vocab))
    gc.collect()
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        run()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    ctypes.CDLL(None).malloc_trim(0)
    # resets the high-water mark
    CLEAR.write_text("5")
    before = _resident("VmRSS")
    run()
    return _resident("VmHWM") - before


def _resident(field: str) -> float:
    lines = [line for line in STATUS.read_text().splitlines() if line.startswith(field)]
    return int(lines[0].split()[1]) / 1024


if __name__ == "__main__":
    main()
