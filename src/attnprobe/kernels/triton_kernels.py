"""The Triton kernels: what a softmax's rows are divided by, sums over its columns, sums over its rows.

In: queries and keys through their strides. Out: float32. A program owns the rows or the columns that it writes, so
nothing is added atomically and the same input gives the same bits. `triton_ops` chooses tiles and launches.

Each loop over tiles is written once and unrolled into its phases: tiles that need a mask, tiles that need none, tiles
that need one again; in `key_columns` then the tiles of the queries between the first prefix and the last.
"""

from typing import no_type_check

import triton
import triton.language as tl

from attnprobe.kernels.triton_tiles import (
    add_product,
    is_removed,
    key_ranges,
    load_columns,
    load_vectors,
    may_look,
    own_place,
    prefix_rows,
    real_columns,
    row_ranges,
    tile_logits,
)

# these differ from batch to batch: a kernel compiled for one of them would be compiled again for the next
SIZES = ["n_blocks", "n_queries", "n_keys", "first_query", "window"]


@triton.jit(do_not_specialize=SIZES)
@no_type_check
def row_normalisers(
    query, key, removed, bounds, sinks, largest, inverse,
    query_batch, query_head, query_row, query_width, key_batch, key_head, key_row, key_width,
    removed_batch, removed_head, removed_key,
    n_blocks, n_heads, group, n_queries, n_keys, factor, ceiling, window,
    d_head: tl.constexpr, d_tile: tl.constexpr, rows: tl.constexpr, keys: tl.constexpr,
    widened: tl.constexpr,
):  # fmt: skip
    """The largest base-2 logit of each row and 1 / the sum of 2^(logit - largest).

    Infinity and 0 for a row that sees no key, NaN and 1 for one that sees a NaN. Two numbers rather than a log-sum-exp:
    rounding that at 64 and more would cost 3e-6 of every entry.
    """
    block, sequence, head = own_place(n_blocks, n_heads)
    # the last rows have the most keys: begin with them
    row = (n_blocks - 1 - block) * rows + tl.arange(0, rows)
    first = n_keys - n_queries + (n_blocks - 1 - block) * rows
    column = n_keys - n_queries + row
    start, stop = real_columns(bounds, sequence, n_keys)
    query += sequence * query_batch + head * query_head
    key += sequence * key_batch + (head // group) * key_head
    left = load_vectors(query, row, n_queries, query_row, query_width, d_head, d_tile)
    top = tl.full([rows], float("-inf"), tl.float32)
    total = tl.zeros([rows], tl.float32)
    if sinks is not None:
        sink = tl.load(sinks + head).to(tl.float32) * 1.4426950408889634
        top = tl.maximum(top, sink)
        total = tl.where(top == float("-inf"), 0.0, 1.0)
    low, free_low, free_high, high = key_ranges(first, start, stop, window, rows, keys)
    for phase in tl.static_range(3):
        begin = low if phase == 0 else (free_low if phase == 1 else free_high)
        end = free_low if phase == 0 else (free_high if phase == 1 else high)
        for tile in tl.range(begin, end, keys):
            key_column = tile + tl.arange(0, keys)
            right = load_vectors(key, key_column, n_keys, key_row, key_width, d_head, d_tile)
            logits = tile_logits(left, right, factor, ceiling, widened)
            if phase != 1:
                visible = may_look(column[:, None], key_column[None, :], start, stop, window)
                logits = tl.where(visible, logits, float("-inf"))
            if removed is not None:
                own_removed = removed + sequence * removed_batch + head * removed_head
                logits = tl.where(
                    is_removed(own_removed, key_column, n_keys, removed_key)[None, :], float("-inf"), logits
                )
            higher = tl.maximum(top, tl.max(logits, 1))
            # nothing seen yet: minus infinity less itself would be no number
            level = tl.where(higher == float("-inf"), 0.0, higher)
            total = total * tl.exp2(top - level) + tl.sum(tl.exp2(logits - level[:, None]), 1)
            top = higher
    place = (sequence * n_heads + head) * n_queries + row
    # infinity makes every entry of a row 0 wherever a kernel meets it, and a model's NaN makes every entry NaN
    seen = (total != 0.0) & (column >= start) & (column < stop)
    level = tl.where(seen, tl.where(total == total, top, total), float("inf"))
    tl.store(largest + place, level, mask=row < n_queries)
    counts = seen & (total == total)
    tl.store(inverse + place, tl.where(seen, 1.0 / tl.where(counts, total, 1.0), 0.0), mask=row < n_queries)


@triton.jit
@no_type_check
def key_masses(
    left, query, largest, inverse, gone, row, key_column, query_row, query_width, n_queries, first_query,
    start, stop, window, factor, ceiling, masked: tl.constexpr, d_head: tl.constexpr, d_tile: tl.constexpr,
    widened: tl.constexpr,
):  # fmt: skip
    """A tile of the pattern, keys by queries."""
    right = load_vectors(query, row, n_queries, query_row, query_width, d_head, d_tile)
    level = tl.load(largest + row, mask=row < n_queries, other=float("inf"))
    share = tl.load(inverse + row, mask=row < n_queries, other=0.0)
    logits = tile_logits(left, right, factor, ceiling, widened)
    if masked:
        visible = may_look((first_query + row)[None, :], key_column[:, None], start, stop, window)
        logits = tl.where(visible, logits, float("-inf"))
    if gone is not None:
        logits = tl.where(gone[:, None], float("-inf"), logits)
    mass = tl.exp2(logits - level[None, :])
    if masked:
        # a row of NaN has none beyond the keys that it sees
        mass = tl.where(visible, mass, 0.0)
    return mass * share[None, :]


@triton.jit(do_not_specialize=SIZES)
@no_type_check
def key_columns(
    query, key, removed, bounds, largest, inverse, prefixes, weights, sums,
    query_batch, query_head, query_row, query_width, key_batch, key_head, key_row, key_width,
    removed_batch, removed_head, removed_key, weights_batch, weights_head, weights_row, weights_column,
    n_blocks, n_heads, group, weights_group, n_queries, n_keys, n_columns, factor, ceiling, window,
    d_head: tl.constexpr, d_tile: tl.constexpr, rows: tl.constexpr, keys: tl.constexpr, columns: tl.constexpr,
    splits: tl.constexpr, exact: tl.constexpr, widened: tl.constexpr,
):  # fmt: skip
    """Sums over queries, for a block of keys: with a weight for each query, or over the queries of each prefix.

    Of prefixes a program sums what lies between the last prefix of the chunk before its own and its own last one. Rows
    before the first prefix of all count for every one: they are summed once, without a product.
    """
    block, sequence, head = own_place(n_blocks, n_heads)
    chunk = tl.program_id(1) * columns
    column = chunk + tl.arange(0, columns)
    first_key = block * keys
    key_column = first_key + tl.arange(0, keys)
    first_query = n_keys - n_queries
    start, stop = real_columns(bounds, sequence, n_keys)
    query += sequence * query_batch + head * query_head
    key += sequence * key_batch + (head // group) * key_head
    largest += (sequence * n_heads + head) * n_queries
    inverse += (sequence * n_heads + head) * n_queries
    left = load_vectors(key, key_column, n_keys, key_row, key_width, d_head, d_tile)
    low, common, last = 0, n_keys, n_keys
    if prefixes is not None:
        prefixes += sequence * n_columns
        ends = tl.load(prefixes + column, mask=column < n_columns, other=0)
        low, common, last = prefix_rows(prefixes, chunk, n_columns, first_query, rows, columns)
    begin, free_begin, free_end, end = row_ranges(first_key, low, common, first_query, start, stop, window, rows, keys)
    later_begin, _, _, later_end = row_ranges(
        first_key, tl.maximum(low, common), last, first_query, start, stop, window, rows, keys
    )
    gone = removed
    if removed is not None:
        own_removed = removed + sequence * removed_batch + head * removed_head
        gone = is_removed(own_removed, key_column, n_keys, removed_key)
    base = tl.zeros([keys], tl.float32)
    total = tl.zeros([keys, columns], tl.float32)
    for phase in tl.static_range(3 if prefixes is None else 4):
        tile_begin = begin if phase == 0 else (free_begin if phase == 1 else (free_end if phase == 2 else later_begin))
        tile_end = free_begin if phase == 0 else (free_end if phase == 1 else (end if phase == 2 else later_end))
        for tile in tl.range(tile_begin, tile_end, rows):
            row = tile + tl.arange(0, rows)
            query_column = first_query + row
            mass = key_masses(
                left, query, largest, inverse, gone, row, key_column, query_row, query_width, n_queries, first_query,
                start, stop, window, factor, ceiling, phase != 1, d_head, d_tile, widened,
            )  # fmt: skip
            if prefixes is None:
                own = weights + sequence * weights_batch + (head // weights_group) * weights_head
                exists = (query_column >= start) & (query_column < stop) & (row < n_queries)
                factors = load_columns(own, row, exists, column, n_columns, weights_row, weights_column)
                total = add_product(total, mass, factors, splits, exact, widened)
            elif phase == 3:
                counts = (query_column[:, None] >= low) & (query_column[:, None] < ends[None, :])
                total = add_product(total, mass, counts.to(tl.float32), splits, exact, widened)
            else:
                base += tl.sum(mass, 1)
    offsets = ((sequence * n_heads + head) * n_keys + key_column)[:, None] * n_columns + column[None, :]
    exists = (key_column < n_keys)[:, None] & (column < n_columns)[None, :]
    tl.store(sums + offsets, total + base[:, None], mask=exists)


@triton.jit(do_not_specialize=SIZES)
@no_type_check
def query_rows(
    query, key, removed, bounds, largest, inverse, values, prefixes, sums,
    query_batch, query_head, query_row, query_width, key_batch, key_head, key_row, key_width,
    removed_batch, removed_head, removed_key, values_batch, values_head, values_key, values_column,
    sums_batch, sums_head, sums_row, sums_column,
    n_blocks, n_heads, group, values_group, n_queries, n_keys, n_columns, factor, ceiling, window,
    d_head: tl.constexpr, d_tile: tl.constexpr, rows: tl.constexpr, keys: tl.constexpr, columns: tl.constexpr,
    splits: tl.constexpr, exact: tl.constexpr, widened: tl.constexpr,
):  # fmt: skip
    """Sums over keys, for a block of queries: the pattern times values; 0 at queries beyond a column's prefix."""
    block, sequence, head = own_place(n_blocks, n_heads)
    row = (n_blocks - 1 - block) * rows + tl.arange(0, rows)
    first = n_keys - n_queries + (n_blocks - 1 - block) * rows
    query_column = n_keys - n_queries + row
    column = tl.program_id(1) * columns + tl.arange(0, columns)
    start, stop = real_columns(bounds, sequence, n_keys)
    end = stop
    if prefixes is not None:
        ends = tl.load(prefixes + sequence * n_columns + column, mask=column < n_columns, other=0)
        end = tl.minimum(stop, tl.max(ends, 0))
    query += sequence * query_batch + head * query_head
    key += sequence * key_batch + (head // group) * key_head
    left = load_vectors(query, row, n_queries, query_row, query_width, d_head, d_tile)
    place = (sequence * n_heads + head) * n_queries + row
    level = tl.load(largest + place, mask=row < n_queries, other=float("inf"))
    share = tl.load(inverse + place, mask=row < n_queries, other=0.0)
    total = tl.zeros([rows, columns], tl.float32)
    low, free_low, free_high, high = key_ranges(first, start, end, window, rows, keys)
    for phase in tl.static_range(3):
        tile_begin = low if phase == 0 else (free_low if phase == 1 else free_high)
        tile_end = free_low if phase == 0 else (free_high if phase == 1 else high)
        for tile in tl.range(tile_begin, tile_end, keys):
            key_column = tile + tl.arange(0, keys)
            right = load_vectors(key, key_column, n_keys, key_row, key_width, d_head, d_tile)
            logits = tile_logits(left, right, factor, ceiling, widened)
            if phase != 1:
                visible = may_look(query_column[:, None], key_column[None, :], start, stop, window)
                logits = tl.where(visible, logits, float("-inf"))
            if removed is not None:
                own_removed = removed + sequence * removed_batch + head * removed_head
                logits = tl.where(
                    is_removed(own_removed, key_column, n_keys, removed_key)[None, :], float("-inf"), logits
                )
            exists = (key_column >= start) & (key_column < stop)
            own = values + sequence * values_batch + (head // values_group) * values_head
            factors = load_columns(own, key_column, exists, column, n_columns, values_key, values_column)
            mass = tl.exp2(logits - level[:, None])
            total = add_product(total, mass, factors, splits, exact, widened)
    # rows that see nothing may hold what padding's queries made of the tiles without a mask
    total = tl.where((share != 0.0)[:, None], total * share[:, None], 0.0)
    if prefixes is not None:
        total = tl.where(query_column[:, None] < ends[None, :], total, 0.0)
    offsets = sequence * sums_batch + head * sums_head + row.to(tl.int64)[:, None] * sums_row
    exists = (row < n_queries)[:, None] & (column < n_columns)[None, :]
    tl.store(sums + offsets + column[None, :] * sums_column, total, mask=exists)


@triton.jit(do_not_specialize=SIZES)
@no_type_check
def kept_columns(
    received, inverse, excluded, bounds, prefixes, excluded_batch, excluded_head, excluded_key,
    n_blocks, n_heads, first_query, n_keys, n_columns, sink_share, smallest,
    keys: tl.constexpr, columns: tl.constexpr,
):  # fmt: skip
    """Set what excluded keys and sinks receive to 0, in place, and what has no finite inverse; write the inverses."""
    block, sequence, head = own_place(n_blocks, n_heads)
    key_column = block * keys + tl.arange(0, keys)
    column = tl.program_id(1) * columns + tl.arange(0, columns)
    offsets = ((sequence * n_heads + head) * n_keys + key_column)[:, None] * n_columns + column[None, :]
    exists = (key_column < n_keys)[:, None] & (column < n_columns)[None, :]
    mass = tl.load(received + offsets, mask=exists, other=0.0)
    # no comparison holds for a NaN, which stays one
    dropped = mass <= smallest
    if excluded is not None:
        own = excluded + sequence * excluded_batch + head * excluded_head
        dropped = dropped | is_removed(own, key_column, n_keys, excluded_key)[:, None]
    if sink_share is not None:
        start, stop = real_columns(bounds, sequence, n_keys)
        ends = tl.load(prefixes + sequence * n_columns + column, mask=column < n_columns, other=0)
        n_rows = tl.maximum(tl.minimum(ends, stop) - tl.maximum(first_query, start), 0)
        dropped = dropped | (mass > sink_share * n_rows.to(tl.float32)[None, :])
    tl.store(received + offsets, tl.where(dropped, 0.0, mass), mask=exists)
    tl.store(inverse + offsets, tl.where(dropped, 0.0, 1.0 / tl.where(dropped, 1.0, mass)), mask=exists)
