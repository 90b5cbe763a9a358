"""The metrics, costs and artifacts of one trial that MLflow receives, by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestrator.columns import FLOPS, METRICS, PHASE_SECONDS, SELECTABLE
from orchestrator.hashing import canonical_json, digest_bytes
from orchestrator.results.metrics import mean_std_interval, metrics_after
from orchestrator.results.names.trial_ids import former_id

LOGGED_COSTS = ("storage_bytes", *FLOPS, *PHASE_SECONDS)
# A run has fewer than 50 metrics, since MLflow's charts end silently near 100. Of more tasks the
# first and the last are charted; `acc` is the mean over the tasks seen, the artifact R has all.
MAX_CHARTED_TASKS = 12

Floats = NDArray[np.float64]
# A metric's name and value, milliseconds since the epoch, step.
MetricPoint = tuple[str, float, int, int]


@dataclass(frozen=True, kw_only=True)
class TrialRun:
    """One trial over all its seeds. S seeds, T tasks.

    Attributes:
        status: the worst status of its seeds, or "running".
        settled: whether no seed will have more stages, so that means do not change any more.
        config: dotted name -> text of the leaves of its configuration.
        objective: the value that a search ranked it by; NaN if there is none.
        test: R of each seed on the test split, shape [S, T+1, T]; NaN if not measured. All NaN for
            a candidate of a search.
        validation: the same on the validation split.
        costs: column -> shape [S, T+1]: bytes after each stage, sums of FLOPs and seconds up to it.
        reached: number of stages that each seed has completed, shape [S].
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
        """The name of its run among all runs of the sweep."""
        return self._key_for(self.trial_id)

    @property
    def former_key(self) -> str:
        """The key that release 0.1 sent."""
        return self._key_for(former_id(self.trial_id))

    def _key_for(self, trial_id: str) -> str:
        return trial_id if self.split == "test" else f"{trial_id} search"

    @property
    def split(self) -> str:
        """The split of its metrics: "validation" in a search, "test" in the evaluation."""
        return "validation" if self.tags["phase"] == "search" else "test"

    @property
    def matrices(self) -> Floats:
        """R of each seed on that split."""
        return self.test if self.split == "test" else self.validation

    @property
    def last_step(self) -> int:
        """The last step to send: one of all seeds or, if settled, of one seed; -1 for none."""
        return int(self.reached.max() if self.settled else self.reached.min()) - 1

    def metrics(self, step: int) -> dict[str, float]:
        """Return the defined metrics after `step` tasks, means over the seeds with that step.

        Metrics of all tasks also have `<name>_std`, with two or more seeds. The part of a name
        before a slash is a section of MLflow's charts.
        """
        seeds = np.flatnonzero(self.reached > step)
        values = [self._seed_metrics(int(seed), step) for seed in seeds]
        metrics: dict[str, float] = {}
        for name in values[0] if values else ():
            mean, std, _ = mean_std_interval(np.array([each[name] for each in values]))
            metrics[name] = mean
            if name.removeprefix("val_") in METRICS:
                metrics[f"{name}_std"] = std
        return {name: value for name, value in metrics.items() if np.isfinite(value)}

    def content(self, step: int) -> str:
        """Return the digest of all values of steps 0..`step`."""
        sent = slice(0, step + 1)
        columns = [self.costs[name][:, sent] for name in sorted(self.costs)]
        reached = np.minimum(self.reached, step + 1).tolist()
        # By the former id, so that what release 0.1 sent is not sent again.
        trial = [former_id(self.trial_id), self.seeds, dict(self.config)]
        head = [*trial, sorted(self.costs), reached]
        arrays = [self.test[:, sent], self.validation[:, sent], *columns]
        return digest_bytes(
            canonical_json(head).encode() + b"".join(array.tobytes() for array in arrays)
        )

    def seconds(self, step: int) -> float:
        """Return the seconds of computation up to `step`, mean over the seeds with that step.

        Those that are not known count as 0.
        """
        done = self.reached > max(step, 0)
        if step < 0 or not done.any():
            return 0.0
        means = [self.costs[name][done, step].mean() for name in PHASE_SECONDS]
        return float(np.nan_to_num(means).sum())

    def points(self, start_ms: int, first: int) -> list[MetricPoint]:
        """Return the points of the steps from `first` on.

        The time of a step is the computing time up to it: a step that is sent twice is the same
        point, and MLflow's relative time is computation.
        """
        return [
            (name, value, start_ms + round(1000 * self.seconds(step)), step)
            for step in range(first, self.last_step + 1)
            for name, value in self.metrics(step).items()
        ]

    def objective_points(self, start_ms: int) -> list[MetricPoint]:
        """Return the objective as a point of the last step; it may be known long after the step."""
        if not np.isfinite(self.objective) or self.last_step < 0:
            return []
        at_ms = start_ms + round(1000 * self.seconds(self.last_step))
        return [("objective", self.objective, at_ms, self.last_step)]

    def r_csv(self, mean: Floats) -> bytes:
        """Return R of the mean and of each seed as CSV, a row for each (seed, after)."""
        columns = ",".join(f"task_{task}" for task in range(1, mean.shape[1] + 1))
        parts = [("mean", mean), *zip(map(str, self.seeds), self.matrices, strict=True)]
        lines = [
            ",".join([name, str(after), *("" if np.isnan(x) else repr(float(x)) for x in row)])
            for name, r in parts
            for after, row in enumerate(r)
        ]
        return "\n".join([f"seed,after,{columns}", *lines, ""]).encode()

    def _seed_metrics(self, seed: int, step: int) -> dict[str, float]:
        r = self.test[seed]
        by_task = {
            f"acc_by_task/{task}": float(r[step, task - 1]) for task in charted_tasks(r.shape[1])
        }
        costs = {name: float(column[seed, step]) for name, column in self.costs.items()}
        validated = metrics_after(self.validation[seed], step, self.tags["scenario"])
        of_validation = {f"val_{name}": validated[name] for name in SELECTABLE}
        return metrics_after(r, step, self.tags["scenario"]) | of_validation | by_task | costs


def charted_tasks(num_tasks: int) -> tuple[int, ...]:
    """Return the tasks, from 1, whose accuracy is a metric of its own."""
    every = tuple(range(1, num_tasks + 1))
    return every if num_tasks <= MAX_CHARTED_TASKS else (1, num_tasks)
