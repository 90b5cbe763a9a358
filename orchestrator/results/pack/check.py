"""Checks of a pack: that it is one, and that its files are those of its index."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path

import pyarrow as pa

from orchestrator.errors import RepertoireError
from orchestrator.hashing import digest_bytes
from orchestrator.results.pack.contents import (
    INDEX,
    LARGE_BYTES,
    MAX_FILES,
    MAX_INDEX_BYTES,
    MAX_RATIO,
    TABLE_FILES,
    Index,
    Member,
    parse_index,
    refusal,
)
from orchestrator.results.tables.sizes import find_excess, memory_bytes
from orchestrator.results.tables.tables import read_tables
from orchestrator.stages.storage.stage_files import unseal

BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)
ENCRYPTED = 0x1
SMALL_BYTES = 10**6  # of a table, up to which its texts are not counted


@contextmanager
def open_pack(file: Path) -> Iterator[zipfile.ZipFile]:
    """Open a pack; any error of reading becomes a refusal."""
    try:
        with zipfile.ZipFile(file) as pack:
            yield pack
    except FileNotFoundError as error:
        if error.filename not in (None, str(file)):
            raise
        raise RepertoireError(f"{file}: no such file") from None
    except IsADirectoryError:
        raise RepertoireError(f"{file} is a folder; give a pack: repertoire pack DIR") from None
    except RepertoireError:
        raise
    except BROKEN as error:
        raise refusal(file, f"it is no pack or was damaged ({error})") from error


def read_index(pack: zipfile.ZipFile, file: Path, max_bytes: int) -> Index:
    """Return the index of a pack, which agrees with the list of members in the zip file.

    Raises:
        RepertoireError: it does not, or names, kinds or sizes of files are none that a pack has.
    """
    infos = pack.infolist()
    if not infos or infos[-1].filename != INDEX:
        raise refusal(file, f"it is no pack: its last file is not {INDEX}")
    if len(infos) > MAX_FILES:
        raise refusal(file, f"it has {len(infos)} files, more than {MAX_FILES}")
    for info in infos:
        _require_plain_file(info, file)
    content = unseal(INDEX, _read(pack, INDEX, MAX_INDEX_BYTES))
    if content is None:
        raise refusal(file, f"{INDEX} in it is not what was written")
    index = parse_index(content, file)
    listed = [INDEX, *(member.path for member in index.members)]
    if sorted(listed) != sorted(info.filename for info in infos):
        raise refusal(file, "its index and its files differ")
    _require_whole_sweeps(index, file, max_bytes)
    return index


def _require_plain_file(info: zipfile.ZipInfo, file: Path) -> None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG) or info.flag_bits & ENCRYPTED or info.is_dir():
        raise refusal(file, f"{info.filename!r} in it is a link, a folder or encrypted")
    # A few kilobytes of zeros can unpack to terabytes.
    if info.file_size > max(LARGE_BYTES, MAX_RATIO * info.compress_size):
        raise refusal(file, f"{info.filename!r} in it unpacks to {info.file_size} bytes")


def _require_whole_sweeps(index: Index, file: Path, max_bytes: int) -> None:
    total = sum(member.size for member in index.members)
    if total > max_bytes or any(member.size < 0 for member in index.members):
        raise refusal(file, f"it unpacks to {total} bytes, more than {max_bytes} (--max-gb)")
    paths = {member.path for member in index.members}
    for name in index.sweeps:
        if missing := [table for table in TABLE_FILES if f"{name}/{table}" not in paths]:
            raise refusal(file, f"sweep {name} lacks {', '.join(missing)}")


def _read(pack: zipfile.ZipFile, path: str, limit: int) -> bytes:
    """Return a member of at most `limit` bytes, whatever size it claims to have.

    Raises:
        ValueError: it is longer.
    """
    with pack.open(path) as member:
        # One byte more, which tells that it is longer without reading all of it.
        data = member.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"{path} is longer than {limit} bytes")
    return data


def read_member(pack: zipfile.ZipFile, member: Member, file: Path) -> bytes:
    """Return a file of a pack, verified by its digest."""
    data = _read(pack, member.path, member.size)
    if len(data) != member.size or digest_bytes(data) != member.digest:
        raise refusal(file, f"{member.path} is not what was packed")
    return data


def require_tables(folder: Path, file: Path, max_bytes: int) -> None:
    """Refuse tables that cannot be read, or would take too much memory, each or together.

    Args:
        folder: with the folders of sweeps, as they were unpacked.
        file: the pack.
        max_bytes: of memory that all tables may take.
    """
    total = 0
    for table in sorted(folder.rglob("*.parquet")):
        place = table.relative_to(folder)
        try:
            excess = find_excess(table)
            total += memory_bytes(table, SMALL_BYTES, inf) if excess is None else 0
        except (pa.ArrowException, OSError) as error:
            raise refusal(file, f"{place} in it, a table, cannot be read") from error
        if excess:
            raise refusal(file, f"{place} in it {excess}")
    if total > max_bytes:
        why = f"its tables would take {total} bytes of memory, more than {max_bytes} (--max-gb)"
        raise refusal(file, why)
    for table in folder.rglob(TABLE_FILES[0]):
        try:
            read_tables(table.parent)
        except RepertoireError as error:
            why = f"a table of {table.parent.relative_to(folder)} cannot be read"
            raise refusal(file, why) from error
