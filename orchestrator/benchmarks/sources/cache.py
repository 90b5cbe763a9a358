"""The cache of data sets: memory-mapped arrays below the folder of data sets.

    arrays/sources/<identity>.json   what was read: stamps of its files, digest of its arrays, facts
    arrays/<digest>/<name>.npy       the arrays, with their digests in arrays.json

A source whose stamps are unchanged is neither read nor hashed again. Processes of a node share the
pages of the arrays. All of it may be deleted at any time.
"""

from __future__ import annotations

import json
import os
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor

from orchestrator.benchmarks.data_folder import data_folder
from orchestrator.benchmarks.sources.arrays import Allocate, Array, Arrays, Facts
from orchestrator.hashing import digest, digest_bytes, to_json

FORMAT = 1
NAMES = ("train_x", "train_y", "test_x", "test_y")
READ_ERRORS = (OSError, ValueError, KeyError, TypeError, AttributeError)


@dataclass(frozen=True, eq=False)
class Stored:
    """A data set with the digest of its arrays."""

    arrays: Arrays
    digest: str


def load_arrays(
    identity: object, stamps: Sequence[Any] | None, read: Callable[[Allocate], Arrays]
) -> Stored:
    """Return the arrays of a source, from the cache if its stamps are unchanged.

    Args:
        identity: what is read and how, in JSON types.
        stamps: what changes with its content, such as sizes and times of files; None if unknown,
            which takes the arrays as they were read first.
        read: reads the arrays; called with what allocates large ones.
    """
    name = digest("source", identity)
    stored = find_stored(name, stamps)
    if stored is not None:
        return stored
    try:
        with _lock(name):
            stored = find_stored(name, stamps)
            return stored if stored is not None else _read_into_cache(name, stamps, read)
    except _CacheUnwritable:
        return in_memory(read)


def in_memory(read: Callable[[Allocate], Arrays]) -> Stored:
    """Read arrays into the memory of this process."""
    arrays = read(lambda _name, shape, dtype: np.empty(shape, dtype))
    return Stored(arrays, arrays_digest(array_digests(arrays)))


def find_stored(name: str, stamps: Sequence[Any] | None) -> Stored | None:
    """Return the arrays of a source from the cache; None if they are not there or out of date."""
    try:
        manifest = json.loads((_folder() / "sources" / f"{name}.json").read_text("utf-8"))
        unchanged = stamps is None or manifest["stamps"] == to_json(stamps)
        if manifest["format"] != FORMAT or not unchanged:
            return None
        return open_arrays(manifest["digest"], read_facts(manifest["facts"]))
    except READ_ERRORS:
        return None


def open_arrays(name: str, facts: Facts) -> Stored | None:
    """Return the arrays of a digest, mapped into memory; None if missing or damaged.

    Where the time or size of a file is not that of its writing, its content is hashed.
    """
    folder = _folder() / name
    try:
        described = json.loads((folder / "arrays.json").read_text("utf-8"))
        stamps = {each: file_stamp(folder / f"{each}.npy") for each in NAMES}
        mapped = {each: np.load(folder / f"{each}.npy", "r", allow_pickle=False) for each in NAMES}
        touched = [each for each in NAMES if described[each]["stamp"] != stamps[each]]
        if described["format"] != FORMAT or any(
            digest_bytes(mapped[each].data) != described[each]["digest"] for each in touched
        ):
            return None
    except READ_ERRORS:
        return None
    if touched:  # a copy of the folder, say
        described |= {each: {**described[each], "stamp": stamps[each]} for each in touched}
        with suppress(OSError):
            _write_text(folder / "arrays.json", json.dumps(described))
    return Stored(Arrays(**mapped, facts=facts), name)


def file_stamp(path: Path) -> list[int]:
    """Return the size of a file and the time it was modified."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def read_facts(content: Mapping[str, Any]) -> Facts:
    """Return facts from JSON types."""
    return Facts(**{name: tuple(values) for name, values in content.items()})


def array_digests(arrays: Arrays) -> dict[str, list[Any]]:
    """Return the shape and the digest of each array."""
    parts = {name: np.ascontiguousarray(getattr(arrays, name)) for name in NAMES}
    return {name: [list(part.shape), digest_bytes(part.data)] for name, part in parts.items()}


def arrays_digest(digests: Mapping[str, list[Any]]) -> str:
    """Return the digest of a data set from those of its arrays."""
    return digest("data set", [digests[name] for name in NAMES])


def as_tensor(array: Array) -> Tensor:
    """Return an array as a tensor that shares its memory; a mapped one must not be written to."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)


class _CacheUnwritable(Exception):
    """The cache cannot be written: its disk is full or read-only."""


def _folder() -> Path:
    return Path(data_folder()) / "arrays"


@contextmanager
def _lock(name: str) -> Iterator[None]:
    """Exclude other processes that read the same source."""
    try:
        (_folder() / "sources").mkdir(parents=True, exist_ok=True)
        lock = FileLock(_folder() / "sources" / f"{name}.lock")
        lock.acquire()
    except NotImplementedError:  # the file system has no locks; writing is atomic anyway
        yield
        return
    except OSError as error:
        raise _CacheUnwritable from error
    try:
        yield
    finally:
        lock.release()


def _read_into_cache(
    name: str, stamps: Sequence[Any] | None, read: Callable[[Allocate], Arrays]
) -> Stored:
    """Read a source, write its arrays into the cache, and return them mapped."""
    scratch = _folder() / f"{name}.{os.getpid()}"
    for left in _folder().glob(f"{name}.*"):  # by a process that was killed
        shutil.rmtree(left, ignore_errors=True)
    try:
        scratch.mkdir()
    except OSError as error:
        raise _CacheUnwritable from error
    try:
        arrays = read(_allocator(scratch))
        digests = array_digests(arrays)
        content = arrays_digest(digests)
        stored = Stored(arrays, content)
        try:
            _write_arrays(scratch, arrays, digests)
            opened = open_arrays(content, arrays.facts) or _publish(scratch, stored)
            manifest = {
                "format": FORMAT,
                "stamps": to_json(stamps),
                "digest": content,
                "facts": to_json(arrays.facts),
            }
            _write_text(_folder() / "sources" / f"{name}.json", json.dumps(manifest))
        except OSError:
            return stored
        return opened or stored
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _allocator(scratch: Path) -> Allocate:
    """Return what allocates large arrays as files, in which they are filled and then kept."""

    def allocate(name: str, shape: tuple[int, ...], dtype: Any) -> Array:
        try:
            return np.lib.format.open_memmap(
                scratch / f"{name}.npy", mode="w+", dtype=dtype, shape=shape
            )
        except OSError:
            return np.empty(shape, dtype)

    return allocate


def _write_arrays(scratch: Path, arrays: Arrays, digests: Mapping[str, list[Any]]) -> None:
    described: dict[str, Any] = {"format": FORMAT}
    for each in NAMES:
        path, array = scratch / f"{each}.npy", getattr(arrays, each)
        if _is_file_of(array, path):
            array.flush()
        else:
            path.unlink(missing_ok=True)
            np.save(path, np.ascontiguousarray(array), allow_pickle=False)
        described[each] = {"stamp": file_stamp(path), "digest": digests[each][1]}
    _write_text(scratch / "arrays.json", json.dumps(described))


def _is_file_of(array: Array, path: Path) -> bool:
    """Return whether an array is the whole of a file that `_allocator` made."""
    if not isinstance(array, np.memmap) or Path(str(array.filename)).resolve() != path.resolve():
        return False
    whole = np.load(path, "r", allow_pickle=False)
    return (whole.shape, whole.dtype) == (array.shape, array.dtype)


def _publish(scratch: Path, stored: Stored) -> Stored | None:
    """Move written arrays to their place, and return them mapped."""
    place = _folder() / stored.digest
    if place.exists():  # damaged
        shutil.rmtree(place, ignore_errors=True)
    with suppress(OSError):  # another process was faster
        scratch.rename(place)
    return open_arrays(stored.digest, stored.arrays.facts)


def _write_text(path: Path, text: str) -> None:
    """Write a file so that readers see all of it or nothing."""
    scratch = path.with_name(f"{path.name}.{os.getpid()}")
    scratch.write_text(text, encoding="utf-8")
    scratch.replace(path)
