"""The stage store: states and records by key, written once, atomically, and verified when read.

Files of a stage, under `<root>/<first two of key>/<key>/`: `state.safetensors`, then `record.json`,
whose presence says that the stage is complete; `evaluation-<digest>.json` for tasks added later;
`failure.json` while its last attempt failed. Nothing is ever unpickled.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

from pyarrow import fs
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from orchestrator.errors import RepertoireError, StoreCorrupt
from orchestrator.hashing import canonical, digest, digest_bytes
from orchestrator.stages.record import Evaluation, Record, evaluation_from_json

State = Mapping[str, Tensor]


class StageStore:
    """Stages by key on any file system Arrow knows: a local folder, NFS, `s3://`, `gs://`.

    Safe for concurrent writers: two that write one key write the same content, and readers see
    whole files only. Missing is None; damaged is set aside under `<root>/damaged/`, then missing;
    a `read_only` store names it and leaves it where it is.
    """

    def __init__(self, uri: str, create: bool = True, read_only: bool = False) -> None:
        self.uri, self._read_only = uri, read_only
        try:
            local = (fs.LocalFileSystem(), uri)
            self._fs, root = fs.FileSystem.from_uri(uri) if "://" in uri else local
            self._root = str(root).rstrip("/")
            if create and not read_only:
                self._fs.create_dir(self._root, recursive=True)
        except (OSError, ValueError, NotImplementedError) as error:
            raise RepertoireError(f"store {uri!r} cannot be opened: {error}") from error
        self._local = isinstance(self._fs, fs.LocalFileSystem)
        self.damaged: list[str] = []

    def record(self, key: str, task_keys: Iterable[str] = ()) -> Record | None:
        """Return a stage's record, its evaluation covering `task_keys`; None if none does."""
        content = self._read_json(key, "record.json")
        if content is None:
            return None
        try:
            record = Record.from_json(content["record"])
        except (KeyError, TypeError, ValueError) as error:
            self._set_aside(key, f"record.json is of another version: {error}")
            return None
        missing = frozenset(task_keys) - record.evaluation.keys()
        if not missing or record.status == "diverged":
            return record
        further = self._read_json(key, evaluation_name(missing))
        if further is None:
            return None
        return replace(record, evaluation={**record.evaluation, **evaluation_from_json(further)})

    def state(self, key: str) -> State | None:
        """Return a stage's state; None if it is missing, or damaged and set aside."""
        content = self._read_json(key, "record.json")
        if content is None or content["state"] is None:
            return None
        data = self._read(key, "state.safetensors")
        if data is None or digest_bytes(data) != content["state"]:
            lost = "missing" if data is None else "not what was written"
            self._set_aside(key, f"state.safetensors is {lost}")
            return None
        try:
            return load_tensors(data)
        except SafetensorError as error:
            raise StoreCorrupt(f"{self._path(key, 'state.safetensors')}: {error}") from error

    def put(self, state: State | None, record: Record) -> None:
        """Write a stage, the record last; what is there already stands."""
        if self.record(record.key) is None:
            self._put(record.key, state, record)
        self._delete(record.key, "failure.json")

    def _put(self, key: str, state: State | None, record: Record) -> None:
        data = None if state is None else save_tensors(dict(state))
        if data is not None:
            self._write(key, "state.safetensors", data)
        content = {
            "record": record.to_json(),
            "state": None if data is None else digest_bytes(data),
        }
        self._write_json(key, "record.json", content)

    def put_evaluation(self, key: str, evaluation: Evaluation) -> None:
        """Write a stage's scores on tasks its record does not have."""
        plain = {
            task: {name: asdict(score) for name, score in splits.items()}
            for task, splits in evaluation.items()
        }
        self._write_json(key, evaluation_name(evaluation), plain)

    def failure(self, key: str) -> str | None:
        """Return the story of the last attempt, if it failed."""
        content = self._read_json(key, "failure.json")
        return None if content is None else str(content["story"])

    def put_failure(self, key: str, story: str) -> None:
        """Note that an attempt failed; the next one tries again."""
        self._write_json(key, "failure.json", {"story": story})

    def keys(self) -> list[str]:
        """Return the keys of all stages that have files, sorted."""
        found = self._fs.get_file_info(
            fs.FileSelector(self._root, recursive=True, allow_not_found=True)
        )
        parts = (
            info.path.removeprefix(self._root).strip("/").split("/")
            for info in found
            if info.is_file
        )
        return sorted({part[1] for part in parts if len(part) == 3 and part[0] == part[1][:2]})

    def verify(self, key: str) -> str | None:
        """Read all of a stage; return what is wrong with it, set aside, or None."""
        before = len(self.damaged)
        record = self.record(key)
        if record is not None:
            self.state(key)
        return self.damaged[-1] if len(self.damaged) > before else None

    def size(self, key: str) -> int:
        """Return the bytes of a stage's files."""
        return sum(info.size for info in self._fs.get_file_info(fs.FileSelector(self._folder(key))))

    def delete(self, key: str) -> None:
        """Remove a stage."""
        self._fs.delete_dir(self._folder(key))

    def delete_damaged(self) -> int:
        """Remove what was set aside or left half-written by a crash; return the number of files."""
        everything = fs.FileSelector(self._root, recursive=True, allow_not_found=True)
        info = self._fs.get_file_info(everything)
        stray = [
            i
            for i in info
            if i.is_file and (f"{self._root}/damaged/" in i.path or i.path.endswith(".tmp"))
        ]
        for item in stray:
            self._fs.delete_file(item.path)
        return len(stray)

    def _folder(self, key: str) -> str:
        return f"{self._root}/{key[:2]}/{key}"

    def _path(self, key: str, name: str) -> str:
        return f"{self._folder(key)}/{name}"

    def _read(self, key: str, name: str) -> bytes | None:
        try:
            with self._fs.open_input_stream(self._path(key, name)) as file:
                return bytes(file.read())
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _write(self, key: str, name: str, data: bytes) -> None:
        """Write a whole file or none: renamed on a disk, uploaded whole to an object store."""
        self._fs.create_dir(self._folder(key), recursive=True)
        path = self._path(key, name)
        target = f"{path}.{uuid.uuid4().hex}.tmp" if self._local else path
        with self._fs.open_output_stream(target) as file:
            file.write(data)
        if self._local:
            self._fs.move(target, path)

    def _read_json(self, key: str, name: str) -> dict[str, Any] | None:
        """Return the content of a JSON file that carries its own digest."""
        data = self._read(key, name)
        if data is None:
            return None
        try:
            envelope = json.loads(data)
            if envelope["digest"] == digest(name, envelope["content"]):
                return dict(envelope["content"])
        except (ValueError, KeyError, TypeError):
            pass
        self._set_aside(key, f"{name} is not what was written")
        return None

    def _write_json(self, key: str, name: str, content: dict[str, Any]) -> None:
        self._write(
            key, name, canonical({"content": content, "digest": digest(name, content)}).encode()
        )

    def _delete(self, key: str, name: str) -> None:
        if self._fs.get_file_info(self._path(key, name)).type != fs.FileType.NotFound:
            self._fs.delete_file(self._path(key, name))

    def _set_aside(self, key: str, what: str) -> None:
        """Move a damaged stage out of the way, under a name of its own."""
        self.damaged.append(f"stage {key}: {what}")
        if self._read_only:
            return
        target = f"{self._root}/damaged/{key}-{uuid.uuid4().hex[:8]}"
        self._fs.create_dir(target, recursive=True)
        for info in self._fs.get_file_info(
            fs.FileSelector(self._folder(key), allow_not_found=True)
        ):
            with suppress(FileNotFoundError):  # another reader is setting it aside as well
                self._fs.move(info.path, f"{target}/{info.base_name}")


def evaluation_name(task_keys: Iterable[str]) -> str:
    """Return the file that holds a stage's scores on a set of further tasks."""
    return f"evaluation-{digest('evaluation', sorted(task_keys))}.json"
