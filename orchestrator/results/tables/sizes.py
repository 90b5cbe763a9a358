"""The memory of a table, which the size of its file does not tell: equal rows take no space there.

A table may be another user's. It is measured before it is read, from the counts in its footer, and
its texts from their dictionaries, which hold each text once.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from orchestrator.results.units import bytes_text

CELL_BYTES = 8
# A table of 50,000 trials of five tasks is below the first; what a run writes takes some 10 to 100
# times the bytes of its file.
LARGE_BYTES, MAX_RATIO = 250_000_000, 300


def find_excess(file: Path | BytesIO) -> str | None:
    """Return a sentence if a Parquet file would take far more memory than its size; else None.

    Raises:
        pyarrow.ArrowException, OSError: it is not there or damaged.
    """
    size = file.stat().st_size if isinstance(file, Path) else file.getbuffer().nbytes
    limit = max(LARGE_BYTES, MAX_RATIO * size)
    taken = memory_bytes(file, limit, limit)
    if taken <= limit:
        return None
    return f"would take {bytes_text(taken)} of memory, from a file of {bytes_text(size)}"


def memory_bytes(file: Path | BytesIO, small: float, large: float) -> int:
    """Return the bytes of memory that a table takes.

    Args:
        file: of the table, Parquet.
        small: bytes of a table, below which its texts may be left out.
        large: bytes of its columns, above which they are left out too, since they are not read.

    Raises:
        pyarrow.ArrowException, OSError: it is not there or damaged.
    """
    if isinstance(file, Path):
        file = file.absolute()  # a relative one may be taken for a URI (run:1)
    with pq.ParquetFile(file) as table:
        metadata = table.metadata
        groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
        names = [field.name for field in table.schema_arrow if pa.types.is_string(field.type)]
    chunks = [group.column(i) for group in groups for i in range(group.num_columns)]
    taken: int = sum(max(c.num_values * CELL_BYTES, c.total_uncompressed_size) for c in chunks)
    texts = [chunk for chunk in chunks if chunk.path_in_schema in names]
    # None is longer than the texts of its chunk together.
    most: int = sum(chunk.num_values * chunk.total_uncompressed_size for chunk in texts)
    if taken > large or taken + most <= small:
        return taken
    if any(name.startswith("DELTA") for chunk in texts for name in chunk.encodings):
        return taken + most  # texts as differences, of which no run writes any
    return taken + _text_bytes(file, names)


def _text_bytes(file: Path | BytesIO, names: list[str]) -> int:
    """Return the bytes of the texts of columns, without writing equal ones out."""
    with pq.ParquetFile(file, read_dictionary=names) as table:
        columns = table.read(columns=names).columns
    chunks = [chunk for column in columns for chunk in column.chunks]
    lengths = [pc.binary_length(chunk.dictionary).take(chunk.indices) for chunk in chunks]
    return sum(pc.sum(each).as_py() or 0 for each in lengths)
