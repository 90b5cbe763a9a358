"""What one trial has to say to MLflow, step by step, read from its rows of the tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orchestrator.columns import FLOPS, METRICS, PHASE_SECONDS, SELECTABLE
from orchestrator.hashing import canonical, digest_bytes
from orchestrator.results.matrix import r_of_cells
from orchestrator.results.metrics import all_after, mean_std_interval
from orchestrator.results.naming import former_id

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
COSTS = ("storage_bytes", *FLOPS, *PHASE_SECONDS)
# Charts stay readable, and MLflow's pages quick, up to some 50 metrics a run; R has the rest.
TASKS_CHARTED = 20
WORST_FIRST = ("running", "failed", "diverged", "stopped", "complete")
SETTLED = frozenset({"complete", "diverged"})

Floats = NDArray[np.float64]
Columns = Mapping[str, NDArray[Any]]


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
        return self._key_for(self.trial_id)

    @property
    def former_key(self) -> str:
        """Its key in what release 0.1 sent."""
        return self._key_for(former_id(self.trial_id))

    def _key_for(self, trial_id: str) -> str:
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
        seeds = np.flatnonzero(self.reached > step)
        values = [self._of_seed(int(seed), step) for seed in seeds]
        metrics: dict[str, float] = {}
        for name in values[0] if values else ():
            mean, std, _ = mean_std_interval(np.array([of_seed[name] for of_seed in values]))
            metrics[name] = mean
            if name.removeprefix("val_") in METRICS:
                metrics[f"{name}_std"] = std
        return {name: value for name, value in metrics.items() if np.isfinite(value)}

    def content(self, step: int) -> str:
        """Return the digest of all that steps 0..`step` are made of."""
        sent = slice(0, step + 1)
        columns = [self.costs[name][:, sent] for name in sorted(self.costs)]
        reached = np.minimum(self.reached, step + 1).tolist()
        whose = [former_id(self.trial_id), self.seeds, dict(self.config)]
        head = [*whose, sorted(self.costs), reached]
        arrays = [self.test[:, sent], self.validation[:, sent], *columns]
        return digest_bytes(
            canonical(head).encode() + b"".join(array.tobytes() for array in arrays)
        )

    def seconds(self, step: int) -> float:
        """Return the computing time up to `step`: mean over the seeds that got there."""
        done = self.reached > max(step, 0)
        if step < 0 or not done.any():
            return 0.0
        return float(sum(self.costs[name][done, step].mean() for name in PHASE_SECONDS))

    def _of_seed(self, seed: int, step: int) -> dict[str, float]:
        r = self.test[seed]
        charted = r[step] if r.shape[1] <= TASKS_CHARTED else ()
        by_task = {f"acc_by_task/{task}": float(cell) for task, cell in enumerate(charted, 1)}
        costs = {name: float(column[seed, step]) for name, column in self.costs.items()}
        validated = all_after(self.validation[seed], step, self.tags["scenario"])
        of_validation = {f"val_{name}": validated[name] for name in SELECTABLE}
        return all_after(r, step, self.tags["scenario"]) | of_validation | by_task | costs


@dataclass(frozen=True)
class SeedRows:
    """The rows of one (trial, seed): of the trials table, of R in long form, of its stages."""

    trial: Mapping[Any, Any]
    accuracy: Columns
    stages: Columns


def view(name: str, seeds: Sequence[SeedRows], running: bool) -> TrialView:
    """Return the view of one trial, given its rows of the tables for each seed.

    Args:
        name: what to call it.
        seeds: its rows.
        running: the sweep goes on, so a trial that is not complete may yet be.
    """
    first = seeds[0].trial
    shape = (int(first["num_tasks"]) + 1, int(first["num_tasks"]))
    statuses = [str(seed.trial["status"]) for seed in seeds]
    settled = set(statuses) <= SETTLED
    status = "running" if running and not settled else worst(statuses)
    unseen = first["phase"] == "search"
    return TrialView(
        trial_id=str(first["trial_id"]),
        name=name,
        status=status,
        settled=settled,
        config=leaves(json.loads(first["config"])),
        tags=_tags(first) | {"status": status},
        seeds=tuple(int(seed.trial["seed"]) for seed in seeds),
        objective=_objective(seeds),
        test=np.stack([_matrix(seed.accuracy, "" if unseen else "test", shape) for seed in seeds]),
        validation=np.stack([_matrix(seed.accuracy, "validation", shape) for seed in seeds]),
        costs={
            name: np.stack([_cost(seed.stages, name, shape[0]) for seed in seeds]) for name in COSTS
        },
        reached=np.array([_reached(seed.stages, shape[0]) for seed in seeds], dtype=np.int64),
    )


def _objective(seeds: Sequence[SeedRows]) -> float:
    values = [seed.trial.get("objective") for seed in seeds]
    known = [float(value) for value in values if value is not None and not np.isnan(value)]
    return sum(known) / len(known) if known else float("nan")


def _tags(first: Mapping[Any, Any]) -> dict[str, str]:
    """Return the tags of a trial given one of its rows; older tables lack some of them."""
    values = {tag: first[tag] for tag in TAGS if first.get(tag) is not None}
    return {
        tag: f"{value:g}" if isinstance(value, float | np.integer) else _text(value)
        for tag, value in values.items()
        if value == value  # a missing number is NaN
    }


def worst(statuses: Iterable[str]) -> str:
    """Return the worst of the statuses of seeds or of trials."""
    return min(statuses, key=WORST_FIRST.index)


def leaves(config: Mapping[str, Any], where: str = "") -> dict[str, str]:
    """Return the leaves of a nested configuration as text, by dotted name; a list is one leaf."""
    texts: dict[str, str] = {}
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            texts |= leaves(value, f"{where}{key}.")
        else:
            texts[f"{where}{key}"] = _text(value)
    return texts


def _text(value: object) -> str:
    if isinstance(value, bool | np.bool_):
        return str(value).lower()
    return value if isinstance(value, str) else canonical(value)


def _matrix(rows: Columns, split: str, shape: tuple[int, int]) -> Floats:
    which = rows["split"] == split
    after, task, accuracy = (rows[name][which] for name in ("after", "task", "accuracy"))
    return r_of_cells(after, task, accuracy, shape[1])


def _cost(stages: Columns, name: str, length: int) -> Floats:
    cost = np.full(length, np.nan)
    cost[stages["after"]] = stages[name]
    return cost if name == "storage_bytes" else cost.cumsum()


def _reached(stages: Columns, length: int) -> int:
    """Return how many stages a seed has without a gap."""
    done = np.zeros(length, dtype=np.int64)
    done[stages["after"]] = 1
    return int(np.cumprod(done).sum())
