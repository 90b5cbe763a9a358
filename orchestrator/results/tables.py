"""The three Parquet tables of a sweep: writing them into a folder and reading them back.

`schema.py` has their fixed columns; the `config.*` columns are made from `config`.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from orchestrator.errors import RepertoireError
from orchestrator.hashing import canonical
from orchestrator.results.schema import SCHEMAS


@dataclass(frozen=True, eq=False)
class Tables:
    """The tables of one sweep; rows in the order of its chains, then `after`, then the task."""

    trials: pa.Table
    accuracy: pa.Table
    stages: pa.Table


def write(tables: Tables, folder: str | Path) -> None:
    """Write the tables into a folder, each in one step; the same tables give the same bytes."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in vars(tables).items():
        partial = folder / f".{name}.{os.getpid()}.partial"
        try:
            pq.write_table(table, partial.absolute(), compression="zstd")
            os.replace(partial, folder / f"{name}.parquet")
        finally:
            partial.unlink(missing_ok=True)


def read(folder: str | Path) -> Tables:
    """Return the tables of the folder of one sweep.

    Raises:
        RepertoireError: a table is missing, or is none.
    """
    return Tables(*(read_table(Path(folder), name) for name in SCHEMAS))


def read_table(folder: Path, name: str) -> pa.Table:
    """Return one table of the folder of a sweep; columns that an older version lacks are null.

    Raises:
        RepertoireError: it is not there, or is empty or damaged.
    """
    path = folder / f"{name}.parquet"
    try:
        # Without partitioning=None a folder called lr=0.1 would add a column; a path that is not
        # absolute may be taken for a URI (run10:30).
        return pq.read_table(path.absolute(), schema=SCHEMAS[name], partitioning=None)
    except (pa.ArrowException, OSError) as error:
        what = "is not there" if not path.exists() else "is empty or damaged"
        again = "repertoire run with the same sweep writes it anew from the store"
        raise RepertoireError(f"{path} {what}; {again}") from error


def table_of(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    """Return rows, each in the schema's order, as a table."""
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    # from_pandas: NaN becomes null, so that undefined has one spelling.
    typed = zip(columns, schema.types, strict=True)
    arrays = [pa.array(column, kind, from_pandas=True) for column, kind in typed]
    return pa.Table.from_arrays(arrays, schema=schema)


def with_config_columns(trials: pa.Table) -> pa.Table:
    """Add a column for every leaf of `config`, after it, by name."""
    configs = trials["config"].to_pylist()
    known = {text: dict(_leaves(json.loads(text), "config")) for text in set(configs)}
    leaves = [known[text] for text in configs]
    at = trials.schema.get_field_index("config") + 1
    for i, name in enumerate(sorted({name for row in known.values() for name in row})):
        trials = trials.add_column(at + i, name, [_typed([row.get(name) for row in leaves])])
    return trials


def _leaves(config: Mapping[str, Any], where: str) -> Iterable[tuple[str, Any]]:
    for name, value in config.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{where}.{name}")
        else:
            yield f"{where}.{name}", value


def _typed(values: list[Any]) -> pa.Array:
    """Return values of one type as that type, integers among reals as reals, all else as JSON."""
    kinds = {type(value) for value in values if value is not None}
    for types, arrow in (
        ({str}, pa.string()),
        ({bool}, pa.bool_()),
        ({int}, pa.int64()),
        ({int, float}, pa.float64()),
    ):
        if kinds <= types:
            return pa.array(values, arrow)
    texts = [v if v is None or isinstance(v, str) else canonical(v) for v in values]
    return pa.array(texts, pa.string())


def sweep_folders(folder: Path) -> list[Path]:
    """Return the folder itself if it is a sweep's, else the folders of sweeps in it, by name.

    Raises:
        RepertoireError: it holds no results.
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
    """Return a name for each sweep, equal names with what tells their folders apart: `s (run1)`."""
    paths = [folder.resolve() for folder in folders]
    distinct = list(names)
    for more in (lambda path, name: (path.parent if path.name == name else path).name, _in_full):
        times = Counter(distinct)
        pairs = zip(distinct, names, paths, strict=True)
        distinct = [
            f"{name} ({more(path, name)})" if times[n] > 1 else n for n, name, path in pairs
        ]
    return distinct


def _in_full(path: Path, name: str) -> str:
    return str(path)
