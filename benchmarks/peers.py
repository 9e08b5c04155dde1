"""The others, each as fast as it allows: the authors' loop, eager transformers, TransformerLens, nnsight.

In: a transformers model and a sequence with gold tokens. Out: functions that score it. All but the authors' loop get
our algebra, one forward pass for every gold token, scored layer by layer; what differs is that they hold patterns.
`with_head=False` also spares them the unembedding, which attnprobe never runs: the way a user would who knows how.
"""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from benchmarks.authors import authors_scores_of_ids
from benchmarks.inputs import Gold
from benchmarks.scoring import PatternScorer

Scores = Callable[[], Tensor]


def eager_copy(hf: PreTrainedModel) -> PreTrainedModel:
    """The same weights in modules of their own, under the one attention that returns patterns."""
    shared: dict[int, Any] = {id(parameter): parameter for parameter in hf.parameters()}
    own = copy.deepcopy(hf, shared)
    own.set_attn_implementation("eager")
    return own


def authors(eager: PreTrainedModel, gold: Gold, index: int) -> Scores:
    """One turn of the authors' loop, that of gold token `index`: [head]."""
    ids = gold.ids[: int(gold.prefixes[0, index]) + 1]
    return lambda: torch.tensor(authors_scores_of_ids(eager, ids, 1)[0, :, 0])


def authors_whole(eager: PreTrainedModel, gold: Gold) -> Scores:
    """The authors' loop, all of it: [head, gold]."""
    return lambda: torch.tensor(np.asarray(authors_scores_of_ids(eager, gold.ids, gold.n_gold)[0]))


def base_of(hf: Any) -> Any:
    """The model without its head."""
    return getattr(hf, hf.base_model_prefix)


def bare(hf: PreTrainedModel, gold: Gold, *, with_head: bool) -> Callable[[], object]:
    """A forward pass and nothing else, under the model's own attention."""
    ids = torch.tensor([gold.seen], device=hf.device)
    run: Any = hf if with_head else base_of(hf)

    @torch.no_grad()
    def forward() -> object:
        run(input_ids=ids, use_cache=False)
        return None

    return forward


def transformers_eager(eager: PreTrainedModel, gold: Gold, *, with_head: bool = True) -> Scores:
    """`output_attentions=True`: every layer's pattern at once, as transformers has it."""
    ids, score = torch.tensor([gold.seen], device=eager.device), PatternScorer.of(gold, eager.device)
    run: Any = eager if with_head else base_of(eager)

    @torch.no_grad()
    def scores() -> Tensor:
        patterns = run(input_ids=ids, output_attentions=True, use_cache=False).attentions
        return torch.stack([score(pattern[0]) for pattern in patterns])

    return scores


def transformer_lens(hf: PreTrainedModel, gold: Gold, *, with_head: bool = True) -> Scores:
    """`run_with_cache` on the patterns alone; without the head, hooks that score and drop, around the model's base."""
    bridge = _bridge(hf)
    ids, score = torch.tensor([gold.seen], device=hf.device), PatternScorer.of(gold, hf.device)
    names = [f"blocks.{layer}.attn.hook_pattern" for layer in range(len(bridge.blocks))]

    @torch.no_grad()
    def cached() -> Tensor:
        _, cache = bridge.run_with_cache(ids, names_filter=names)
        return torch.stack([score(cache[name][0]) for name in names])

    @torch.no_grad()
    def hooked() -> Tensor:
        found: list[Tensor] = []
        with bridge.hooks(fwd_hooks=[(name, lambda pattern, hook: found.append(score(pattern[0]))) for name in names]):
            base_of(bridge.original_model)(input_ids=ids, use_cache=False)
        return torch.stack(found)

    return cached if with_head else hooked


def _bridge(hf: PreTrainedModel) -> Any:
    from transformer_lens.model_bridge.sources import build_bridge_from_module

    own = eager_copy(hf)
    return build_bridge_from_module(own, type(own).__name__, hf_config=own.config)


def nnsight(hf: PreTrainedModel, gold: Gold, *, with_head: bool = True) -> Scores:
    """A trace that scores each layer's pattern as it passes; without the head, stopped after the last."""
    import nnsight as library

    traced: Any = library.NNsight(eager_copy(hf))
    ids, score = torch.tensor([gold.seen], device=hf.device), PatternScorer.of(gold, hf.device)
    calls = [_attention_call(layer) for layer in _attentions(traced)]

    @torch.no_grad()
    def scores() -> Tensor:
        with traced.trace(input_ids=ids, use_cache=False) as tracer:
            found = library.save([])
            for call in calls:
                found.append(score(call.output[1][0]))
            if not with_head:
                tracer.stop()
        return torch.stack(found)

    return scores


def _attentions(traced: Any) -> list[Any]:
    if hasattr(traced, "transformer"):
        return [block.attn for block in traced.transformer.h]
    return [layer.self_attn for layer in traced.model.layers]


def _attention_call(attention: Any) -> Any:
    """The call of the attention function within the module's source; labels differ from model to model."""
    names = [name for name in attention.source.names if name.startswith("attention_interface")]
    return getattr(attention.source, names[-1])
