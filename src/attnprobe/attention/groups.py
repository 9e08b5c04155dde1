"""Attention mass from groups of queries to groups of keys, in one pass over a layer.

In: a layer's attention, and for each sequence which queries and which keys belong together. Out: mean mass by group,
and what uniform attention would give. Groups are anything: categories, spans, sentences; they may overlap.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from einops import einsum
from jaxtyping import Bool, Float
from torch import Tensor

from attnprobe.attention.settings import ScoreSettings
from attnprobe.errors import SpecError
from attnprobe.kernels import Attention, Impl, resolve, weighted_values
from attnprobe.plan import LayerAttention

KeyMass = Float[Tensor, "batch head q_pos column"]
# [head, q_group, k_group]; unnamed, since the sequences of a batch differ in their groups
GroupMass = Float[np.ndarray, "head _ _"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Groups:
    """Which tokens of one sequence belong together.

    Attributes:
        queries: for each group of queries its positions, padding not counted.
        keys: for each group of keys its positions.
    """

    queries: Bool[np.ndarray, "q_group pos"]
    keys: Bool[np.ndarray, "k_group pos"]

    @property
    def n_queries(self) -> np.ndarray:
        """How many queries each group has."""
        return self.queries.sum(axis=1)

    def base_rates(self, window: int | None = None) -> Float[np.ndarray, "q_group k_group"]:
        """The share of the keys that a query may see which are of each group, mean over each group's queries.

        It is the mass that attention spread evenly would give. NaN for a group without queries.

        Args:
            window: how many keys a query sees, its own included; None for all before it.
        """
        shares = visible_counts(self.keys, window) / visible_counts(np.ones_like(self.keys[:1]), window)
        with np.errstate(invalid="ignore"):
            return (self.queries @ shares.T) / self.n_queries[:, None]


def visible_counts(keys: Bool[np.ndarray, "k_group pos"], window: int | None) -> Float[np.ndarray, "k_group pos"]:
    """For each position how many keys of each group a query there may see, itself included."""
    counts = keys.cumsum(axis=1).astype(np.float64)
    if window is not None and window < keys.shape[1]:
        counts[:, window:] -= counts[:, :-window].copy()
    return counts


def key_mass(attention: LayerAttention, groups: Sequence[Groups], impl: Impl) -> KeyMass:
    """For every query of a batch its mass on each group of keys.

    Args:
        attention: of the layer.
        groups: of each sequence, in order; where they differ in number, the further columns are 0.
        impl: which kernels.
    """
    n_columns = max(len(one.keys) for one in groups)
    values = np.zeros((len(groups), 1, attention.tokens.width, n_columns), dtype=np.float32)
    for row, one in enumerate(groups):
        values[row, 0, attention.tokens.padding(row) :, : len(one.keys)] = one.keys.T
    return weighted_values(attention.source, torch.from_numpy(values).to(_device(attention)), impl=impl)


def mean_mass(attention: LayerAttention, groups: Sequence[Groups], mass: KeyMass) -> tuple[GroupMass, ...]:
    """For each sequence the mean mass from each group of queries to each group of keys.

    Args:
        attention: of the layer.
        groups: of each sequence.
        mass: what `key_mass` gave for them.

    Returns:
        NaN for groups without queries.
    """
    found: list[GroupMass] = []
    for row, one in enumerate(groups):
        own = mass[row, :, attention.tokens.padding(row) :, : len(one.keys)]
        queries = torch.from_numpy(one.queries).to(own.device, torch.float64)
        sums = einsum(queries, own.double(), "group q_pos, head q_pos column -> head group column")
        with np.errstate(invalid="ignore"):
            found.append(sums.cpu().numpy() / one.n_queries[None, :, None])
    return tuple(found)


def layers_of(settings: ScoreSettings, n_layers: int) -> tuple[int, ...]:
    """The layers that are scored.

    Raises:
        SpecError: one does not exist.
    """
    layers = tuple(range(n_layers)) if settings.layers is None else settings.layers
    for layer in layers:
        if not 0 <= layer < n_layers:
            raise SpecError(f"layer {layer} does not exist: the model has layers 0 to {n_layers - 1}.")
    return layers


def chunks(n: int, size: int) -> Iterator[range]:
    """The numbers below n in runs of at most `size`."""
    for start in range(0, n, size):
        yield range(start, min(start + size, n))


def impl_name(attention: LayerAttention, impl: Impl) -> str:
    """Which kernels a layer's attention is summed by: `stored` where whole patterns exist anyway."""
    source = attention.source
    if not isinstance(source, Attention):
        return "stored"
    return str(resolve(impl, source.query.device, source.query.dtype, source.query.shape[3]))


def _device(attention: LayerAttention) -> torch.device:
    source = attention.source
    return source.query.device if isinstance(source, Attention) else source.pattern.device
