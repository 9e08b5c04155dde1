"""Looking at a layer's attention while the model runs, without ever keeping it.

In: what a layer's attention is about to compute, as kernels take it. Out: whatever a statistic makes of it; nothing
else is kept, so that a forward pass over T tokens needs no T x T tensor for being looked at.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from attnprobe.kernels import Attention, StoredPattern
from attnprobe.plan.tokens import Tokens
from attnprobe.shapes import HeadKeys


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LayerAttention:
    """What a stream sees of one layer.

    Attributes:
        layer: which layer.
        tokens: the batch that runs.
        source: the attention itself. A `StoredPattern` where a pattern exists anyway: on a layer whose pattern the plan
            edits (it is the edited one), or on a library that always computes it.
        value: what the heads mix, after the plan's edits; not expanded to query heads, but where the plan edits the
            copies that query heads see.
    """

    layer: int
    tokens: Tokens
    source: Attention | StoredPattern
    value: HeadKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Make something of one layer's attention while the model runs.

    Attributes:
        layer: which layer.
        statistic: called once, without gradients, before the layer's attention returns; what it returns is kept, and
            must not hold on to the tensors that it was given.
    """

    layer: int
    statistic: Callable[[LayerAttention], Any]
