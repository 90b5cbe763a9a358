"""Captions of charts: pure functions from the frame of a chart to sentences with its numbers."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from math import isfinite
from typing import Any

import pandas as pd

from dashboards.charts.costs import STORAGE
from dashboards.charts.quantities import interval_text, metric_text, short_label, si_text
from orchestrator.columns import COLUMNS, SHOWN_METRICS
from orchestrator.terminal.units import p_value_text

Row = Mapping[Hashable, Any]
COSTS = tuple((name, COLUMNS[name].unit) for name in ("storage_bytes", "compute_flops"))
COST_NAMES = {"storage_bytes": "Storage", "compute_flops": "Computation"}
NOT_COUNTED = "It was not counted for any configuration."


def trade_off(rows: pd.DataFrame) -> str:
    """Return the configurations of highest and second highest ACC, and those of least cost."""
    ranked = rows[rows["acc_mean"].notna()].sort_values("acc_mean", ascending=False)
    if ranked.empty:
        return "ACC is undefined for every configuration."
    best, *others = ranked.to_dict("records")
    sentence = [f"{best['label']} reaches the highest ACC, {_acc_and_costs(best)}."]
    if others:
        sentence.append(
            f"Next is {others[0]['label']}: "
            f"{_acc_and_costs(others[0])}{_significance_text(others[0])}."
        )
        sentence += [
            _cheapest_sentence(rows, *cost)
            for cost in COSTS
            if rows[f"{cost[0]}_mean"].notna().any()
        ]
    if "front" in rows:
        sentence.append(
            f"{int(rows['front'].sum())} of {len(rows)} configurations are on the Pareto front of "
            "ACC, storage and computation: no other beats them by intervals that do not overlap."
        )
    return " ".join(sentence)


def forgetting(rows: pd.DataFrame, curves: pd.DataFrame) -> str:
    """Return the configurations that forget least and most, with task 1 of the latter."""
    extremes = _extremes(rows, "forgetting_mean")
    if extremes is None:
        return "There is one task, so nothing can be forgotten."
    least, most = extremes
    sentence = (
        f"{least['label']} forgets least: {_metric_text(least, 'forgetting')} on average over tasks"
    )
    if rows["forgetting_mean"].count() > 1:
        sentence += f"; {most['label']} most: {_metric_text(most, 'forgetting')}"
    first = curves[(curves["trial_id"] == most["trial_id"]) & (curves["task"] == 1)]
    at = first.set_index("after")["accuracy_mean"]
    last = int(at.index.max()) if len(at) else 0
    if last > 1:
        sentence += f". With {most['label']}, accuracy on task 1 goes from {metric_text(at[1])}, "
        sentence += f"when it is learned, to {metric_text(at[last])} after {last} tasks"
    return f"{sentence}."


def storage(rows: pd.DataFrame) -> str:
    """Return the configurations of most and least storage, and the largest part of the most."""
    extremes = _extremes(rows, "storage_bytes_mean")
    if extremes is None:
        return NOT_COUNTED
    least, most = extremes
    sentence = _extremes_sentence(most, least, "storage_bytes", "B", "carries")
    parts = {words: most.get(column, 0) or 0 for column, words in STORAGE.items()}
    beside = sorted(((size, words) for words, size in parts.items() if words != "model"))[-1]
    if beside[0] > 0:
        share = beside[0] / most["storage_bytes_mean"]
        sentence += f" {share:.0%} of what {most['label']} carries is {beside[1]}."
    return sentence


def computation(rows: pd.DataFrame) -> str:
    """Return those of most and least computation, and the largest share of consolidation."""
    extremes = _extremes(rows, "compute_flops_mean")
    if extremes is None:
        return NOT_COUNTED
    least, most = extremes
    sentence = _extremes_sentence(most, least, "compute_flops", "FLOP", "computes")
    shares = (rows["consolidate_flops_mean"] / rows["compute_flops_mean"]).fillna(0)
    if shares.max() > 0:
        label = rows["label"].to_numpy()[shares.argmax()]
        sentence += f" Consolidation is {shares.max():.0%} of it for {label}, the largest share."
    return sentence


def matrix(row: Row) -> str:
    """Return the metrics of R."""
    defined = [name for name in SHOWN_METRICS if isfinite(row[f"{name}_mean"])]
    return ", ".join(f"{short_label(name)} {_metric_text(row, name)}" for name in defined) + "."


def differences(table: pd.DataFrame, metric: str, tests: int | None = None) -> str:
    """Return the largest difference, and how many are significant.

    Args:
        table: rows of `dashboards.data.comparing.differences`.
        metric: the metric that is compared.
        tests: number of tests that p-values are corrected for; None: the rows of `table`.
    """
    clear = int(((table["low"] > 0) | (table["high"] < 0)).sum())
    corrected = int((table["p_holm"] < 0.05).sum())
    against, rows = table["against"].iloc[0], table[table["difference"].notna()]
    if rows.empty:
        return f"No seed is common to {against} and another configuration."
    top = rows.sort_values("difference").iloc[-1]
    reach = (
        f" [{metric_text(top['low'])}, {metric_text(top['high'])}]" if isfinite(top["low"]) else ""
    )
    return (
        f"On common seeds {top['label']} has the highest difference from {against} in "
        f"{short_label(metric)}: {metric_text(top['difference'])}{reach}. "
        f"The 95% paired t interval excludes 0 for {clear} of "
        f"{_count_text(len(table), 'configuration')} (p < 0.05, each tested alone); "
        f"after Holm's correction for {_count_text(tests or len(table), 'test')} "
        f"p is below 0.05 for {corrected}."
    )


def search(rows: pd.DataFrame) -> str:
    """Return the number of candidates by status, and the winner."""
    ends = rows["status"].value_counts(sort=False)
    others = [f"{n} {status}" for status, n in ends.items() if status != "complete"]
    sentence = (
        f"{_count_text(len(rows), 'candidate')}"
        + (f", {', '.join(others)}" if others else "")
        + "."
    )
    ranked = rows[rows["selected"]]
    if ranked.empty:
        return f"{sentence} No candidate has won yet."
    winner = ranked.iloc[0]
    if pd.isna(winner["objective"]):
        return f"{sentence} Chosen: {', '.join(ranked['label'])}."
    return f"{sentence} {winner['label']} won with {metric_text(winner['objective'])} (validation)."


def importance(shares: pd.Series[float]) -> str:
    """Return the most important hyperparameter, of shares in descending order."""
    name, share = shares.index[0], float(shares.iloc[0])
    if not isfinite(share):
        return "The objective does not depend on any hyperparameter that was searched."
    return f"{name} has {share:.0%} of the importance for the objective in a random forest."


def sharing(rows: pd.DataFrame) -> str:
    """Return the numbers of trained stages, all and distinct, and the FLOPs saved by sharing."""
    return " ".join(
        f"{row['sweep']}: {row['stages']:,} trained stages asked for, {row['distinct']:,} of them "
        f"distinct: {si_text(row['flops'] - row['distinct_flops'], 'FLOP')} of "
        f"{si_text(row['flops'], 'FLOP')} "
        f"({_saved_share(row['flops'], row['distinct_flops']):.1%}) saved."
        for row in rows.to_dict("records")
    )


def _extremes(rows: pd.DataFrame, column: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Return the rows of the smallest and the largest value; None if there is no value."""
    ordered = rows[rows[column].notna()].sort_values(column)
    if ordered.empty:
        return None
    return ordered.iloc[0].to_dict(), ordered.iloc[-1].to_dict()


def _saved_share(whole: float, part: float) -> float:
    return 1 - part / whole if whole else 0.0


def _count_text(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def _metric_text(row: Row, name: str) -> str:
    return interval_text(row[f"{name}_mean"], row[f"{name}_ci95"])


def _acc_and_costs(row: Row) -> str:
    storage, work = (si_text(row[f"{cost}_mean"], unit) for cost, unit in COSTS)
    return f"{_metric_text(row, 'acc')}, with {storage} carried between tasks and {work} computed"


def _significance_text(row: Row) -> str:
    """Return whether a row differs from the best, corrected for its choice by the same data."""
    p = row.get("acc_p_holm", float("nan"))
    if not isfinite(p) or not row.get("against_best"):
        return ""
    word = "different" if p < 0.05 else "not significantly different"
    return f"; {word} on the same seeds (p {_p_relation(p)}, corrected for choosing the best)"


def _p_relation(p: float) -> str:
    text = p_value_text(p)
    return text if text.startswith("<") else f"= {text}"


def _cheapest_sentence(rows: pd.DataFrame, cost: str, unit: str) -> str:
    row = rows.sort_values(f"{cost}_mean", kind="stable").iloc[0]
    least = si_text(row[f"{cost}_mean"], unit)
    acc = metric_text(row["acc_mean"])
    return f"{COST_NAMES[cost]} is least with {row['label']}: {least}, at ACC {acc}."


def _extremes_sentence(most: Row, least: Row, cost: str, unit: str, does: str) -> str:
    high, low = most[f"{cost}_mean"], least[f"{cost}_mean"]
    if most["trial_id"] == least["trial_id"]:
        return f"{most['label']} {does} {si_text(high, unit)}."
    times = (
        f", {high / low:.1f} times as much as {least['label']} ({si_text(low, unit)})"
        if low
        else ""
    )
    return f"{most['label']} {does} most: {si_text(high, unit)}{times}."
