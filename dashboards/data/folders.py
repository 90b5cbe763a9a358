"""Sweep folders: the tables that can be read, and notes on those that cannot.

Of tables other than the trials only the footers are read. Nothing raises; problems become notes for
the pages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dashboards.data.documents import PROGRESS, has_shape
from orchestrator.columns import (
    CODE,
    LATE_COSTS,
    LATE_STORAGE,
    MEANS,
    MEANS_FLOPS,
    METHOD_LABEL,
    PEAK_STORAGE,
    STORAGE_BOUND,
)
from orchestrator.errors import RepertoireError, shell_word
from orchestrator.graph.progress_file import read_bounded
from orchestrator.hashing import parse_json
from orchestrator.results.tables.checks import find_bad_columns
from orchestrator.results.tables.late_metrics import find_late_metrics
from orchestrator.results.tables.schemas import SCHEMAS, WORKER
from orchestrator.results.tables.sizes import find_excess
from orchestrator.results.tables.sweep_folders import find_pipe, sort_by_first_run
from orchestrator.results.tables.tables import read_table

MARKER_FILES = (
    *(f"{name}.parquet" for name in SCHEMAS),
    PROGRESS,
)  # one of these makes a sweep folder
REMEDY = "`repertoire run` with the same sweep writes it anew from the store"
# Columns of later releases that no page needs.
NOT_SHOWN = (
    *("epochs", "gpu_utilisation", "gpu_memory_share", CODE, *MEANS, METHOD_LABEL, *WORKER),
    *(*LATE_COSTS, *LATE_STORAGE, MEANS_FLOPS, PEAK_STORAGE, STORAGE_BOUND),
)


@dataclass(frozen=True)
class SweepFolder:
    """A folder of one sweep.

    Attributes:
        path: the folder.
        name: of the sweep; the parent folder is added if several folders have the same name.
        tables: name -> schema of each table that can be read.
        notes: sentences on tables that are missing or damaged.
        older: a sentence on columns that tables of an older release lack; empty for none.
        late: columns of metrics that the trials table lacks and its accuracies give.
    """

    path: Path
    name: str
    tables: Mapping[str, pa.Schema]
    notes: tuple[str, ...]
    older: str
    late: tuple[str, ...] = ()

    def document(self, name: str) -> dict[str, Any] | None:
        """Return the content of a JSON file in the folder; None if it cannot be read or used."""
        try:
            entries = parse_json(read_bounded(self.path / name))
        except (OSError, ValueError):
            return None
        return entries if isinstance(entries, dict) and has_shape(name, entries) else None


def sweep_paths(dirs: Iterable[Path]) -> list[Path]:
    """Return the sweep folders among folders and one level below them, each once, sorted."""
    entries: dict[Path, None] = {}
    for folder in dirs:
        # A folder may be of one sweep, or of several.
        below = sorted({path.parent for mark in MARKER_FILES for path in folder.glob(f"*/{mark}")})
        entries |= dict.fromkeys([folder] if _is_sweep(folder) else below)
    return list(entries)


def file_states(dirs: Iterable[Path]) -> tuple[tuple[str, int, int], ...]:
    """Return path, time of modification (ns) and size of each table, to notice changes."""
    entries = []
    for path in sweep_paths(dirs):
        # A sweep that begins has a folder before it has tables.
        entries.append((str(path), 0, 0))
        for file in (path / f"{name}.parquet" for name in SCHEMAS):
            if file.exists():
                state = file.stat()
                entries.append((str(file), state.st_mtime_ns, state.st_size))
    return tuple(entries)


def newest_record(folders: Iterable[SweepFolder]) -> float:
    """Return the time of the newest record of sweeps, in Unix seconds; 0 if it is unknown.

    It is in `progress.json`, since copying a folder may change the times of its files.
    """
    contents = [folder.document(PROGRESS) or {} for folder in folders]
    return max((float(content.get("updated_at") or 0) for content in contents), default=0.0)


def open_folders(dirs: Sequence[Path]) -> tuple[list[SweepFolder], list[str]]:
    """Return the sweep folders among `dirs`, and notes on those that are empty or not opened.

    Args:
        dirs: sweep folders or folders of sweep folders.
    """
    empty = [folder for folder in dirs if not sweep_paths([folder])]
    refused = {path: problem for path in sweep_paths(dirs) if (problem := find_pipe(path))}
    paths = sort_by_first_run(path for path in sweep_paths(dirs) if path not in refused)
    names = _distinct_names(paths)
    folders = [_open(path, name) for path, name in zip(paths, names, strict=True)]
    notes = (f"{folder}: {_no_results_note(folder)}" for folder in empty)
    return folders, [*notes, *(f"{problem}." for problem in refused.values())]


def is_readable(file: Path) -> bool:
    """Return whether a Parquet file can be read to its end."""
    try:
        # Not by `read_table`, which opens the file twice: another process may replace it meanwhile.
        pq.ParquetFile(file.absolute()).read()
    except (pa.ArrowException, OSError):
        return False
    return True


def _is_sweep(folder: Path) -> bool:
    return any((folder / mark).exists() for mark in MARKER_FILES)


def _no_results_note(folder: Path) -> str:
    if not folder.exists():
        return "there is no such folder."
    return f"no results here yet. Run a sweep: `repertoire run SWEEP --out {shell_word(folder)}`."


def _distinct_names(paths: Sequence[Path]) -> list[str]:
    resolved = [path.resolve() for path in paths]
    names = [path.name for path in resolved]
    # The shortest names that differ: with the parent's name, or the whole path.
    for longer in (lambda path: f"{path.name} ({path.parent.name})", str):
        count = Counter(names)
        names = [
            longer(path) if count[name] > 1 else name
            for path, name in zip(resolved, names, strict=True)
        ]
    return names


def _open(path: Path, name: str) -> SweepFolder:
    tables, notes = {}, []
    for table in SCHEMAS:
        file = path / f"{table}.parquet"
        if not file.exists():
            notes.append(f"{name}: {file.name} is not there yet.")
            continue
        schema, damage = _inspect(path, table)
        if schema is not None:
            tables[table] = schema
        else:
            notes.append(f"{name}: {file.name} is damaged and left out{damage}; {REMEDY}.")
    late = find_late_metrics(tables["trials"].names) if {"trials", "accuracy"} <= {*tables} else []
    older = _missing_columns_note(name, tables, late)
    return SweepFolder(path, name, tables, tuple(notes), older, tuple(late))


def _inspect(folder: Path, table: str) -> tuple[pa.Schema | None, str]:
    """Return the schema of a table; without one, what else is known of its damage, in brackets."""
    file = folder / f"{table}.parquet"
    try:
        # Absolute, since a relative path may be taken for a URI (run:1).
        schema = None if find_excess(file) else pq.read_schema(file.absolute())
        problem = (
            _find_bad_trials(folder, schema) if schema is not None and table == "trials" else None
        )
    except (pa.ArrowException, OSError, RepertoireError):
        return None, ""
    return (schema, "") if problem is None else (None, f" ({problem})")


def _find_bad_trials(folder: Path, schema: pa.Schema) -> str | None:
    """Return a sentence on values with which no page can name the trials; None if there are none.

    Raises:
        RepertoireError: the table cannot be read.
    """
    trials = read_table(folder, "trials")
    if "config" not in schema.names:  # of an older release, whose trials have names without it
        trials = trials.drop_columns("config")
    return next(find_bad_columns(trials, "trials"), None)


def _missing_columns_note(
    name: str, tables: Mapping[str, pa.Schema], computed: Sequence[str]
) -> str:
    missing = [
        column
        for table, present in tables.items()
        for column in sorted({*SCHEMAS[table].names} - {*present.names, *computed, *NOT_SHOWN})
    ]
    if not missing:
        return ""
    return f"{name}: written by an older version, without {', '.join(missing)}; {REMEDY}."
