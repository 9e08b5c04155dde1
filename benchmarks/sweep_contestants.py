"""Sweeps to be timed: ours over every head, by corners or by whole passes, and TransformerLens' own loop.

In: a model, a clean and a corrupted sequence. Out: functions of no argument that give one logit difference an edit.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import torch
from torch import Tensor
from transformers import PreTrainedModel

from attnprobe.models.model import Model
from attnprobe.plan import (
    Edges,
    Edit,
    Plan,
    Point,
    Read,
    Replace,
    Site,
    SweepLimits,
    SweepMode,
    Tokens,
    Unembedding,
    Write,
    mask_edges,
)

Heads = Sequence[tuple[int, int]]


def heads_of(model: Model) -> list[tuple[int, int]]:
    """Every (layer, head)."""
    return [(head.layer, head.head) for head in model.dims.heads]


def prompts(length: int, n_differing: int, vocab: int) -> tuple[list[int], list[int]]:
    """A clean and a corrupted sequence that differ in the last tokens only."""
    generator = torch.Generator().manual_seed(length)
    clean, other = torch.randint(0, vocab, (2, length), generator=generator).tolist()
    # the last token differs for certain, or there would be nothing to patch
    other[-1] = (clean[-1] + 1 + other[-1] % (vocab - 1)) % vocab
    return clean, [*clean[: length - n_differing], *other[length - n_differing :]]


def patch_sweep(model: Model, clean: list[int], corrupted: list[int], heads: Heads, mode: SweepMode) -> Tensor:
    """Patch z of each head, from the clean run into the corrupted one; both source runs included.

    Only positions from the first token that differs on are patched: before it there is nothing to put in.
    """
    pairs = list(zip(clean, corrupted, strict=True))
    first = next(place for place, (one, other) in enumerate(pairs) if one != other)
    positions = tuple(range(first, len(clean)))
    layers = sorted({layer for layer, _ in heads})
    reads = tuple(Read(point=Point.Z, layer=layer) for layer in layers)
    run = model.forward(Tokens.of([clean]), Plan(reads=reads, last_logits=0))
    values = {layer: run.read(Point.Z, layer, 0)[first:] for layer in layers}
    edits = [
        Edit(
            writes=(
                Write(
                    site=Site(point=Point.Z, layer=layer, heads=(head,), positions=positions),
                    intervention=Replace(values=values[layer][:, [head]]),
                ),
            )
        )
        for layer, head in heads
    ]
    return swept(model, corrupted, edits, (clean[-1], corrupted[-1]), mode)


def mask_edits(heads: Heads, length: int, n_sets: int, n_keys: int = 8) -> list[Edit]:
    """For each head and each of some drawn key sets: the last query may not look at these keys."""
    generator = torch.Generator().manual_seed(length)
    sets = [tuple(sorted(torch.randperm(length, generator=generator)[:n_keys].tolist())) for _ in range(n_sets)]
    return [
        Edit(writes=(mask_edges(layer=layer, heads=(head,), edges=Edges.of({length - 1: keys})),))
        for layer, head in heads
        for keys in sets
    ]


def swept(model: Model, ids: list[int], edits: Sequence[Edit], tokens: tuple[int, int], mode: SweepMode) -> Tensor:
    """One difference of two logits at the last position an edit."""
    unembedding = Unembedding(positions=(len(ids) - 1,), tokens=tokens)
    run = model.sweep(ids, edits, unembedding, lambda logits: logits[:, 0, 0] - logits[:, 0, 1], SweepLimits(mode=mode))
    return run.values


def lens_sweep(hf: PreTrainedModel) -> Callable[[list[int], list[int], Heads], Tensor]:
    """`transformer_lens.patching.generic_activation_patch` on z at all positions: one forward pass a head."""
    from transformer_lens import patching
    from transformer_lens.model_bridge.sources import build_bridge_from_module

    own: Any = copy.deepcopy(hf)
    own.set_attn_implementation("eager")
    bridge: Any = build_bridge_from_module(own, "GPT2LMHeadModel", hf_config=own.config)
    # no progress bar inside a timing
    patching.tqdm = lambda cells, **_: cells  # pyright: ignore[reportPrivateImportUsage, reportAttributeAccessIssue]

    def sweep(clean: list[int], corrupted: list[int], heads: Heads) -> Tensor:
        with torch.no_grad():
            names = {f"blocks.{layer}.attn.hook_z" for layer in range(len(bridge.blocks))}
            _, cache = bridge.run_with_cache(torch.tensor([clean]), names_filter=lambda name: name in names)
            return patching.generic_activation_patch(
                bridge,
                torch.tensor([corrupted]),
                cache,
                lambda logits: logits[0, -1, clean[-1]] - logits[0, -1, corrupted[-1]],
                patching.layer_head_vector_patch_setter,
                "z",
                index_df=pd.DataFrame(heads, columns=["layer", "head"]),
            ).flatten()

    return sweep
