"""Captions of charts: pure functions from the frame of a chart to sentences with its numbers."""

from __future__ import annotations

from math import isfinite

import pandas as pd

from dashboards.charts.quantities import short_label
from dashboards.charts.tradeoff_labels import FEW, is_few
from dashboards.report.cost_captions import COST_NAMES, Row, cheapest_sentence, find_extremes
from dashboards.report.search_captions import count_text
from dashboards.report.ties import tie_text, tied_rows
from orchestrator.columns import SHOWN_METRICS
from orchestrator.results.cells import spread_tasks
from orchestrator.results.units import (
    column_text,
    decimal_text,
    interval_text,
    p_value_text,
    range_text,
)

TRADE_OFF = (
    "Bars are 95% intervals over seeds. The line is the Pareto front of the means of a panel; a "
    "point is hollow if another beats it in both quantities of the panel by intervals that do not "
    "overlap."
)
MANY = (
    f"Of more than {FEW} configurations, those on the front and the best of each method have bars "
    "and, where there is room, labels; point at another to see its name and its intervals."
)
COST_PLANE = (
    "Colour is ACC, size the width of its interval; hollow: one seed. Ringed: on the Pareto front "
    "of ACC, storage and computation."
)

SEEN = (
    "Mean over the tasks learned so far; its mean along the line is AIA. Bands are 95% intervals."
)


def trade_off(rows: pd.DataFrame) -> str:
    """Return the configurations of highest and second highest ACC, and those of least cost."""
    ranked = rows[rows["acc_mean"].notna()].sort_values("acc_mean", ascending=False)
    if ranked.empty:
        return "ACC is undefined for every configuration."
    best, tied = ranked.iloc[0].to_dict(), tied_rows(ranked, "acc_mean", ranked.iloc[0])
    tie = tie_text(ranked, "acc_mean", best)
    sentence = [f"{best['label']}{tie} reaches the highest ACC, {_acc_and_costs(best)}."]
    if lower := ranked.drop(index=tied.index).iloc[1:].to_dict("records"):
        tie = tie_text(ranked, "acc_mean", lower[0])
        sentence.append(
            f"Next is {lower[0]['label']}{tie}: "
            f"{_acc_and_costs(lower[0])}{_significance_text(lower[0])}."
        )
    if len(ranked) > 1:
        sentence += [
            cheapest_sentence(rows, cost)
            for cost in COST_NAMES
            if rows[f"{cost}_mean"].notna().any()
        ]
    return " ".join([*sentence, *_front_sentence(rows)])


def describe_marks(rows: pd.DataFrame) -> str:
    """Return what the marks of the trade-off mean; of many rows, also which of them have any."""
    return TRADE_OFF if is_few(rows) else f"{TRADE_OFF} {MANY}"


def _front_sentence(rows: pd.DataFrame) -> list[str]:
    if "front" not in rows:
        return []
    return [
        f"{int(rows['front'].sum())} of {len(rows)} configurations are on the Pareto front of "
        "ACC, storage and computation: no other is better in one of them and better or equal in "
        "all, by intervals that do not overlap."
    ]


def tasks_sentence(curves: pd.DataFrame) -> str:
    """Return a sentence on the tasks without a panel; empty if all have one."""
    num = curves["task"].nunique()
    shown = len(spread_tasks(curves["task"]))
    return "" if shown == num else f"Panels show {shown} of the {num} tasks. "


def forgetting(rows: pd.DataFrame, curves: pd.DataFrame) -> str:
    """Return the configurations that forget least and most, with task 1 of the latter."""
    extremes = find_extremes(rows, "forgetting_mean")
    if extremes is None:
        if curves["task"].nunique() > 1:
            return "Forgetting needs every row of R, and this sweep measured some of them."
        return "There is one task, so nothing can be forgotten."
    least, most = extremes
    sentence = tasks_sentence(curves) + (
        f"{least['label']}{tie_text(rows, 'forgetting_mean', least)} forgets least: "
        f"{_metric_text(least, 'forgetting')} on average over tasks"
    )
    if most["forgetting_mean"] > least["forgetting_mean"]:
        tie = tie_text(rows, "forgetting_mean", most)
        sentence += f"; {most['label']}{tie} most: {_metric_text(most, 'forgetting')}"
    return f"{sentence}{_first_task_text(curves, most)}."


def _first_task_text(curves: pd.DataFrame, row: Row) -> str:
    """Return how accuracy on task 1 changes; empty if no later task was learned."""
    first = curves[(curves["trial_id"] == row["trial_id"]) & (curves["task"] == 1)]
    accuracy = first.set_index("after")["accuracy_mean"]
    last = int(accuracy.index.max()) if len(accuracy) else 0
    if last <= 1:
        return ""
    return (
        f". With {row['label']}, accuracy on task 1 goes from {decimal_text(accuracy[1])}, when it "
        f"is learned, to {decimal_text(accuracy[last])} after {last} tasks"
    )


def matrix(row: Row) -> str:
    """Return the metrics of R that are defined, with their intervals."""
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
    # One common seed has no interval.
    reach = f" {range_text(top['low'], top['high'])}" if isfinite(top["low"]) else ""
    best = f"{top['label']}{tie_text(rows, 'difference', top)}"
    return (
        f"On common seeds {best} has the highest difference from {against} in "
        f"{short_label(metric)}: {decimal_text(top['difference'])}{reach}. "
        f"The 95% paired t interval excludes 0 for {clear} of "
        f"{count_text(len(table), 'configuration')} (p < 0.05, each tested alone); "
        f"after Holm's correction for the {count_text(tests or len(table), 'test')} against "
        f"{against} p is below 0.05 for {corrected}."
    )


def _metric_text(row: Row, name: str) -> str:
    return interval_text(row[f"{name}_mean"], row[f"{name}_ci95"])


def _acc_and_costs(row: Row) -> str:
    storage, work = (column_text(cost, row[f"{cost}_mean"]) for cost in COST_NAMES)
    return f"{_metric_text(row, 'acc')}, with {storage} carried between tasks and {work} computed"


def _significance_text(row: Row) -> str:
    """Return whether a row differs significantly from the best, as text to add to a sentence."""
    p = row.get("acc_p_holm", float("nan"))
    if not isfinite(p) or not row.get("against_best"):
        return ""
    word = "different" if p < 0.05 else "not significantly different"
    family = "Holm for all pairs, as the best was chosen"
    return f"; {word} on the same seeds (p {_p_relation(p)}, {family})"


def _p_relation(p: float) -> str:
    text = p_value_text(p)
    return text if text.startswith("<") else f"= {text}"
