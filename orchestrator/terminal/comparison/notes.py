"""The notes on all tables of a comparison."""

from __future__ import annotations

import pandas as pd

from orchestrator.results.comparison import CANDIDATES
from orchestrator.results.early_ends import status_text
from orchestrator.results.units import noun_text

ON_FRONT = "*"
INTERVAL_NOTE = "± is the 95% Student-t interval of the mean over n seeds"
FRONT_RULE = (
    "no other row is better in one of them and better or equal in all, by intervals that do not "
    "overlap"
)
BEST_NOTE = (
    "bold is the best of a column, and what does not differ from it clearly: p of at least 0.05, "
    "paired by seed, Holm for all pairs"
)


def value_notes(table: pd.DataFrame) -> list[str]:
    """Return the notes that explain the figures of a comparison."""
    notes = [INTERVAL_NOTE] if len(table) and (table["n"] > 1).any() else []
    best = [name for name in table if str(name).endswith("_best") and name != "against_best"]
    return [*notes, *([BEST_NOTE] if table[best].to_numpy(bool).any() else [])]


def closing_notes(table: pd.DataFrame) -> list[str]:
    """Return the notes on all tables of a comparison."""
    notes = value_notes(table)
    if metrics := table.attrs.get("front"):
        notes.append(f"{ON_FRONT} is on the Pareto front of {', '.join(metrics)}: {FRONT_RULE}")
    for label, chosen in table.attrs.get("chosen", {}).items():
        # A label that names what was chosen need not say it twice.
        text = label if label.endswith(f" {chosen}") else f"{label}: {chosen}"
        notes.append(f"chosen by the search: {text}")
    if apart := table.attrs.get("apart"):
        notes.append(f"in separate tables, since not comparable: {'; '.join(apart)}")
    if varied := table.attrs.get("varied"):
        notes.append(f"varied by a sweep, so different within a table: {'; '.join(varied)}")
    notes += table.attrs.get("pooled", [])
    left_out = dict(table.attrs.get("left_out", {}))
    if candidates := left_out.pop(CANDIDATES, 0):
        runs = noun_text(str(candidates), "run")
        notes.append(f"not in the table: {runs} of candidates of the search")
    if left_out:
        counts = ", ".join(f"{n} {status_text(why)}" for why, n in left_out.items())
        notes.append(f"left out, by (trial, seed): {counts}")
    return notes if len(table) else ["no complete trial of the evaluation phase", *notes]
