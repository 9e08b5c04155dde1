"""A sweep of key-set masks over every head: by formula, by a softmax for each, and TransformerLens one forward a mask.

In: a GPT-2-small-shaped model with random weights, queries and keys sharpened, one sequence, key sets at some query
rows. Out: process CPU time of each in plain forwards. `attnprobe` masks by formula (models/corner/key_set_masks.py),
`a softmax each` is the same engine without it, `TransformerLens` a loop that runs a whole forward with a hook on one
head's attention scores for every mask, timed on a sample and scaled up. No number unless logits agree.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel

from attnprobe.models.corner.head_pairs import HeadPair
from attnprobe.models.load import load_model
from attnprobe.models.model import Model
from attnprobe.plan import Edges, Edit, SweepLimits, SweepMode, Tokens, Unembedding, mask_edges
from benchmarks.harness import arguments, race
from benchmarks.records import store

N_SETS = (1, 4, 16)
LENGTHS = (64, 128)
N_KEYS = 3
SAMPLED_MASKS = 12
TOLERANCE_LOGITS = 5e-5

Masks = Sequence[tuple[int, int, Edges]]
"""Layer, head, edges."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One row of the table.

    Attributes:
        length: tokens.
        queries: what they are called.
        rows: query positions.
        n_sets: key sets for every head.
    """

    length: int
    queries: str
    rows: tuple[int, ...]
    n_sets: int

    def key_sets(self) -> list[Edges]:
        """Key sets that every query row reaches, one after another through the sequence."""
        reach = self.rows[0]
        return [
            Edges.product(self.rows, [(index * N_KEYS + step) % reach for step in range(N_KEYS)])
            for index in range(self.n_sets)
        ]


def settings(length: int) -> list[Setting]:
    """The last position, the last 8, and 8 that are spread over the second half."""
    rows = {
        "the last": (length - 1,),
        "the last 8": tuple(range(length - 8, length)),
        "8 spread over the second half": tuple(range(length // 2 + length // 16 - 1, length, length // 16)),
    }
    return [
        Setting(length=length, queries=name, rows=chosen, n_sets=n_sets)
        for name, chosen in rows.items()
        # what runs for 8 rows over half of the sequence is half of the sequence: more key sets tell nothing new
        for n_sets in (N_SETS if len(range(chosen[0], length)) <= 8 else N_SETS[:1])
    ]


def main() -> None:
    """Run the benchmark and store its rows."""
    options = arguments("A sweep of key-set masks over every head.")
    torch.set_num_threads(options.threads)
    rows = []
    for length in LENGTHS:
        hf = build(length)
        native = load_model(hf, backend="native")
        theirs = peer(hf)
        for setting in settings(length):
            rows.append(measured(native, theirs, setting, repeats=options.repeats))
            store("sweep_masks", rows)


def build(length: int) -> GPT2LMHeadModel:
    """The shape of GPT-2 small; queries and keys sharpened, so that masks change something."""
    torch.manual_seed(0)
    hf = GPT2LMHeadModel(GPT2Config(vocab_size=50257, n_positions=length)).eval()
    with torch.no_grad():
        for block in hf.transformer.h:
            block.attn.c_attn.weight[:, : 2 * 768] *= 4
    return hf


def measured(native: Model, theirs: Callable[[list[int], Masks], Tensor], setting: Setting, *, repeats: int) -> Any:
    """One row: gate, then race."""
    ids = torch.randint(0, 50257, (setting.length,), generator=torch.Generator().manual_seed(1)).tolist()
    every = [(head.layer, head.head, edges) for head in native.dims.heads for edges in setting.key_sets()]
    sample = every[:: len(every) // SAMPLED_MASKS]

    def ours(*, by_formula: bool) -> Tensor:
        with nullcontext() if by_formula else without_formula():
            return swept(native, ids, every)

    by_formula, by_softmax = ours(by_formula=True), ours(by_formula=False)
    peer_logits = theirs(ids, sample)
    gap = float((by_formula[:: len(every) // SAMPLED_MASKS] - peer_logits).abs().max())
    gap_softmax = float((by_formula - by_softmax).abs().max())
    if not max(gap, gap_softmax) < TOLERANCE_LOGITS:
        raise SystemExit(f"outputs differ by {gap:.1e} and {gap_softmax:.1e} logits: no times.")
    contestants: dict[str, Callable[[], object]] = {
        "plain forward": lambda: native.forward(Tokens.of([ids])),
        "attnprobe": lambda: ours(by_formula=True),
        "a softmax each": lambda: ours(by_formula=False),
        "TransformerLens sample": lambda: theirs(ids, sample),
    }
    # everything ran once for the gate; a sweep of thousands of masks needs no repeating
    timings = race(contestants, repeats=repeats if len(every) < 1000 else 1, warm=False)
    plain, formula, softmax, peer_time = (timings[name].median for name in contestants)
    peer_time *= len(every) / len(sample)
    row = {
        "model": "GPT-2 small shape, random weights, float32",
        "positions": setting.length,
        "queries": setting.queries,
        "key_sets": setting.n_sets,
        "masks": len(every),
        "largest_difference_logits": gap,
        "largest_difference_logits_softmax": gap_softmax,
        "largest_effect_logits": float((by_formula - by_formula.mean(0)).abs().max()),
        "cpu_seconds": {name: asdict(timing) for name, timing in timings.items()},
        "attnprobe_in_plain_forwards": round(formula / plain, 2),
        "a_softmax_each_in_plain_forwards": round(softmax / plain, 2),
        "transformer_lens_in_plain_forwards": round(peer_time / plain, 1),
        "softmax_over_formula": round(softmax / formula, 2),
        "transformer_lens_over_attnprobe": round(peer_time / formula, 1),
    }
    print({name: value for name, value in row.items() if name != "cpu_seconds"}, flush=True)
    return row


def without_formula() -> AbstractContextManager[Any]:
    """The same engine, every mask by a softmax of its own."""
    return mock.patch.object(HeadPair, "is_key_set_mask", property(lambda pair: False))


def swept(native: Model, ids: list[int], masks: Masks) -> Tensor:
    """Logits at the last position under every mask."""
    edits = [Edit(writes=(mask_edges(layer=layer, heads=(head,), edges=edges),)) for layer, head, edges in masks]
    last = Unembedding(positions=(len(ids) - 1,), tokens=(11, 4711))
    run = native.sweep(ids, edits, last, lambda logits: logits[:, 0].clone(), SweepLimits(mode=SweepMode.CORNER))
    return run.values


def peer(hf: GPT2LMHeadModel) -> Callable[[list[int], Masks], Tensor]:
    """A whole forward for every mask, -inf put on one head's attention scores by a hook."""
    import copy

    from transformer_lens.model_bridge.sources import build_bridge_from_module

    own = copy.deepcopy(hf)
    own.set_attn_implementation("eager")
    bridge: Any = build_bridge_from_module(own, "GPT2LMHeadModel", hf_config=own.config)

    def run(ids: list[int], masks: Masks) -> Tensor:
        found = []
        with torch.no_grad():
            for layer, head, edges in masks:

                def mask(scores: Tensor, hook: object, head: int = head, edges: Edges = edges) -> Tensor:
                    for query, keys in edges.rows:
                        scores[:, head, query, list(keys)] = -torch.inf
                    return scores

                hooks = [(f"blocks.{layer}.attn.hook_attn_scores", mask)]
                logits = bridge.run_with_hooks(torch.tensor([ids]), fwd_hooks=hooks)
                found.append(logits[0, -1, [11, 4711]])
        return torch.stack(found)

    return run


if __name__ == "__main__":
    main()
