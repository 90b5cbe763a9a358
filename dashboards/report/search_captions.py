"""Captions of charts of searches: their candidates, and what mattered."""

from __future__ import annotations

from math import isfinite

import pandas as pd

from dashboards.report.ties import tie_text
from orchestrator.results.units import objective_text, percent_text


def search(rows: pd.DataFrame) -> str:
    """Return the number of candidates by status, and the winner."""
    ends = rows["status"].value_counts(sort=False)
    others = [f"{n} {status}" for status, n in ends.items() if status != "complete"]
    sentence = (
        f"{count_text(len(rows), 'candidate')}" + (f", {', '.join(others)}" if others else "") + "."
    )
    ranked = rows[rows["selected"]]
    if ranked.empty:
        return f"{sentence} No candidate has won yet."
    winner = ranked.iloc[0]
    if pd.isna(winner["objective"]):
        return f"{sentence} Chosen: {', '.join(ranked['label'])}."
    value = objective_text(winner["objective"])
    tie = tie_text(rows[rows["status"] == "complete"], "objective", winner.to_dict())
    return f"{sentence} {winner['label']}{tie} won with {value} (validation)."


def importance(shares: pd.Series[float]) -> str:
    """Return a sentence on the most important hyperparameter.

    Args:
        shares: of the hyperparameters, the largest first.
    """
    name, share = shares.index[0], float(shares.iloc[0])
    if not isfinite(share):
        return "The objective does not depend on any hyperparameter that was searched."
    return (
        f"{name} has {percent_text(share)} of the importance for the objective in a random forest."
    )


def count_text(n: int, what: str) -> str:
    """Return a number of things, in the plural unless there is one."""
    return f"{n:,} {what}{'' if n == 1 else 's'}"
