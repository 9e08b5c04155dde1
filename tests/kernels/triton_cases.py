"""Attention calls for the tests of the Triton kernels: each of its features alone, and with the others."""

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from attnprobe.kernels import Attention


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A call in words: `sizes` is batch, heads, key heads, queries, keys, d_head."""

    sizes: tuple[int, int, int, int, int, int]
    dtype: torch.dtype = torch.float32
    softcap: float | None = None
    window: int | None = None
    sinks: bool = False
    starts: tuple[int, ...] | None = None
    stops: tuple[int, ...] | None = None
    removed_heads: int = 0
    strided: bool = False
    excluded: bool = False
    sink_share: float | None = None
    prefixes: tuple[tuple[int, ...], ...] | None = None

    def attention(self, device: str = "cpu") -> Attention:
        """The call, its numbers from a fixed seed; padding holds NaN."""
        batch, n_heads, n_kv_heads, n_queries, n_keys, d_head = self.sizes
        rng = torch.Generator().manual_seed(7)
        query = 1.5 * torch.randn(batch, n_heads, n_queries, d_head, generator=rng)
        key = torch.randn(batch, n_kv_heads, n_keys, d_head, generator=rng)
        removed = torch.rand(batch, self.removed_heads, n_keys, generator=rng) < 0.3 if self.removed_heads else None
        query, key = self.with_nan_at_padding(query), self.with_nan_at_padding(key)
        query, key = (self._laid_out(tensor).to(self.dtype).to(device) for tensor in (query, key))
        return Attention(
            query=query,
            key=key,
            scaling=2.0 * d_head**-0.5,
            softcap=self.softcap,
            window=self.window,
            sinks=torch.randn(n_heads, generator=rng).to(device) if self.sinks else None,
            starts=self.starts,
            stops=self.stops,
            removed=None if removed is None else removed.to(device),
        )

    def ends(self) -> Int[Tensor, "batch prefix"]:
        """The prefixes: those that were given, or five that end anywhere."""
        if self.prefixes is not None:
            return torch.tensor(self.prefixes)
        rng = torch.Generator().manual_seed(3)
        return torch.randint(1, self.sizes[4] + 1, (self.sizes[0], 5), generator=rng).sort(dim=1).values

    def flags(self, device: str = "cpu") -> Tensor | None:
        """Excluded keys: the first real one of each sequence, and one more."""
        if not self.excluded:
            return None
        flags = torch.zeros(self.sizes[0], 1, self.sizes[4], dtype=torch.bool)
        for sequence in range(self.sizes[0]):
            flags[sequence, 0, self.starts[sequence] if self.starts else 0] = True
            flags[sequence, 0, self.sizes[4] // 2] = True
        return flags.to(device)

    def with_nan_at_padding(self, numbers: Tensor) -> Tensor:
        """Numbers of the last columns (on axis 2), with NaN where a sequence has no token."""
        n_keys = self.sizes[4]
        columns = torch.arange(n_keys - numbers.shape[2], n_keys)[:, None]
        starts, stops = self.starts or (0,) * numbers.shape[0], self.stops or (n_keys,) * numbers.shape[0]
        real = [(columns >= start) & (columns < stop) for start, stop in zip(starts, stops, strict=True)]
        return torch.where(torch.stack(real)[:, None], numbers, float("nan"))

    def _laid_out(self, tensor: Tensor) -> Tensor:
        """The same numbers as a model lays them out (position before head), every second of a wider last axis."""
        if not self.strided:
            return tensor
        wide = torch.full((*tensor.shape[:3], 2 * tensor.shape[3]), float("nan")).permute(0, 2, 1, 3).contiguous()
        wide = wide.permute(0, 2, 1, 3)
        wide[..., ::2] = tensor
        return wide[..., ::2]


# loops of no tile, one and several: 16 x 16 tiles, so 37 keys are three, the last one cut
CASES = {
    "plain": Case(sizes=(1, 2, 2, 37, 37, 16)),
    "one token": Case(sizes=(1, 1, 1, 1, 1, 8), prefixes=((1,),)),
    "grouped heads, odd width": Case(sizes=(1, 4, 2, 20, 20, 24)),
    "width 80 in bfloat16": Case(sizes=(1, 2, 1, 33, 33, 80), dtype=torch.bfloat16),
    "width 96 in float16": Case(sizes=(1, 2, 1, 18, 18, 96), dtype=torch.float16, removed_heads=2),
    "last queries only": Case(sizes=(1, 2, 1, 21, 53, 16)),
    "one query": Case(sizes=(1, 2, 1, 1, 35, 16), prefixes=((12, 35),)),
    "narrow window": Case(sizes=(1, 1, 1, 53, 53, 16), window=5, excluded=True),
    "window of one": Case(sizes=(1, 1, 1, 19, 19, 16), window=1),
    "wide window, few queries": Case(sizes=(1, 2, 1, 40, 61, 16), window=30, sink_share=0.05),
    "softcap": Case(sizes=(1, 2, 1, 35, 35, 16), softcap=1.5, sink_share=0.1),
    "softcap, window, sinks": Case(sizes=(1, 2, 1, 40, 40, 16), softcap=4.0, window=11, sinks=True),
    "sinks, last queries": Case(sizes=(1, 2, 2, 9, 30, 16), sinks=True, dtype=torch.bfloat16),
    "left padding": Case(sizes=(2, 2, 1, 37, 37, 16), starts=(3, 20), excluded=True),
    "right padding": Case(sizes=(2, 1, 1, 50, 50, 16), stops=(5, 33), window=20, sink_share=0.06),
    "both paddings, all else": Case(
        sizes=(2, 2, 1, 41, 45, 20), starts=(17, 0), stops=(45, 18), softcap=6.0, window=13, sinks=True,
        removed_heads=1, strided=True, excluded=True, sink_share=0.3,
    ),
    "padding beyond the first query": Case(sizes=(2, 1, 1, 12, 40, 16), starts=(35, 0), stops=(40, 31)),
    "removed for each head": Case(sizes=(1, 2, 1, 37, 37, 16), removed_heads=2, sinks=True),
    "strided, half": Case(sizes=(1, 4, 2, 20, 26, 24), strided=True, dtype=torch.bfloat16, window=9, removed_heads=1),
    "prefixes far apart": Case(sizes=(1, 1, 1, 60, 60, 16), prefixes=((1, 2, 2, 17, 33, 60),)),
    "prefixes at tile borders": Case(sizes=(1, 1, 1, 48, 48, 16), prefixes=((16, 32, 32, 48),)),
    "prefixes in chunks": Case(
        sizes=(2, 1, 1, 44, 44, 16), prefixes=(tuple(range(5, 43)), tuple(range(7, 45))), starts=(2, 0), window=21
    ),
    "prefixes before the first query": Case(sizes=(1, 1, 1, 12, 40, 16), prefixes=((3, 28, 29, 36),)),
}  # fmt: skip
