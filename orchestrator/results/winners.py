"""Hyperparameters by which the winners of a search won."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from orchestrator.results.naming import SCHEDULE, settings, value_text
from orchestrator.results.pooling import CONFIGURATION

SEARCHED = ("config.benchmark.", "config.network.", "config.training.", "config.method.")
AT_EACH_TASK = "config.selection."
Key = tuple[object, ...]
Points = Sequence[Mapping[str, object]]  # for each task, its hyperparameters by place


def winning_settings(trials: pd.DataFrame, stages: pd.DataFrame) -> dict[Key, str]:
    """Return the hyperparameters of each winner, by the values of CONFIGURATION: `lam=100 lr=0.1`.

    They are the settings in which candidates of the same search differ. A winner chosen task by
    task has a value for each task: `lam=1, 10, 10 lr=0.1`, where the rate is always the same; one
    that was chosen within each seed has them for each: `seed 0: lam=1, 10; seeds 1, 2: lam=1, 1`.

    Args:
        trials: of the trials table, those of the search phase among them.
        stages: the stages table.
    """
    if "selected" not in trials or "group" not in trials:
        return {}
    won = trials[(trials["phase"] == "evaluation") & (trials["selected"] == True)]  # noqa: E712
    texts = {}
    for index, row in won.drop_duplicates(CONFIGURATION).iterrows():
        one = won.loc[[index]]
        schedule = row.get(SCHEDULE)
        if isinstance(schedule, str):
            text = _of_schedule(json.loads(schedule))
        elif one.filter(like=AT_EACH_TASK).notna().to_numpy().any():
            text = _of_seeds(stages[stages["trial_id"] == row["trial_id"]])
        else:
            text = _of_winner(trials, one)
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


def _of_schedule(points: Points) -> str:
    """Return what each hyperparameter is at each task, once if it is always the same."""
    texts = []
    for path in {path: None for point in points for path in point}:
        values = [value_text(point.get(path)) for point in points]
        same = len(set(values)) == 1
        texts.append(f"{path.rpartition('.')[2]}={values[0] if same else ', '.join(values)}")
    return " ".join(texts)


def _of_seeds(stages: pd.DataFrame) -> str:
    """Return the schedule of each seed, those with the same one together."""
    learned = stages[stages["after"] > 0].drop_duplicates(["seed", "after"])
    seeds_of: dict[str, list[str]] = {}
    for seed, steps in learned.sort_values(["seed", "after"]).groupby("seed"):
        text = _of_schedule([json.loads(step) for step in steps["hyperparameters"].dropna()])
        seeds_of.setdefault(text, []).append(str(seed))
    if len(seeds_of) == 1:
        return next(iter(seeds_of))
    return "; ".join(
        f"seed{'s' * (len(seeds) > 1)} {', '.join(seeds)}: {text}"
        for text, seeds in seeds_of.items()
    )
