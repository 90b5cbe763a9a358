"""SQL of the views over the Parquet files of several folders, of any release."""

from __future__ import annotations

import glob
from collections.abc import Container, Sequence

import pyarrow as pa

from dashboards.data.folders import SweepFolder
from orchestrator.columns import UNFINISHED
from orchestrator.results.tables.schemas import SCHEMAS

TYPES = {
    pa.string(): "VARCHAR",
    pa.float64(): "DOUBLE",
    pa.bool_(): "BOOLEAN",
    pa.int64(): "BIGINT",
}
ROWS_PER_FOLDER = 10**9  # numbers rows in the order of folders, then of rows; no table is longer
# The values of columns in files of releases without them; of other columns NULL.
DEFAULTS = {"phase": "'evaluation'", "selected": "false", "cached": "false", "story": "''"}


# The status of a trial in words, as `status_text` has it.
STATUS_TEXT = (
    f"CASE WHEN status = 'stopped' AND (coalesce(story, '') = '' OR starts_with(story, "
    f"'{UNFINISHED}')) THEN '{UNFINISHED}' ELSE status END"
)


def sql_literal(text: str) -> str:
    """Return text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def view_query(table: str, folders: Sequence[SweepFolder], renamed: Container[str]) -> str:
    """Return the query of a view: all columns of the schema, from each folder with the table."""
    place = ["CAST(NULL AS BIGINT) AS place"] if table == "trials" else []
    nothing = ", ".join([*(_column_query(field, None) for field in SCHEMAS[table]), *place])
    parts = [f"SELECT {nothing} WHERE false"]
    for number, folder in enumerate(folders):
        if table in folder.tables:
            part = _folder_query(table, folder, number * ROWS_PER_FOLDER)
            if table == "trials" and folder.late:
                part = _add_late_metrics(part, folder)
            parts.append(_rename_trials(part, folder.name) if folder.name in renamed else part)
    return " UNION ALL ".join(parts)


def _add_late_metrics(part: str, folder: SweepFolder) -> str:
    computed = ", ".join(f"late.{name} AS {name}" for name in folder.late)
    return (
        f"SELECT part.* REPLACE ({computed}) FROM ({part}) AS part LEFT JOIN late "
        "USING (sweep, trial_id, seed)"
    )


def _rename_trials(part: str, sweep: str) -> str:
    return (
        "SELECT part.* REPLACE (coalesce(common_id, trial_id) AS trial_id) "
        f"FROM ({part}) AS part LEFT JOIN renamed "
        f"ON own_sweep = {sql_literal(sweep)} AND own_id = trial_id"
    )


def _folder_query(table: str, folder: SweepFolder, first_place: int) -> str:
    present = folder.tables[table]
    columns = [
        f"{sql_literal(folder.name)} AS sweep"
        if field.name == "sweep"
        else _column_query(field, present)
        for field in SCHEMAS[table]
    ]
    place = [f"file_row_number + {first_place} AS place"] if table == "trials" else []
    # DuckDB takes brackets and stars for patterns, and a folder lr=0.1 for a column.
    file = sql_literal(glob.escape(str(folder.path / f"{table}.parquet")))
    options = "hive_partitioning = false, file_row_number = true"
    return f"SELECT {', '.join([*columns, *place])} FROM read_parquet({file}, {options})"


def _column_query(field: pa.Field, present: pa.Schema | None) -> str:
    kind, name = TYPES[field.type], f'"{field.name}"'
    if present is None or field.name not in present.names:
        return f"CAST({DEFAULTS.get(field.name, 'NULL')} AS {kind}) AS {name}"
    value = name if present.field(field.name).type == field.type else f"TRY_CAST({name} AS {kind})"
    if kind == "DOUBLE":
        value = f"CASE WHEN isfinite({value}) THEN {value} END"
    return f"{value} AS {name}"
