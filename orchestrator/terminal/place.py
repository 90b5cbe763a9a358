"""Lines on where trials ran, and on what a failed stage's worker wrote last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

Row = Mapping[Any, Any]


def places_line(rows: Iterable[Row]) -> str:
    """Return a line on the nodes and devices of the last stages of rows; "" if none is known."""
    places = {
        f"{row['node']} ({row['device']})": None for row in rows if has_value(row.get("node"))
    }
    return f"on {', '.join(places)}" if places else ""


def failed_place(row: Row) -> str:
    """Return the node, process and device of a stage that failed; "" if it is not known."""
    if row["status"] != "failed" or not has_value(row.get("node")):
        return ""
    process = f", process {int(row['pid'])}" if has_value(row.get("pid")) else ""
    return f"ran on {row['node']}{process}, {row['device']}"


def log_lines(row: Row) -> list[str]:
    """Return the last lines of the worker's log of a stage that failed, after a heading."""
    log = row.get("log")
    if row["status"] != "failed" or not has_value(log) or not str(log).strip():
        return []
    return ["the end of its log:", *(f"  {line}" for line in str(log).splitlines())]


def has_value(value: Any) -> bool:
    """Return whether a cell of a table has a value."""
    return value is not None and not pd.isna(value)
