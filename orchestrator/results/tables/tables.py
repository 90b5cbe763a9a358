"""The three Parquet tables of a sweep: building, writing and reading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from orchestrator.benchmarks.atomic_files import write_atomically
from orchestrator.errors import RepertoireError
from orchestrator.results.tables.checks import require_sound
from orchestrator.results.tables.late_metrics import add_late_metrics, find_late_metrics
from orchestrator.results.tables.schemas import SCHEMAS
from orchestrator.results.tables.sizes import find_excess

STAGES_BELOW = ("stages.parquet", "*/stages.parquet", "former/*/stages.parquet")


@dataclass(frozen=True, eq=False)
class Tables:
    """The tables of one sweep; rows in the order of its chains, then `after`, then the task."""

    trials: pa.Table
    accuracy: pa.Table
    stages: pa.Table


def write_tables(tables: Tables, folder: str | Path) -> None:
    """Write the tables into a folder, each atomically; equal tables give equal bytes."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in vars(tables).items():
        content = pa.BufferOutputStream()
        pq.write_table(table, content, compression="zstd")
        write_atomically(folder / f"{name}.parquet", content.getvalue())


def read_tables(folder: str | Path) -> Tables:
    """Return the tables in the folder of one sweep.

    Raises:
        RepertoireError: a table is missing or damaged.
    """
    tables = Tables(*(_read_sound(Path(folder), name) for name in SCHEMAS))
    late = _find_late(Path(folder))
    if not late:
        return tables
    return replace(tables, trials=add_late_metrics(tables.trials, tables.accuracy, late))


def read_trials(folder: Path) -> pa.Table:
    """Return the trials in the folder of one sweep, with all metrics.

    Raises:
        RepertoireError: the table, or that of the accuracies if it is read, is missing or damaged.
    """
    trials, late = _read_sound(folder, "trials"), _find_late(folder)
    return add_late_metrics(trials, _read_sound(folder, "accuracy"), late) if late else trials


def _find_late(folder: Path) -> list[str]:
    # `read_table` fills columns that a file lacks with nulls, so the file is asked.
    return find_late_metrics(pq.read_schema((folder / "trials.parquet").absolute()).names)


def _read_sound(folder: Path, name: str) -> pa.Table:
    table = read_table(folder, name)
    require_sound(table, name, folder)
    return table


def read_table(folder: Path, name: str, columns: list[str] | None = None) -> pa.Table:
    """Return one table in the folder of a sweep; columns that an older release lacks are null.

    Args:
        folder: of the sweep.
        name: of the table.
        columns: those to read; None for all.

    Raises:
        RepertoireError: the table is missing, empty or damaged, or would take far more memory than
            its size tells.
    """
    path = folder / f"{name}.parquet"
    again = "repertoire run with the same sweep writes it anew from the store"
    try:
        if path.is_dir():  # which would be read as a table of all files in it
            raise IsADirectoryError(path)
        if excess := find_excess(path):
            raise RepertoireError(f"{path} {excess}, which no run writes; {again}")
        # Opened once, since another process may replace it meanwhile; without partitioning=None a
        # folder named lr=0.1 would add a column.
        with pa.OSFile(str(path.absolute())) as file:
            return pq.read_table(file, columns=columns, schema=SCHEMAS[name], partitioning=None)
    except (pa.ArrowException, OSError) as error:
        what = "is not there" if not path.exists() else "is empty or damaged"
        raise RepertoireError(f"{path} {what}; {again}") from error


def stage_keys(folder: Path) -> frozenset[str]:
    """Return the keys of all stages in the tables of a sweep's folder, also those of former sweeps.

    Raises:
        RepertoireError: a table is empty or damaged.
    """
    # Not at any depth: a store's reference, which anybody may have written, may name any folder.
    paths = sorted(path for places in STAGES_BELOW for path in folder.glob(places))
    columns = (read_table(path.parent, "stages", ["key"])["key"] for path in paths)
    return frozenset(key for column in columns for key in column.drop_null().to_pylist())


def build_table(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    """Return a table of rows; the cells of a row are in the order of the schema.

    Raises:
        RepertoireError: a cell is none of its column, such as a sum that needs more than 64 bits.
    """
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    typed = zip(columns, schema, strict=True)
    return pa.Table.from_arrays([_build_array(*each) for each in typed], schema=schema)


def _build_array(values: Sequence[Any], field: pa.Field) -> pa.Array:
    if pa.types.is_floating(field.type):
        # Arrow refuses an integer that a float rounds, as FLOPs from 9 PFLOP on.
        values = [float(value) if type(value) is int else value for value in values]
    try:
        # from_pandas: NaN becomes null, so that undefined values are null everywhere.
        return pa.array(values, field.type, from_pandas=True)
    except (pa.ArrowException, OverflowError) as error:
        raise RepertoireError(
            f"the records of the store give no column {field.name!r} of a table ({error}); "
            "use another store (--store)"
        ) from error
