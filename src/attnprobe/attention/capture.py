"""Whole attention patterns of a short text, for figures and for looking; scores never need them.

In: a model and one sequence. Out: the patterns of the layers asked for, unless they would be too large to be meant.
"""

from collections.abc import Mapping, Sequence

from jaxtyping import Float
from torch import Tensor

from attnprobe.errors import SpecError
from attnprobe.models.model import Model
from attnprobe.plan import Plan, Point, Read, Tokens

LIMIT = 2**30
"""Bytes that patterns may take: 12 layers of 12 heads at 1,365 tokens in float32."""


def patterns(
    model: Model, ids: Sequence[int], layers: Sequence[int] | None = None, *, limit: int = LIMIT
) -> Mapping[int, Float[Tensor, "head q_pos k_pos"]]:
    """The attention patterns of one sequence, by layer; nothing above the last of them is run.

    Args:
        model: any backend.
        ids: of the sequence.
        layers: which; None for all.
        limit: bytes that they may take together.

    Raises:
        SpecError: a layer does not exist, or the patterns would exceed the limit; the message says by how much.
    """
    chosen = tuple(range(model.dims.n_layers)) if layers is None else tuple(sorted(set(layers)))
    tokens, plan = Tokens.of([ids]), Plan(reads=_reads(chosen), last_logits=0)
    plan.check(model.dims, tokens)
    # 4 bytes whatever the model's dtype: softmax runs in float32
    needed = 4 * len(ids) ** 2 * sum(model.dims.n_heads[layer] for layer in chosen)
    if needed > limit:
        longest = int((limit / needed) ** 0.5 * len(ids))
        raise SpecError(
            f"patterns of {len(chosen)} layers over {len(ids)} tokens take {needed / 2**20:.0f} MB, the limit is "
            f"{limit / 2**20:.0f} MB: choose fewer layers, at most {longest} tokens, or a score, which needs none."
        )
    run = model.forward(tokens, plan)
    return {layer: run.read(Point.PATTERN, layer, 0) for layer in chosen}


def _reads(layers: Sequence[int]) -> tuple[Read, ...]:
    return tuple(Read(point=Point.PATTERN, layer=layer) for layer in layers)
