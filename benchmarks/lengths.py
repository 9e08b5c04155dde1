"""How long a sequence may be: all layers scored over 16k tokens, and one kernel call on 32k keys.

In: a GPT-2-small shape, float32, on a CPU. Out: a row each: seconds, peak memory over what was held before, and what
one T x T tensor of all heads would take. Every row runs once, in a process of its own, on two threads. Some heads are
held to float64, from the very queries and keys that were scored.
"""

import argparse
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from attnprobe.kernels import KeyScores, key_scores
from attnprobe.models.load import load_model
from attnprobe.plan import Plan, Tokens
from benchmarks import exact
from benchmarks.footprint import Footprint, answer, footprint, in_fresh_process
from benchmarks.harness import Gate, UnequalError, largest_difference
from benchmarks.inputs import SHAPES, gold_sequence, gpt2_small, layer_inputs
from benchmarks.peers import bare
from benchmarks.records import Row
from benchmarks.scoring import gold_statistic
from benchmarks.spot_checks import SpotChecks

N_GOLD = 32
TOLERANCE = 5e-6
THREADS = 2
CHECKED_HEAD = 5


def main() -> None:
    """Measure one row in this process and print it."""
    parser = argparse.ArgumentParser(description="One row of the benchmark of long sequences.")
    parser.add_argument("--cell", choices=list(_ROWS), required=True, help="which row")
    options = parser.parse_args()
    torch.set_num_threads(THREADS)
    try:
        answer(_ROWS[options.cell]())
    except UnequalError as error:
        answer({"unequal": str(error)})


def measurements(*, full: bool, repeats: int = 1) -> dict[str, Callable[[], Row]]:
    """How each row is measured, by id; every row runs once, whatever `repeats`."""
    if torch.cuda.is_available():
        # on a GPU `large` and `kernels` have the long rows
        return {}
    return {key: lambda key=key: fresh_row(key) for key in (_ROWS if full else [_FEW_QUERIES])}


def fresh_row(key: str) -> Row:
    """One row in a process of its own."""
    row = in_fresh_process("benchmarks.lengths", ["--cell", key])
    if "unequal" in row:
        raise UnequalError(row["unequal"])
    return row


def end_to_end_row(length: int) -> Row:
    """All layers and heads of a GPT-2 small with a context of `length`, and the bare forward."""
    hf = gpt2_small(length)
    model = load_model(hf, backend="native")
    gold = gold_sequence(length, N_GOLD, vocab=hf.config.vocab_size)
    checks = SpotChecks(gold, gold_statistic(gold), n_layers=len(model.dims.n_heads), head=CHECKED_HEAD)
    tokens, plan = Tokens.of([gold.seen]), Plan(streams=checks.streams, last_logits=0)
    forward, _ = footprint(bare(hf, gold, with_head=False))
    taken, run = footprint(lambda: model.forward(tokens, plan))
    what = f"all layers x heads scored, {length} tokens"
    return _row(what, length, {"attnprobe, all layers": taken, "bare forward": forward}, checks.gates(run, TOLERANCE))


def call_row(length: int, n_queries: int) -> Row:
    """One `key_scores` call on `length` keys."""
    attention, _ = layer_inputs(SHAPES["gpt2"], length, n_queries=n_queries)
    prefixes = torch.arange(length - N_GOLD + 1, length + 1)[None]
    column = torch.arange(length)
    first = (column == 0)[None, None]
    taken, found = footprint(lambda: key_scores(attention, prefixes, excluded=first))
    expected = exact.samrank(exact.heads_of(attention, [CHECKED_HEAD]), prefixes)
    difference = largest_difference(_scaled(found, prefixes)[[CHECKED_HEAD]], expected)
    gate = Gate(name=f"head {CHECKED_HEAD}", difference=difference, tolerance=TOLERANCE)
    return _row(
        f"key scores of {N_GOLD} prefixes, {n_queries} queries on {length} keys", length, {"attnprobe": taken}, [gate]
    )


def _scaled(scores: KeyScores, prefixes: Tensor) -> Tensor:
    """Scores between 0 and 1."""
    total = (scores.received + scores.given)[0]
    total = total.masked_fill(torch.arange(total.shape[1])[:, None] >= prefixes[0], 0.0)
    return total / total.amax(1, keepdim=True)


def _row(what: str, length: int, taken: dict[str, Footprint], gates: list[Gate]) -> Row:
    extra = {name: {key: round(value, 1) for key, value in asdict(one).items()} for name, one in taken.items()}
    ours: Any = next(iter(extra.values()))
    return {
        "what": what,
        "length": length,
        "threads": THREADS,
        "taken": extra,
        "one_t_by_t_megabytes": round(SHAPES["gpt2"].heads * length * length * 4 / 2**20),
        "differences": {gate.name: gate.entry() for gate in gates},
        "says": f"{what}: {ours['wall_seconds']} s wall, {ours['extra_megabytes']} MB",
    }


_FEW_QUERIES = "one call 32768 keys 1024 queries"
_ROWS: dict[str, Callable[[], Row]] = {
    "gpt2-small 16384 end to end": lambda: end_to_end_row(16384),
    "one call 32768 keys": lambda: call_row(32768, 32768),
    _FEW_QUERIES: lambda: call_row(32768, 1024),
}


if __name__ == "__main__":
    main()
