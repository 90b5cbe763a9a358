"""The bytes of the pages of a Parquet file, from their headers: the footer may say anything.

A reader allocates for a page what its header says, and decompresses no more. A header is a struct
in Thrift's compact protocol. Only headers are read here, no page.

Source:
    PageHeader in https://github.com/apache/parquet-format (parquet.thrift), and Thrift's
    thrift-compact-protocol.md.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

UNCOMPRESSED, COMPRESSED = 2, 3  # fields of a header: bytes of the page, without the header
BOOLEANS, BYTE, INTEGERS, DOUBLE, TEXT, STRUCT = (1, 2), 3, (4, 5, 6), 7, 8, 12  # kinds of fields
MAX_DEPTH = 8  # of structs in structs; a header has three


def uncompressed_bytes(data: memoryview, chunk: Any) -> int:
    """Return the bytes that the pages of a column chunk take when they are decompressed.

    Args:
        data: the file.
        chunk: the metadata of the chunk, by its footer.

    Raises:
        pyarrow.ArrowInvalid: there is no header where one must be.
    """
    first, at = chunk.dictionary_page_offset, chunk.data_page_offset
    if first is not None and 0 < first < at:
        at = first
    end, total = at + chunk.total_compressed_size, 0
    try:
        while at < end:
            sizes, at = _read_struct(data, at)
            if min(sizes[UNCOMPRESSED], sizes[COMPRESSED]) < 0:
                raise ValueError("negative")
            total, at = total + sizes[UNCOMPRESSED], at + sizes[COMPRESSED]
    except (IndexError, KeyError, ValueError) as error:
        raise pa.ArrowInvalid(f"no page header of column {chunk.path_in_schema}") from error
    return total


def _read_struct(data: memoryview, at: int, depth: int = 0) -> tuple[dict[int, int], int]:
    """Return the whole numbers of a struct by field, and the place after it."""
    if depth > MAX_DEPTH:
        raise ValueError("nested too deeply")
    numbers: dict[int, int] = {}
    field = 0
    while head := data[at]:
        at += 1
        if head >> 4:
            field += head >> 4
        else:
            field, at = _read_number(data, at)
        kind = head & 15
        if kind in INTEGERS:
            numbers[field], at = _read_number(data, at)
        elif kind not in BOOLEANS:  # whose value is their kind
            at = _skip(data, at, kind, depth)
    return numbers, at + 1


def _skip(data: memoryview, at: int, kind: int, depth: int) -> int:
    """Return the place after a value that is no whole number; a header has no lists."""
    if kind == STRUCT:
        return _read_struct(data, at, depth + 1)[1]
    if kind == TEXT:
        length, at = _read_varint(data, at)
        return at + length
    if kind in (BYTE, DOUBLE):
        return at + (1 if kind == BYTE else 8)
    raise ValueError("no kind of field that a header has")


def _read_number(data: memoryview, at: int) -> tuple[int, int]:
    value, at = _read_varint(data, at)
    return (value >> 1) ^ -(value & 1), at


def _read_varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte, at = data[at], at + 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise ValueError("longer than 64 bits")
