"""The contract of `ops` in Triton: for CUDA tensors, or on a CPU if TRITON_INTERPRET=1 was set before triton's import.

In: `Attention` in float32, bfloat16 or float16, of any strides. Out: float32 sums; the same input gives the same bits.
Up to three passes over the tiles of q k^T: what each row is divided by, sums over columns, sums over rows. Memory is
that of the outputs and two floats a row.
"""

from math import e, log2

import torch
from jaxtyping import Float, Int
from torch import Tensor

from attnprobe.errors import KernelError
from attnprobe.kernels import triton_kernels, triton_launch
from attnprobe.kernels.attention import Attention, KeyFlags
from attnprobe.kernels.ops import TRITON_DTYPES
from attnprobe.kernels.triton_launch import Pass, column_tile, is_interpreted, n_tiles, power_of_two, tiles_for

Columns = Float[Tensor, "batch head k_pos column"]
RowSums = Float[Tensor, "batch head q_pos column"]


def column_sums(attention: Attention, prefixes: Int[Tensor, "batch prefix"]) -> Columns:
    """`ops.column_sums`."""
    call = _checked(attention)
    return _prefix_sums(attention, call, _row_normalisers(attention, call), _on_device(prefixes, attention))


def weighted_values(attention: Attention, values: Float[Tensor, "#batch value_head k_pos column"]) -> RowSums:
    """`ops.weighted_values`."""
    call = _checked(attention)
    batch, n_heads, n_queries, _ = attention.query.shape
    values = values.to(attention.query.device)
    sums = triton_launch.empty((batch, n_heads, n_queries, values.shape[3]), values.device)
    _query_rows(attention, call, _row_normalisers(attention, call), values, None, sums)
    return sums


def weighted_queries(attention: Attention, weights: Float[Tensor, "#batch #head q_pos column"]) -> Columns:
    """`ops.weighted_queries`."""
    call = _checked(attention)
    weights = weights.to(attention.query.device)
    return _key_columns(attention, call, _row_normalisers(attention, call), None, weights)


def key_scores(
    attention: Attention,
    prefixes: Int[Tensor, "batch prefix"],
    excluded: KeyFlags | None = None,
    sink_share: float | None = None,
) -> tuple[Columns, Columns]:
    """`ops.key_scores`: (received, given)."""
    call = _checked(attention)
    prefixes = _on_device(prefixes, attention)
    normalisers = _row_normalisers(attention, call)
    received = _prefix_sums(attention, call, normalisers, prefixes)
    inverse = _inverse(attention, call, received, prefixes, excluded, sink_share)
    given = triton_launch.empty(tuple(received.shape), received.device)
    given[:, :, : attention.first_query].zero_()
    _query_rows(attention, call, normalisers, inverse, prefixes, given[:, :, attention.first_query :])
    return received, given


def _checked(attention: Attention) -> dict[str, object]:
    """The arguments that every kernel takes, or an error that says what these kernels cannot take."""
    query, key, device = attention.query, attention.key, attention.query.device
    if query.dtype not in TRITON_DTYPES or key.dtype != query.dtype:
        raise KernelError(
            f"impl triton: queries are {query.dtype} and keys {key.dtype}, expected one of float32, bfloat16 and "
            "float16 for both; choose torch or reference for float64."
        )
    if device.type == "cpu" and not is_interpreted():
        raise KernelError(
            "impl triton: the tensors are on the CPU, where triton only runs in its interpreter; set "
            "TRITON_INTERPRET=1 before triton is imported, or choose torch."
        )
    _, n_heads, n_queries, d_head = query.shape
    n_keys, bounds, removed = key.shape[2], None, _flags(attention.removed, attention)
    if any(attention.first_columns) or min(attention.end_columns, default=n_keys) < n_keys:
        columns = list(zip(attention.first_columns, attention.end_columns, strict=True))
        bounds = torch.tensor(columns, dtype=torch.int32, device=device)
    is_windowed = attention.window is not None and attention.window < n_keys
    cap = attention.softcap
    return {
        **{"query": query, "key": key, "removed": removed, "bounds": bounds},
        **_strides("query", query, ("batch", "head", "row", "width")),
        **_strides("key", key, ("batch", "head", "row", "width")),
        **_strides("removed", removed, ("batch", "head", "key")),
        **{"n_heads": n_heads, "group": n_heads // key.shape[1], "n_queries": n_queries, "n_keys": n_keys},
        # logits in base 2
        "factor": attention.scaling * log2(e) if cap is None else attention.scaling / cap,
        "ceiling": None if cap is None else cap * log2(e),
        "window": attention.window if is_windowed else None,
        **{"d_head": d_head, "d_tile": power_of_two(d_head), "widened": is_interpreted()},
    }


def _row_normalisers(attention: Attention, call: dict[str, object]) -> tuple[Tensor, Tensor]:
    """The largest logit of each row and one over its sum, as the other passes take them."""
    batch, n_heads, n_queries, d_head = attention.query.shape
    device = attention.query.device
    largest = triton_launch.empty((batch, n_heads, n_queries), device)
    inverse = triton_launch.empty((batch, n_heads, n_queries), device)
    tiles = tiles_for(Pass.NORMALISERS, d_head, attention.query.dtype)
    n_blocks = n_tiles(n_queries, tiles.rows)
    arguments = {
        **call,
        **{
            "sinks": None if attention.sinks is None else attention.sinks.contiguous(),
            "largest": largest,
            "inverse": inverse,
            "n_blocks": n_blocks,
        },
        **{"rows": tiles.rows, "keys": tiles.keys, "num_warps": tiles.n_warps, "num_stages": tiles.n_stages},
    }
    triton_launch.start(triton_kernels.row_normalisers, (n_blocks * batch * n_heads, 1), arguments, device)
    return largest, inverse


def _prefix_sums(
    attention: Attention, call: dict[str, object], normalisers: tuple[Tensor, Tensor], prefixes: Tensor
) -> Tensor:
    """Column sums of every prefix: a chunk of prefixes is summed from where the chunk before it ends."""
    sums = _key_columns(attention, call, normalisers, prefixes, None)
    width = column_tile(prefixes.shape[1])
    for begin in range(width, prefixes.shape[1], width):
        sums[..., begin : begin + width] += sums[..., begin - 1 : begin]
    return sums


def _key_columns(
    attention: Attention,
    call: dict[str, object],
    normalisers: tuple[Tensor, Tensor],
    prefixes: Tensor | None,
    weights: Tensor | None,
) -> Tensor:
    """Sums over queries: of each chunk of prefixes, or weighted."""
    batch, n_heads, _, d_head = attention.query.shape
    n_keys, device = attention.key.shape[2], attention.query.device
    n_columns = prefixes.shape[1] if prefixes is not None else 0 if weights is None else weights.shape[3]
    sums = triton_launch.empty((batch, n_heads, n_keys, n_columns), device)
    tiles, columns = tiles_for(Pass.COLUMNS, d_head, attention.query.dtype), column_tile(n_columns)
    n_blocks = n_tiles(n_keys, tiles.keys)
    arguments = {
        **call,
        **{
            "largest": normalisers[0],
            "inverse": normalisers[1],
            "prefixes": prefixes,
            "weights": weights,
            "sums": sums,
        },
        **_shared_strides("weights", weights, "row", call),
        **{"n_blocks": n_blocks, "n_columns": n_columns, "columns": columns},
        "splits": _splits(attention),
        "exact": prefixes is not None or _is_bfloat16(weights),
        **{"rows": tiles.rows, "keys": tiles.keys, "num_warps": tiles.n_warps, "num_stages": tiles.n_stages},
    }
    grid = (n_blocks * batch * n_heads, n_tiles(n_columns, columns))
    triton_launch.start(triton_kernels.key_columns, grid, arguments, device)
    return sums


def _query_rows(
    attention: Attention,
    call: dict[str, object],
    normalisers: tuple[Tensor, Tensor],
    values: Tensor,
    prefixes: Tensor | None,
    sums: Tensor,
) -> None:
    """Sums over keys, into `sums`."""
    batch, n_heads, n_queries, d_head = attention.query.shape
    n_columns, device = values.shape[3], attention.query.device
    tiles, columns = tiles_for(Pass.ROWS, d_head, attention.query.dtype), column_tile(n_columns)
    n_blocks = n_tiles(n_queries, tiles.rows)
    arguments = {
        **call,
        **{"largest": normalisers[0], "inverse": normalisers[1], "values": values, "prefixes": prefixes, "sums": sums},
        **_shared_strides("values", values, "key", call),
        **_strides("sums", sums, ("batch", "head", "row", "column")),
        **{"n_blocks": n_blocks, "n_columns": n_columns, "columns": columns},
        "splits": _splits(attention),
        "exact": _is_bfloat16(values),
        **{"rows": tiles.rows, "keys": tiles.keys, "num_warps": tiles.n_warps, "num_stages": tiles.n_stages},
    }
    grid = (n_blocks * batch * n_heads, n_tiles(n_columns, columns))
    triton_launch.start(triton_kernels.query_rows, grid, arguments, device)


def _inverse(
    attention: Attention,
    call: dict[str, object],
    received: Tensor,
    prefixes: Tensor,
    excluded: KeyFlags | None,
    sink_share: float | None,
) -> Tensor:
    """One over what each key receives, 0 where that is nothing; excluded keys and sinks receive nothing any more."""
    batch, n_heads, n_keys, n_columns = received.shape
    inverse = triton_launch.empty(tuple(received.shape), received.device)
    flags, columns = _flags(excluded, attention), column_tile(n_columns)
    n_blocks = n_tiles(n_keys, 64)
    arguments = {
        **{"received": received, "inverse": inverse, "excluded": flags, "bounds": call["bounds"], "prefixes": prefixes},
        **_strides("excluded", flags, ("batch", "head", "key")),
        **{"n_blocks": n_blocks, "n_heads": n_heads, "n_keys": n_keys, "n_columns": n_columns},
        **{
            "first_query": attention.first_query,
            "sink_share": sink_share,
            "smallest": torch.finfo(torch.float32).tiny,
            "keys": 64,
            "columns": columns,
        },
    }
    grid = (n_blocks * batch * n_heads, n_tiles(n_columns, columns))
    triton_launch.start(triton_kernels.kept_columns, grid, arguments, received.device)
    return inverse


def _splits(attention: Attention) -> bool:
    """Whether sums are multiplied on tensor cores: for 16-bit inputs, whose own rounding of the logits is larger."""
    return attention.query.dtype != torch.float32


def _is_bfloat16(columns: Tensor | None) -> bool:
    return columns is not None and columns.dtype == torch.bfloat16


def _on_device(prefixes: Tensor, attention: Attention) -> Tensor:
    return prefixes.to(device=attention.query.device, dtype=torch.int32).contiguous()


def _flags(flags: KeyFlags | None, attention: Attention) -> Tensor | None:
    """Flags of keys as bytes, a shared axis of heads as one of stride 0."""
    if flags is None:
        return None
    batch, n_heads = attention.query.shape[:2]
    return flags.to(attention.query.device).view(torch.uint8).expand(batch, n_heads, -1)


def _strides(name: str, tensor: Tensor | None, axes: tuple[str, ...]) -> dict[str, object]:
    """A tensor's strides as arguments of a kernel; zeros for a tensor that is not there."""
    strides = (0,) * len(axes) if tensor is None else tensor.stride()
    return {f"{name}_{axis}": stride for axis, stride in zip(axes, strides, strict=True)}


def _shared_strides(name: str, columns: Tensor | None, positions: str, call: dict[str, object]) -> dict[str, object]:
    """Strides of values or weights, of which sequences share one and groups of heads share one."""
    strides = _strides(name, columns, ("batch", "head", positions, "column"))
    if columns is not None and columns.shape[0] == 1:
        strides[f"{name}_batch"] = 0
    n_heads = call["n_heads"]
    assert isinstance(n_heads, int)
    return {**strides, f"{name}_group": 1 if columns is None else n_heads // columns.shape[1]}
