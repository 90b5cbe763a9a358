"""Tables of comparable configurations: those trained and tested under one protocol.

The protocol is the benchmark with its scenario, number of tasks, masks, order and shares of data;
the network; and the training budget, which is all of `training` except the options that are tuned
for a method. A column that a sweep varies may differ within its table; labels have it, and it is
reported. Two sweeps share a table if they have, or vary over, the same protocol, or if they have a
configuration in common.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from orchestrator.errors import RepertoireError
from orchestrator.results.naming import value_text
from orchestrator.results.pooling import TABLE

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


@dataclass(frozen=True)
class Grouping:
    """The table of each row, and the differences in protocol to report.

    Attributes:
        table: number of the table of each row, from 0.
        differences: table -> the columns in which its rows differ; only with `force`.
        apart: lines on why rows of one setting are in several tables.
        varied: lines on the columns that a sweep varies within a table.
    """

    table: pd.Series[int]
    differences: dict[int, str]
    apart: list[str]
    varied: list[str]


def group_into_tables(
    rows: pd.DataFrame, sweeps: Sequence[Sequence[str]], together: bool, force: bool
) -> Grouping:
    """Group configurations into tables of comparable rows.

    Args:
        rows: rows of the trials table, one for each configuration.
        sweeps: the sweeps that have each row.
        together: refuse differences in protocol; otherwise such rows get tables of their own.
        force: one table for each benchmark, with the differences in protocol.

    Raises:
        RepertoireError: with `together`, sweeps of one setting differ in protocol; lists how.
    """
    members = rows.assign(sweep=pd.Series(list(sweeps), rows.index, object)).explode("sweep")
    if force:
        return _group_by_benchmark(rows, members)
    protocols = protocol_columns(rows)
    table = pd.Series(0, index=rows.index, dtype=int)
    apart: list[str] = []
    varied: list[str] = []
    for (benchmark, scenario, num_tasks), setting in members.groupby(TABLE, sort=False):
        title = setting_title(str(benchmark), str(scenario), int(str(num_tasks)))
        numbers = _number_tables(setting, protocols)
        lines = [f"{title}: {line}" for line in _describe_differences(setting, protocols)]
        apart += lines if len(set(numbers.values())) > 1 else []
        varied += [f"{title}: {line}" for line in _describe_variation(setting, protocols, numbers)]
        first = table.max() + 1
        table.update(pd.Series(numbers) + first)
    if together and apart:
        raise RepertoireError(_not_comparable_message(apart))
    if together:
        apart = list(_describe_differences(members, TABLE))
    return Grouping(table - 1, {}, apart, varied)


def _number_tables(members: pd.DataFrame, protocols: list[str]) -> dict[Hashable, int]:
    """Return the number of the table of each row of one setting.

    The tables are the connected components of the graph that links each row with the protocols of
    the sweeps that have it.

    Args:
        members: the rows, each once for every sweep that has it.
        protocols: columns of the protocol.
    """
    protocol, _ = pd.factorize(_protocol_texts(members, protocols))
    row, index = pd.factorize(members.index)
    size = len(index) + protocol.max() + 1
    links = coo_array((np.ones(len(row)), (row, len(index) + protocol)), shape=(size, size))
    _, component = connected_components(links, directed=False)
    numbers, _ = pd.factorize(component[: len(index)])  # in order of appearance
    return dict(zip(index, map(int, numbers), strict=True))


def _describe_variation(
    members: pd.DataFrame, protocols: list[str], numbers: Mapping[Hashable, int]
) -> Iterator[str]:
    """Yield a line for each column in which the rows of one table differ."""
    for _, rows in members.groupby(members.index.map(numbers), sort=False):
        for column in protocols:
            if rows[column].nunique(dropna=False) > 1:
                yield _describe_column(rows, column)[0]


def protocol_columns(rows: pd.DataFrame) -> list[str]:
    """Return the `config.*` columns that must agree between sweeps."""
    compared = [name for name in map(str, rows) if name.startswith(SECTIONS)]
    return [
        name
        for name in compared
        if name not in TITLE_COLUMNS and field_column(name) not in METHOD_CHOICES
    ]


def field_column(column: str) -> str:
    """Return the column of the field of which a column is an option: schedule of schedule.gamma."""
    return ".".join(column.split(".")[:3])


def setting_title(benchmark: str, scenario: str, num_tasks: int) -> str:
    """Return a setting as text: `split_digits, class-incremental, 5 tasks`."""
    tasks = "1 task" if num_tasks == 1 else f"{num_tasks} tasks"
    return f"{benchmark}, {scenario}-incremental, {tasks}"


def _group_by_benchmark(rows: pd.DataFrame, members: pd.DataFrame) -> Grouping:
    table = rows.groupby("benchmark", sort=False).ngroup()
    protocols = protocol_columns(rows)
    differences = {}
    for number, part in members.groupby(members.index.map(table.to_dict())):
        varied = [name for name in TABLE if part[name].nunique() > 1]
        lines = [
            *(_describe_column(part, name)[0] for name in varied),
            *_describe_differences(part, protocols),
        ]
        if lines:
            differences[int(number)] = "; ".join(lines)
    return Grouping(table, differences, [], [])


def _protocol_texts(rows: pd.DataFrame, columns: list[str]) -> pd.Series[str]:
    """Return for each row the values that its sweep has in the columns, as text."""
    by_sweep = {
        sweep: "\n".join(_values_text(part[column]) for column in columns)
        for sweep, part in rows.groupby("sweep", sort=False)
    }
    return rows["sweep"].map(by_sweep)


def _describe_differences(rows: pd.DataFrame, columns: list[str]) -> Iterator[str]:
    """Yield a line for each column in which the sweeps differ."""
    for column in columns:
        line, differs = _describe_column(rows, column)
        if differs:
            yield line


def _describe_column(rows: pd.DataFrame, column: str) -> tuple[str, bool]:
    """Return a line with the sweeps of each value of a column, and whether sweeps differ in it."""
    sweeps_by_values: dict[str, list[str]] = {}
    for sweep, values in rows.groupby("sweep", sort=False)[column].agg(_values_text).items():
        sweeps_by_values.setdefault(values, []).append(str(sweep))
    parts = (f"{values} ({', '.join(names)})" for values, names in sweeps_by_values.items())
    return f"{column.removeprefix('config.')} {', '.join(parts)}", len(sweeps_by_values) > 1


def _values_text(column: pd.Series[str]) -> str:
    texts = {"unset" if pd.isna(value) else value_text(value) for value in column.unique()}
    return " or ".join(sorted(texts))


def _not_comparable_message(lines: list[str]) -> str:
    return "\n".join(
        [
            "these are not comparable:",
            *(f"  - {line}" for line in lines),
            "compare them one by one, or in one table with a warning: --force",
        ]
    )
