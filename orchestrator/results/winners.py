"""Hyperparameters of the winners of a search."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from orchestrator.hashing import parse_json
from orchestrator.results.names.hyperparameter_text import SCHEDULE, hyperparameter_text, value_text
from orchestrator.results.pooling import CONFIGURATION, TABLE
from orchestrator.results.units import plural
from orchestrator.results.variation import varying_columns

SEARCHED_SECTIONS = ("config.benchmark.", "config.network.", "config.training.", "config.method.")
AT_EACH_TASK = "config.selection."
BUDGETS = "config.selection.means."
CELL = ("means_storage_bytes", "means_compute")
ConfigKey = tuple[object, ...]
Points = Sequence[Mapping[str, object]]  # for each task, its hyperparameters by place


def winner_hyperparameters(trials: pd.DataFrame, stages: pd.DataFrame) -> dict[ConfigKey, str]:
    """Return the values of CONFIGURATION -> hyperparameters of each winner: `lam=100 lr=0.1`.

    They are those in which the candidates of the search differ. A winner that was selected at each
    task has a value for each task (`lam=1, 10, 10 lr=0.1`: the rate is the same at all), or for
    each seed and task (`seed 0: lam=1, 10; seeds 1, 2: lam=1, 1`).

    Args:
        trials: rows of the trials table, with those of the search phase.
        stages: the stages table.
    """
    if "selected" not in trials or "group" not in trials:
        return {}
    won = trials[(trials["phase"] == "evaluation") & (trials["selected"] == True)]  # noqa: E712
    texts = {}
    for index, row in won.drop_duplicates(CONFIGURATION).iterrows():
        one = won.loc[[index]]
        # A schedule is the same on all seeds; a selection at each task has one for each seed.
        if schedule := _read_schedule(row):
            text = _schedule_text(schedule)
        elif _read_schedules(one).notna().to_numpy().any():
            text = _seed_schedules_text(stages[stages["trial_id"] == row["trial_id"]])
        else:
            text = _candidate_hyperparameters(trials, one)
        if text:
            texts[tuple(row[CONFIGURATION])] = text
    return texts


def chosen_by_name(
    trials: pd.DataFrame, stages: pd.DataFrame, table: pd.DataFrame
) -> dict[str, str]:
    """Return the name of each winner of a search -> its hyperparameters.

    The name is the label, with its setting where winners of one label differ: `ewc (class)`.

    Args:
        trials: as for `winner_hyperparameters`, like `stages`.
        stages: the stages table.
        table: the comparison of these trials.
    """
    texts = winner_hyperparameters(trials, stages)
    rows = table.assign(chosen=[texts.get(key, "") for key in configuration_keys(table)])
    names: dict[str, str] = {}
    for label, won in rows[rows["chosen"] != ""].groupby("label", sort=False):
        columns = [*TABLE, "sweep"] if won.duplicated(TABLE).any() else TABLE
        shown = varying_columns(won, columns) if won["chosen"].nunique() > 1 else []
        for row in won.to_dict("records"):
            setting = ", ".join(
                f"{row[name]} tasks" if name == "num_tasks" else str(row[name]) for name in shown
            )
            names[f"{label} ({setting})" if setting else str(label)] = str(row["chosen"])
    return names


def configuration_keys(rows: pd.DataFrame) -> Iterable[ConfigKey]:
    """Return the values of CONFIGURATION of each row."""
    return zip(*(rows[name] for name in CONFIGURATION), strict=True)


def _read_schedule(trial: pd.Series[Any]) -> Points:
    """Return what was chosen for each task, without what was solved for; () if nothing was."""
    schedule, dial = trial.get(SCHEDULE), trial.get("means_dial")
    if not isinstance(schedule, str):
        return ()
    solved = parse_json(dial) if isinstance(dial, str) else {}
    points = [{k: v for k, v in point.items() if k not in solved} for point in parse_json(schedule)]
    return points if any(points) else ()


def _read_schedules(trial: pd.DataFrame) -> pd.DataFrame:
    """Return the columns with the selection at each task, without the budgets of a cell."""
    chosen = trial.filter(like=AT_EACH_TASK)
    return chosen[[name for name in chosen if not str(name).startswith(BUDGETS)]]


def _candidate_hyperparameters(trials: pd.DataFrame, winner: pd.DataFrame) -> str:
    row = winner.iloc[0]
    same_search = (trials["sweep"] == row["sweep"]) & (trials["method"] == row["method"])
    # A search of its own for each setting has not chosen that.
    same_setting = (trials[TABLE] == row[TABLE]).all(axis="columns")
    same_search &= same_setting | (trials["group"] == row["group"])
    candidate = (trials["phase"] == "search") | (trials["trial_id"] == row["trial_id"])
    for name in CELL:  # candidates of another cell have other dials
        if name in trials and pd.notna(row[name]):
            candidate &= trials[name] == row[name]
    candidates = trials[same_search & candidate]
    config = [name for name in map(str, trials) if name.startswith(SEARCHED_SECTIONS)]
    return str(hyperparameter_text(winner, varying_columns(candidates, config)).iloc[0])


def _schedule_text(points: Points) -> str:
    """Return the values of each hyperparameter at each task; one value if they are equal."""
    texts = []
    for path in {path: None for point in points for path in point}:
        values = [value_text(point.get(path)) for point in points]
        same = len(set(values)) == 1
        texts.append(f"{path.rpartition('.')[2]}={values[0] if same else ', '.join(values)}")
    return " ".join(texts)


def _seed_schedules_text(stages: pd.DataFrame) -> str:
    """Return the schedule of each seed; seeds with equal schedules are listed together."""
    learned = stages[stages["after"] > 0].drop_duplicates(["seed", "after"])
    seeds_by_text: dict[str, list[str]] = {}
    for seed, steps in learned.sort_values(["seed", "after"]).groupby("seed"):
        text = _schedule_text([parse_json(step) for step in steps["hyperparameters"].dropna()])
        seeds_by_text.setdefault(text, []).append(str(seed))
    if len(seeds_by_text) == 1:
        return next(iter(seeds_by_text))
    return "; ".join(
        f"{plural('seed', len(seeds) > 1)} {', '.join(seeds)}: {text}"
        for text, seeds in seeds_by_text.items()
    )
