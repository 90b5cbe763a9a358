"""The protocol under which configurations are trained and tested, and how sweeps differ in it.

The protocol is the benchmark with its scenario, number of tasks, masks, order and shares of data;
the network; the code of these; and the training budget, which is all of `training` except the
options that are tuned for a method.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from orchestrator.results.names.code_texts import PROTOCOL_CODE
from orchestrator.results.names.hyperparameter_text import value_text
from orchestrator.results.variation import varying_columns

METHOD_CHOICES = frozenset(
    f"config.training.{name}"
    for name in (
        *("optimizer", "lr", "momentum", "weight_decay", "num_threads"),
        *("schedule", "clip", "label_smoothing", "keep_optimizer", "compile"),
    )
)
# The title of a table has these, and data is compared by its digest wherever it was read from; all
# other columns of config.benchmark are compared.
TITLE_COLUMNS = frozenset(
    f"config.benchmark.{name}" for name in ("name", "scenario", "num_tasks", "data.source")
)
SECTIONS = ("config.benchmark.", "config.network.", "config.training.")


def protocol_columns(rows: pd.DataFrame) -> list[str]:
    """Return the columns that must agree between sweeps: `config.*`, and those of code if given."""
    code = {*PROTOCOL_CODE.values()}
    compared = [name for name in map(str, rows) if name.startswith(SECTIONS) or name in code]
    return [
        name
        for name in compared
        if name not in TITLE_COLUMNS and field_column(name) not in METHOD_CHOICES
    ]


def field_column(column: str) -> str:
    """Return the column of the field that a column is an option of: schedule for schedule.gamma."""
    return ".".join(column.split(".")[:3])


def setting_title(benchmark: str, scenario: str, num_tasks: int) -> str:
    """Return a setting as text: `split_digits, class-incremental, 5 tasks`."""
    tasks = "1 task" if num_tasks == 1 else f"{num_tasks} tasks"
    return f"{benchmark}, {scenario}-incremental, {tasks}"


def describe_differences(rows: pd.DataFrame, columns: list[str]) -> Iterator[str]:
    """Yield a line for each column in which the sweeps differ."""
    for column in varying_columns(rows, columns):
        line, differs = describe_column(rows, column)
        if differs:
            yield line


def describe_column(rows: pd.DataFrame, column: str) -> tuple[str, bool]:
    """Return a line with the sweeps of each value of a column, and whether sweeps differ in it."""
    sweeps_by_values: dict[str, list[str]] = {}
    for sweep, values in rows.groupby("sweep", sort=False)[column].agg(distinct_text).items():
        sweeps_by_values.setdefault(values, []).append(str(sweep))
    parts = (f"{values} ({', '.join(names)})" for values, names in sweeps_by_values.items())
    return f"{column.removeprefix('config.')} {', '.join(parts)}", len(sweeps_by_values) > 1


def distinct_text(column: pd.Series[str]) -> str:
    """Return the distinct values of a column as text: `0.1 or unset`."""
    texts = {"unset" if pd.isna(value) else value_text(value) for value in column.unique()}
    return " or ".join(sorted(texts))
