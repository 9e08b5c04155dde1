"""The dimensions of a model that plans are checked against.

In: nothing. Out: `ModelDims`, one record a model, filled by its backend. Everything that may differ by layer is a
tuple over layers, because it does differ (OpenELM's head counts, Gemma's windows).
"""

from dataclasses import dataclass

from attnprobe.errors import ModelError
from attnprobe.plan.sites import HeadId


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDims:
    """Sizes of a decoder-only model.

    Attributes:
        d_model: width of the residual stream.
        vocab: number of logits.
        context: longest sequence in tokens, or None where the model sets no limit.
        n_heads: query heads of each layer.
        n_kv_heads: key and value heads of each layer; each divides the query heads of its layer.
        d_head: width of a head's query, key and value, of each layer.
        windows: sliding window of each layer in tokens, the querying one included; None for full attention.
        turns_at: longest sequence whose rotary embedding takes the factors for short ones; anything longer turns every
            position otherwise (longrope). None where length changes nothing.
    """

    d_model: int
    vocab: int
    context: int | None
    n_heads: tuple[int, ...]
    n_kv_heads: tuple[int, ...]
    d_head: tuple[int, ...]
    windows: tuple[int | None, ...]
    turns_at: int | None = None

    def __post_init__(self) -> None:
        lengths = {len(self.n_heads), len(self.n_kv_heads), len(self.d_head), len(self.windows)}
        if len(lengths) != 1 or not self.n_heads:
            raise ModelError(f"model dimensions: expected one entry a layer everywhere, got lengths {sorted(lengths)}.")
        for layer, (heads, kv_heads) in enumerate(zip(self.n_heads, self.n_kv_heads, strict=True)):
            if heads < 1 or kv_heads < 1 or heads % kv_heads:
                raise ModelError(
                    f"layer {layer}: {heads} query heads cannot share {kv_heads} key heads; "
                    "expected a whole number for each key head."
                )

    @property
    def n_layers(self) -> int:
        """Number of layers."""
        return len(self.n_heads)

    @property
    def heads(self) -> tuple[HeadId, ...]:
        """Every query head, layer by layer."""
        return tuple(
            HeadId(layer=layer, head=head) for layer, count in enumerate(self.n_heads) for head in range(count)
        )

    @property
    def kv_heads(self) -> tuple[HeadId, ...]:
        """Every key and value head, layer by layer."""
        return tuple(
            HeadId(layer=layer, head=head, is_kv=True)
            for layer, count in enumerate(self.n_kv_heads)
            for head in range(count)
        )

    def is_reachable(self, layer: int, query: int, key: int) -> bool:
        """Whether the query position may attend to the key position in this layer."""
        window = self.windows[layer]
        return key <= query and (window is None or query - key < window)
