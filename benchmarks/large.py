"""An 8B-shaped model on a GPU, where no library that holds patterns can follow: all layers scored, over its forward.

In: a Llama of 32 layers, 32 heads on 8 key heads of 128, random weights in bfloat16. Out: a row for each length: device
seconds of the bare forward and of the same with gold scores in all layers. Some heads are held to float64, from the
very queries and keys that were scored. There are no rows without a CUDA device.
"""

from collections.abc import Callable
from dataclasses import asdict

import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel

from attnprobe.models.load import load_model
from attnprobe.plan import Plan, Tokens
from benchmarks.contestants import Who
from benchmarks.harness import race_outputs, ratios
from benchmarks.inputs import gold_sequence
from benchmarks.peers import bare
from benchmarks.records import Row
from benchmarks.scoring import gold_statistic
from benchmarks.spot_checks import SpotChecks

N_GOLD = 32
CHECKED_HEAD = 5
# as for the kernels on a GPU
TOLERANCE = 1e-3


def measurements(*, full: bool, repeats: int = 5) -> dict[str, Callable[[], Row]]:
    """How each row is measured, by id."""
    if not torch.cuda.is_available():
        return {}
    lengths = (4096, 8192, 16384, 32768) if full else (4096,)
    return {f"llama-8b {length}": lambda length=length: large_row(length, repeats=repeats) for length in lengths}


def llama_8b(length: int) -> PreTrainedModel:
    """Llama 3 8B's shape, random weights made on the device."""
    config = LlamaConfig(
        vocab_size=128256,
        hidden_size=4096,
        intermediate_size=14336,
        num_hidden_layers=32,
        num_attention_heads=32,
        num_key_value_heads=8,
        max_position_embeddings=length,
        use_cache=False,
    )
    torch.manual_seed(0)
    with torch.device("cuda"):
        return LlamaForCausalLM._from_config(config, dtype=torch.bfloat16).eval()  # pyright: ignore[reportPrivateUsage]


def large_row(length: int, *, repeats: int) -> Row:
    """One length: the forward alone and with gold scores, in turns."""
    hf = llama_8b(length)
    model = load_model(hf, backend="native")
    gold = gold_sequence(length, N_GOLD, vocab=hf.config.vocab_size)
    statistic = gold_statistic(gold, device="cuda")
    checks = SpotChecks(gold, statistic, n_layers=len(model.dims.n_heads), head=CHECKED_HEAD)
    tokens, plan = Tokens.of([gold.seen]), Plan(streams=checks.streams, last_logits=0)
    found = race_outputs(
        {
            Who.BARE.value: bare(hf, gold, with_head=False),
            Who.OURS_ALL.value: lambda: model.forward(tokens, plan),
        },
        repeats=repeats,
        device="cuda",
    )
    timings = {name: taken for name, (taken, _) in found.items()}
    gates = checks.gates(found[Who.OURS_ALL.value][1], TOLERANCE)
    over = ratios(timings, Who.BARE.value)
    return {
        "model": "llama-8b",
        "length": length,
        "clock": "device",
        "seconds": {name: asdict(taken) for name, taken in timings.items()},
        "differences": {gate.name: gate.entry() for gate in gates},
        "ratios": {f"{name} / {Who.BARE}": ratio for name, ratio in over.items()},
        "says": ", ".join(f"{name} / bare {ratio}" for name, ratio in over.items()),
    }
