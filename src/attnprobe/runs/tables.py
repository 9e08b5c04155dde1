"""Tables as parquet, the same bytes for the same rows.

In: a pandas frame. Out: bytes of a parquet file. All options that move bytes are fixed here; pandas' own metadata,
which names versions, is left out.
"""

import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from attnprobe.errors import RunError

_ROWS_A_GROUP = 65_536


def parquet_bytes(frame: pd.DataFrame) -> bytes:
    """Write a frame as parquet; its index is left out, NaN becomes null.

    Args:
        frame: columns of numbers, booleans and text.

    Returns:
        The file, zstd-compressed.

    Raises:
        RunError: a column holds infinite numbers.
    """
    for name in frame.columns:
        column = frame[name]
        if pd.api.types.is_float_dtype(column) and bool(np.isinf(column.to_numpy(dtype=float, na_value=np.nan)).any()):
            raise RunError(f"column {name!r} of a results table holds infinite numbers; expected finite ones or null.")
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    sink = io.BytesIO()
    pq.write_table(
        table,
        sink,
        version="2.6",
        data_page_version="1.0",
        compression="zstd",
        compression_level=6,
        row_group_size=_ROWS_A_GROUP,
        use_dictionary=True,
        write_statistics=True,
        store_schema=False,
    )
    return sink.getvalue()
