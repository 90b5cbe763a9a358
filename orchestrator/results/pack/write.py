"""Writes a pack: the same folder gives the same bytes."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from orchestrator.benchmarks.atomic_files import replace_when_complete
from orchestrator.errors import RepertoireError, StoreCorrupt
from orchestrator.hashing import digest_bytes, is_digest
from orchestrator.results.pack.contents import (
    INDEX,
    RECORDS,
    Member,
    index_content,
    is_member,
)
from orchestrator.results.tables.sweep_folders import sweep_folders
from orchestrator.results.tables.tables import stage_keys
from orchestrator.stages.storage.files import FileEntry
from orchestrator.stages.storage.maintenance import list_inventory
from orchestrator.stages.storage.record_packs import READERS
from orchestrator.stages.storage.stage_files import is_json_file, seal, unseal
from orchestrator.stages.storage.store import StageStore

EPOCH = (1980, 1, 1, 0, 0, 0)  # the first time that a zip file can hold
FILE_MODE = 0o100644


def write_pack(folder: Path, file: Path, store: StageStore | None) -> list[Member]:
    """Write the results of a folder into one file; return what is in it.

    Args:
        folder: a results folder, or that of a sweep.
        file: to be written; whole, or not at all.
        store: has the records of the stages; None leaves them out.

    Raises:
        RepertoireError: there are no results, a table is damaged, the file exists, or its folder
            does not.
    """
    if file.exists():
        raise RepertoireError(f"{file} exists and is not replaced; give another name with --out")
    if not file.parent.is_dir():
        raise RepertoireError(f"{file.parent} is no folder; create it, or give another --out")
    contents = dict(_list_contents(folder, store))
    members = []
    with replace_when_complete(file) as unfinished, zipfile.ZipFile(unfinished, "w") as pack:
        for path in sorted(contents):
            if data := contents[path]():
                members.append(Member(path, len(data), digest_bytes(data)))
                _add(pack, path, data)
        _add(pack, INDEX, seal(INDEX, index_content(members)))
    return members


def _add(pack: zipfile.ZipFile, path: str, data: bytes) -> None:
    info = zipfile.ZipInfo(path, EPOCH)
    info.compress_type, info.create_system = zipfile.ZIP_DEFLATED, 3
    info.external_attr = FILE_MODE << 16
    pack.writestr(info, data)


def _list_contents(
    folder: Path, store: StageStore | None
) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Yield the path in the pack of each file, and what reads it; b"" leaves it out."""
    folder = folder.resolve()
    folders = sweep_folders(folder)
    files = list_inventory(store).stages if store is not None else {}
    for sweep in folders:
        names = {
            f"{sweep.name}/{path.relative_to(sweep).as_posix()}": path for path in _walk(sweep)
        }
        yield from ((name, path.read_bytes) for name, path in names.items() if is_member(name))
        paths = list_stage_files(files, stage_keys(sweep))
        if store is not None and paths:  # in place of those that were taken in with it
            yield f"{sweep.name}/{RECORDS}", partial(collect_records, store, paths)
    if folders != [folder]:
        for path in (folder / "report.html", *sorted((folder / "figures").glob("*"))):
            name = path.relative_to(folder).as_posix()
            if is_member(name) and is_own_file(path):
                yield name, path.read_bytes


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder; no links are followed."""
    for top, folders, names in os.walk(folder):
        folders.sort()
        yield from (path for name in sorted(names) if is_own_file(path := Path(top, name)))


def is_own_file(path: Path) -> bool:
    """Return whether a path is a regular file and no link."""
    return path.is_file() and not path.is_symlink()


def list_stage_files(files: Mapping[str, list[FileEntry]], keys: Iterable[str]) -> list[str]:
    """Return the paths of the JSON files of stages in a store, sorted.

    Args:
        files: key -> all files of the stage.
        keys: of the stages.
    """
    return sorted(
        entry.path
        for key in {*keys} & files.keys()
        for entry in files[key]
        if is_digest(key) and is_json_file(entry.path.rpartition("/")[2])
    )


def collect_records(store: StageStore, paths: Iterable[str]) -> bytes:
    """Return JSON files of stages, a line each.

    Raises:
        StoreCorrupt: one of them is not what was written, which no folder would take in.
    """
    with ThreadPoolExecutor(READERS) as pool:
        contents = zip(paths, pool.map(store.files.read, paths), strict=True)
        return "".join(_line(path, data) for path, data in contents if data is not None).encode()


def _line(path: str, data: bytes) -> str:
    _, key, name = path.split("/")
    if unseal(name, data) is None:
        raise StoreCorrupt(
            f"{path} in the store is damaged; repertoire store verify sets it aside, and the next "
            "run computes its stage anew"
        )
    return json.dumps({"key": key, "name": name, "text": data.decode()}) + "\n"
