"""Names of the configurations that share a value with one that a sentence names."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from orchestrator.results.statistics import ROUNDING
from orchestrator.results.units import listed_text

MOST_NAMED = 4


def tied_rows(rows: pd.DataFrame, column: str, row: Mapping[Hashable, Any]) -> pd.DataFrame:
    """Return the other rows of the same value, up to rounding errors, in their order."""
    equal = np.isclose(rows[column].astype(float), float(row[column]), rtol=ROUNDING, atol=0)
    return rows[equal & (rows["label"] != row["label"])]


def tie_text(rows: pd.DataFrame, column: str, row: Mapping[Hashable, Any]) -> str:
    """Return ` (tied with er, joint)`; empty if no other row has the value.

    Args:
        rows: of a table, with different labels.
        column: of the value.
        row: the one that the sentence names.
    """
    names = list(tied_rows(rows, column, row)["label"])
    return f" (tied with {listed_text(names, MOST_NAMED)})" if names else ""
