"""What a chart shows, said in numbers: pure functions from its frame to a few sentences."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from math import isfinite
from typing import Any

import pandas as pd

from dashboards.charts.costs import STORAGE
from dashboards.charts.quantities import human, interval, number, short
from orchestrator.columns import COLUMNS, SHOWN_METRICS
from orchestrator.terminal.units import p_value

Row = Mapping[Hashable, Any]
COSTS = tuple((name, COLUMNS[name].unit) for name in ("storage_bytes", "compute_flops"))
WHAT = {"storage_bytes": "Storage", "compute_flops": "Computation"}
NOT_COUNTED = "It was not counted for any configuration."


def trade_off(rows: pd.DataFrame) -> str:
    """Say which configuration reaches the highest ACC, which comes next, and what is cheapest."""
    ranked = rows[rows["acc_mean"].notna()].sort_values("acc_mean", ascending=False)
    if ranked.empty:
        return "ACC is undefined for every configuration."
    best, *others = ranked.to_dict("records")
    sentence = [f"{best['label']} reaches the highest ACC, {_acc_and_costs(best)}."]
    if others:
        sentence.append(
            f"Next is {others[0]['label']}: {_acc_and_costs(others[0])}{_apart(others[0])}."
        )
        sentence += [
            _cheapest(rows, *cost) for cost in COSTS if rows[f"{cost[0]}_mean"].notna().any()
        ]
    if "front" in rows:
        sentence.append(
            f"{int(rows['front'].sum())} of {len(rows)} configurations are on the Pareto front of "
            "ACC, storage and computation: no other beats them by intervals that do not overlap."
        )
    return " ".join(sentence)


def forgetting(rows: pd.DataFrame, curves: pd.DataFrame) -> str:
    """Say who forgets least and most, and how task 1 fares under the one who forgets most."""
    known = rows[rows["forgetting_mean"].notna()].sort_values("forgetting_mean")
    if known.empty:
        return "There is one task, so nothing can be forgotten."
    least, most = known.iloc[0].to_dict(), known.iloc[-1].to_dict()
    sentence = (
        f"{least['label']} forgets least: {_metric(least, 'forgetting')} on average over tasks"
    )
    if len(known) > 1:
        sentence += f"; {most['label']} most: {_metric(most, 'forgetting')}"
    first = curves[(curves["trial_id"] == most["trial_id"]) & (curves["task"] == 1)]
    at = first.set_index("after")["accuracy_mean"]
    last = int(at.index.max()) if len(at) else 0
    if last > 1:
        sentence += (
            f". With {most['label']}, accuracy on task 1 goes from {number(at[1])} when it has "
        )
        sentence += f"been learned to {number(at[last])} after {last} tasks"
    return f"{sentence}."


def storage(rows: pd.DataFrame) -> str:
    """Say who carries most and least, and of what the most consists beside the model."""
    ordered = rows[rows["storage_bytes_mean"].notna()].sort_values("storage_bytes_mean")
    if ordered.empty:
        return NOT_COUNTED
    least, most = ordered.iloc[0].to_dict(), ordered.iloc[-1].to_dict()
    sentence = _most_and_least(most, least, "storage_bytes", "B", "carries")
    parts = {words: most.get(column, 0) or 0 for column, words in STORAGE.items()}
    beside = sorted(((size, words) for words, size in parts.items() if words != "model"))[-1]
    if beside[0] > 0:
        share = beside[0] / most["storage_bytes_mean"]
        sentence += f" {share:.0%} of what {most['label']} carries is {beside[1]}."
    return sentence


def computation(rows: pd.DataFrame) -> str:
    """Say who computes most and least, and who spends the largest share on consolidation."""
    ordered = rows[rows["compute_flops_mean"].notna()].sort_values("compute_flops_mean")
    if ordered.empty:
        return NOT_COUNTED
    least, most = ordered.iloc[0].to_dict(), ordered.iloc[-1].to_dict()
    sentence = _most_and_least(most, least, "compute_flops", "FLOP", "computes")
    shares = (rows["consolidate_flops_mean"] / rows["compute_flops_mean"]).fillna(0)
    if shares.max() > 0:
        who = rows["label"].to_numpy()[shares.argmax()]
        sentence += f" Consolidation is {shares.max():.0%} of it for {who}, the largest share."
    return sentence


def matrix(row: Row) -> str:
    """Say the metrics that follow from R."""
    defined = [name for name in SHOWN_METRICS if isfinite(row[f"{name}_mean"])]
    return ", ".join(f"{short(name)} {_metric(row, name)}" for name in defined) + "."


def differences(table: pd.DataFrame, metric: str, tests: int | None = None) -> str:
    """Say how many differences are clear, and the largest of them.

    Args:
        table: what `dashboards.data.pairing.differences` returns.
        metric: what is compared.
        tests: for how many p-values are corrected, if not for the rows of `table`.
    """
    clear = int(((table["low"] > 0) | (table["high"] < 0)).sum())
    corrected = int((table["p_holm"] < 0.05).sum())
    against, known = table["against"].iloc[0], table[table["difference"].notna()]
    if known.empty:
        return f"No seed is common to {against} and another configuration."
    top = known.sort_values("difference").iloc[-1]
    reach = f" [{number(top['low'])}, {number(top['high'])}]" if isfinite(top["low"]) else ""
    return (
        f"On the same seeds {top['label']} is {number(top['difference'])}{reach} from {against} in "
        f"{short(metric)}, the highest of {_count(len(table), 'configuration')}. The 95% paired t "
        f"interval of {clear} of them leaves out 0, each by itself (p < 0.05); corrected for "
        f"{_count(tests or len(table), 'test')} (Holm) that is so of {corrected}."
    )


def search(rows: pd.DataFrame) -> str:
    """Say how many candidates there were, what became of them, and who won by how much."""
    ends = rows["status"].value_counts(sort=False)
    others = [f"{n} {status}" for status, n in ends.items() if status != "complete"]
    sentence = (
        f"{_count(len(rows), 'candidate')}" + (f", {', '.join(others)}" if others else "") + "."
    )
    ranked = rows[rows["selected"]]
    if ranked.empty:
        return f"{sentence} No candidate has won yet."
    winner = ranked.iloc[0]
    if pd.isna(winner["objective"]):
        return f"{sentence} Chosen: {', '.join(ranked['label'])}."
    return f"{sentence} {winner['label']} won with {number(winner['objective'])} (validation)."


def importance(shares: pd.Series[float]) -> str:
    """Say which hyperparameter mattered most, of shares sorted from the largest."""
    name, share = shares.index[0], float(shares.iloc[0])
    if not isfinite(share):
        return "The objective does not depend on any hyperparameter that was searched."
    return f"{name} accounts for {share:.0%} of what a random forest learns of the objective."


def sharing(rows: pd.DataFrame) -> str:
    """Say how many trained stages were asked for and are distinct, and what that spared."""
    return " ".join(
        f"{row['sweep']}: {row['stages']:,} trained stages asked for, {row['distinct']:,} of them "
        f"distinct: {human(row['flops'] - row['distinct_flops'], 'FLOP')} of "
        f"{human(row['flops'], 'FLOP')} ({_share(row['flops'], row['distinct_flops']):.1%}) spared."
        for row in rows.to_dict("records")
    )


def _share(whole: float, part: float) -> float:
    return 1 - part / whole if whole else 0.0


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def _metric(row: Row, name: str) -> str:
    return interval(row[f"{name}_mean"], row[f"{name}_ci95"])


def _acc_and_costs(row: Row) -> str:
    storage, work = (human(row[f"{cost}_mean"], unit) for cost, unit in COSTS)
    return f"{_metric(row, 'acc')}, with {storage} carried between tasks and {work} computed"


def _apart(row: Row) -> str:
    """Say whether a row differs from the best row, which was chosen by looking at the same data."""
    p = row.get("acc_p_holm", float("nan"))
    if not isfinite(p) or not row.get("against_best"):
        return ""
    word = "different" if p < 0.05 else "not told apart"
    return f"; {word} on the same seeds (p {_relation(p)}, corrected for choosing the best)"


def _relation(p: float) -> str:
    text = p_value(p)
    return text if text.startswith("<") else f"= {text}"


def _cheapest(rows: pd.DataFrame, cost: str, unit: str) -> str:
    row = rows.sort_values(f"{cost}_mean", kind="stable").iloc[0]
    least = human(row[f"{cost}_mean"], unit)
    return f"{WHAT[cost]} is least with {row['label']}: {least}, at ACC {number(row['acc_mean'])}."


def _most_and_least(most: Row, least: Row, cost: str, unit: str, does: str) -> str:
    high, low = most[f"{cost}_mean"], least[f"{cost}_mean"]
    if most["trial_id"] == least["trial_id"]:
        return f"{most['label']} {does} {human(high, unit)}."
    times = (
        f", {high / low:.1f} times as much as {least['label']} ({human(low, unit)})" if low else ""
    )
    return f"{most['label']} {does} most: {human(high, unit)}{times}."
