"""All configurations of the sweeps, complete or not: names follow from them, not from what is done.

A sweep that still runs, or of which a configuration failed, has the names that it has in the end.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import pandas as pd

from orchestrator.results.pooling import CONFIGURATION, TABLE, sweeps_by_configuration

SWEEPS = "all sweeps"  # of a column


def list_configurations(evaluated: pd.DataFrame, table: pd.Series[int]) -> pd.DataFrame:
    """Return a row for each configuration that is evaluated, in order of appearance.

    Columns besides those given: `table`, and SWEEPS, the sweeps that have it. One without a
    complete seed is in the table of the others of its sweep and setting, or in one of its own.

    Args:
        evaluated: rows of pooled trials of the evaluation phase, complete or not.
        table: CONFIGURATION -> the number of the table of each that is compared.
    """
    rows = evaluated.drop_duplicates(CONFIGURATION)
    sweeps = pd.Series(sweeps_by_configuration(evaluated), rows.index, object)
    known = dict(zip(table.index, table, strict=True))
    numbers = [known.get(key) for key in configuration_index(rows)]
    tables: dict[Hashable, int] = {
        place: number
        for places, number in zip(_places(rows, sweeps), numbers, strict=True)
        if number is not None
        for place in places
    }
    for i, places in enumerate(_places(rows, sweeps)):
        if numbers[i] is None:
            tables_there = (tables[place] for place in places if place in tables)
            numbers[i] = tables.setdefault(places[0], next(tables_there, len(known) + len(tables)))
    return rows.assign(table=pd.Series(numbers, rows.index, dtype=int), **{SWEEPS: sweeps})


def configuration_index(rows: pd.DataFrame) -> pd.MultiIndex:
    """Return the columns of CONFIGURATION as an index."""
    return pd.MultiIndex.from_frame(rows[CONFIGURATION])


def _places(rows: pd.DataFrame, sweeps: pd.Series[Any]) -> list[list[Hashable]]:
    """Return for each row the pairs of a sweep that has it and its setting."""
    settings = rows[TABLE].itertuples(index=False, name=None)
    return [
        [(sweep, *setting) for sweep in names]
        for names, setting in zip(sweeps, settings, strict=True)
    ]
