"""Who takes part in the end-to-end races, by name; each is built alone, so that a fresh process can hold only one.

In: a transformers model and a sequence with gold tokens. Out: a function of no argument that scores it.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from attnprobe.kernels import weighted_values
from attnprobe.models.load import load_model
from attnprobe.models.model import Model
from attnprobe.plan import LayerAttention, Plan, Stream, Tokens
from benchmarks import peers
from benchmarks.inputs import Gold
from benchmarks.scoring import streamed

N_CATEGORIES = 32


class Who(StrEnum):
    """A contestant.

    BARE: a forward pass without logits. PLAIN: one with logits. OURS_LAST, OURS_ALL: attnprobe on the last layer, on
    all. MASS: attnprobe's mass by category, all layers. AUTHORS_*: one turn of the authors' loop, that of the first,
    middle and last gold token. The others score all layers; NO_HEAD variants leave the unembedding out.
    """

    BARE = "bare forward"
    PLAIN = "forward with logits"
    OURS_LAST = "attnprobe, last layer"
    OURS_ALL = "attnprobe, all layers"
    MASS = "attnprobe, category mass"
    AUTHORS_FIRST = "authors, first gold token"
    AUTHORS_MIDDLE = "authors, middle gold token"
    AUTHORS_LAST = "authors, last gold token"
    EAGER = "transformers eager"
    LENS = "TransformerLens"
    NNSIGHT = "nnsight"
    EAGER_NO_HEAD = "transformers eager, no head"
    LENS_NO_HEAD = "TransformerLens, no head"
    NNSIGHT_NO_HEAD = "nnsight, no head"


AUTHORS = (Who.AUTHORS_FIRST, Who.AUTHORS_MIDDLE, Who.AUTHORS_LAST)
NO_HEAD = (Who.EAGER_NO_HEAD, Who.LENS_NO_HEAD, Who.NNSIGHT_NO_HEAD)
ALL_LAYERS = (Who.OURS_ALL, Who.EAGER, Who.LENS, Who.NNSIGHT, *NO_HEAD)


def authors_turn(who: Who, gold: Gold) -> int:
    """Which gold token a turn of the authors' loop is about."""
    return {Who.AUTHORS_FIRST: 0, Who.AUTHORS_MIDDLE: gold.n_gold // 2, Who.AUTHORS_LAST: gold.n_gold - 1}[who]


def build(who: Who, hf: PreTrainedModel, gold: Gold) -> Callable[[], Any]:
    """A contestant, ready to run."""
    device = str(hf.device.type)
    match who:
        case Who.BARE | Who.PLAIN:
            return peers.bare(hf, gold, with_head=who is Who.PLAIN)
        case Who.OURS_LAST | Who.OURS_ALL:
            model = load_model(hf, backend="native")
            n_layers = len(model.dims.n_heads)
            layers = range(n_layers) if who is Who.OURS_ALL else (n_layers - 1,)
            return streamed(model, gold, layers, device=device)
        case Who.MASS:
            return category_mass(load_model(hf, backend="native"), gold)
        case Who.AUTHORS_FIRST | Who.AUTHORS_MIDDLE | Who.AUTHORS_LAST:
            return peers.authors(peers.eager_copy(hf), gold, authors_turn(who, gold))
        case Who.EAGER | Who.EAGER_NO_HEAD:
            return peers.transformers_eager(peers.eager_copy(hf), gold, with_head=who is Who.EAGER)
        case Who.LENS | Who.LENS_NO_HEAD:
            return peers.transformer_lens(hf, gold, with_head=who is Who.LENS)
        case Who.NNSIGHT | Who.NNSIGHT_NO_HEAD:
            return peers.nnsight(hf, gold, with_head=who is Who.NNSIGHT)


def categories(gold: Gold) -> Tensor:
    """[k_pos, category]: each token in one category, drawn by its id."""
    return torch.nn.functional.one_hot(torch.tensor(gold.seen) % N_CATEGORIES, N_CATEGORIES).float()


def category_mass(model: Model, gold: Gold) -> Callable[[], Tensor]:
    """Mean mass from each query category to each key category, [layer, head, q_category, k_category]."""
    indicators = categories(gold).to(model.device)
    by_query = (indicators / indicators.sum(0).clamp_min(1)).T

    def statistic(seen: LayerAttention) -> Tensor:
        return by_query @ weighted_values(seen.source, indicators[None, None])[0]

    streams = tuple(Stream(layer=layer, statistic=statistic) for layer in range(len(model.dims.n_heads)))
    tokens, plan = Tokens.of([gold.seen]), Plan(streams=streams, last_logits=0)
    return lambda: torch.stack(model.forward(tokens, plan).streamed)
