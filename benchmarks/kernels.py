"""The scoring kernels, one layer at a time, against one causal attention call of the same shape.

In: random queries and keys of known shapes, sharpened. Out: a row for each shape and length: seconds of key scores
(gold prefixes), weighted values (category mass) and column sums, of the same from a whole pattern, and of one fused
attention forward: torch's own on a CPU, flash attention on a GPU. Every kernel's output is held to float64 on some
heads. Fused attention cannot cap logits, so shapes with a softcap are held against eager attention.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from attnprobe.kernels import Attention, Impl, KeyScores, column_sums, key_scores, weighted_values
from benchmarks import exact
from benchmarks.harness import Gate, largest_difference, race_outputs, ratios
from benchmarks.inputs import SHAPES, Shape, layer_inputs
from benchmarks.records import Row
from benchmarks.scoring import PatternScorer

# of shares: mass, a score between 0 and 1, received attention by query. A GPU gets bf16 inputs, whose products with
# float32 weights may run in tf32
TOLERANCE = {"cpu": 5e-6, "cuda": 1e-3}
GOLD, CATEGORIES = (16, 32, 64), (8, 32)
FUSED, EAGER = "one fused attention call", "one eager attention call"
# beyond this a whole pattern of all heads is more memory than a shared machine should be asked for
WHOLE_UNTIL = 2048
# and from here on a round takes many seconds on a CPU: three of them
LONG = 8192
CPU_LENGTHS: Mapping[str, tuple[int, ...]] = {
    "gpt2": (128, 256, 512, 1024, 2048, 4096, 8192),
    "smollm2": (512, 1024, 2048),
    "gemma2": (512, 1024, 2048),
}
CUDA_LENGTHS: Mapping[str, tuple[int, ...]] = {
    "gpt2": (1024, 4096, 16384),
    "head128": (1024, 2048, 4096, 8192, 16384, 32768, 65536),
    "gemma2": (4096, 16384),
}


class Kind(StrEnum):
    """What a contestant computes."""

    FLOOR = "attention itself"
    SCORES = "key scores"
    MASS = "weighted values"
    SUMS = "column sums"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """One function and what its output is to be held against; `n` prefixes or columns."""

    name: str
    run: Callable[[], Any]
    kind: Kind
    n: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer's inputs, and what is asked of them.

    Attributes:
        attention, value: what the layer computes.
        prefixes: [1, prefix] for each number of them.
        indicators: [1, 1, k_pos, column] for each number of columns.
        column: of each key.
    """

    attention: Attention
    value: Tensor
    prefixes: Mapping[int, Tensor]
    indicators: Mapping[int, Tensor]
    column: Tensor


def measurements(*, full: bool, repeats: int = 5) -> dict[str, Callable[[], Row]]:
    """How each row is measured, by id."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    lengths = CUDA_LENGTHS if device == "cuda" else CPU_LENGTHS
    rows: dict[str, Callable[[], Row]] = {}
    for name, chosen in lengths.items():
        for length in chosen if full else [one for one in chosen if one <= 1024]:
            rows[f"{name} {length}"] = lambda name=name, length=length: layer_row(
                name, length, repeats=rounds(length, repeats), device=device
            )
    if device == "cpu":
        for length in (512, 2048) if full else (512,):
            rows[f"gpt2 {length} two threads"] = lambda length=length: layer_row(
                "gpt2", length, repeats=rounds(length, repeats), threads=2
            )
    return rows


def rounds(length: int, repeats: int) -> int:
    """How many rounds: more of calls that take milliseconds, three of those that take seconds."""
    return min(repeats, 3) if length >= LONG else repeats * min(16, max(1, 2048 // length))


def layer_row(name: str, length: int, *, repeats: int, device: str = "cpu", threads: int = 1) -> Row:
    """One shape and length: every kernel in turns, each held to float64 on some heads."""
    torch.set_num_threads(threads)
    shape = SHAPES[name]
    layer = layer_of(shape, length, device)
    contestants = list(everyone(shape, layer, device))
    found = race_outputs({one.name: one.run for one in contestants}, repeats=repeats, device=device)
    torch.set_num_threads(1)
    timings = {one: taken for one, (taken, _) in found.items()}
    heads = sorted({0, shape.heads // 2, shape.heads - 1})
    gates = gates_of(layer, contestants, {one: output for one, (_, output) in found.items()}, heads)
    floor = EAGER if shape.softcap else FUSED
    over = ratios(timings, floor, wall=threads > 1)
    return {
        "shape": name,
        **asdict(shape),
        "length": length,
        "dtype": str(layer.attention.query.dtype).removeprefix("torch."),
        "threads": threads,
        "clock": "device" if device == "cuda" else "wall" if threads > 1 else "process CPU",
        "entropy_nats": round(exact.entropy(exact.heads_of(layer.attention, heads[:1])), 2),
        "heads_checked": heads,
        "seconds": {one: asdict(taken) for one, taken in timings.items()},
        "differences": {gate.name: gate.entry() for gate in gates},
        "over": floor,
        "ratios": over,
        "says": f"over {floor}: " + ", ".join(f"{one} {ratio}" for one, ratio in over.items()),
    }


def layer_of(shape: Shape, length: int, device: str) -> Layer:
    """Inputs for every kernel."""
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    attention, value = layer_inputs(shape, length, device=device, dtype=dtype)
    generator = torch.Generator().manual_seed(1)
    classes = torch.randint(0, max(CATEGORIES), (length,), generator=generator).to(device)
    return Layer(
        attention=attention,
        value=value,
        prefixes={n: torch.arange(length - n + 1, length + 1, device=device)[None] for n in GOLD if n <= length},
        indicators={n: F.one_hot(classes % n, n)[None, None].to(dtype) for n in CATEGORIES},
        column=torch.arange(length, device=device),
    )


def everyone(shape: Shape, layer: Layer, device: str) -> Iterator[Contestant]:
    """The kernels of every implementation that runs on this device, and what they are held against."""
    length, n_gold, n_columns = len(layer.column), GOLD[1], CATEGORIES[1]
    if shape.softcap is None:
        yield Contestant(name=FUSED, run=lambda: fused(layer, shape, device), kind=Kind.FLOOR)
    elif length <= WHOLE_UNTIL:
        yield Contestant(name=EAGER, run=lambda: eager(layer), kind=Kind.FLOOR)
    if length <= WHOLE_UNTIL:
        sums, columns = PatternScorer(length, layer.prefixes[n_gold]).sums, layer.indicators[n_columns]
        yield Contestant(
            name=f"whole pattern, {n_gold} prefixes",
            run=lambda: sums(pattern_of(layer.attention)[0]),
            kind=Kind.SCORES,
            n=n_gold,
        )
        yield Contestant(
            name=f"whole pattern, {n_columns} columns",
            run=lambda: torch.matmul(pattern_of(layer.attention), columns),
            kind=Kind.MASS,
            n=n_columns,
        )
    impls = (Impl.TRITON, Impl.TORCH) if device == "cuda" else (Impl.TORCH,)
    for impl in impls:
        yield from ours(layer, impl, f" ({impl})" if len(impls) > 1 else "")


def ours(layer: Layer, impl: Impl, suffix: str) -> Iterator[Contestant]:
    """Every kernel of one implementation."""
    source, first = layer.attention, (layer.column == 0)[None, None]
    for n, prefixes in layer.prefixes.items():
        yield Contestant(
            name=f"key scores, {n} prefixes{suffix}",
            run=lambda prefixes=prefixes: key_scores(source, prefixes, excluded=first, impl=impl),
            kind=Kind.SCORES,
            n=n,
        )
    for n, indicators in layer.indicators.items():
        yield Contestant(
            name=f"weighted values, {n} columns{suffix}",
            run=lambda indicators=indicators: weighted_values(source, indicators, impl=impl),
            kind=Kind.MASS,
            n=n,
        )
    n_prefixes = max(layer.prefixes)
    yield Contestant(
        name=f"column sums, {n_prefixes} prefixes{suffix}",
        run=lambda: column_sums(source, layer.prefixes[n_prefixes], impl=impl),
        kind=Kind.SUMS,
        n=n_prefixes,
    )


def fused(layer: Layer, shape: Shape, device: str) -> Tensor:
    """One causal attention forward as the model runs it; on a GPU by flash attention and nothing else."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    source = layer.attention
    flash_alone: AbstractContextManager[Any] = nullcontext()
    if device == "cuda":
        flash_alone = sdpa_kernel(SDPBackend.FLASH_ATTENTION)
    with flash_alone:
        return F.scaled_dot_product_attention(
            source.query,
            source.key,
            layer.value,
            is_causal=True,
            scale=source.scaling,
            enable_gqa=shape.heads != shape.kv_heads,
        )


def pattern_of(source: Attention) -> Tensor:
    """The whole pattern in the inputs' own precision, as eager attention computes it."""
    group = source.query.shape[1] // source.key.shape[1]
    logits = source.query @ source.key.repeat_interleave(group, 1).mT * source.scaling
    if source.softcap is not None:
        logits = torch.tanh(logits / source.softcap) * source.softcap
    column = torch.arange(logits.shape[-1], device=logits.device)
    distance = column[:, None] - column
    hidden = (distance < 0) | (distance >= (source.window or len(column)))
    return logits.masked_fill_(hidden, float("-inf")).softmax(-1)


def eager(layer: Layer) -> Tensor:
    """One attention forward with its whole pattern."""
    group = layer.attention.query.shape[1] // layer.value.shape[1]
    return pattern_of(layer.attention) @ layer.value.repeat_interleave(group, 1)


def gates_of(layer: Layer, contestants: list[Contestant], outputs: Mapping[str, Any], heads: list[int]) -> list[Gate]:
    """What came out of every kernel against float64, on some heads."""
    source = exact.heads_of(layer.attention, heads)
    known: dict[tuple[Kind, int], Tensor] = {}
    gates: list[Gate] = []
    for one in contestants:
        if one.kind is Kind.FLOOR:
            continue
        if (one.kind, one.n) not in known:
            known[one.kind, one.n] = expected(source, layer, one.kind, one.n)
        difference = largest_difference(comparable(outputs[one.name], layer, one)[heads], known[one.kind, one.n])
        gates.append(Gate(name=one.name, difference=difference, tolerance=TOLERANCE[source.query.device.type]))
    return gates


def expected(source: Attention, layer: Layer, kind: Kind, n: int) -> Tensor:
    """What a kernel must give, in float64, as a share."""
    if kind is Kind.MASS:
        return exact.weighted_values(source, layer.indicators[n][0])
    if kind is Kind.SCORES:
        return exact.samrank(source, layer.prefixes[n])
    return exact.column_sums(source, layer.prefixes[n]) / len(layer.column)


def comparable(output: Any, layer: Layer, contestant: Contestant) -> Tensor:
    """A kernel's output of the first sequence as a share: scores between 0 and 1, column sums by query."""
    if contestant.kind is Kind.MASS:
        return output[0]
    if contestant.kind is Kind.SUMS:
        return output[0].double() / len(layer.column)
    total = (output.received + output.given)[0] if isinstance(output, KeyScores) else output
    total = total.masked_fill(layer.column[:, None] >= layer.prefixes[contestant.n][0], 0.0)
    return total / total.amax(1, keepdim=True)
