"""What a sweep's tables have to say to MLflow: its trials, step by step. Pure: reads the folder, sends nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from orchestrator.hashing import canonical, digest, digest_bytes
from orchestrator.metrics import acc_after, all_after, mean_std_interval
from orchestrator.tracking.target import TrackingError

TRIALS = "trials.parquet"
TABLES = (TRIALS, "accuracy.parquet", "stages.parquet")
DOCUMENTS = ("sweep.yaml", "versions.json")
TAGS = ("benchmark", "scenario", "method", "network", "phase", "selected")
COUNTED = (
    "train_flops",
    "consolidate_flops",
    "eval_flops",
    "train_seconds",
    "consolidate_seconds",
    "eval_seconds",
)
WORST_FIRST = ("running", "failed", "diverged", "stopped", "complete")
SETTLED = frozenset({"complete", "diverged"})

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class TrialView:
    """One trial over all its seeds. S seeds, T tasks.

    Attributes:
        status: the worst of its seeds', or "running".
        settled: no seed has more to come, so a mean over those that got furthest will stay as it is.
        config: the configuration's leaves by dotted name.
        test: R of each seed on the test split, shape [S, T+1, T]; NaN where not measured.
        validation: the same on the validation split.
        costs: by column, shape [S, T+1]: bytes as they are after each stage, FLOPs and seconds summed up to it.
        reached: stages that each seed has completed, shape [S].
    """

    trial_id: str
    name: str
    status: str
    settled: bool
    config: Mapping[str, str]
    tags: Mapping[str, str]
    seeds: tuple[int, ...]
    test: Floats
    validation: Floats
    costs: Mapping[str, Floats]
    reached: NDArray[np.int64]

    @property
    def last_step(self) -> int:
        """The last step that can be told: all seeds have it, or one has and no other will; -1 for none."""
        return int(self.reached.max() if self.settled else self.reached.min()) - 1

    def metrics(self, step: int) -> dict[str, float]:
        """Return the metrics after `step` tasks: mean over the seeds that got there, `<name>_std` beside it."""
        values = pd.DataFrame(
            [self._seed_metrics(seed, step) for seed in np.flatnonzero(self.reached > step)]
        )
        spread: dict[str, float] = {}
        for name in values:
            spread[str(name)], spread[f"{name}_std"], _ = mean_std_interval(
                values[name].to_numpy(np.float64)
            )
        return {name: value for name, value in spread.items() if np.isfinite(value)}

    def content(self, step: int) -> str:
        """Return the digest of all that the steps 0..`step` are made of."""
        told = slice(0, step + 1)
        arrays = [
            self.test[:, told],
            self.validation[:, told],
            *(self.costs[c][:, told] for c in sorted(self.costs)),
        ]
        head = canonical(
            [
                self.trial_id,
                self.seeds,
                dict(self.config),
                np.minimum(self.reached, step + 1).tolist(),
            ]
        )
        return digest_bytes(head.encode() + b"".join(array.tobytes() for array in arrays))

    def seconds(self, step: int) -> float:
        """Return the computing time up to `step`: mean over the seeds that got there."""
        there = self.reached > step
        timed = [
            column[there, step] for name, column in self.costs.items() if name.endswith("_seconds")
        ]
        total = float(np.sum(timed, axis=0).mean()) if timed and there.any() else 0.0
        return total if np.isfinite(total) else 0.0

    def _seed_metrics(self, seed: int, step: int) -> dict[str, float]:
        r = self.test[seed]
        by_task = {f"acc_task_{task + 1}": float(accuracy) for task, accuracy in enumerate(r[step])}
        costs = {name: float(column[seed, step]) for name, column in self.costs.items()}
        val_acc = acc_after(self.validation[seed], step)
        return all_after(r, step, self.tags["scenario"]) | {"val_acc": val_acc} | by_task | costs


def leaves(config: Mapping[str, Any], where: str = "") -> dict[str, str]:
    """Return the leaves of a nested configuration as text, by dotted name; a list is one leaf."""
    found: dict[str, str] = {}
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            found |= leaves(value, f"{where}{key}.")
        else:
            found[f"{where}{key}"] = value if isinstance(value, str) else json.dumps(value)
    return found


def _trial(
    name: str, trials: pd.DataFrame, accuracy: pd.DataFrame, stages: pd.DataFrame, running: bool
) -> TrialView:
    first = trials.iloc[0]
    seeds = tuple(int(seed) for seed in trials["seed"])
    num_tasks = int(first["num_tasks"])
    settled = set(trials["status"]) <= SETTLED
    status = "running" if running and not settled else worst(trials["status"])
    split = {split: _matrices(rows, seeds, num_tasks) for split, rows in accuracy.groupby("split")}
    unknown = np.full((len(seeds), num_tasks + 1, num_tasks), np.nan)
    costs, reached = _costs(stages[stages["status"] == "complete"], seeds, num_tasks)
    tags = {tag: str(first[tag]).lower() if tag == "selected" else str(first[tag]) for tag in TAGS}
    return TrialView(
        trial_id=str(first["trial_id"]),
        name=name,
        status=status,
        settled=settled,
        config=leaves(json.loads(first["config"])),
        tags=tags | {"status": status},
        seeds=seeds,
        test=split.get("test", unknown),
        validation=split.get("validation", unknown),
        costs=costs,
        reached=reached,
    )


def worst(statuses: Iterable[str]) -> str:
    """Return the worst of the statuses of seeds or trials."""
    return min(statuses, key=WORST_FIRST.index)


def _matrices(rows: pd.DataFrame, seeds: tuple[int, ...], num_tasks: int) -> Floats:
    r = np.full((len(seeds), num_tasks + 1, num_tasks), np.nan)
    at = rows["seed"].map({seed: i for i, seed in enumerate(seeds)}).to_numpy()
    r[at, rows["after"].to_numpy(), rows["task"].to_numpy() - 1] = rows["accuracy"].to_numpy(
        np.float64
    )
    return r


def _costs(
    stages: pd.DataFrame, seeds: tuple[int, ...], num_tasks: int
) -> tuple[dict[str, Floats], NDArray[np.int64]]:
    at = stages["seed"].map({seed: i for i, seed in enumerate(seeds)}).to_numpy(np.int64)
    after = stages["after"].to_numpy(np.int64)
    known = np.zeros((len(seeds), num_tasks + 1), dtype=bool)
    known[at, after] = True
    columns: dict[str, Floats] = {}
    for name in ("storage_bytes", *(column for column in COUNTED if column in stages)):
        per_stage = np.full(known.shape, np.nan)
        per_stage[at, after] = stages[name].to_numpy(np.float64)
        columns[name] = per_stage if name == "storage_bytes" else per_stage.cumsum(axis=1)
    return columns, np.cumprod(known, axis=1).sum(axis=1)
