"""A scope: which part of the results is looked at, as a condition on `trials`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import pandas as pd

from dashboards.data.warehouse import Warehouse, quoted


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
        among = [f"{column} IN ({literals(values)})" for column, values in chosen.items()]
        return " AND ".join([*among, *conditions] or ["true"])


EVERYTHING = Scope()
COLUMNS = tuple(field.name for field in fields(Scope))
COMPARED = ("phase = 'evaluation'", "status = 'complete'")


def those(rows: pd.DataFrame) -> str:
    """Return the condition that a row is of the trials named by `sweep` and `trial_id`."""
    pairs = rows[["sweep", "trial_id"]].drop_duplicates().to_numpy()
    named = ", ".join(f"({literals(tuple(pair))})" for pair in pairs)
    # The first two are implied, but let whole files be passed over.
    return " AND ".join([
        f"sweep IN ({literals(tuple(rows['sweep'].unique()))})",
        f"trial_id IN ({literals(tuple(rows['trial_id'].unique()))})",
        f"(sweep, trial_id) IN ({named})",
    ])  # fmt: skip


def literals(values: tuple[str, ...]) -> str:
    """Return values as a list of SQL literals."""
    return ", ".join(map(quoted, values))


def choices(warehouse: Warehouse) -> Mapping[str, list[str]]:
    """Return the values there are of each column of a scope, in order of appearance."""
    found = warehouse.frame(
        f"SELECT {', '.join(COLUMNS)} FROM trials GROUP BY ALL ORDER BY min(place)"
    )
    return {column: list(found[column].dropna().unique()) for column in COLUMNS}
