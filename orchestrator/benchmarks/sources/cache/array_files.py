"""The files of a data set in the cache: a folder of arrays that is named by their digest."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from orchestrator.benchmarks.atomic_files import write_atomically
from orchestrator.benchmarks.data_folder import data_folder
from orchestrator.benchmarks.sources.arrays.arrays import Array, Arrays, Facts
from orchestrator.hashing import digest, digest_bytes, parse_json

ARRAY_FORMAT = 1
ARRAY_NAMES = ("train_x", "train_y", "test_x", "test_y")
# EOFError: a file without content.
READ_ERRORS = (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError)


@dataclass(frozen=True, eq=False)
class Stored:
    """A data set with the digest of its arrays."""

    arrays: Arrays
    digest: str


def cache_folder() -> Path:
    """Return the folder of all arrays."""
    return Path(data_folder()) / "arrays"


def open_arrays(name: str, facts: Facts) -> Stored | None:
    """Return the arrays of a digest, mapped into memory; None if missing or damaged.

    Where the time or size of a file is not that of its writing, its content is hashed.
    """
    folder = cache_folder() / name
    try:
        described = parse_json((folder / "arrays.json").read_text("utf-8"))
        stamps = {each: file_stamp(folder / f"{each}.npy") for each in ARRAY_NAMES}
        mapped = {
            each: np.load(folder / f"{each}.npy", "r", allow_pickle=False) for each in ARRAY_NAMES
        }
        touched = [each for each in ARRAY_NAMES if described[each]["stamp"] != stamps[each]]
        if described["format"] != ARRAY_FORMAT or any(
            digest_bytes(mapped[each].data) != described[each]["digest"] for each in touched
        ):
            return None
    except READ_ERRORS:
        return None
    if touched:  # a copy of the folder, say
        described |= {each: {**described[each], "stamp": stamps[each]} for each in touched}
        with suppress(OSError):
            write_atomically(folder / "arrays.json", json.dumps(described), durable=True)
    return Stored(Arrays(**mapped, facts=facts), name)


def file_stamp(path: Path) -> list[int]:
    """Return the size of a file and the time it was modified."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def array_digests(arrays: Arrays) -> dict[str, list[Any]]:
    """Return the shape and the digest of each array."""
    parts = {name: np.ascontiguousarray(getattr(arrays, name)) for name in ARRAY_NAMES}
    return {name: [list(part.shape), digest_bytes(part.data)] for name, part in parts.items()}


def arrays_digest(digests: Mapping[str, list[Any]]) -> str:
    """Return the digest of a data set from those of its arrays."""
    return digest("data set", [digests[name] for name in ARRAY_NAMES])


def as_tensor(array: Array) -> Tensor:
    """Return an array as a tensor that shares its memory; a mapped one must not be written to."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)
