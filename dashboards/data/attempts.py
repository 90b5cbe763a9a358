"""Queries on tables of a running sweep, which another process replaces now and then."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import duckdb

from dashboards.data.folders import REMEDY, is_readable
from orchestrator.errors import RepertoireError

ATTEMPTS = 5  # each takes a fraction of the second between two versions of a table
T = TypeVar("T")


def answer_query(question: Callable[[], T], files: Sequence[Path]) -> T:
    """Return the answer of DuckDB; ask again if one of its files was replaced meanwhile.

    DuckDB opens a file twice, for its columns and for its rows, and fails if it is another then.

    Raises:
        RepertoireError: a file is damaged, or was replaced during each attempt; names it.
    """
    before = file_versions(files)
    for _ in range(ATTEMPTS):
        try:
            return question()
        except duckdb.Error as error:
            refuse_damaged(files, error)
            last = error
    after = file_versions(files)
    replaced = [str(file) for file in files if after[file] != before[file]]
    if not replaced:
        raise last
    raise RepertoireError(
        f"replaced while they were read, {ATTEMPTS} times: {', '.join(replaced)}; try again, or "
        "once the sweep that writes them is over"
    ) from last


def file_versions(files: Iterable[Path]) -> dict[Path, tuple[int, int] | None]:
    """Return the time of modification (ns) and the inode of each file; None if it is gone."""
    states = {file: file.stat() if file.exists() else None for file in files}
    return {file: state and (state.st_mtime_ns, state.st_ino) for file, state in states.items()}


def refuse_damaged(files: Iterable[Path], error: duckdb.Error) -> None:
    """Raise an error that names the damaged files, if there are any.

    It is called after an error only: to read every file before each query would take as long as
    the query.
    """
    if damaged := [str(file) for file in files if not is_readable(file)]:
        message = f"damaged, so not shown: {', '.join(damaged)}; {REMEDY}"
        raise RepertoireError(message) from error
