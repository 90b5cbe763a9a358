"""The stage store: states and records by key, written once, atomically, and verified when read.

`stage_files.py` lists the files of a stage. Beside the stages: `damaged/`, `leases/` (`lease.py`),
`folders/` (`references.py`), `record-packs/` (`record_packs.py`). Nothing is ever unpickled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from orchestrator.errors import StoreCorrupt
from orchestrator.hashing import digest_bytes
from orchestrator.stages.record import Record, RecordRequest, TaskScores
from orchestrator.stages.storage.address import open_files
from orchestrator.stages.storage.files import FileEntry
from orchestrator.stages.storage.mounts import is_shared
from orchestrator.stages.storage.obstacles import make_way
from orchestrator.stages.storage.presence import find_absent
from orchestrator.stages.storage.record_format import (
    evaluation_to_json,
    find_failure,
    pack_failure,
    pack_record,
    require_readable,
    unpack_evaluation,
    unpack_record,
)
from orchestrator.stages.storage.record_packs import PACK_RECORDS, READERS, RecordPacks
from orchestrator.stages.storage.retry import RetryPolicy
from orchestrator.stages.storage.stage_files import (
    FAILURE,
    RECORD,
    StageFiles,
    evaluation_name,
    is_json_file,
    is_stage_file,
    seal,
    stage_path,
    write_state,
)
from orchestrator.stages.storage.state_cache import StateCache, open_state_cache
from orchestrator.stages.storage.uri import hide_secrets
from orchestrator.stages.storage.visibility import Visibility

State = Mapping[str, Tensor]


class StageStore:
    """Stages by key on any file system Arrow knows: a local folder, NFS, `s3://`, `gs://`.

    If several processes write one key, the first complete stage is kept. Readers see complete files
    only. A missing stage reads as None. A damaged stage is moved to `damaged/` and is then missing;
    a `read_only` store reports it and does not move it.

    Attributes:
        uri: what opens it. address: the same for messages and records, without secrets.
        files: the files below its root.
        folder: its root on a file system; None in an object store.
        packs: of records, in an object store; None on a file system.
        damaged: the damaged files that were read, a line each.
        stateless: keys of the stages that `verify` found to have a record and no state.
    """

    def __init__(
        self,
        uri: str,
        create: bool = True,
        read_only: bool = False,
        retry: RetryPolicy | None = None,
    ) -> None:
        self.uri, self.address = uri, hide_secrets(uri)
        retry = retry or RetryPolicy()
        self.files, self.folder = open_files(uri, create and not read_only, retry)
        self._shared = is_shared(self.folder)
        self._visibility = Visibility(retry, self._shared)
        self._cache = open_state_cache() if self.folder is None else None
        self.packs = RecordPacks(self.files, read_only) if self.folder is None else None
        self._stage_files = StageFiles(self.files, read_only)
        self.damaged, self.stateless = self._stage_files.damaged, self._stage_files.stateless

    def record(self, key: str, task_keys: Iterable[str] = (), fresh: bool = False) -> Record | None:
        """Return a stage's record, its evaluation covering `task_keys`; None if none does.

        Args:
            key: of the stage.
            task_keys: the tasks that it must be scored on.
            fresh: whether to read past this host's cache of absent files.

        Raises:
            OtherRelease: another release wrote it in a way that this one cannot read.
        """
        if fresh:
            # A network file system may remember for a while that a file was not there.
            self.files.refresh(stage_path(key, RECORD))
        return self._read_record(self.files.read, key, task_keys)

    def _read_record(
        self, read: Callable[[str], bytes | None], key: str, task_keys: Iterable[str]
    ) -> Record | None:
        content = self._stage_files.read_json(key, RECORD, read)
        if content is None:
            return None
        record = unpack_record(content, self._place(key))
        # Scores on further tasks of a benchmark are in files of their own, since a record is
        # written once.
        missing = frozenset(task_keys) - record.evaluation.keys()
        # A stage that diverged has no state to score, and never gets the scores.
        if not missing or record.status == "diverged":
            return record
        name = evaluation_name(missing)
        further = self._stage_files.read_json(key, name, read)
        if further is None:
            return None
        scores = unpack_evaluation(further, name, self._place(key))
        return replace(record, evaluation={**record.evaluation, **scores})

    def records(self, requests: Iterable[RecordRequest]) -> dict[RecordRequest, Record]:
        """Return the records that exist of many, in parallel from a shared store.

        In an object store they are listed, and read from packs as far as those have them.
        """
        distinct = list(dict.fromkeys(requests))
        if self.folder and not self._shared:
            absent = find_absent(self.folder, dict(distinct))
            distinct = [request for request in distinct if request[0] not in absent]
        if not self._shared or len(distinct) < 2:
            records = [self.record(*request) for request in distinct]
        else:
            with ThreadPoolExecutor(min(READERS, len(distinct))) as pool:
                keys = {key for key, _ in distinct}
                read = self.packs.open(keys, pool) if self.packs else self.files.read
                records = list(pool.map(lambda one: self._read_record(read, *one), distinct))
            if self.packs:
                self.packs.write(fewest=PACK_RECORDS)
        return {request: r for request, r in zip(distinct, records, strict=True) if r is not None}

    def await_record(self, key: str, task_keys: Iterable[str] = ()) -> Record:
        """Return a record that was written, waiting until this host can see it.

        Raises:
            StoreUnreachable: it did not appear within the limit of `retry`.
        """
        needed = frozenset(task_keys)
        return self._visibility.require(
            lambda: self.record(key, needed, fresh=True), self._place(key)
        )

    def state(self, key: str, written: bool = False) -> State | None:
        """Return a stage's state; None if it is missing or damaged.

        Args:
            key: of the stage.
            written: whether its record was written, perhaps by another host; waits until this host
                can see it.

        Raises:
            OtherRelease: another release wrote it in a way that this one cannot read.
        """
        state = self._read_state(key, self._cache)
        if state is None and written and self._shared:
            # The record is written after the state: where it is seen, the state can be read.
            self._visibility.poll(lambda: self.record(key, fresh=True), self._place(key))
            state = self._read_state(key, self._cache)
        return state

    def _read_state(self, key: str, cache: StateCache | None, needed: bool = True) -> State | None:
        file = self._stage_files.read_state(key, self._place(key), unpack_record, cache, needed)
        if file is None:
            return None
        name, data = file
        try:
            return load_tensors(data)
        except SafetensorError as error:
            raise StoreCorrupt(f"{self._place(key)}, {name}: {error}") from error

    def put(self, state: State | memoryview | None, record: Record) -> None:
        """Write a stage, the record last, unless it is stored already.

        Args:
            state: its tensors; or the bytes of its file, as safetensors writes them.
            record: of the stage.
        """
        key = record.key
        if self.record(key) is None:
            self.damaged.extend(make_way(self.files, self.folder, key))
            data = save_tensors(dict(state)) if isinstance(state, Mapping) else state
            content = pack_record(record) | {"state": None if data is None else digest_bytes(data)}
            if data is not None:
                content |= write_state(self.files, key, data, content["state"])
                if self._cache:  # the stages after it may run on this node
                    self._cache.put(content["state"], bytes(data))
            # Last, since a stage exists once its record does; `create` keeps the first of several
            # writers'.
            self.files.create(stage_path(key, RECORD), seal(RECORD, content))
        # An earlier attempt may have failed.
        self.files.delete(stage_path(key, FAILURE))

    def put_evaluation(self, key: str, evaluation: TaskScores) -> None:
        """Write a stage's scores on tasks its record does not have."""
        name = evaluation_name(evaluation)
        self.files.write(stage_path(key, name), seal(name, evaluation_to_json(evaluation)))

    def failure(self, key: str) -> str | None:
        """Return the story of the last attempt if it failed, else None."""
        return self._failure(key)[0]

    def failed_worker(self, key: str) -> dict[str, Any]:
        """Return node, pid, device and log of the last attempt if it failed and they are known."""
        return self._failure(key)[1]

    def _failure(self, key: str) -> tuple[str | None, dict[str, Any]]:
        return find_failure(self._stage_files.read_json(key, FAILURE), self._place(key))

    def put_failure(self, key: str, story: str, worker: Mapping[str, Any] | None = None) -> None:
        """Store the story of a failed attempt and where it ran; the next one tries again."""
        self.damaged.extend(make_way(self.files, self.folder, key))
        self.files.write(stage_path(key, FAILURE), seal(FAILURE, pack_failure(story, worker)))

    def keys(self) -> list[str]:
        """Return the keys of all stages that have files, sorted."""
        parts = (entry.path.split("/") for entry in self.files.entries())
        return sorted({part[1] for part in parts if is_stage_file(part)})

    def verify(self, key: str, entries: Iterable[FileEntry] | None = None) -> str | None:
        """Read all of a stage; return what is damaged, or None.

        A record without its state is no damage: tables need no states, and records are imported
        without; its key is added to `stateless`.

        Args:
            key: of the stage.
            entries: its files; None lists them.

        Raises:
            OtherRelease: another release wrote a file in a way that this one cannot read.
        """
        before = len(self.damaged)
        # Past the cache: the file in the store is to be read, not this node's copy.
        self._read_state(key, cache=None, needed=False)
        if entries is None:
            entries = self.files.entries(stage_path(key, "").rstrip("/"))
        for name in sorted({entry.path.split("/")[2] for entry in entries}):
            content = self._stage_files.read_json(key, name) if is_json_file(name) else None
            if content is not None:
                require_readable(content, name, self._place(key))
        return self.damaged[-1] if len(self.damaged) > before else None

    def delete(self, key: str) -> None:
        """Remove a stage."""
        # The record goes first, so that a crash in between leaves no stage.
        self.files.delete(stage_path(key, RECORD))
        self.files.delete_folder(f"{key[:2]}/{key}")

    def _place(self, key: str) -> str:
        return f"stage {key} of store {self.address}"
