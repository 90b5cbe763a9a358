"""Which configurations may stand side by side: those trained and tested under one protocol.

The protocol is the benchmark with its scenario, number of tasks, masks, order and shares of data;
the network; and the training budget, which is all of training but what a method may choose for
itself. The names of sweeps decide nothing. What a sweep varies itself may differ within its table,
is in the labels, and is said. Sweeps share a table if they have, or vary over, the same protocol,
or hold the same configuration.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from orchestrator.errors import RepertoireError
from orchestrator.results.naming import TABLE, value_text

CHOSEN = frozenset(
    f"config.training.{name}"
    for name in ("optimizer", "lr", "momentum", "weight_decay", "num_threads")
)
# Columns of their own say these; the rest of config.benchmark is looked at as it is.
SAID = frozenset(f"config.benchmark.{name}" for name in ("name", "scenario", "num_tasks"))
SECTIONS = ("config.benchmark.", "config.network.", "config.training.")


@dataclass(frozen=True)
class Grouping:
    """Which table each row goes into, and what is to be said of that.

    Attributes:
        table: the number of its table, from 0, for each row.
        differences: table -> in what its rows differ though they should not; only by force.
        apart: why rows of one setting are in several tables, each in a line.
        varied: in what the rows of a table differ because a sweep varies it, each in a line.
    """

    table: pd.Series[int]
    differences: dict[int, str]
    apart: list[str]
    varied: list[str]


def group_into_tables(
    rows: pd.DataFrame, held_by: Sequence[Sequence[str]], together: bool, force: bool
) -> Grouping:
    """Return the tables that configurations make.

    Args:
        rows: of the trials table, one for each configuration.
        held_by: for each row, the sweeps that hold it.
        together: they were named for one comparison, so a difference in protocol is refused;
            otherwise they go into tables of their own, which is said.
        force: one table for each benchmark whatever differs, which is marked.

    Raises:
        RepertoireError: sweeps of one setting differ in protocol; lists in what.
    """
    members = rows.assign(sweep=pd.Series(list(held_by), rows.index, object)).explode("sweep")
    if force:
        return _forced(rows, members)
    protocols = protocol_columns(rows)
    table = pd.Series(0, index=rows.index, dtype=int)
    apart: list[str] = []
    varied: list[str] = []
    for (benchmark, scenario, num_tasks), setting in members.groupby(TABLE, sort=False):
        title = title_of(str(benchmark), str(scenario), int(str(num_tasks)))
        numbers = _components(setting, protocols)
        lines = [f"{title}: {line}" for line in _differences(setting, protocols)]
        apart += lines if len(set(numbers.values())) > 1 else []
        varied += [f"{title}: {line}" for line in _varied(setting, protocols, numbers)]
        first = table.max() + 1
        table.update(pd.Series(numbers) + first)
    if together and apart:
        raise RepertoireError(_refusal(apart))
    if together:
        apart = list(_differences(members, TABLE))
    return Grouping(table - 1, {}, apart, varied)


def _components(members: pd.DataFrame, protocols: list[str]) -> dict[Hashable, int]:
    """Return the number of the table of each row of one setting.

    Rows and the protocols of their sweeps are joined where a sweep holds a row; what hangs
    together is a table.

    Args:
        members: rows, each as often as there are sweeps that hold it.
        protocols: columns of the protocol.
    """
    protocol, _ = pd.factorize(_protocol_of(members, protocols))
    row, index = pd.factorize(members.index)
    size = len(index) + protocol.max() + 1
    links = coo_array((np.ones(len(row)), (row, len(index) + protocol)), shape=(size, size))
    _, component = connected_components(links, directed=False)
    numbers, _ = pd.factorize(component[: len(index)])  # in order of appearance
    return dict(zip(index, map(int, numbers), strict=True))


def _varied(
    members: pd.DataFrame, protocols: list[str], numbers: Mapping[Hashable, int]
) -> Iterator[str]:
    """Yield a line for each column in which the rows of one table differ."""
    for _, rows in members.groupby(members.index.map(numbers), sort=False):
        for column in protocols:
            if rows[column].nunique(dropna=False) > 1:
                yield _spread(rows, column)[0]


def protocol_columns(rows: pd.DataFrame) -> list[str]:
    """Return the `config.*` columns that must agree between sweeps."""
    left_out = CHOSEN | SAID
    return [name for name in map(str, rows) if name.startswith(SECTIONS) and name not in left_out]


def title_of(benchmark: str, scenario: str, num_tasks: int) -> str:
    """Return a setting in words."""
    tasks = "1 task" if num_tasks == 1 else f"{num_tasks} tasks"
    return f"{benchmark}, {scenario}-incremental, {tasks}"


def _forced(rows: pd.DataFrame, members: pd.DataFrame) -> Grouping:
    table = rows.groupby("benchmark", sort=False).ngroup()
    protocols = protocol_columns(rows)
    differences = {}
    for number, part in members.groupby(members.index.map(table.to_dict())):
        varied = [name for name in TABLE if part[name].nunique() > 1]
        lines = [*(_spread(part, name)[0] for name in varied), *_differences(part, protocols)]
        if lines:
            differences[int(number)] = "; ".join(lines)
    return Grouping(table, differences, [], [])


def _protocol_of(rows: pd.DataFrame, columns: list[str]) -> pd.Series[str]:
    """Return for each row what its sweep has in the columns, all its values together."""
    by_sweep = {
        sweep: "\n".join(_values(part[column]) for column in columns)
        for sweep, part in rows.groupby("sweep", sort=False)
    }
    return rows["sweep"].map(by_sweep)


def _differences(rows: pd.DataFrame, columns: list[str]) -> Iterator[str]:
    """Yield a line for each column in which the sweeps differ."""
    for column in columns:
        line, differs = _spread(rows, column)
        if differs:
            yield line


def _spread(rows: pd.DataFrame, column: str) -> tuple[str, bool]:
    """Return who has what in a column, and whether sweeps differ in it."""
    held: dict[str, list[str]] = {}
    for sweep, values in rows.groupby("sweep", sort=False)[column].agg(_values).items():
        held.setdefault(values, []).append(str(sweep))
    who = ", ".join(f"{values} ({', '.join(sweeps)})" for values, sweeps in held.items())
    return f"{column.removeprefix('config.')} {who}", len(held) > 1


def _values(column: pd.Series[str]) -> str:
    texts = {"unset" if pd.isna(value) else value_text(value) for value in column.unique()}
    return " or ".join(sorted(texts))


def _refusal(lines: list[str]) -> str:
    return "\n".join(
        [
            "these are not comparable:",
            *(f"  - {line}" for line in lines),
            "compare them one by one, or put them side by side all the same, marked: --force",
        ]
    )
