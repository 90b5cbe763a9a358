"""A scope: which part of the results is looked at, as a condition on `trials`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import pandas as pd

from dashboards.data.views import sql_literal
from dashboards.data.warehouse import Warehouse


@dataclass(frozen=True)
class Scope:
    """The values that are looked at, of each column; none stands for all."""

    sweep: tuple[str, ...] = ()
    benchmark: tuple[str, ...] = ()
    scenario: tuple[str, ...] = ()
    method: tuple[str, ...] = ()

    def where(self, *conditions: str) -> str:
        """Return the condition in SQL that a row is in the scope, and further conditions hold."""
        chosen = {column: values for column, values in vars(self).items() if values}
        among = [f"{column} IN ({sql_literals(values)})" for column, values in chosen.items()]
        return " AND ".join([*among, *conditions] or ["true"])

    def holds(self, rows: pd.DataFrame, sweeps: pd.Series[Any] | None = None) -> pd.Series[bool]:
        """Return which rows are in the scope.

        Args:
            rows: with the columns of a scope.
            sweeps: for each row, all the sweeps that hold it; None for its own alone.
        """
        held = pd.Series(True, index=rows.index)
        for column, values in vars(self).items():
            if values and column == "sweep" and sweeps is not None:
                held &= sweeps.map(lambda names, values=values: not set(names).isdisjoint(values))
            elif values:
                held &= rows[column].isin(values)
        return held


EVERYTHING = Scope()
COLUMNS = tuple(field.name for field in fields(Scope))
COMPARED = ("phase = 'evaluation'", "status = 'complete'")


def sql_literals(values: tuple[str, ...]) -> str:
    """Return values as a list of SQL literals."""
    return ", ".join(map(sql_literal, values))


def choices(warehouse: Warehouse) -> Mapping[str, list[str]]:
    """Return the values there are of each column of a scope, in order of appearance."""
    values_of = warehouse.frame(
        f"SELECT {', '.join(COLUMNS)} FROM trials GROUP BY ALL ORDER BY min(place)"
    )
    return {column: list(values_of[column].dropna().unique()) for column in COLUMNS}
