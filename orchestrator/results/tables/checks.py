"""Values that tables must have to be read, and limits of tables from other users."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from orchestrator.columns import COLUMNS, VALIDATED
from orchestrator.errors import RepertoireError
from orchestrator.hashing import parse_portable_json

NEEDED = {
    "trials": ("sweep", "trial_id", "method", "seed", "num_tasks", "config"),
    "accuracy": ("trial_id", "seed", "after", "task"),
    "stages": ("trial_id", "seed", "after"),
}
COUNTS = ("tasks_done", "num_tasks", "after", "task", "n")
MAX_TASKS = 5_000  # R of so many has 200 MB
MAX_NAME, MAX_TEXT = 10_000, 1_000_000  # characters
FINITE = {*COLUMNS, *VALIDATED, "accuracy"}  # a loss and an objective may be infinite
BUDGETS = ("means_storage_bytes", "means_compute")  # which axes show as their logarithms
OBJECTS = {"config": "configuration", "means_dial": "dial"}
LONG = ("config", "story", "hyperparameters")  # columns whose texts may have MAX_TEXT


def require_sound(table: pa.Table, name: str, folder: Path) -> None:
    """Raise RepertoireError if a table has values that commands cannot use."""
    for problem in find_bad_columns(table, name):
        again = "repertoire run with the same sweep writes it anew from the store"
        raise RepertoireError(f"{folder / name}.parquet is damaged: {problem}; {again}")


def find_bad_columns(table: pa.Table, name: str) -> Iterator[str]:
    """Yield a sentence for each column, of those that are given, with values that no table has."""
    for column in NEEDED[name]:
        if column in table.column_names and table[column].null_count:
            yield f"{column} is missing in some rows"
    for column in COUNTS:
        if column in table.column_names and not _are_counts(table[column], column):
            yield f"{column} is no number of {'examples' if column == 'n' else 'tasks'}"
    yield from _find_bad_values(table)
    for column, content in OBJECTS.items():
        texts = table[column].drop_null().unique() if column in table.column_names else ()
        if not all(map(_is_object, texts)):
            yield f"{column} is no {content} in JSON"


def _find_bad_values(table: pa.Table) -> Iterator[str]:
    """Yield a sentence for each column with a text too long, or a number out of its range."""
    for column, values in zip(table.column_names, table.columns, strict=True):
        limit = MAX_TEXT if column in LONG else MAX_NAME
        if pa.types.is_string(values.type) and _longest(values) > limit:
            yield f"{column} has a text of more than {limit:,} characters"
        if column in FINITE and _is_infinite(values):
            yield f"{column} is infinite"
        if column in BUDGETS and pc.any(pc.less_equal(values, 0)).as_py():
            yield f"{column} is not positive"


def _are_counts(values: pa.ChunkedArray, column: str) -> bool:
    ends = pc.min_max(values).as_py()
    least, most = ends["min"], ends["max"]
    return least is None or (least >= 0 and (column == "n" or most <= MAX_TASKS))


def _is_infinite(values: pa.ChunkedArray) -> bool:
    return pa.types.is_floating(values.type) and bool(pc.any(pc.is_inf(values)).as_py())


def _longest(values: pa.ChunkedArray) -> int:
    return pc.max(pc.utf8_length(values)).as_py() or 0


def _is_object(text: pa.Scalar) -> bool:
    try:
        return isinstance(parse_portable_json(text.as_py()), dict)
    except (TypeError, ValueError):
        return False
