"""A state of a store as tensors that are mapped from its file."""

from __future__ import annotations

import mmap
from pathlib import Path

from safetensors.torch import load_file

from orchestrator.hashing import digest_bytes
from orchestrator.stages.storage.stage_files import RECORD, stage_path, state_name, unseal
from orchestrator.stages.storage.store import StageStore, State


def map_state(key: str, store: StageStore) -> State | None:
    """Return a state whose tensors share the pages of its file with all processes of a node.

    In an object store, it is read. None if it is missing, or damaged, which is then set aside.
    """
    if store.folder is None:
        return store.state(key)
    data = store.files.read(stage_path(key, RECORD))
    content = None if data is None else unseal(RECORD, data)
    if content is None or content["state"] is None:
        return None
    path = store.folder / stage_path(key, state_name(content, key))
    if not path.is_file() or _mapped_digest(path) != content["state"]:
        store.verify(key)
        return None
    return load_file(path)


def _mapped_digest(path: Path) -> str:
    """Return the digest of a file without reading it into memory as a whole."""
    if not path.stat().st_size:
        return ""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as pages:
        view = memoryview(pages)
        try:
            return digest_bytes(view)
        finally:
            view.release()
