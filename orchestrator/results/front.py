"""The rows of a comparison that are on the Pareto front of their table."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from orchestrator.results.comparison import comparison
from orchestrator.results.pareto import DEFAULT_METRICS, front_mask
from orchestrator.results.results import Results
from orchestrator.sweep.objective.objective_text import Mode


def with_front(table: pd.DataFrame, metrics: Sequence[str] = DEFAULT_METRICS) -> pd.DataFrame:
    """Add `front`: whether a row is on the Pareto front of its table.

    Raises:
        UnknownName: there is no such metric.
    """
    marked = table.assign(front=front_mask(table, metrics, within=["table"]))
    marked.attrs = {**table.attrs, "front": tuple(metrics)}
    return marked


def pareto(
    results: Results, metrics: Sequence[str] = DEFAULT_METRICS, modes: Sequence[Mode] | None = None
) -> pd.DataFrame:
    """Return the rows of the comparison that are on the Pareto front of their table.

    Args:
        results: of one sweep or several.
        metrics: names of VALUES.
        modes: "max" or "min" for each; None: "min" for costs and forgetting, "max" for the others.

    Raises:
        UnknownName: there is no such metric or mode.
    """
    table = comparison(results)
    return table[front_mask(table, metrics, modes, ["table"])].reset_index(drop=True)
