"""The cache of data sets: memory-mapped arrays below the folder of data sets.

    arrays/sources/<identity>.json   what was read: stamps of its files, digest of its arrays, facts
    arrays/<digest>/<name>.npy       the arrays, with their digests in arrays.json

A source whose stamps are unchanged is neither read nor hashed again. Processes of a node share the
pages of the arrays. All of it may be deleted at any time.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from orchestrator.benchmarks.atomic_files import write_atomically
from orchestrator.benchmarks.processes import has_ended
from orchestrator.benchmarks.sources.arrays.arrays import Allocate, Arrays, Facts
from orchestrator.benchmarks.sources.cache.array_files import (
    ARRAY_FORMAT,
    READ_ERRORS,
    Stored,
    array_digests,
    arrays_digest,
    cache_folder,
    open_arrays,
)
from orchestrator.benchmarks.sources.cache.array_writing import allocator, publish, write_arrays
from orchestrator.hashing import digest, parse_json, to_json


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
    stored = find_cached(name, stamps)
    if stored is not None:
        return stored
    try:
        with _lock(name):
            # Another process may have read it while this one waited for the lock.
            stored = find_cached(name, stamps)
            return stored if stored is not None else _read_into_cache(name, stamps, read)
    except _CacheUnwritable:
        return read_into_memory(read)


def read_into_memory(read: Callable[[Allocate], Arrays]) -> Stored:
    """Read arrays into the memory of this process."""
    arrays = read(lambda _name, shape, dtype: np.empty(shape, dtype))
    return Stored(arrays, arrays_digest(array_digests(arrays)))


def find_cached(name: str, stamps: Sequence[Any] | None) -> Stored | None:
    """Return the arrays of a source from the cache; None if they are not there or out of date."""
    try:
        manifest = parse_json((cache_folder() / "sources" / f"{name}.json").read_text("utf-8"))
        unchanged = stamps is None or manifest["stamps"] == to_json(stamps)
        if manifest["format"] != ARRAY_FORMAT or not unchanged:
            return None
        return open_arrays(manifest["digest"], read_facts(manifest["facts"]))
    except READ_ERRORS:
        return None


def read_facts(content: Mapping[str, Any]) -> Facts:
    """Return facts from JSON types."""
    return Facts(**{name: tuple(values) for name, values in content.items()})


class _CacheUnwritable(Exception):
    """The cache cannot be written: its disk is full or read-only."""


@contextmanager
def _lock(name: str) -> Iterator[None]:
    """Exclude other processes that read the same source."""
    try:
        (cache_folder() / "sources").mkdir(parents=True, exist_ok=True)
        lock = FileLock(cache_folder() / "sources" / f"{name}.lock")
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
    # Under the lock of the source: no other process writes it now.
    remove_left_scratch(name)
    scratch = cache_folder() / f"{name}.{_host()}.{os.getpid()}"
    try:
        scratch.mkdir()
    except OSError as error:
        raise _CacheUnwritable from error
    try:
        return _write_into_cache(name, stamps, read(allocator(scratch)), scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def remove_left_scratch(name: str) -> None:
    """Remove the folders of processes that were killed while they read a source.

    Args:
        name: of a source that this process alone reads, so that all folders of it are left over; of
            other sources those of processes of this host that live no more.
    """
    for left in cache_folder().glob("*.*"):
        source, host, pid = [*left.name.split("."), "", ""][:3]
        if source == name or (host == _host() and pid.isdecimal() and has_ended(int(pid))):
            shutil.rmtree(left, ignore_errors=True)


def _host() -> str:
    return re.sub(r"\W", "-", platform.node())


def _write_into_cache(
    name: str, stamps: Sequence[Any] | None, arrays: Arrays, scratch: Path
) -> Stored:
    """Write arrays and their manifest; return them mapped, or as they are if a disk is full."""
    digests = array_digests(arrays)
    stored = Stored(arrays, arrays_digest(digests))
    try:
        write_arrays(scratch, arrays, digests)
        opened = open_arrays(stored.digest, arrays.facts) or publish(scratch, stored)
        manifest = {
            "format": ARRAY_FORMAT,
            "stamps": to_json(stamps),
            "digest": stored.digest,
            "facts": to_json(arrays.facts),
        }
        # Last: the arrays are in the cache once the manifest names them.
        note = cache_folder() / "sources" / f"{name}.json"
        write_atomically(note, json.dumps(manifest), durable=True)
    except OSError:
        return stored
    return opened or stored
