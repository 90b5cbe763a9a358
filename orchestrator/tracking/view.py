"""What one trial has to say to MLflow, step by step, read from its rows of the tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from orchestrator.hashing import canonical, digest_bytes
from orchestrator.metrics import all_after, mean_std_interval
from orchestrator.results.naming import former_id

TAGS = (
    "benchmark", "scenario", "method", "network", "phase", "selected", "group", "candidate",
)  # fmt: skip
SPREAD = ("acc", "bwt", "fwt", "forgetting", "learning_accuracy")
VALIDATED = ("acc", "bwt", "forgetting", "learning_accuracy")
FLOPS = ("train_flops", "consolidate_flops", "eval_flops")
SECONDS = ("train_seconds", "consolidate_seconds", "eval_seconds")
WORST_FIRST = ("running", "failed", "diverged", "stopped", "complete")
SETTLED = frozenset({"complete", "diverged"})

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class TrialView:
    """One trial over all its seeds. S seeds, T tasks.

    Attributes:
        status: the worst of its seeds', or "running".
        settled: no seed has more to come, so the mean over those that got furthest stays as it is.
        config: the configuration's leaves by dotted name.
        objective: what a search ranked it by; NaN where nothing did.
        test: R of each seed on the test split, shape [S, T+1, T]; NaN where not measured. All NaN
            for a candidate of a search, whatever the tables hold.
        validation: the same on the validation split.
        costs: by column, shape [S, T+1]: bytes after each stage, FLOPs and seconds summed up to it.
        reached: stages that each seed has completed, shape [S].
    """

    trial_id: str
    name: str
    status: str
    settled: bool
    config: Mapping[str, str]
    tags: Mapping[str, str]
    seeds: tuple[int, ...]
    objective: float
    test: Floats
    validation: Floats
    costs: Mapping[str, Floats]
    reached: NDArray[np.int64]

    @property
    def key(self) -> str:
        """What tells its run from all others of the sweep."""
        return self._keyed(self.trial_id)

    @property
    def former_key(self) -> str:
        """Its key in what release 0.1 sent."""
        return self._keyed(former_id(self.trial_id))

    def _keyed(self, trial_id: str) -> str:
        return trial_id if self.split == "test" else f"{trial_id} search"

    @property
    def split(self) -> str:
        """The split that it is judged by: "validation" in a search, "test" after it."""
        return "validation" if self.tags["phase"] == "search" else "test"

    @property
    def matrices(self) -> Floats:
        """R of each seed on that split."""
        return self.test if self.split == "test" else self.validation

    @property
    def last_step(self) -> int:
        """The last step to tell: all seeds have it, or one has and no other will; -1 for none."""
        return int(self.reached.max() if self.settled else self.reached.min()) - 1

    def metrics(self, step: int) -> dict[str, float]:
        """Return the metrics after `step` tasks, those that are defined.

        Each is the mean over the seeds that got there; with two or more, a metric of all tasks
        has `<name>_std` beside it. What stands before a slash is a section of MLflow's charts.
        """
        there = np.flatnonzero(self.reached > step)
        values = pd.DataFrame([self._of_seed(int(seed), step) for seed in there])
        found: dict[str, float] = {}
        for name, column in values.items():
            mean, std, _ = mean_std_interval(column.to_numpy(np.float64))
            found |= {str(name): mean}
            if str(name).removeprefix("val_") in SPREAD:
                found |= {f"{name}_std": std}
        return {name: value for name, value in found.items() if np.isfinite(value)}

    def content(self, step: int) -> str:
        """Return the digest of all that steps 0..`step` are made of."""
        told = slice(0, step + 1)
        columns = [self.costs[name][:, told] for name in sorted(self.costs)]
        reached = np.minimum(self.reached, step + 1).tolist()
        whose = [former_id(self.trial_id), self.seeds, dict(self.config)]
        head = [*whose, sorted(self.costs), reached]
        arrays = [self.test[:, told], self.validation[:, told], *columns]
        return digest_bytes(
            canonical(head).encode() + b"".join(array.tobytes() for array in arrays)
        )

    def seconds(self, step: int) -> float:
        """Return the computing time up to `step`: mean over the seeds that got there."""
        there = self.reached > max(step, 0)
        if step < 0 or not there.any():
            return 0.0
        return float(sum(self.costs[name][there, step].mean() for name in SECONDS))

    def _of_seed(self, seed: int, step: int) -> dict[str, float]:
        r = self.test[seed]
        by_task = {
            f"acc_by_task/{task}": float(accuracy) for task, accuracy in enumerate(r[step], 1)
        }
        costs = {name: float(column[seed, step]) for name, column in self.costs.items()}
        validated = all_after(self.validation[seed], step, self.tags["scenario"])
        told = {f"val_{name}": validated[name] for name in VALIDATED}
        return all_after(r, step, self.tags["scenario"]) | told | by_task | costs


def view(
    name: str, trials: pd.DataFrame, accuracy: pd.DataFrame, stages: pd.DataFrame, running: bool
) -> TrialView:
    """Return the view of one trial, given its rows of the tables.

    Args:
        name: what to call it.
        trials: its row for each seed.
        accuracy: its rows.
        stages: its rows.
        running: the sweep goes on, so a trial that is not complete may yet be.
    """
    first = trials.iloc[0]
    seeds = tuple(int(seed) for seed in trials["seed"])
    shape = (len(seeds), int(first["num_tasks"]) + 1, int(first["num_tasks"]))
    settled = set(trials["status"]) <= SETTLED
    status = "running" if running and not settled else worst(trials["status"])
    tested = (accuracy["split"] == "test") & (first["phase"] != "search")
    completed = stages[stages["status"] == "complete"]
    return TrialView(
        trial_id=str(first["trial_id"]),
        name=name,
        status=status,
        settled=settled,
        config=leaves(json.loads(first["config"])),
        tags=_tags(first) | {"status": status},
        seeds=seeds,
        objective=float(trials["objective"].mean()) if "objective" in trials else float("nan"),
        test=_matrices(accuracy[tested], seeds, shape),
        validation=_matrices(accuracy[accuracy["split"] == "validation"], seeds, shape),
        costs=_costs(completed, seeds, shape[:2]),
        reached=_reached(completed, seeds, shape[:2]),
    )


def _tags(first: pd.Series[Any]) -> dict[str, str]:
    """Return the tags of a trial given one of its rows; older tables lack some of them."""
    there = {tag: first[tag] for tag in TAGS if tag in first.index and not pd.isna(first[tag])}
    return {
        tag: f"{value:g}" if isinstance(value, float | np.integer) else _text(value)
        for tag, value in there.items()
    }


def worst(statuses: Iterable[str]) -> str:
    """Return the worst of the statuses of seeds or of trials."""
    return min(statuses, key=WORST_FIRST.index)


def leaves(config: Mapping[str, Any], where: str = "") -> dict[str, str]:
    """Return the leaves of a nested configuration as text, by dotted name; a list is one leaf."""
    found: dict[str, str] = {}
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            found |= leaves(value, f"{where}{key}.")
        else:
            found[f"{where}{key}"] = _text(value)
    return found


def _text(value: object) -> str:
    if isinstance(value, bool | np.bool_):
        return str(value).lower()
    return value if isinstance(value, str) else canonical(value)


def _matrices(rows: pd.DataFrame, seeds: tuple[int, ...], shape: tuple[int, int, int]) -> Floats:
    r = np.full(shape, np.nan)
    task = rows["task"].to_numpy(np.int64) - 1
    r[_at(rows, seeds), rows["after"].to_numpy(np.int64), task] = rows["accuracy"]
    return r


def _costs(
    stages: pd.DataFrame, seeds: tuple[int, ...], shape: tuple[int, int]
) -> dict[str, Floats]:
    costs: dict[str, Floats] = {}
    for name in ("storage_bytes", *FLOPS, *SECONDS):
        column = np.full(shape, np.nan)
        column[_at(stages, seeds), stages["after"].to_numpy(np.int64)] = stages[name]
        costs[name] = column if name == "storage_bytes" else column.cumsum(axis=1)
    return costs


def _reached(
    stages: pd.DataFrame, seeds: tuple[int, ...], shape: tuple[int, int]
) -> NDArray[np.int64]:
    """Return how many stages each seed has without a gap."""
    there = np.zeros(shape, dtype=np.int64)
    there[_at(stages, seeds), stages["after"].to_numpy(np.int64)] = 1
    return np.asarray(np.cumprod(there, axis=1).sum(axis=1), dtype=np.int64)


def _at(rows: pd.DataFrame, seeds: tuple[int, ...]) -> NDArray[np.int64]:
    """Return for each row the position of its seed."""
    return np.array([seeds.index(seed) for seed in rows["seed"]], dtype=np.int64)
