"""Tables of comparable configurations: those trained and tested under one protocol.

A column that a sweep varies may differ within its table; labels have it, and it is reported. Two
sweeps share a table if they have, or vary over, the same protocol, or if they have a configuration
in common.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from orchestrator.errors import RepertoireError
from orchestrator.results.names.code_texts import with_protocol_code
from orchestrator.results.pooling import TABLE
from orchestrator.results.protocol import (
    describe_column,
    describe_differences,
    distinct_text,
    protocol_columns,
    setting_title,
)
from orchestrator.results.variation import varying_columns


@dataclass(frozen=True)
class Grouping:
    """The table of each row, and the differences in protocol to report.

    Attributes:
        table: number of the table of each row, from 0.
        differences: table -> the columns in which its rows differ; only with `force`.
        apart: lines on why rows of one setting are in several tables.
        varied: lines on the columns that a sweep varies within a table.
        reasons: setting, the columns of TABLE, in several tables -> the lines on it, without its
            title; only without `force`.
    """

    table: pd.Series[int]
    differences: dict[int, str]
    apart: list[str]
    varied: list[str]
    reasons: dict[Hashable, list[str]]


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
    rows = with_protocol_code(rows)
    protocols = varying_columns(rows, protocol_columns(rows))
    members = rows[[*TABLE, *protocols]].assign(sweep=pd.Series(list(sweeps), rows.index, object))
    members = members.explode("sweep")
    if force:
        return _group_by_benchmark(rows, members, protocols)
    table = pd.Series(0, index=rows.index, dtype=int)
    reasons: dict[Hashable, list[str]] = {}
    apart: list[str] = []
    varied: list[str] = []
    for name, setting in members.groupby(TABLE, sort=False):
        title = setting_title(*setting[TABLE].iloc[0])
        numbers = _number_tables(setting, protocols)
        if len(set(numbers.values())) > 1:
            reasons[name] = list(describe_differences(setting, protocols))
            apart += [f"{title}: {line}" for line in reasons[name]]
        varied += [f"{title}: {line}" for line in _describe_variation(setting, protocols, numbers)]
        # From 1, since rows without a number yet have 0; `table - 1` counts from 0.
        first = table.max() + 1
        table.update(pd.Series(numbers) + first)
    if together and apart:
        raise RepertoireError(_not_comparable_message(apart))
    # Sweeps of one setting cannot differ here any more: several tables are of several settings.
    if together:
        apart = list(describe_differences(members, TABLE))
    return Grouping(table - 1, {}, apart, varied, reasons)


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
    # The nodes of the graph: the rows first, then the protocols.
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
        for column in varying_columns(rows, protocols):
            yield describe_column(rows, column)[0]


def _group_by_benchmark(
    rows: pd.DataFrame, members: pd.DataFrame, protocols: list[str]
) -> Grouping:
    table = rows.groupby("benchmark", sort=False).ngroup()
    differences = {}
    for number, part in members.groupby(members.index.map(table.to_dict())):
        varied = [name for name in TABLE if part[name].nunique() > 1]
        lines = [
            *(describe_column(part, name)[0] for name in varied),
            *describe_differences(part, protocols),
        ]
        if lines:
            differences[int(number)] = "; ".join(lines)
    return Grouping(table, differences, [], [], {})


def _protocol_texts(rows: pd.DataFrame, columns: list[str]) -> pd.Series[str]:
    """Return for each row the values that its sweep has in the columns, as text."""
    by_sweep = {
        sweep: "\n".join(distinct_text(part[column]) for column in columns)
        for sweep, part in rows.groupby("sweep", sort=False)
    }
    return rows["sweep"].map(by_sweep)


def _not_comparable_message(lines: list[str]) -> str:
    return "\n".join(
        [
            "these are not comparable:",
            *(f"  - {line}" for line in lines),
            "compare them one by one, or in one table with a warning: --force",
        ]
    )
