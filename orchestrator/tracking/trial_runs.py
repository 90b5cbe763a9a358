"""The run of a trial, built from the rows of its seeds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from orchestrator.hashing import canonical_json
from orchestrator.results.r_matrix import build_r
from orchestrator.tracking.rows import Columns, SeedRows
from orchestrator.tracking.statuses import worst_status
from orchestrator.tracking.trial_run import LOGGED_COSTS, Floats, TrialRun

TAGS = (
    "benchmark",
    "scenario",
    "method",
    "network",
    "phase",
    "selected",
    "group",
    "candidate",
)
FINAL = frozenset({"complete", "diverged"})


def build_trial_run(name: str, seeds: Sequence[SeedRows], running: bool) -> TrialRun:
    """Return the MLflow run of one trial.

    Args:
        name: name of the trial.
        seeds: its rows of the tables, for each seed.
        running: whether the sweep is running, so that an incomplete trial may be completed.
    """
    first = seeds[0].trial
    shape = (int(first["num_tasks"]) + 1, int(first["num_tasks"]))
    statuses = [str(seed.trial["status"]) for seed in seeds]
    settled = set(statuses) <= FINAL
    status = "running" if running and not settled else worst_status(statuses)
    test = "" if first["phase"] == "search" else "test"  # no cells have the split ""
    return TrialRun(
        trial_id=str(first["trial_id"]),
        name=name,
        status=status,
        settled=settled,
        config=config_texts(json.loads(first["config"])),
        tags=_tags(first) | {"status": status},
        seeds=tuple(int(seed.trial["seed"]) for seed in seeds),
        objective=_objective(seeds),
        test=np.stack([_build_r(seed.accuracy, test, shape) for seed in seeds]),
        validation=np.stack([_build_r(seed.accuracy, "validation", shape) for seed in seeds]),
        costs={
            name: np.stack([_cost_by_step(seed.stages, name, shape[0]) for seed in seeds])
            for name in LOGGED_COSTS
        },
        reached=np.array([_count_stages(seed.stages, shape[0]) for seed in seeds], dtype=np.int64),
    )


def _objective(seeds: Sequence[SeedRows]) -> float:
    values = [seed.trial.get("objective") for seed in seeds]
    objectives = [float(value) for value in values if value is not None and not np.isnan(value)]
    return sum(objectives) / len(objectives) if objectives else float("nan")


def _tags(first: Mapping[Any, Any]) -> dict[str, str]:
    """Return the tags of a trial from one of its rows; tables of older releases lack some."""
    values = {tag: first[tag] for tag in TAGS if first.get(tag) is not None}
    return {
        tag: f"{value:g}" if isinstance(value, float | np.integer) else _value_text(value)
        for tag, value in values.items()
        if value == value  # a missing number is NaN
    }


def config_texts(config: Mapping[str, Any], where: str = "") -> dict[str, str]:
    """Return dotted name -> text of the leaves of a nested configuration; a list is a leaf."""
    texts: dict[str, str] = {}
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            texts |= config_texts(value, f"{where}{key}.")
        else:
            texts[f"{where}{key}"] = _value_text(value)
    return texts


def _value_text(value: object) -> str:
    if isinstance(value, bool | np.bool_):
        return str(value).lower()
    return value if isinstance(value, str) else canonical_json(value)


def _build_r(rows: Columns, split: str, shape: tuple[int, int]) -> Floats:
    which = rows["split"] == split
    after, task, accuracy = (rows[name][which] for name in ("after", "task", "accuracy"))
    return build_r(after, task, accuracy, shape[1])


def _cost_by_step(stages: Columns, name: str, length: int) -> Floats:
    cost = np.full(length, np.nan)
    cost[stages["after"]] = stages[name]
    # Bytes are a level, which the next stage replaces; the other costs add up.
    return cost if name == "storage_bytes" else cost.cumsum()


def _count_stages(stages: Columns, length: int) -> int:
    """Return the number of stages before the first that is missing."""
    done = np.zeros(length, dtype=np.int64)
    done[stages["after"]] = 1
    # The product is 0 from the first gap on.
    return int(np.cumprod(done).sum())
