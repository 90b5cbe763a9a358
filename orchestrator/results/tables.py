"""The three Parquet tables of a sweep: their columns and types, writing and reading.

The types of columns do not depend on the values, except those of `config.*`, which are derived from
`config`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from orchestrator.columns import COLUMNS, FLOPS, METRICS, STORAGE, VALIDATED
from orchestrator.errors import RepertoireError
from orchestrator.hashing import canonical_json
from orchestrator.results.late_metrics import LATE_METRICS, add_late_metrics
from orchestrator.stages.storage.files import write_atomically

SPLITS = ("validation", "test")
TRIAL = ("sweep", "trial_id", "seed")
KIND = ("method", "benchmark", "scenario", "network")
IDENTITY = ("sweep", "trial_id", "phase", "selected", "status", *KIND, "seed")
DEPTH = ("tasks_done", "num_tasks", "config")
STAGE = (*TRIAL, "after", "key", "parent", "cached")
COST_COLUMNS = (*STORAGE, *FLOPS, "train_seconds", "eval_seconds", "peak_memory_bytes", "device")
# Columns of later releases are last, so that the columns of the first keep their places.
ADDED_LATER = ("consolidate_seconds", "samples", "story", "cpu_seconds", "gpu_seconds")
EARLY = {"val_acc", *LATE_METRICS}
SEARCH = ("group", "candidate", "objective", *(name for name in VALIDATED if name not in EARLY))
FIRST_METRICS = tuple(name for name in METRICS if name not in LATE_METRICS)

BOOLEANS = frozenset({"selected", "cached"})
# FLOPs are reals: a large network's can exceed 64-bit integers, and below 2^53 all are exact.
REALS = frozenset({name for name, column in COLUMNS.items() if column.kind is float})
REALS |= {*VALIDATED, "objective", "accuracy", "loss"}
INTEGERS = frozenset({name for name, column in COLUMNS.items() if column.kind is int})
INTEGERS |= {"seed", "candidate", "tasks_done", "num_tasks", "after", "task", "n", "epochs"}


def create_schema(columns: Iterable[str]) -> pa.Schema:
    """Return the schema of columns; a column that is in none of the sets above is text."""
    kinds = ((BOOLEANS, pa.bool_()), (REALS, pa.float64()), (INTEGERS, pa.int64()))
    return pa.schema(
        (column, next((kind for names, kind in kinds if column in names), pa.string()))
        for column in columns
    )


TRIALS = create_schema(
    [
        *(*IDENTITY, *DEPTH, *FIRST_METRICS, "val_acc", *COST_COLUMNS, "mlflow_run_id"),
        *(*ADDED_LATER, *SEARCH, *LATE_METRICS),
    ]
)
ACCURACY = create_schema([*TRIAL, "split", "after", "task", "accuracy", "loss", "n"])
STAGES = create_schema(
    [*STAGE, *COST_COLUMNS, "node", "status", *ADDED_LATER, "hyperparameters", "epochs"]
)
SCHEMAS: Mapping[str, pa.Schema] = {"trials": TRIALS, "accuracy": ACCURACY, "stages": STAGES}


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
    tables = Tables(*(read_table(Path(folder), name) for name in SCHEMAS))
    names = pq.read_schema((Path(folder) / "trials.parquet").absolute()).names
    if {*LATE_METRICS} <= {*names}:
        return tables
    return replace(tables, trials=add_late_metrics(tables.trials, tables.accuracy))


def read_table(folder: Path, name: str, columns: list[str] | None = None) -> pa.Table:
    """Return one table in the folder of a sweep; columns that an older release lacks are null.

    Args:
        folder: of the sweep.
        name: of the table.
        columns: those to read; None for all.

    Raises:
        RepertoireError: the table is missing, empty or damaged.
    """
    path = folder / f"{name}.parquet"
    try:
        # Without partitioning=None a folder named lr=0.1 would add a column; a relative path may be
        # taken for a URI (run10:30).
        return pq.read_table(
            path.absolute(), columns=columns, schema=SCHEMAS[name], partitioning=None
        )
    except (pa.ArrowException, OSError) as error:
        what = "is not there" if not path.exists() else "is empty or damaged"
        again = "repertoire run with the same sweep writes it anew from the store"
        raise RepertoireError(f"{path} {what}; {again}") from error


def stage_keys(folder: Path) -> frozenset[str]:
    """Return the keys of all stages in the tables of a folder and of the folders below it.

    Raises:
        RepertoireError: a table is empty or damaged.
    """
    paths = sorted(folder.rglob("stages.parquet"))
    columns = (read_table(path.parent, "stages", ["key"])["key"] for path in paths)
    return frozenset(key for column in columns for key in column.to_pylist())


def build_table(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    """Return a table of rows; the cells of a row are in the order of the schema."""
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    # from_pandas: NaN becomes null, so that undefined values are null everywhere.
    typed = zip(columns, schema.types, strict=True)
    arrays = [pa.array(column, kind, from_pandas=True) for column, kind in typed]
    return pa.Table.from_arrays(arrays, schema=schema)


def with_config_columns(trials: pa.Table) -> pa.Table:
    """Add a column for every leaf of `config`, after `config`, sorted by name."""
    configs = trials["config"].to_pylist()
    leaves_by_config = {text: dict(_leaves(json.loads(text), "config")) for text in set(configs)}
    leaves = [leaves_by_config[text] for text in configs]
    at = trials.schema.get_field_index("config") + 1
    for i, name in enumerate(sorted({name for row in leaves_by_config.values() for name in row})):
        trials = trials.add_column(at + i, name, [_typed_array([row.get(name) for row in leaves])])
    return trials


def _leaves(config: Mapping[str, Any], where: str) -> Iterable[tuple[str, Any]]:
    for name, value in config.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{where}.{name}")
        else:
            yield f"{where}.{name}", value


def _typed_array(values: list[Any]) -> pa.Array:
    """Return values of one type as that type, integers and reals as reals, others as JSON."""
    kinds = {type(value) for value in values if value is not None}
    for types, arrow in (
        ({str}, pa.string()),
        ({bool}, pa.bool_()),
        ({int}, pa.int64()),
        ({int, float}, pa.float64()),
    ):
        if kinds <= types:
            return pa.array(values, arrow)
    texts = [v if v is None or isinstance(v, str) else canonical_json(v) for v in values]
    return pa.array(texts, pa.string())


def sweep_folders(folder: Path) -> list[Path]:
    """Return the folder if it is that of a sweep, else the sweep folders in it, sorted by name.

    Raises:
        RepertoireError: there are no results.
    """
    if (folder / "trials.parquet").exists():
        return [folder]
    if folders := sorted(path.parent for path in folder.glob("*/trials.parquet")):
        return folders
    raise RepertoireError(
        f"{folder}: no results here (no trials.parquet in it or one level below); give the folder "
        f"of a sweep or one that holds some, or make it: repertoire run SWEEP --out {folder}"
    )


def distinct_names(names: Sequence[str], folders: Sequence[Path]) -> list[str]:
    """Return a name for each sweep; equal names get their folder added: `s (run1)`."""
    paths = [folder.resolve() for folder in folders]
    distinct = list(names)
    for more in (lambda path, name: (path.parent if path.name == name else path).name, _full_path):
        times = Counter(distinct)
        pairs = zip(distinct, names, paths, strict=True)
        distinct = [
            f"{name} ({more(path, name)})" if times[n] > 1 else n for n, name, path in pairs
        ]
    return distinct


def _full_path(path: Path, name: str) -> str:
    return str(path)
