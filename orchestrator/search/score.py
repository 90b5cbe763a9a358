"""The values that candidates are ranked by: validation figures and costs, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Protocol

import numpy as np

from orchestrator.columns import CATEGORIES, WORK
from orchestrator.results.metrics import R, metrics_after
from orchestrator.results.r_matrix import build_r
from orchestrator.search.ports import Values
from orchestrator.stages.record import Record
from orchestrator.stages.stage import Stage
from orchestrator.sweep.objective.objective import Objective

RECORDS_KEPT = 20_000  # of some kilobytes each


class ScoredRecords(Protocol):
    """A store of records."""

    def record(self, key: str, task_keys: Iterable[str]) -> Record | None:
        """Return a stage's record if it is stored and scores these tasks."""

    def await_record(self, key: str, task_keys: Iterable[str]) -> Record:
        """Return a record that was written, once it can be seen."""


@dataclass
class Scorer:
    """Computes the values of an objective from validation accuracies and costs.

    This is the only place where a search reads results. It never reads scores of the test split.
    """

    store: ScoredRecords
    objective: Objective
    _known: dict[tuple[str, tuple[str, ...]], Record] = field(default_factory=dict)

    def record(self, stage: Stage) -> Record | None:
        """Return a stage's record, if the store has it."""
        name = (stage.key, stage.task_keys)
        if name not in self._known:
            record = self.store.record(stage.key, stage.task_keys)
            if record is None:
                return None
            self._remember(name, record)
            return record
        return self._known[name]

    def values(self, chains: Iterable[Sequence[Stage]], after: int) -> Values | None:
        """Return the mean over seeds of each metric after `after` tasks, over those tasks alone.

        Args:
            chains: the stages of a candidate on each seed, all done up to `after`.
            after: tasks learned.

        Returns:
            None if a metric is undefined on a seed.
        """
        per_seed = [self.objective.value(self.figures(chain, after)) for chain in chains]
        defined = [values for values in per_seed if values is not None]
        # A mean over fewer seeds would not be comparable with other candidates'.
        if len(defined) < len(per_seed):
            return None
        return tuple(fmean(column) for column in zip(*defined, strict=True))

    def explain_undefined(self, chains: Iterable[Sequence[Stage]], after: int) -> str:
        """Return the reason that `values` returned None."""
        reasons = (self.objective.explain_undefined(self.figures(c, after)) for c in chains)
        return next(filter(None, reasons), "")

    def figures(self, chain: Sequence[Stage], after: int) -> dict[str, float]:
        """Return all figures of one seed by name."""
        records = [self._finished_record(stage) for stage in chain[: after + 1]]
        storage = records[-1].costs.storage
        costs = {f"storage_{name}_bytes": float(storage.get(name, 0)) for name in CATEGORIES}
        costs["storage_bytes"] = float(sum(storage.values()))
        costs["storage_without_backbone_bytes"] = (
            costs["storage_bytes"] - costs["storage_backbone_bytes"]
        )
        costs |= {name: float(sum(getattr(r.costs, name) for r in records)) for name in WORK}
        r = validation_matrix(records, chain[0].task_keys)
        return costs | metrics_after(r, after, chain[0].benchmark.scenario)

    def accuracy(self, chain: Sequence[Stage], after: int) -> float:
        """Return the validation accuracy on task `after` just when it is learned: R[t, t]."""
        records = [self._finished_record(stage) for stage in chain[: after + 1]]
        return float(validation_matrix(records, chain[0].task_keys)[after, after - 1])

    def _finished_record(self, stage: Stage) -> Record:
        """Return the record of a stage that is finished, once it can be read."""
        name = (stage.key, stage.task_keys)
        if name not in self._known:
            self._remember(name, self.store.await_record(stage.key, stage.task_keys))
        return self._known[name]

    def _remember(self, name: tuple[str, tuple[str, ...]], record: Record) -> None:
        """Keep a record in memory, and drop the oldest if there are too many."""
        if len(self._known) >= RECORDS_KEPT:
            # A dict keeps the order of insertion: the first is the oldest.
            del self._known[next(iter(self._known))]
        self._known[name] = record


def validation_matrix(records: Sequence[Record], task_keys: Sequence[str]) -> R:
    """Return R [T+1, T] on validation data; rows that were not reached are NaN."""
    cells = [
        (after, task, record.evaluation[key]["validation"].accuracy)
        for after, record in enumerate(records)
        for task, key in enumerate(task_keys, start=1)
    ]
    columns = np.array(cells, dtype=object).reshape(-1, 3).T
    return build_r(columns[0], columns[1], columns[2], len(task_keys))
