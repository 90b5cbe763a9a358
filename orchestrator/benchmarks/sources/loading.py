"""The arrays of a form of data: of this process, of the cache, or read."""

from __future__ import annotations

from typing import Any

from orchestrator.benchmarks.data_folder import data_folder
from orchestrator.benchmarks.sources.arrays.arrays import Allocate, Arrays, Facts
from orchestrator.benchmarks.sources.arrays.preparation import prepare_arrays
from orchestrator.benchmarks.sources.cache.array_files import Stored, open_arrays
from orchestrator.benchmarks.sources.cache.cache import load_arrays
from orchestrator.benchmarks.sources.forms import Form
from orchestrator.errors import WrongData
from orchestrator.hashing import canonical_json

# What was loaded last: identity -> (stamps, folder, arrays). content -> arrays.
LOADED: dict[str, tuple[Any, Stored]] = {}
OPENED: dict[tuple[str, str], Stored] = {}


def load_form(form: Form) -> Stored:
    """Return the arrays of a form: of this process, of the cache, or read.

    Raises:
        WrongData: they cannot be used, or do not fit into memory.
    """
    opened, name = form.open(), canonical_json([form.identity, data_folder()])
    if name in LOADED and LOADED[name][0] == opened.stamps:
        return LOADED[name][1]

    def read(allocate: Allocate) -> Arrays:
        try:
            return prepare_arrays(opened.read(allocate), form.where)
        except MemoryError as error:
            raise WrongData(
                f"{form.where}: does not fit into memory ({error}); give fewer or smaller examples"
            ) from error

    stored = load_arrays(form.identity, opened.stamps, read)
    LOADED[name] = (opened.stamps, stored)
    return stored


def open_content(content: str, facts: Facts) -> Stored | None:
    """Return the arrays of a digest, of this process or of the cache."""
    name = (content, data_folder())
    if name not in OPENED:
        stored = open_arrays(content, facts)
        if stored is None:
            return None
        OPENED[name] = stored
    return OPENED[name]
