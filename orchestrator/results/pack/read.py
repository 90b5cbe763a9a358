"""Takes in a pack from an untrusted sender: all is checked before anything is written.

Nothing of a pack is executed or unpickled, no file of it leaves the folder it is taken into, and
nothing that is there is overwritten.
"""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import RepertoireError, SweepError
from orchestrator.hashing import is_digest
from orchestrator.results.addresses import address_of
from orchestrator.results.pack.check import open_pack, read_index, read_member, require_tables
from orchestrator.results.pack.contents import (
    MAX_BYTES,
    MAX_SWEEP_BYTES,
    RECORDS,
    SWEEP_FILE,
    TABLE_FILES,
    Index,
    refusal,
)
from orchestrator.results.tables.tables import stage_keys
from orchestrator.stages.storage.obstacles import make_way
from orchestrator.stages.storage.record_format import require_readable
from orchestrator.stages.storage.registration import Registration
from orchestrator.stages.storage.stage_files import RECORD, is_json_file, stage_path, unseal
from orchestrator.stages.storage.store import StageStore
from orchestrator.sweep.reading.yaml_file import read_yaml, read_yaml_text


@dataclass(frozen=True)
class StageFile:
    """A JSON file of a stage, as the store has it."""

    key: str
    name: str
    data: bytes


@dataclass(frozen=True)
class Import:
    """What was taken in.

    Attributes:
        sweeps: names of the sweeps that were written.
        present: names of those that were there already, with the same tables.
        records: number of files of stages that were written into a store.
        pages: paths in the pack that were left, since a page may hold scripts.
        code: names of the sweeps with code of the sender.
        trackers: name and MLflow address of the sweeps that name one.
    """

    sweeps: tuple[str, ...]
    present: tuple[str, ...]
    records: int
    pages: tuple[str, ...]
    code: tuple[str, ...]
    trackers: tuple[tuple[str, str], ...]


def read_pack(
    file: Path,
    out: Path,
    open_store: Callable[[], StageStore | None] = lambda: None,
    max_bytes: int = MAX_BYTES,
) -> Import:
    """Take the results of a pack into a folder.

    Args:
        file: the pack.
        out: the results folder; created if it does not exist.
        open_store: called once all is checked; returns the store into which records of stages are
            written too, where those it has are kept. None: they stay in the folder.
        max_bytes: limit of the unpacked size, and of the memory of its tables.

    Raises:
        RepertoireError: the file is no pack, is damaged, of a later release, too large, or holds
            what no pack has; or the folder cannot be created or has another sweep of that name.
    """
    with open_pack(file) as pack:
        index = read_index(pack, file, max_bytes)
        with _create(out), tempfile.TemporaryDirectory(prefix=".import-", dir=out) as temporary:
            unpacked = Path(temporary)
            stage_files = _unpack(pack, index, unpacked, file)
            require_tables(unpacked, file, max_bytes)
            present = [name for name in index.sweeps if _is_present(unpacked / name, out / name)]
            fresh = [name for name in index.sweeps if name not in present]
            for name in fresh:
                os.rename(unpacked / name, out / name)
    code = {m.sweep for m in index.members if m.sweep in fresh and m.path.endswith(".py")}
    return Import(
        sweeps=tuple(fresh),
        present=tuple(present),
        records=_store_records(open_store(), out, fresh, stage_files),
        pages=tuple(member.path for member in index.members if member.sweep is None),
        code=tuple(sorted(filter(None, code))),
        trackers=tuple((name, uri) for name in fresh if (uri := _tracker(out / name))),
    )


@contextmanager
def _create(folder: Path) -> Iterator[None]:
    """Create a folder; if the block raises, those that were created and are empty are deleted."""
    created = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            why = f"{folder} cannot be created ({error.strerror})"
            raise RepertoireError(f"{why}; give another folder with --out") from error
        yield
    except BaseException:
        for path in created:
            with suppress(OSError):
                path.rmdir()
        raise


def _store_records(
    store: StageStore | None, out: Path, sweeps: Sequence[str], stage_files: Sequence[StageFile]
) -> int:
    """Write the files of stages that a store lacks; return their number."""
    if store is None:
        return 0
    for name in sweeps:  # first, so that `store gc` deletes none of what is written
        Registration(store, address_of(out) or out, name).add(stage_keys(out / name))
    return sum(_write(store, each) for each in stage_files)


def _tracker(folder: Path) -> str | None:
    """Return the MLflow address that a sweep names."""
    try:
        section = read_yaml(folder / "sweep.yaml").get("mlflow")
    except SweepError:
        return None
    uri = section.get("uri") if isinstance(section, dict) else None
    return None if uri is None else str(uri)


def _unpack(pack: zipfile.ZipFile, index: Index, folder: Path, file: Path) -> list[StageFile]:
    """Write the files of sweeps into a fresh folder; return the files of stages."""
    stage_files: list[StageFile] = []
    for member in index.members:
        if member.sweep is None:
            continue
        data = read_member(pack, member, file)
        if member.path.endswith(f"/{RECORDS}"):
            stage_files += _parse_records(data, file)
        elif member.path.endswith(f"/{SWEEP_FILE}"):
            _require_sweep(data, member.path, file)
        path = folder / member.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return stage_files


def _require_sweep(data: bytes, path: str, file: Path) -> None:
    """Refuse a sweep file that no command could read: no YAML, or too much of it."""
    if len(data) > MAX_SWEEP_BYTES:
        raise refusal(file, f"{path} in it, a sweep, has more than {MAX_SWEEP_BYTES} bytes")
    try:
        read_yaml_text(data.decode(), path)
    except SweepError as error:
        raise refusal(file, f"{path} in it, a sweep: {error.mistakes[0]}") from error
    except UnicodeDecodeError as error:
        raise refusal(file, f"{path} in it, a sweep, is no text") from error


def _parse_records(data: bytes, file: Path) -> Iterator[StageFile]:
    """Yield the files of stages, each verified by its own digest and key."""
    for number, line in enumerate(data.splitlines(), 1):
        try:
            plain = json.loads(line)
            key, name, text = str(plain["key"]), str(plain["name"]), str(plain["text"]).encode()
        except (ValueError, KeyError, TypeError) as error:
            raise refusal(file, f"line {number} of its records cannot be read") from error
        if not (is_digest(key) and is_json_file(name)):
            raise refusal(file, f"its records name {key!r}/{name!r}, which no store has")
        content = unseal(name, text)
        if content is None:
            raise refusal(file, f"{name} of stage {key} is not what was written")
        require_readable(content, name, f"stage {key} of {file}")  # may be of a later release
        if name == RECORD and content["record"].get("key") != key:
            raise refusal(file, f"{name} of stage {key} is not what was written")
        yield StageFile(key, name, text)


def _is_present(unpacked: Path, target: Path) -> bool:
    """Return whether a folder has a sweep with the same tables.

    Raises:
        RepertoireError: it has something else of that name.
    """
    if not os.path.lexists(target):
        return False
    same = (
        (target / name).is_file() and (target / name).read_bytes() == (unpacked / name).read_bytes()
        for name in TABLE_FILES
    )
    if all(same):
        return True
    raise RepertoireError(
        f"{target} exists and is not what the pack holds; nothing was written. Give another "
        "folder with --out, or move that one away"
    )


def _write(store: StageStore, stage_file: StageFile) -> bool:
    """Write a file of a stage unless the store has one; return whether it was written."""
    make_way(store.files, store.folder, stage_file.key)
    return store.files.create(stage_path(stage_file.key, stage_file.name), stage_file.data)
