"""Sweep folders as they are found: which tables can be read, and what is to be said of the rest.

Only footers of Parquet files are read here. Nothing raises: a folder with nothing to show is a
note, which a page then prints.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from orchestrator.results.schema import ACCURACY, STAGES, TRIALS

SCHEMAS: Mapping[str, pa.Schema] = {"trials": TRIALS, "accuracy": ACCURACY, "stages": STAGES}
PROGRESS, SEARCH = "progress.json", "search.json"
MARKS = (*(f"{name}.parquet" for name in SCHEMAS), PROGRESS)  # one of these makes a sweep folder
AGAIN = "`repertoire run` with the same sweep writes it anew from the store"


@dataclass(frozen=True)
class SweepFolder:
    """A folder of one sweep.

    Attributes:
        path: where it lies.
        name: of the sweep; where several folders share one, with what tells them apart.
        tables: the schema of each table that can be read, by the table's name.
        notes: sentences on tables that are missing or damaged.
        older: what its tables lack that an older version wrote, as a sentence; empty for nothing.
    """

    path: Path
    name: str
    tables: Mapping[str, pa.Schema]
    notes: tuple[str, ...]
    older: str

    def document(self, name: str) -> dict[str, Any] | None:
        """Return a JSON file of the folder, or None where it is absent or not readable."""
        try:
            entries = json.loads((self.path / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return entries if isinstance(entries, dict) else None


def sweep_paths(dirs: Iterable[Path]) -> list[Path]:
    """Return the sweep folders among folders and one level below them, each once, by name."""
    entries: dict[Path, None] = {}
    for folder in dirs:
        below = sorted({path.parent for mark in MARKS for path in folder.glob(f"*/{mark}")})
        entries |= dict.fromkeys([folder] if _is_sweep(folder) else below)
    return list(entries)


def stamp(dirs: Iterable[Path]) -> tuple[tuple[str, int, int], ...]:
    """Return what changes when a sweep or a table does: paths, times of change (ns), sizes."""
    entries = []
    for path in sweep_paths(dirs):
        entries.append((str(path), 0, 0))
        for file in (path / f"{name}.parquet" for name in SCHEMAS):
            if file.exists():
                state = file.stat()
                entries.append((str(file), state.st_mtime_ns, state.st_size))
    return tuple(entries)


def open_folders(
    dirs: Sequence[Path], thorough: bool = False
) -> tuple[list[SweepFolder], list[str]]:
    """Return the sweep folders among `dirs`, and notes on those of `dirs` that hold none.

    Args:
        dirs: sweep folders or folders that hold some.
        thorough: find damage behind the footers too, by reading all.
    """
    empty = [folder for folder in dirs if not sweep_paths([folder])]
    paths = sweep_paths(dirs)
    names = _names(paths)
    folders = [_open(path, name, thorough) for path, name in zip(paths, names, strict=True)]
    return folders, [f"{folder}: {_nothing_in(folder)}" for folder in empty]


def readable(file: Path) -> bool:
    """Return whether a Parquet file can be read to its end."""
    try:
        pq.read_table(file, partitioning=None)
    except (pa.ArrowException, OSError):
        return False
    return True


def _is_sweep(folder: Path) -> bool:
    return any((folder / mark).exists() for mark in MARKS)


def _nothing_in(folder: Path) -> str:
    if not folder.exists():
        return "there is no such folder."
    return f"no results here yet. Make some: `repertoire run SWEEP --out {folder}`."


def _names(paths: Sequence[Path]) -> list[str]:
    """Return a name for each folder, so that no two sweeps are taken for one."""
    resolved = [path.resolve() for path in paths]
    names = [path.name for path in resolved]
    for longer in (lambda path: f"{path.name} ({path.parent.name})", str):
        count = Counter(names)
        names = [
            longer(path) if count[name] > 1 else name
            for path, name in zip(resolved, names, strict=True)
        ]
    return names


def _open(path: Path, name: str, thorough: bool) -> SweepFolder:
    tables, notes = {}, []
    for table in SCHEMAS:
        file = path / f"{table}.parquet"
        if not file.exists():
            notes.append(f"{name}: {file.name} is not there yet.")
        elif (schema := _schema(file)) and (not thorough or readable(file)):
            tables[table] = schema
        else:
            notes.append(f"{name}: {file.name} is damaged and left out; {AGAIN}.")
    return SweepFolder(path, name, tables, tuple(notes), _older(name, tables))


def _schema(file: Path) -> pa.Schema | None:
    try:
        return pq.read_schema(file)
    except (pa.ArrowException, OSError):
        return None


def _older(name: str, tables: Mapping[str, pa.Schema]) -> str:
    missing = [
        column
        for table, present in tables.items()
        for column in sorted(set(SCHEMAS[table].names) - set(present.names))
    ]
    if not missing:
        return ""
    return f"{name}: written by an older version, without {', '.join(missing)}; {AGAIN}."
