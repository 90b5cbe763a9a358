"""The stage store: states and records by key, written once, atomically, and verified when read.

Files of a stage, under `<root>/<first two of key>/<key>/`: the state, then `record.json`, whose
presence says that the stage is complete and which names the state's file and digest;
`evaluation-<digest>.json` for tasks added later; `failure.json` while its last attempt failed.
Beside the stages: `damaged/`, `leases/`, `folders/`. Nothing is ever unpickled.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

from filelock import FileLock
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from orchestrator.errors import StoreCorrupt, StoreUnreachable
from orchestrator.hashing import digest, digest_bytes
from orchestrator.stages import lease
from orchestrator.stages.address import files_at, is_shared
from orchestrator.stages.envelope import other_release, seal, unseal
from orchestrator.stages.patience import Patience
from orchestrator.stages.record import (
    Evaluation,
    Record,
    Wanted,
    evaluation_to_json,
    pack,
    unpack,
    unpack_evaluation,
)

State = Mapping[str, Tensor]

RECORD, STATE, FAILURE = "record.json", "state.safetensors", "failure.json"
READERS = 32


class StageStore:
    """Stages by key on any file system Arrow knows: a local folder, NFS, `s3://`, `gs://`.

    Of several writers of one key the first whole stage stands and the others' are dropped; readers
    see whole files only. Missing is None. Damaged is set aside under `<root>/damaged/`, then
    missing; a `read_only` store names it and leaves it where it is.

    Attributes:
        files: below its root.
        folder: on a file system, where that is.
        leases: who works at what.
        damaged: what was found damaged, a line each.
    """

    def __init__(
        self,
        uri: str,
        create: bool = True,
        read_only: bool = False,
        patience: Patience | None = None,
    ) -> None:
        self.uri, self._read_only = uri, read_only
        self._patience = patience or Patience()
        self.files, self.folder = files_at(uri, create and not read_only, self._patience)
        self._shared = is_shared(self.folder)
        self.leases = lease.Leases(self.files, self._guard)
        self.damaged: list[str] = []

    def record(self, key: str, task_keys: Iterable[str] = ()) -> Record | None:
        """Return a stage's record, its evaluation covering `task_keys`; None if none does.

        Raises:
            OtherRelease: another release wrote it in a way that this one cannot read.
        """
        content = self._read(key, RECORD)
        if content is None:
            return None
        record = unpack(content, self._where(key))
        missing = frozenset(task_keys) - record.evaluation.keys()
        if not missing or record.status == "diverged":
            return record
        further = self._read(key, evaluation_name(missing))
        if further is None:
            return None
        scores = unpack_evaluation(further, self._where(key))
        return replace(record, evaluation={**record.evaluation, **scores})

    def records(self, wanted: Iterable[Wanted]) -> dict[Wanted, Record]:
        """Return those of many records that are there, read side by side where that is faster."""
        distinct = list(dict.fromkeys(wanted))
        if not self._shared or len(distinct) < 2:
            records = [self.record(*one) for one in distinct]
        else:
            with ThreadPoolExecutor(min(READERS, len(distinct))) as pool:
                records = list(pool.map(lambda one: self.record(*one), distinct))
        return {one: r for one, r in zip(distinct, records, strict=True) if r is not None}

    def await_record(self, key: str, task_keys: Iterable[str] = ()) -> Record:
        """Return a record that is known to be written, waiting until this host can see it.

        Raises:
            StoreUnreachable: it did not appear.
        """
        task_keys = frozenset(task_keys)
        limit = self._patience.invisible_seconds if self._shared else 0.0
        story = f"{self._where(key)} was computed and cannot be seen here yet"
        record = self._patience.until(lambda: self._look(key, task_keys), limit, story)
        if record is None:
            raise StoreUnreachable(
                f"{story}, after {limit:.0f} s: it was deleted, or the hosts do not share this "
                "store. What was computed is kept; the same command continues"
            )
        return record

    def state(self, key: str, written: bool = False) -> State | None:
        """Return a stage's state; None if it is missing, or damaged and set aside.

        Args:
            key: of the stage.
            written: whether it is known to be written, and so is waited for.
        """
        if written and self._shared:
            story = f"{self._where(key)} was computed and cannot be seen here yet"
            limit = self._patience.invisible_seconds
            self._patience.until(lambda: self._look(key, frozenset()), limit, story)
        sealed = self.files.read(_path(key, RECORD))
        content = self._unseal(key, RECORD, sealed)
        if sealed is None or content is None:
            return None
        unpack(content, self._where(key))
        if content["state"] is None:
            return None
        name = self._state_name(key, content)
        data = self.files.read(_path(key, name))
        if data is None or digest_bytes(data) != content["state"]:
            self._set_state_aside(key, sealed, name, data)
            return None
        try:
            return load_tensors(data)
        except SafetensorError as error:
            raise StoreCorrupt(f"{self._where(key)}, {name}: {error}") from error

    def put(self, state: State | None, record: Record) -> None:
        """Write a stage, the record last; what is there already stands."""
        key = record.key
        if self.record(key) is None:
            data = None if state is None else save_tensors(dict(state))
            content = pack(record) | {"state": None if data is None else digest_bytes(data)}
            if data is not None:
                content |= self._put_state(key, data, content["state"])
            self.files.create(_path(key, RECORD), seal(RECORD, content))
        self.files.delete(_path(key, FAILURE))

    def put_evaluation(self, key: str, evaluation: Evaluation) -> None:
        """Write a stage's scores on tasks its record does not have."""
        name = evaluation_name(evaluation)
        self.files.write(_path(key, name), seal(name, evaluation_to_json(evaluation)))

    def failure(self, key: str) -> str | None:
        """Return the story of the last attempt, if it failed."""
        content = self._read(key, FAILURE)
        return None if content is None else str(content["story"])

    def put_failure(self, key: str, story: str) -> None:
        """Note that an attempt failed; the next one tries again."""
        self.files.write(_path(key, FAILURE), seal(FAILURE, {"story": story}))

    def keys(self) -> list[str]:
        """Return the keys of all stages that have files, sorted."""
        parts = (entry.path.split("/") for entry in self.files.entries())
        return sorted({part[1] for part in parts if is_of_stage(part)})

    def verify(self, key: str) -> str | None:
        """Read all of a stage; return what is wrong with it, set aside, or None."""
        before = len(self.damaged)
        if self.record(key) is not None:
            self.state(key)
        return self.damaged[-1] if len(self.damaged) > before else None

    def delete(self, key: str) -> None:
        """Remove a stage."""
        # The record goes first: what is left by a crash is no stage.
        self.files.delete(_path(key, RECORD))
        self.files.delete_folder(f"{key[:2]}/{key}")

    def _look(self, key: str, task_keys: frozenset[str]) -> Record | None:
        """Return a record as `record` does, whatever this host remembers of its absence."""
        self.files.refresh(_path(key, RECORD))
        return self.record(key, task_keys)

    def _read(self, key: str, name: str) -> dict[str, Any] | None:
        """Return the content of a JSON file; one that is damaged is set aside."""
        return self._unseal(key, name, self.files.read(_path(key, name)))

    def _unseal(self, key: str, name: str, data: bytes | None) -> dict[str, Any] | None:
        content = None if data is None else unseal(name, data)
        if data is not None and content is None:
            self.damaged.append(f"stage {key}: {name} is not what was written")
            self._set_aside(key, name, data)
        return content

    def _put_state(self, key: str, data: bytes, name_of_bits: str) -> dict[str, str]:
        """Write a state; return the entry of the record that names its file.

        A file that a record may refer to is never replaced by other bits: where another writer's
        lie under the usual name, or could come to lie there, the name holds the digest.
        """
        usual = _path(key, STATE)
        if self.files.exclusive and (
            self.files.create(usual, data) or self.files.read(usual) == data
        ):
            return {}
        name = f"state-{name_of_bits}.safetensors"
        self.files.write(_path(key, name), data)
        return {"file": name}

    def _state_name(self, key: str, content: Mapping[str, Any]) -> str:
        name = str(content.get("file", STATE))
        if name not in (STATE, f"state-{content['state']}.safetensors"):
            raise other_release(content, self._where(key), f"with its state in {name!r}")
        return name

    def _set_state_aside(self, key: str, sealed: bytes, name: str, data: bytes | None) -> None:
        """Set a record aside whose state is gone or damaged, and that state."""
        lost = "missing" if data is None else "not what was written"
        self.damaged.append(f"stage {key}: {name} is {lost}")
        # A name that holds the digest may be written anew at any time, and then is whole.
        if self._set_aside(key, RECORD, sealed) and data is not None and name == STATE:
            self._set_aside(key, name, data)

    def _set_aside(self, key: str, name: str, judged: bytes) -> bool:
        """Move a file out of the way, unless another process has mended it meanwhile."""
        if self._read_only:
            return False
        target = f"damaged/{key}-{uuid.uuid4().hex[:8]}/{name}"
        if not self.files.move(_path(key, name), target):
            return False
        moved = self.files.read(target)
        if moved is not None and moved != judged:
            self.files.create(_path(key, name), moved)
            return False
        return True

    def _where(self, key: str) -> str:
        return f"stage {key} of store {self.uri}"

    def _guard(self) -> AbstractContextManager[object]:
        if self.folder is None:
            return nullcontext()
        (self.folder / lease.FOLDER).mkdir(parents=True, exist_ok=True)
        return FileLock(self.folder / lease.FOLDER / ".lock")


def _path(key: str, name: str) -> str:
    return f"{key[:2]}/{key}/{name}"


def is_of_stage(parts: list[str]) -> bool:
    """Return whether the parts of a path below a store's root are those of a stage's file."""
    return len(parts) == 3 and parts[0] == parts[1][:2]


def evaluation_name(task_keys: Iterable[str]) -> str:
    """Return the file that holds a stage's scores on a set of further tasks."""
    return f"evaluation-{digest('evaluation', sorted(task_keys))}.json"
