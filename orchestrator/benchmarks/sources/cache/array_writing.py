"""Writes the arrays of a data set into the cache."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from orchestrator.benchmarks.atomic_files import flush_to_disk, write_atomically
from orchestrator.benchmarks.sources.arrays.arrays import Allocate, Array, Arrays
from orchestrator.benchmarks.sources.cache.array_files import (
    ARRAY_FORMAT,
    ARRAY_NAMES,
    Stored,
    cache_folder,
    file_stamp,
    open_arrays,
)


def allocator(scratch: Path) -> Allocate:
    """Return a function that allocates arrays as memory-mapped files in a folder.

    The function raises MemoryError if the disk has no room. The file system would create the file
    all the same, and the process would be killed while it fills the array.
    """

    def allocate(name: str, shape: tuple[int, ...], dtype: Any) -> Array:
        try:
            needed, free = prod(shape) * np.dtype(dtype).itemsize, shutil.disk_usage(scratch).free
            if needed > free:
                raise MemoryError(f"{needed:,} bytes, and the disk of the cache has {free:,} free")
            return np.lib.format.open_memmap(
                scratch / f"{name}.npy", mode="w+", dtype=dtype, shape=shape
            )
        except OSError:
            return np.empty(shape, dtype)

    return allocate


def write_arrays(scratch: Path, arrays: Arrays, digests: Mapping[str, list[Any]]) -> None:
    """Write arrays and their digests into a folder."""
    described: dict[str, Any] = {"format": ARRAY_FORMAT}
    for each in ARRAY_NAMES:
        path, array = scratch / f"{each}.npy", getattr(arrays, each)
        if _is_file_of(array, path):
            array.flush()
        else:
            path.unlink(missing_ok=True)
            with path.open("wb") as file:
                np.save(file, np.ascontiguousarray(array), allow_pickle=False)
                flush_to_disk(file)
        described[each] = {"stamp": file_stamp(path), "digest": digests[each][1]}
    write_atomically(scratch / "arrays.json", json.dumps(described), durable=True)


def _is_file_of(array: Array, path: Path) -> bool:
    """Return whether an array is the whole of a file that `allocator` made."""
    if not isinstance(array, np.memmap) or Path(str(array.filename)).resolve() != path.resolve():
        return False
    # A view of a part of the file would be kept as the whole.
    whole = np.load(path, "r", allow_pickle=False)
    return (whole.shape, whole.dtype) == (array.shape, array.dtype)


def publish(scratch: Path, stored: Stored) -> Stored | None:
    """Move written arrays to their place, and return them mapped."""
    place = cache_folder() / stored.digest
    if place.exists():  # damaged
        shutil.rmtree(place, ignore_errors=True)
    with suppress(OSError):  # another process was faster
        scratch.rename(place)
    return open_arrays(stored.digest, stored.arrays.facts)
