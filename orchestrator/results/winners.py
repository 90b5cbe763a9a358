"""Hyperparameters by which the winners of a search won."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pandas as pd

from orchestrator.results.naming import SCHEDULE, settings, value_text
from orchestrator.results.pooling import CONFIGURATION

SEARCHED = ("config.benchmark.", "config.network.", "config.training.", "config.method.")
Key = tuple[object, ...]


def winning_settings(trials: pd.DataFrame) -> dict[Key, str]:
    """Return the hyperparameters of each winner, by the values of CONFIGURATION: `lam=100 lr=0.1`.

    They are the settings in which candidates of the same search differ. A winner chosen task by
    task has a value for each task: `lam=1, 10, 10`.

    Args:
        trials: of the trials table, those of the search phase among them.
    """
    if "selected" not in trials or "group" not in trials:
        return {}
    won = trials[(trials["phase"] == "evaluation") & (trials["selected"] == True)]  # noqa: E712
    texts = {}
    for index, row in won.drop_duplicates(CONFIGURATION).iterrows():
        one = won.loc[[index]]
        schedule = row.get(SCHEDULE)
        text = _of_schedule(schedule) if isinstance(schedule, str) else _of_winner(trials, one)
        if text:
            texts[tuple(row[CONFIGURATION])] = text
    return texts


def keys_of(rows: pd.DataFrame) -> Iterable[Key]:
    """Return the values of CONFIGURATION of each row."""
    return zip(*(rows[name] for name in CONFIGURATION), strict=True)


def _of_winner(trials: pd.DataFrame, winner: pd.DataFrame) -> str:
    row = winner.iloc[0]
    same_search = (trials["sweep"] == row["sweep"]) & (trials["method"] == row["method"])
    candidate = (trials["phase"] == "search") | (trials["trial_id"] == row["trial_id"])
    candidates = trials[same_search & candidate]
    config = [name for name in map(str, trials) if name.startswith(SEARCHED)]
    varying = [name for name in config if candidates[name].nunique(dropna=False) > 1]
    return str(settings(winner, varying).iloc[0])


def _of_schedule(schedule: str) -> str:
    """Return what each hyperparameter is at each task, given the JSON of a schedule."""
    points = json.loads(schedule)
    names = {path: path.rpartition(".")[2] for point in points for path in point}
    return " ".join(
        f"{name}={', '.join(value_text(point.get(path)) for point in points)}"
        for path, name in names.items()
    )
