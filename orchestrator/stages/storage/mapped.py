"""A state of a store as tensors that are mapped from its file, or written to it part by part."""

from __future__ import annotations

import json
import mmap
import tempfile
from collections.abc import Mapping
from math import prod
from pathlib import Path

import torch
from safetensors.torch import load_file

from orchestrator.hashing import digest_bytes
from orchestrator.stages.storage.stage_files import RECORD, find_state, stage_path, unseal
from orchestrator.stages.storage.store import StageStore, State


def map_state(key: str, store: StageStore) -> State | None:
    """Return a state whose tensors share the pages of its file with all processes of a node.

    In an object store, it is read. None if it is missing, or damaged, which is then set aside.
    """
    if store.folder is None:
        return store.state(key)
    data = store.files.read(stage_path(key, RECORD))
    content = None if data is None else unseal(RECORD, data)
    file = find_state(content, f"stage {key}") if content else None
    if file is None:
        return None
    path = store.folder / stage_path(key, file[0])
    if not path.is_file() or _mapped_digest(path) != file[1]:
        return store.state(key)  # which sets it aside
    return load_file(path)


def mapped_tensors(
    shapes: Mapping[str, tuple[int, ...]], folder: Path | None
) -> tuple[State, memoryview]:
    """Return tensors to be filled, float32, and the bytes of the state's file that they lie in.

    They are mapped from a file without a name, so that they take no memory of the process beside
    the pages of that file; it is gone with the last reference to them.

    Args:
        shapes: name -> shape.
        folder: on a disk, for the file; None: where temporary files are.
    """
    places, end = {}, 0
    for name in sorted(shapes):  # the order in which safetensors has tensors of one type
        places[name] = (end, end := end + 4 * prod(shapes[name]))
    header = {
        name: {"dtype": "F32", "shape": shapes[name], "data_offsets": place}
        for name, place in places.items()
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    start = 8 + len(text)
    with tempfile.TemporaryFile(dir=folder) as file:
        file.truncate(start + end)
        pages = mmap.mmap(file.fileno(), start + end)
    pages[:start] = len(text).to_bytes(8, "little") + text
    data = torch.frombuffer(pages, dtype=torch.uint8)[start:]
    tensors = {
        name: data[first:last].view(torch.float32).view(shapes[name])
        for name, (first, last) in places.items()
    }
    return tensors, memoryview(pages)


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
