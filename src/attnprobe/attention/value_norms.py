"""How much each key would carry into the residual stream if it were attended to: the norm of its value behind W_O.

In: a model and a layer's values. Out: one norm for each head and key.
"""

from collections.abc import Sequence

from einops import einsum, repeat
from jaxtyping import Float
from torch import Tensor

from attnprobe.errors import ModelError
from attnprobe.kernels.attention import accumulator
from attnprobe.models.model import Model
from attnprobe.plan import LayerAttention


class ValueNorms:
    """Norms ||W_O^h v_j|| of a model's heads and keys.

    Args:
        model: whose output projections weigh the values; asked here, since a pass cannot run within another.
        layers: which layers will be seen.

    Raises:
        ModelError: a layer has no one linear output projection.
    """

    def __init__(self, model: Model, layers: Sequence[int]) -> None:
        self._grams: dict[int, Float[Tensor, "head d_head d_head"]] = {}
        for layer in layers:
            weight = model.output_projection(layer).detach().double()
            self._grams[layer] = einsum(weight, weight, "head d m, head e m -> head d e")

    def __call__(self, seen: LayerAttention) -> Float[Tensor, "batch head k_pos"]:
        """Norms of one layer, in float32 or, for float64 values, float64.

        Computed as sqrt(v^T W_O W_O^T v) in float64, so that [batch, head, k_pos, d_model] never exists. A bias of
        W_O belongs to no key and plays no part.

        Raises:
            ModelError: values and projection do not fit.

        Source: Kobayashi et al. 2020 (arXiv 2004.10102), section 3: ||alpha_ij f(x_j)|| with f(x) = W_O^h v(x).
        """
        gram = self._grams[seen.layer].to(seen.value.device)
        n_heads, n_kv_heads = gram.shape[0], seen.value.shape[1]
        if n_heads % n_kv_heads or gram.shape[1] != seen.value.shape[3]:
            raise ModelError(
                f"layer {seen.layer}: values of shape {list(seen.value.shape)} do not fit an output projection of "
                f"{n_heads} heads of width {gram.shape[1]}; choose another normalisation."
            )
        value = repeat(
            seen.value.double(), "batch kv_head k_pos d -> batch (kv_head repeat) k_pos d", repeat=n_heads // n_kv_heads
        )
        squares = einsum(value, gram, value, "batch head k_pos d, head d e, batch head k_pos e -> batch head k_pos")
        return squares.clamp_min(0).sqrt().to(accumulator(seen.value))
