"""Attention rolled out through the layers while they run, for a few value columns instead of T x T entries.

In: columns of values by position, and each layer's attention in turn. Out: what the rolled-out attention of the layers
so far gives to them. Rollout is a product of matrices, R_l = A_l R_{l-1}, so that R_l M = A_l (R_{l-1} M).
"""

import torch
from einops import reduce
from jaxtyping import Float
from torch import Tensor

from attnprobe.errors import PlanError
from attnprobe.kernels import Attention, Impl, StoredPattern, weighted_values
from attnprobe.plan import LayerAttention

Columns = Float[Tensor, "batch 1 k_pos column"]


def rolled_on(source: Attention | StoredPattern, columns: Columns, impl: Impl = Impl.AUTO) -> Columns:
    """One layer further: half the mean of the heads' attention, half the residual stream as it was.

    Args:
        source: the layer's attention, with a query for every key.
        columns: rolled out through the layers below; the values themselves below layer 0.
        impl: which kernels.

    Returns:
        (mean over heads of A + 1) / 2 @ columns. Where a sink takes part of a row, that part is lost.

    Source: Abnar and Zuidema 2020 (arXiv 2005.00928), section 3, attention rollout; heads averaged as there.
    """
    by_head = weighted_values(source, columns, impl=impl)
    return (reduce(by_head, "batch head q_pos column -> batch 1 q_pos column", "mean") + columns) / 2


class Rollout:
    """The state of one pass: value columns, rolled out through the layers that have run.

    Args:
        columns: values by column of the padded batch.
        impl: which kernels.
    """

    def __init__(self, columns: Columns, impl: Impl = Impl.AUTO) -> None:
        self._columns = columns
        self._impl = impl
        self._n_done = 0

    def __call__(self, seen: LayerAttention) -> Columns:
        """Take one layer in.

        Raises:
            PlanError: it is not the next one: rollout needs every layer from 0 on, in order.
        """
        if seen.layer != self._n_done:
            raise PlanError(
                f"rollout: layer {seen.layer} came after {self._n_done} layers; stream every layer from 0 on, in order."
            )
        self._n_done += 1
        with torch.no_grad():
            self._columns = rolled_on(seen.source, self._columns, self._impl)
        return self._columns
