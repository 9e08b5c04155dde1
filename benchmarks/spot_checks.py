"""Equality where no float64 model fits: some heads' scores against float64, from the very queries and keys scored.

In: a statistic that scores a layer. Out: streams that run it, and keep the queries and keys of one head of the first,
the middle and the last layer; afterwards, a gate for each.
"""

from dataclasses import replace
from typing import Any

from torch import Tensor

from attnprobe.kernels import Attention
from attnprobe.plan import LayerAttention, Run, Stream
from benchmarks import exact
from benchmarks.harness import Gate, largest_difference
from benchmarks.inputs import Gold
from benchmarks.scoring import Statistic


class SpotChecks:
    """One head of three layers, kept while the model runs."""

    def __init__(self, gold: Gold, statistic: Statistic, *, n_layers: int, head: int) -> None:
        self._gold = gold
        self._statistic = statistic
        self._n_layers = n_layers
        self._head = head
        self._kept: dict[int, Attention] = {}

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The statistic on every layer."""
        return tuple(Stream(layer=layer, statistic=self._look) for layer in range(self._n_layers))

    def _look(self, seen: LayerAttention) -> Tensor:
        if seen.layer in (0, self._n_layers // 2, self._n_layers - 1):
            source: Any = seen.source
            one = exact.heads_of(source, [self._head])
            self._kept[seen.layer] = replace(one, query=one.query.clone(), key=one.key.clone())
        return self._statistic(seen)

    def gates(self, run: Run, tolerance: float) -> list[Gate]:
        """A run of these streams against float64."""
        assert len(self._kept) == len({0, self._n_layers // 2, self._n_layers - 1}), "the streams did not run"
        return [
            Gate(
                name=f"layer {layer}, head {self._head}",
                difference=largest_difference(run.streamed[layer][[self._head]], exact.gold_scores(source, self._gold)),
                tolerance=tolerance,
            )
            for layer, source in self._kept.items()
        ]
