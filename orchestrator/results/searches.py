"""The searches of hyperparameters in results: what won, and how the other candidates ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from orchestrator.columns import METHOD_LABEL, UNFINISHED
from orchestrator.results.early_ends import describe_early_ends, status_text
from orchestrator.results.pooling import CONFIGURATION
from orchestrator.results.results import Results
from orchestrator.results.units import objective_text
from orchestrator.results.winners import winner_hyperparameters
from orchestrator.sweep.group_names import group_titles

STATUSES = ("complete", "stopped", "diverged", "failed", UNFINISHED)
STATUS_COLUMNS = {status.replace(" ", "_"): status for status in STATUSES}


@dataclass(frozen=True)
class GroupOutcome:
    """The outcome of the search of one group.

    Attributes:
        sweep: name of the sweep.
        group: title of the group, by its label, with the benchmark where that is searched too.
        statuses: status -> number of candidates; those selected at each task count once a seed.
        reasons: a line for each winner that others tie with, and for each way in which candidates
            ended early, with their number.
        winners: the hyperparameters and the objective of each winner; NaN for several objectives,
            and for a selection at each task.
    """

    sweep: str
    group: str
    statuses: Mapping[str, int]
    reasons: tuple[str, ...]
    winners: tuple[tuple[str, float], ...]

    @property
    def num_candidates(self) -> int:
        """The number of candidates that were tried."""
        return sum(self.statuses.values())


def searches(results: Results) -> list[GroupOutcome]:
    """Return the outcome of each group that was searched, in the order of the rows."""
    trials = results.trials
    if "group" not in trials or trials["group"].isna().all():
        return []
    hyperparameters = winner_hyperparameters(trials, results.stages)
    searched, titles = trials[trials["group"].notna()], titles_of_groups(trials)
    return [
        _group_outcome(str(sweep), titles[str(sweep), str(group)], rows, hyperparameters)
        for (sweep, group), rows in searched.groupby(["sweep", "group"], sort=False)
    ]


def titles_of_groups(trials: pd.DataFrame) -> dict[tuple[str, str], str]:
    """Return (sweep, group) -> the title that readers see, with the label of its method."""
    if "group" not in trials:
        return {}
    first = trials[trials["group"].notna()].drop_duplicates(["sweep", "group"])
    titles: dict[tuple[str, str], str] = {}
    for sweep, rows in first.groupby("sweep", sort=False):
        labels = [label if isinstance(label, str) else None for label in _labels(rows)]
        given = zip(rows["group"], rows["method"], labels, strict=True)
        keys = [(str(sweep), str(group)) for group in rows["group"]]
        titles |= zip(keys, group_titles(given), strict=True)
    return titles


def _labels(rows: pd.DataFrame) -> list[Any]:
    return list(rows[METHOD_LABEL]) if METHOD_LABEL in rows else [None] * len(rows)


def winners_table(outcomes: Sequence[GroupOutcome]) -> pd.DataFrame:
    """Return a row for each winner, or for a search without one, with what was tried.

    Columns: `sweep`; `searched`, the group; `chosen`, hyperparameters, null without a winner;
    `objective`; `tried` and, of these, those of STATUS_COLUMNS; `reasons` of early ends.
    """
    rows = [
        {
            "sweep": outcome.sweep,
            "searched": outcome.group,
            "chosen": chosen,
            "objective": objective,
            "tried": outcome.num_candidates,
            **{name: outcome.statuses.get(status, 0) for name, status in STATUS_COLUMNS.items()},
            "reasons": "; ".join(outcome.reasons),
        }
        for outcome in outcomes
        for chosen, objective in outcome.winners or ((None, float("nan")),)
    ]
    columns = ["sweep", "searched", "chosen", "objective", "tried", *STATUS_COLUMNS, "reasons"]
    return pd.DataFrame(rows, columns=columns)


def _group_outcome(
    sweep: str, group: str, rows: pd.DataFrame, hyperparameters: Mapping[tuple[object, ...], str]
) -> GroupOutcome:
    candidates = _candidates(rows)
    ends = candidates.to_dict("records")
    counts = Counter(status_text(end["status"], end["story"]) for end in ends)
    won = rows[(rows["phase"] == "evaluation") & (rows["selected"] == True)]  # noqa: E712
    winners = [
        (
            hyperparameters.get(tuple(row[name] for name in CONFIGURATION), ""),
            float(row["objective"]),
        )
        for row in won.drop_duplicates(CONFIGURATION).to_dict("records")
    ]
    statuses = {status: counts[status] for status in STATUSES if counts[status]}
    return GroupOutcome(
        sweep,
        group,
        statuses,
        (*_ties(won, candidates), *describe_early_ends(ends)),
        tuple(winners),
    )


def _candidates(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each candidate, that of its worst seed."""
    # A winner has no row of the search on the seeds that it was evaluated on too.
    by_seed = ["seed"] if rows["candidate"].isna().any() else []
    ranked = rows[rows["candidate"].notna()].assign(
        is_complete=rows["status"] == "complete", is_evaluation=rows["phase"] == "evaluation"
    )
    ranked = ranked.sort_values(["is_evaluation", "is_complete"], kind="stable")
    return ranked.drop_duplicates(["candidate", *by_seed]).sort_index()


def _ties(won: pd.DataFrame, candidates: pd.DataFrame) -> Iterator[str]:
    """Yield a line for each winner whose objective other candidates have too."""
    for row in won.drop_duplicates(CONFIGURATION).to_dict("records"):
        same = candidates["objective"] == row["objective"]
        same &= (candidates["status"] == "complete") & (candidates["benchmark"] == row["benchmark"])
        if (number := int(same.sum())) > 1:
            tied = f"{number} candidates have the objective {objective_text(row['objective'])}"
            yield f"{tied}, and the first of them was chosen"
