"""Keys and values of a batch that grows by a token a step, whole in every layer.

In: what a layer computes. Out: `RowsCache`, a transformers cache. Its layers never crop: a layer with a sliding window
keeps all keys, and its mask hides those outside, so that a key's column is its position plus its row's padding. Room
for later tokens is taken ahead, so that a step writes one column instead of copying all.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import Cache, DynamicCache
from transformers.cache_utils import DynamicLayer

from attnprobe.errors import PlanError

_ROOM = 64
"""Columns taken ahead whenever the room is used up, or a quarter of what there is."""


class _Layer(DynamicLayer):
    """One layer's keys and values, as the first columns of larger tensors."""

    def __init__(self, keys: Tensor, values: Tensor) -> None:
        super().__init__()
        self.lazy_initialization(keys, values)
        self._length = keys.shape[2]
        self._key_room, self._value_room = keys, values
        self._show()

    def update(self, key_states: Tensor, value_states: Tensor, *_: object, **__: object) -> tuple[Tensor, Tensor]:
        start, end = self._length, self._length + key_states.shape[2]
        if end > self._key_room.shape[2]:
            n_columns = end + max(_ROOM, end // 4)
            self._key_room = _widened(self._key_room, start, n_columns)
            self._value_room = _widened(self._value_room, start, n_columns)
        self._key_room[:, :, start:end] = key_states
        self._value_room[:, :, start:end] = value_states
        self._length = end
        self._show()
        assert self.keys is not None
        assert self.values is not None
        return self.keys, self.values

    def keep(self, rows: Tensor) -> None:
        """Go on with some rows alone."""
        self._key_room, self._value_room = self._key_room[rows], self._value_room[rows]
        self._show()

    def _show(self) -> None:
        self.keys, self.values = self._key_room[:, :, : self._length], self._value_room[:, :, : self._length]


class RowsCache(Cache):
    """The keys and values of all layers of a batch."""

    def __init__(self, layers: Sequence[tuple[Tensor, Tensor]]) -> None:
        self._rows = [_Layer(keys, values) for keys, values in layers]
        super().__init__(layers=list(self._rows))

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with some rows alone.

        Args:
            rows: of those that are there, ascending.
        """
        for layer in self._rows:
            assert layer.keys is not None
            layer.keep(torch.tensor(rows, device=layer.keys.device))


def empty_cache() -> DynamicCache:
    """A cache for the pass that reads prompts; without a config, so that no layer of it crops."""
    return DynamicCache()


def layers_of(cache: Cache, n_layers: int, n_columns: int) -> list[tuple[Tensor, Tensor]]:
    """What a pass left in a cache, layer by layer.

    Raises:
        PlanError: the model did not keep whole keys and values in every layer.
    """
    # typed Any: layers of some caches hold other things than keys
    found: list[Any] = [(getattr(layer, "keys", None), getattr(layer, "values", None)) for layer in cache.layers]
    whole = [(keys, values) for keys, values in found if keys is not None and keys.shape[-2] == n_columns]
    if len(found) != n_layers or len(whole) != n_layers:
        raise PlanError(
            f"decoding with keys and values kept: the model kept those of {len(whole)} of {n_layers} layers; "
            "use mode 'uncached', which runs all of them."
        )
    return whole


def _widened(tensor: Tensor, length: int, n_columns: int) -> Tensor:
    batch, heads, _, width = tensor.shape
    room = tensor.new_empty(batch, heads, n_columns, width)
    room[:, :, :length] = tensor[:, :, :length]
    return room
