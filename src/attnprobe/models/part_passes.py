"""Part of a forward pass on a library that can only run whole models: layers below are skipped, columns before cached.

In: what an unedited pass left behind. Out: what stands in for the layers and columns that do not run. A layer that is
skipped gives what it gave then, a layer that runs finds the keys and values of the columns before in a cache of
transformers.
"""

from dataclasses import dataclass
from typing import Any

from einops import rearrange
from torch import Tensor
from transformers import DynamicCache

from attnprobe.plan import Point
from attnprobe.shapes import Logits


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CleanPass:
    """What an unedited pass of one sequence leaves for parts of others.

    Attributes:
        outputs: what each layer's block returned: the residual stream, alone or first of a tuple.
        cache: keys and values of every layer; None where the model takes no cache.
        logits: of the columns that were unembedded.
    """

    outputs: tuple[Any, ...]
    cache: DynamicCache | None
    logits: Logits


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """What runs of a pass: some rows of one sequence, from a layer and a column on.

    Attributes:
        clean: the unedited pass of the sequence.
        first_layer: the lowest layer that runs.
        cached: how many leading columns do not run; 0 where there is no cache.
        rows: of the batch.
    """

    clean: CleanPass
    first_layer: int
    cached: int
    rows: int

    def output_of(self, layer: int) -> Any:
        """What the block of a skipped layer returns: for the columns that run, the same for all rows."""
        output = self.clean.outputs[layer]
        resid: Tensor = output[0] if isinstance(output, tuple) else output
        resid = resid[:, self.cached :].expand(self.rows, -1, -1)
        return (resid, *output[1:]) if isinstance(output, tuple) else resid

    def before(self, point: Point, layer: int) -> Tensor:
        """Keys or values of the cached columns [rows, pos, kv_head, d_head]."""
        assert self.clean.cache is not None, "columns are cached only where there is a cache"
        # typed Any: the layers of a cache share no class that has keys
        kept: Any = self.clean.cache.layers[layer]
        heads: Tensor = kept.keys if point is Point.K else kept.values
        vectors = rearrange(heads[:, :, : self.cached], "1 head pos d_head -> 1 pos head d_head")
        return vectors.expand(self.rows, -1, -1, -1)

    def cache(self) -> DynamicCache | None:
        """A new cache of the columns that do not run: a pass adds its own to the one that it gets. None for none."""
        if self.cached == 0:
            return None
        assert self.clean.cache is not None, "columns are cached only where there is a cache"
        # without a configuration, layers with a window keep all their columns too, as the masks here expect
        cache = DynamicCache()
        layers: Any = self.clean.cache.layers
        for layer, kept in enumerate(layers):
            # of a skipped layer only the length is ever asked
            rows = 1 if layer < self.first_layer else self.rows
            keys, values = (heads[:, :, : self.cached].expand(rows, -1, -1, -1) for heads in (kept.keys, kept.values))
            cache.update(keys, values, layer)
        return cache
