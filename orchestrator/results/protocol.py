"""Which configurations may stand side by side: those trained and tested under one protocol.

The protocol is the benchmark with its scenario, number of tasks, masks, order and shares of data;
the network; and the training budget, which is all of training but what a method may choose for
itself. Within a sweep, what its grids vary stands side by side, named in the labels. Between
sweeps, the protocol must agree.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

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
    """

    table: pd.Series[int]
    differences: dict[int, str]
    apart: list[str]


def grouped(rows: pd.DataFrame, together: bool, force: bool) -> Grouping:
    """Return the tables that configurations make.

    Args:
        rows: of the trials table, one for each (sweep, configuration).
        together: they were named for one comparison, so a difference in protocol is refused;
            otherwise they go into tables of their own, which is said.
        force: one table for each benchmark whatever differs, which is marked.

    Raises:
        RepertoireError: sweeps of one setting differ in protocol; lists in what.
    """
    if force:
        return _forced(rows)
    protocols = protocol_columns(rows)
    table = pd.Series(0, index=rows.index, dtype=int)
    apart: list[str] = []
    for (benchmark, scenario, num_tasks), setting in rows.groupby(TABLE, sort=False):
        title = title_of(str(benchmark), str(scenario), int(str(num_tasks)))
        apart += [f"{title}: {line}" for line in _differences(setting, protocols)]
        for _, alike in setting.groupby(_protocol_of(setting, protocols), sort=False):
            table[alike.index] = table.max() + 1
    if together and apart:
        raise RepertoireError(_refusal(apart))
    if together:
        apart = list(_differences(rows, TABLE))
    return Grouping(table - 1, {}, apart)


def protocol_columns(rows: pd.DataFrame) -> list[str]:
    """Return the `config.*` columns that must agree between sweeps."""
    left_out = CHOSEN | SAID
    return [name for name in map(str, rows) if name.startswith(SECTIONS) and name not in left_out]


def title_of(benchmark: str, scenario: str, num_tasks: int) -> str:
    """Return a setting in words."""
    tasks = "1 task" if num_tasks == 1 else f"{num_tasks} tasks"
    return f"{benchmark}, {scenario}-incremental, {tasks}"


def _forced(rows: pd.DataFrame) -> Grouping:
    table = rows.groupby("benchmark", sort=False).ngroup()
    protocols = protocol_columns(rows)
    found = {}
    for number, mine in rows.groupby(table):
        varied = [name for name in TABLE if mine[name].nunique() > 1]
        lines = [*(_spread(mine, name)[0] for name in varied), *_differences(mine, protocols)]
        if lines:
            found[int(number)] = "; ".join(lines)
    return Grouping(table, found, [])


def _protocol_of(rows: pd.DataFrame, columns: list[str]) -> pd.Series[str]:
    """Return for each row what its sweep has in the columns, all its values together."""
    by_sweep = {
        sweep: "\n".join(_values(mine[column]) for column in columns)
        for sweep, mine in rows.groupby("sweep", sort=False)
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
    return "\n".join([
        "these are not comparable:", *(f"  - {line}" for line in lines),
        "compare them one by one, or put them side by side all the same, marked: --force",
    ])  # fmt: skip
