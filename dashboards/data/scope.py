"""A scope: the part of the results to show, as a condition on `trials`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import pandas as pd

from dashboards.data.sql_views import sql_literal
from dashboards.data.warehouse import Warehouse
from orchestrator.columns import METHOD_LABEL


@dataclass(frozen=True)
class Scope:
    """The chosen values of each column; an empty tuple chooses all."""

    sweep: tuple[str, ...] = ()
    benchmark: tuple[str, ...] = ()
    scenario: tuple[str, ...] = ()
    method: tuple[str, ...] = ()

    def where(self, *conditions: str) -> str:
        """Return the SQL condition that a row is in the scope and further conditions are true."""
        chosen = {column: values for column, values in vars(self).items() if values}
        among = [f"{column} IN ({sql_literals(values)})" for column, values in chosen.items()]
        return " AND ".join([*among, *conditions] or ["true"])

    def mask(self, rows: pd.DataFrame, sweeps: pd.Series[Any] | None = None) -> pd.Series[bool]:
        """Return, for each row, whether it is in the scope.

        Args:
            rows: a frame with the columns of a scope.
            sweeps: all sweeps that have each row; None for the column `sweep` only.
        """
        mask = pd.Series(True, index=rows.index)
        for column, values in vars(self).items():
            if values and column == "sweep" and sweeps is not None:
                mask &= sweeps.map(lambda names, values=values: not set(names).isdisjoint(values))
            elif values:
                mask &= rows[column].isin(values)
        return mask


EVERYTHING = Scope()
SCOPE_COLUMNS = tuple(field.name for field in fields(Scope))
IS_COMPARED = ("phase = 'evaluation'", "status = 'complete'")


def sql_literals(values: tuple[str, ...]) -> str:
    """Return values as a list of SQL literals."""
    return ", ".join(map(sql_literal, values))


def list_choices(warehouse: Warehouse) -> Mapping[str, list[str]]:
    """Return column -> values in the results, in order of appearance, for each scope column."""
    values_of = warehouse.frame(
        f"SELECT {', '.join(SCOPE_COLUMNS)} FROM trials GROUP BY ALL ORDER BY min(place)"
    )
    return {column: list(values_of[column].dropna().unique()) for column in SCOPE_COLUMNS}


def list_labels(warehouse: Warehouse) -> Mapping[str, str]:
    """Return label -> method of the entries that a sweep gives a label."""
    rows = warehouse.frame(
        f"SELECT DISTINCT {METHOD_LABEL} AS label, method FROM trials WHERE label IS NOT NULL"
    )
    return dict(zip(rows["label"], rows["method"], strict=True))


def list_whole_labels(warehouse: Warehouse) -> Mapping[str, str]:
    """Return label -> method where all evaluated trials of one method have it, and no others."""
    rows = warehouse.frame(
        f"SELECT DISTINCT {METHOD_LABEL} AS label, method FROM trials WHERE phase = 'evaluation'"
    )
    alone = ~rows["method"].duplicated(keep=False) & ~rows["label"].duplicated(keep=False)
    whole = rows[alone & rows["label"].notna()]
    return dict(zip(whole["label"], whole["method"], strict=True))
