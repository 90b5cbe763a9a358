"""Captions of charts of costs: storage, computation, and what sharing saved."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from dashboards.charts.costs import STORAGE_PARTS
from dashboards.report.ties import tie_text
from orchestrator.columns import LATE_STORAGE
from orchestrator.results.units import (
    bytes_text,
    column_text,
    decimal_text,
    duration_text,
    flops_text,
    percent_text,
    times_text,
)

Row = Mapping[Hashable, Any]
COST_NAMES = {"storage_bytes": "Storage", "compute_flops": "Computation"}
BODY, WITHOUT_BODY = (f"{name}_mean" for name in LATE_STORAGE)
ALL_SWEEPS = "All sweeps together"
NOT_COUNTED = "It was not counted for any configuration."


def storage(rows: pd.DataFrame) -> str:
    """Return the configurations of most and least storage, and the largest part of the most."""
    extremes = find_extremes(rows, "storage_bytes_mean")
    if extremes is None:
        return NOT_COUNTED
    least, most = extremes
    sentence = _extremes_sentence(rows, most, least, "storage_bytes", "carries")
    parts = {words: most.get(column, 0) or 0 for column, words in STORAGE_PARTS.items()}
    beside = sorted(((size, words) for words, size in parts.items() if words != "model"))[-1]
    if beside[0] > 0:
        share = beside[0] / most["storage_bytes_mean"]
        sentence += f" {percent_text(share)} of what {most['label']} carries is {beside[1]}."
    return f"{sentence} {frozen_body(rows)}".rstrip()


def frozen_body(rows: pd.DataFrame) -> str:
    """Return the bytes of a frozen, pretrained body, and the most that is carried without it.

    "" if no configuration has a body.
    """
    carriers = rows[rows[BODY].fillna(0) > 0] if BODY in rows else rows[:0]
    extremes = find_extremes(carriers, WITHOUT_BODY) if len(carriers) else None
    if extremes is None:
        return ""
    most, bodies = extremes[1], carriers[BODY]
    sizes = " to ".join(dict.fromkeys(bytes_text(size) for size in (bodies.min(), bodies.max())))
    return (
        f"A frozen, pretrained body is {sizes} of it; without the body {most['label']} carries "
        f"most, {bytes_text(most[WITHOUT_BODY])}."
    )


def computation(rows: pd.DataFrame) -> str:
    """Return the configurations of most and least computation, and the largest consolidation."""
    extremes = find_extremes(rows, "compute_flops_mean")
    if extremes is None:
        return NOT_COUNTED
    least, most = extremes
    sentence = _extremes_sentence(rows, most, least, "compute_flops", "computes")
    shares = (rows["consolidate_flops_mean"] / rows["compute_flops_mean"]).fillna(0)
    if shares.max() > 0:
        label = rows["label"].to_numpy()[shares.argmax()]
        sentence += (
            f" Consolidation is {percent_text(shares.max())} of it for {label}, the largest share."
        )
    return sentence


def sharing(rows: pd.DataFrame) -> list[str]:
    """Return a line per row of `count_shared`: stages asked for and computed, FLOPs spared."""
    return [
        f"{row['sweep'] or ALL_SWEEPS}: {stages_text(row)}; {spared_text(row)}."
        for row in rows.to_dict("records")
    ]


def stages_text(row: Row) -> str:
    """Return how many stages of a row of `count_shared` were asked for, lack, and were computed."""
    stored = row["distinct"] - row["computed"]
    stored_flops = row["distinct_flops"] - row["computed_flops"]
    which = "this sweep" if row["sweep"] else "these sweeps"
    asked, lacking = row["first_states"] + row["to_train"], row["to_train"] - row["stages"]
    trained = (
        f"{row['to_train']:,} of them to train, of which {lacking:,} have no result (their trials "
        f"failed, diverged or are not over) and {row['stages']:,} are trained"
        if lacking
        else f"{row['to_train']:,} of them trained"
    )
    return (
        f"{asked:,} stages asked for, {trained} ({flops_text(row['flops'])}), "
        f"{row['distinct']:,} of them distinct ({flops_text(row['distinct_flops'])}): "
        f"{row['computed']:,} computed for {which} ({flops_text(row['computed_flops'])} in "
        f"{duration_text(row['seconds'])}), "
        f"{stored:,} already in the store ({flops_text(stored_flops)})"
    )


def spared_text(row: Row) -> str:
    """Return the FLOPs that sharing spared: within a sweep, between sweeps, and by the store."""
    parts = {
        "by sharing within a sweep": row["flops"] - row["copies_flops"],
        "by sharing between these sweeps": row["copies_flops"] - row["distinct_flops"],
        "by the store": row["distinct_flops"] - row["computed_flops"],
    }
    if row["sweep"]:
        del parts["by sharing between these sweeps"]
    shares = ", ".join(f"{flops_text(flops)} {how}" for how, flops in parts.items())
    whole = percent_text(_saved_share(row["flops"], row["computed_flops"]), 1)
    return f"{whole} of the computation was spared: {shares}"


def find_extremes(rows: pd.DataFrame, column: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Return the rows of the smallest and the largest value; None if there is no value."""
    ordered = rows[rows[column].notna()].sort_values(column)
    if ordered.empty:
        return None
    return ordered.iloc[0].to_dict(), ordered.iloc[-1].to_dict()


def _saved_share(whole: float, part: float) -> float:
    return 1 - part / whole if whole else 0.0


def cheapest_sentence(rows: pd.DataFrame, cost: str) -> str:
    """Return the configuration of least cost, with its ACC."""
    row = rows.sort_values(f"{cost}_mean", kind="stable").iloc[0]
    least = column_text(cost, row[f"{cost}_mean"])
    acc = decimal_text(row["acc_mean"])
    tie = tie_text(rows, f"{cost}_mean", row.to_dict())
    return f"{COST_NAMES[cost]} is least with {row['label']}{tie}: {least}, at ACC {acc}."


def _extremes_sentence(rows: pd.DataFrame, most: Row, least: Row, cost: str, does: str) -> str:
    """Return a sentence on the most and the least, given the cost and what is done with it."""
    high, low = most[f"{cost}_mean"], least[f"{cost}_mean"]
    tie = tie_text(rows, f"{cost}_mean", most)
    if high == low:
        return f"{most['label']}{tie} {does} {column_text(cost, high)}."
    times = (
        f", {times_text(high / low)} as much as {least['label']} ({column_text(cost, low)})"
        if low
        else ""
    )
    return f"{most['label']}{tie} {does} most: {column_text(cost, high)}{times}."
