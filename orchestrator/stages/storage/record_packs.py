"""Records of an object store, listed and read in batches.

A request takes as long for a record as for a thousand. A listing says which files of stages there
are; *packs*, objects with up to a thousand of them, say what is in them. A pack is written by a
command that read files one by one, under a name of its own, and never changes. It is a cache: a
file is taken from it only if the listing has it with the size and the time that it was packed with,
and its digest is right; else it is read by itself.

A pack is compressed by zlib. Its first line names the format, each other is a path, the time of the
file in the listing, and its bytes, which are one line as they are sealed. The name of a pack begins
with the first digits of some of its keys: a reader that wants one of them reads the pack.
"""

from __future__ import annotations

import re
import uuid
import zlib
from collections.abc import Callable, Collection
from concurrent.futures import Executor
from functools import partial
from itertools import chain
from math import ceil

from orchestrator.errors import StoreUnreachable, StoreUnwritable
from orchestrator.stages.storage.files import FileEntry, Files
from orchestrator.stages.storage.stage_files import RECORD, is_stage_file, stage_path, unseal

PACKS = "record-packs"
READERS = 32  # threads: a read waits for the network, not for the processor
PAGE = 1000  # objects that a listing has in one request
FOLDERS = 256  # of stages, by the first two digits of the key
MOST_PAGES = 16  # of a listing, one after the other: about a second, which saves up to 240 requests
PACK_RECORDS = 1000  # of a pack, at most
FEWEST = 8  # for which a pack is written: below, it would save next to nothing
MERGED = 8  # as many packs of less than half of `PACK_RECORDS` are read before they are merged
LONGEST = 2**16  # bytes of a file that is packed; a record of 5 tasks has some 2,600
LARGEST = PACK_RECORDS * (LONGEST + 200)  # bytes of a pack, so that no other is decompressed
SAMPLE, DIGITS = 32, 6  # keys in the name of a pack, and digits of each
_FORMAT = b"repertoire record pack 1"
_NAME = re.compile(f"{PACKS}/((?:[0-9a-f]{{{DIGITS}}}){{1,{SAMPLE}}})-[0-9a-f]{{32}}")

Packed = dict[str, tuple[float, bytes]]  # path -> when it was written, its bytes


def is_pack(path: str) -> bool:
    """Return whether a path below a store's root is that of a pack."""
    return _NAME.fullmatch(path) is not None


def list_stages(files: Files, keys: Collection[str], pool: Executor) -> dict[str, FileEntry]:
    """Return the files of stages by path, from a listing of their folders.

    The store is listed as a whole if that takes fewer requests, and either no longer or
    `MOST_PAGES` at most.
    """
    first, *others = sorted({stage_path(key, RECORD).partition("/")[0] for key in keys})
    entries = files.entries(first)
    # Keys are digests, so that the folders are about equally large.
    pages = max(1, ceil(FOLDERS * len(entries) / PAGE))
    # The pages of a listing come one after the other, folders are listed side by side.
    if pages < len(others) and pages <= max(MOST_PAGES, ceil(len(others) / READERS)):
        entries = files.entries()
    else:
        entries = [*entries, *chain.from_iterable(pool.map(files.entries, others))]
    parts = ((entry, entry.path.split("/")) for entry in entries)
    return {entry.path: entry for entry, part in parts if len(part) == 3 and part[1] in keys}


def encode_pack(packed: Packed) -> tuple[str, bytes]:
    """Return the path and the content of a pack of files in the order of their paths."""
    keys = [path.split("/")[1] for path in packed]
    sample = dict.fromkeys(keys[i * len(keys) // SAMPLE][:DIGITS] for i in range(SAMPLE))
    lines = [b"%b %r %b" % (p.encode(), written, data) for p, (written, data) in packed.items()]
    content = zlib.compress(b"\n".join((_FORMAT, *lines)))
    return f"{PACKS}/{''.join(sample)}-{uuid.uuid4().hex}", content


def decode_pack(content: bytes | None) -> Packed:
    """Return the files of a pack; none if it is gone, damaged, too large or of another format."""
    packed: Packed = {}
    inflater = zlib.decompressobj()
    try:
        lines = inflater.decompress(content or b"", LARGEST).split(b"\n", PACK_RECORDS)
        if not inflater.eof or lines[0] != _FORMAT:
            return {}
        for line in lines[1:]:
            path, written, data = line.split(b" ", 2)
            packed[path.decode()] = (float(written), data)
    except (zlib.error, ValueError):
        return {}
    return {path: file for path, file in packed.items() if is_stage_file(path.split("/"))}


class RecordPacks:
    """The packs of an object store, as one command reads and writes them.

    Args:
        files: of the store.
        read_only: whether none is written.
    """

    def __init__(self, files: Files, read_only: bool) -> None:
        self._files, self._read_only = files, read_only
        self._unread: set[str] | None = None  # packs; None before they are listed
        self._packed: Packed = {}
        self._small: dict[str, frozenset[str]] = {}  # packs that were read -> paths
        self._new: set[str] = set()  # paths of `_packed` that are in no pack

    def open(self, keys: Collection[str], pool: Executor) -> Callable[[str], bytes | None]:
        """Return a function that reads the files of stages by path, as the store has them now."""
        listed = list_stages(self._files, keys, pool)
        unknown = [key for key in keys if not self._has(listed.get(stage_path(key, RECORD)))]
        if unknown:
            self._read_packs({key[:DIGITS] for key in unknown}, pool)
        return partial(self._read, listed)

    def write(self, fewest: int = FEWEST) -> None:
        """Write what was read file by file if it is `fewest` files, and merge small packs."""
        merged = [*self._small] if len(self._small) > MERGED else []
        if self._read_only or not (merged or len(self._new) >= fewest):
            return
        paths = sorted(self._new.union(*(self._small[pack] for pack in merged)))
        try:
            for start in range(0, len(paths), PACK_RECORDS):
                several = paths[start : start + PACK_RECORDS]
                self._files.write(*encode_pack({path: self._packed[path] for path in several}))
            # Last, so that each record is in a pack at any time.
            for pack in merged:
                self._files.delete(pack)
        except (StoreUnreachable, StoreUnwritable):
            self._read_only = True  # a cache: what is not packed is read file by file
        for pack in merged:
            del self._small[pack]
        self._new.clear()

    def _has(self, entry: FileEntry | None) -> bool:
        """Return whether a file is known as it is in the listing; one that is not there is."""
        if entry is None:
            return True
        written, data = self._packed.get(entry.path, (None, b""))
        return written == entry.modified and len(data) == entry.size

    def _read_packs(self, digits: Collection[str], pool: Executor) -> None:
        """Read the packs that have one of some keys in their name and were not read yet."""
        if self._unread is None:
            entries = self._files.entries(PACKS)
            self._unread = {e.path for e in entries if is_pack(e.path) and e.size <= LARGEST}
        wanted = sorted(pack for pack in self._unread if not _sample(pack).isdisjoint(digits))
        self._unread.difference_update(wanted)
        for pack, content in zip(wanted, pool.map(self._files.read, wanted), strict=True):
            packed = decode_pack(content)
            for path, file in packed.items():
                self._packed[path] = max(file, self._packed.get(path, file))
            if 0 < len(packed) < PACK_RECORDS / 2:
                self._small[pack] = frozenset(packed)

    def _read(self, listed: dict[str, FileEntry], path: str) -> bytes | None:
        entry, name = listed.get(path), path.rpartition("/")[2]
        if entry is None:
            return None
        if self._has(entry) and unseal(name, data := self._packed[path][1]) is not None:
            return data
        read = self._files.read(path)
        if read is not None and _can_be_packed(read, entry):
            self._packed[path] = (entry.modified, read)
            self._new.add(path)
        return read


def _sample(pack: str) -> set[str]:
    """Return the digits in the name of a pack."""
    digits = pack.removeprefix(f"{PACKS}/").partition("-")[0]
    return {digits[i : i + DIGITS] for i in range(0, len(digits), DIGITS)}


def _can_be_packed(data: bytes, entry: FileEntry) -> bool:
    """Return whether a stage's file is whole, one line, and the one that was listed."""
    parts = entry.path.split("/")
    fits = len(data) == entry.size <= LONGEST and b"\n" not in data
    return fits and is_stage_file(parts) and unseal(parts[2], data) is not None
