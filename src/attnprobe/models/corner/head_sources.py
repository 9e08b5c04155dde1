"""Where the heads of runs have their queries, keys and values from.

In: those of runs at one layer, or of the unedited run that they all start from. Out: those of (run, head) pairs.
"""

from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from attnprobe.models.attention_call import AttentionCall, Heads, KvHeads
from attnprobe.shapes import HeadVectors


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeadSource:
    """Queries, keys and values of runs at one layer, from which those of pairs are taken.

    Attributes:
        call: with a sequence for each run, or one for all; queries, keys and values have all columns that edits are
            carried out on, keys and values those before them too where `prefix` is None.
        prefix: keys and values that all runs share, of the columns before; None where `call` holds them.
        z: what the heads put out unedited.
    """

    call: AttentionCall
    prefix: tuple[Float[Tensor, "kv_head k_pos d_head"], Float[Tensor, "kv_head k_pos d_head"]] | None
    z: HeadVectors

    @property
    def is_shared(self) -> bool:
        """Whether all runs have the same queries, keys and values."""
        return self.call.query.shape[0] == 1

    def queries(self, runs: Tensor, heads: Tensor) -> Heads:
        """Of each pair, [pair, 1, pos, d_head]."""
        return self._of(self.call.query, runs, heads)

    def keys_values(self, runs: Tensor, heads: Tensor) -> tuple[KvHeads, KvHeads]:
        """Of each pair, all columns of the sequence."""
        shared = heads // (self.call.query.shape[1] // self.call.key.shape[1])
        own = (self._of(self.call.key, runs, shared), self._of(self.call.value, runs, shared))
        if self.prefix is None:
            return own
        key, value = (
            torch.cat([rearrange(before[shared], "pair pos d -> pair 1 pos d"), after], dim=2)
            for before, after in zip(self.prefix, own, strict=True)
        )
        return key, value

    def outputs(self, runs: Tensor, heads: Tensor) -> HeadVectors:
        """Unedited z of each pair, [pair, pos, 1, d_head]."""
        rows = torch.zeros_like(runs) if self.z.shape[0] == 1 else runs
        return rearrange(self.z[rows, :, heads], "pair pos d -> pair pos 1 d")

    def _of(self, tensor: Tensor, runs: Tensor, heads: Tensor) -> Tensor:
        rows = torch.zeros_like(runs) if tensor.shape[0] == 1 else runs
        return rearrange(tensor[rows, heads], "pair pos d -> pair 1 pos d")
