"""What the Triton kernels do inside one tile: the logits of its queries and keys, and who may look at whom.

In: rows of queries and keys as they lie in memory. Out: logits in base 2 (times log2 e, so that the kernels need the
hardware's exp2 alone), minus infinity where a query may not look. Nothing here is launched; `triton_kernels` calls it.
"""

from typing import no_type_check

import triton
import triton.language as tl


@triton.jit
@no_type_check
def hyperbolic_tangent(x):
    """tanh to 2e-7 of itself: an odd polynomial near 0, where the quotient of exponentials would cancel.

    Source: ours; least squares on tanh(x) / x at 4,000 Chebyshev nodes of [0, .6].
    """
    square = x * x
    near = -0.0058938972651958466
    near = near * square + 0.02079457975924015
    near = near * square - 0.05378328263759613
    near = near * square + 0.13331915438175201
    near = near * square - 0.33333298563957214
    decay = tl.exp2(tl.abs(x) * -2.8853900817779268)  # exp(-2 |x|): never above 1
    far = (1.0 - decay) / (1.0 + decay)
    return tl.where(tl.abs(x) < 0.6, x + x * square * near, tl.where(x < 0.0, -far, far))


@triton.jit
@no_type_check
def own_place(n_blocks, n_heads):
    """Which block, sequence and head a program has; blocks of one head run side by side and share its keys."""
    program = tl.program_id(0)
    sequence_head = program // n_blocks
    # 64 bits: what these are multiplied by may reach beyond 2^31 elements
    return program % n_blocks, (sequence_head // n_heads).to(tl.int64), (sequence_head % n_heads).to(tl.int64)


@triton.jit
@no_type_check
def real_columns(bounds, sequence, n_keys):
    """First and end column of a sequence's tokens; all columns where no bounds were given."""
    start = 0
    stop = n_keys
    if bounds is not None:
        start = tl.load(bounds + 2 * sequence)
        stop = tl.load(bounds + 2 * sequence + 1)
    return start, stop


@triton.jit
@no_type_check
def load_vectors(pointer, positions, n_positions, stride, width_stride, d_head: tl.constexpr, d_tile: tl.constexpr):
    """Vectors [positions, d_tile]; 0 beyond the last position and beyond d_head."""
    width = tl.arange(0, d_tile)
    offsets = positions.to(tl.int64)[:, None] * stride + width.to(tl.int64)[None, :] * width_stride
    exists = positions[:, None] < n_positions
    if d_head != d_tile:
        exists = exists & (width[None, :] < d_head)
    return tl.load(pointer + offsets, mask=exists, other=0.0)


@triton.jit
@no_type_check
def load_columns(pointer, positions, exists, column, n_columns, stride, column_stride):
    """Numbers [positions, column] of values or weights; 0 where a position does not exist, or a column."""
    offsets = positions.to(tl.int64)[:, None] * stride + column.to(tl.int64)[None, :] * column_stride
    return tl.load(pointer + offsets, mask=exists[:, None] & (column < n_columns)[None, :], other=0.0)


@triton.jit
@no_type_check
def tile_logits(left, right, factor, ceiling, widened: tl.constexpr):
    """Base-2 logits of two sets of vectors: factor * left right^T, or with a softcap ceiling * tanh of that."""
    if widened:
        # the interpreter multiplies the bits of a bfloat16
        left = left.to(tl.float32)
        right = right.to(tl.float32)
    logits = tl.dot(left, tl.trans(right), input_precision="ieee") * factor
    if ceiling is not None:
        logits = hyperbolic_tangent(logits) * ceiling
    return logits


@triton.jit
@no_type_check
def add_product(total, left, right, splits: tl.constexpr, exact: tl.constexpr, widened: tl.constexpr):
    """total + left right, of float32 factors that span many orders of magnitude.

    Split, each factor is a sum of two bfloat16, which have the range of float32 and meet on tensor cores: products come
    out to 2e-5. Where the right factor is bfloat16 as it stands (`exact`), its second part is nothing. Not split, they
    are multiplied in float32. Triton's own "bf16x3" does the same, but spills where the right factor is computed.
    """
    if not splits:
        return tl.dot(left, right.to(tl.float32), total, input_precision="ieee")
    left_high = left.to(tl.bfloat16)
    left_low = (left - left_high.to(tl.float32)).to(tl.bfloat16)
    if widened:
        left_high, left_low = left_high.to(tl.float32), left_low.to(tl.float32)
    if not exact:
        right = right.to(tl.float32)
        right_high = right.to(tl.bfloat16)
        right_low = (right - right_high.to(tl.float32)).to(tl.bfloat16)
        if widened:
            right_low = right_low.to(tl.float32)
        total = tl.dot(left_high, right_low, total, input_precision="ieee")
    else:
        right_high = right.to(tl.bfloat16)
    if widened:
        right_high = right_high.to(tl.float32)
    total = tl.dot(left_low, right_high, total, input_precision="ieee")
    return tl.dot(left_high, right_high, total, input_precision="ieee")


@triton.jit
@no_type_check
def may_look(query_column, key_column, start, stop, window):
    """Where the query's token may look at the key's; columns come shaped so that they broadcast."""
    visible = (key_column <= query_column) & (key_column >= start) & (query_column < stop)
    if window is not None:
        visible = visible & (query_column - key_column < window)
    return visible


@triton.jit
@no_type_check
def is_removed(removed, key_column, n_keys, stride):
    """Which keys take no part."""
    return tl.load(removed + key_column.to(tl.int64) * stride, mask=key_column < n_keys, other=1) != 0


@triton.jit
@no_type_check
def key_ranges(first, start, stop, window, rows: tl.constexpr, keys: tl.constexpr):
    """Where the keys of a block of query rows begin and end, and where those begin and end that need no mask.

    Returns four columns in order, the second and third at tile borders: tiles from the first to the second and from the
    third to the fourth hold keys that some row may not see (window and padding on the left, the diagonal on the right).
    """
    low = first * 0 + start
    free_low = low
    if window is not None:
        low = tl.maximum(low, first - window + 1)
        free_low = tl.maximum(free_low, first + rows - window)
    low = low // keys * keys
    # rows of padding look at nothing
    high = tl.where(first < stop, tl.maximum(tl.minimum(first + rows, stop), low), low)
    free_high = tl.maximum(tl.minimum(first + 1, high) // keys * keys, low)
    free_low = tl.minimum((free_low + keys - 1) // keys * keys, free_high)
    return low, free_low, free_high, high


@triton.jit
@no_type_check
def row_ranges(column, low, high, first_query, start, stop, window, rows: tl.constexpr, keys: tl.constexpr):
    """The same for a block of keys: four row numbers of queries, at tile borders but for the last.

    `low` and `high` are the columns of the first query that is asked for and of the one after the last.
    """
    low = tl.maximum(low, tl.maximum(column, start))
    high = tl.minimum(high, stop)
    if window is not None:
        high = tl.minimum(high, column + keys - 1 + window)
    begin = tl.maximum(low - first_query, 0) // rows * rows
    # an empty range stays where it begins: rows before it belong to another
    end = tl.maximum(high - first_query, begin)
    border = (end + rows - 1) // rows * rows
    free_begin = tl.maximum(column + keys - 1 - first_query, begin)
    free_end = tl.minimum(stop, high)
    if window is not None:
        free_end = tl.minimum(free_end, column + window)
    free_end = tl.maximum(free_end - first_query, 0) // rows * rows
    # where padding ends inside the block of keys, every tile is masked
    free_begin = tl.where(column < start, border, tl.minimum((free_begin + rows - 1) // rows * rows, border))
    return begin, free_begin, tl.maximum(free_end, free_begin), end


@triton.jit
@no_type_check
def prefix_rows(prefixes, chunk, n_columns, first_query, rows: tl.constexpr, columns: tl.constexpr):
    """The queries that a chunk of prefixes sums: three columns, from the first query to the one after the last.

    Between the first two lie whole tiles of rows that every prefix of the first chunk holds; a later chunk, which
    begins where the one before it ends, has none.
    """
    low = tl.load(prefixes + tl.maximum(chunk - 1, 0), mask=chunk > 0, other=0)
    last = tl.load(prefixes + tl.minimum(chunk + columns, n_columns) - 1)
    common = first_query + tl.maximum(tl.load(prefixes) - first_query, 0) // rows * rows
    return low, tl.where(chunk == 0, common, 0), last
