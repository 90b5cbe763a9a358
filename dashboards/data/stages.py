"""The progress of a running sweep, and its stages: distinct, shared and computed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import pandas as pd

from dashboards.data.comparing import add_labels
from dashboards.data.documents import PROGRESS
from dashboards.data.folders import SweepFolder
from dashboards.data.sql_views import STATUS_TEXT, sql_literal
from dashboards.data.warehouse import Warehouse
from orchestrator.columns import INFEASIBLE
from orchestrator.results.folder.owner import OWNER, STALE_SECONDS, modified_time


@dataclass(frozen=True)
class StoredProgress:
    """The last content of a sweep's `progress.json`.

    Attributes:
        content: the entries.
        touched: when the process that runs the sweep gave its last sign of life, in Unix seconds;
            it does so every few seconds. 0 if there is no such process.
    """

    content: dict[str, Any]
    touched: float = 0.0

    def __getitem__(self, name: str) -> Any:
        return self.content.get(name)

    @property
    def state(self) -> str:
        """One of "complete", "over", "running" and "silent" (no sign of life any more)."""
        if self["complete"]:
            return "complete"
        if self["over"]:
            return "over"
        return "silent" if self.seconds_ago > STALE_SECONDS else "running"

    @property
    def seconds_ago(self) -> float:
        """Seconds since the last update or sign of life."""
        last = max(self["updated_at"] or 0.0, self.touched)
        return max(0.0, time.time() - last)  # noqa: TID251 - display

    @property
    def num_computed(self) -> int | None:
        """Stages trained to their end, as the terminal counts them; None if unknown.

        A file of an older release lacks them: those that ended and did not fail.
        """
        computed, executed = self["computed"], self["executed"]
        if computed is None and executed is not None:
            computed = executed - (self["failed"] or 0)
        return None if computed is None else int(computed)

    @property
    def num_raised(self) -> int | None:
        """Stages that raised; in a file of an older release also those that diverged."""
        raised = self["failed"] if self["raised"] is None else self["raised"]
        return None if raised is None else int(raised)

    @property
    def num_missing(self) -> int:
        """Stages that were not run; a file of an older release has all of them in `to_go`."""
        return (self["to_go"] or 0) + (self["unreachable"] or 0)

    @property
    def stages_per_minute(self) -> float | None:
        """Stages computed per minute since the start; None before the first."""
        seconds = (self["updated_at"] or 0) - (self["started_at"] or 0)
        return 60 * self.num_computed / seconds if seconds > 0 and self.num_computed else None


def read_progress(folder: SweepFolder) -> StoredProgress | None:
    """Return the progress of a sweep; None if the file cannot be read."""
    content = folder.document(PROGRESS)
    return None if content is None else StoredProgress(content, modified_time(folder.path / OWNER))


def count_trial_statuses(warehouse: Warehouse, sweep: str) -> pd.DataFrame:
    """Return the number of (trial, seed) of a sweep by status in words: `phase`, `status`, `n`."""
    return warehouse.frame(
        f"SELECT phase, {STATUS_TEXT} AS status, count(*) AS n FROM trials "
        f"WHERE sweep = {sql_literal(sweep)} GROUP BY ALL ORDER BY min(place)"
    )


def count_trials(warehouse: Warehouse, sweep: str, phase: str) -> dict[str, int]:
    """Return the numbers of trials of a phase of a sweep: "complete", "failed", "infeasible".

    A trial is complete if all its seeds are, it failed if a seed failed or diverged, and it is
    infeasible if a seed is.
    """
    answer = warehouse.frame(
        "SELECT count(*) FILTER (complete) AS complete, count(*) FILTER (failed) AS failed, "
        "count(*) FILTER (infeasible) AS infeasible FROM ("
        "SELECT trial_id, bool_and(status = 'complete') AS complete, "
        "bool_or(status IN ('failed', 'diverged')) AS failed, "
        "bool_or(status = 'infeasible') AS infeasible FROM trials "
        f"WHERE sweep = {sql_literal(sweep)} AND phase = {sql_literal(phase)} GROUP BY trial_id)"
    )
    return {name: int(answer[name].iloc[0]) for name in answer}


def count_stages(warehouse: Warehouse, sweep: str) -> int:
    """Return the number of distinct stages that a sweep has so far."""
    where = f"sweep = {sql_literal(sweep)}"
    answer = warehouse.frame(f"SELECT count(DISTINCT key) AS n FROM stages WHERE {where}")
    return int(answer["n"].iloc[0])


def stage_rows(warehouse: Warehouse, sweep: str) -> pd.DataFrame:
    """Return the rows of `stages` of a sweep, with the `label` of their trials."""
    where = f"sweep = {sql_literal(sweep)}"
    answer = warehouse.frame(
        f"SELECT s.*, phase FROM (SELECT * FROM stages WHERE {where}) AS s "
        f"JOIN (SELECT trial_id, seed, phase, place FROM trials WHERE {where}) "
        "USING (trial_id, seed) ORDER BY place, after"
    )
    return add_labels(warehouse, answer)


def trial_rows(warehouse: Warehouse, sweep: str) -> pd.DataFrame:
    """Return `trial_id`, `seed`, `status`, `num_tasks`, `story` and `label` of a sweep's trials.

    Those that do not fit their means are left out: they have no stages.
    """
    answer = warehouse.frame(
        "SELECT sweep, phase, trial_id, seed, status, coalesce(num_tasks, 0) AS num_tasks, story "
        f"FROM trials WHERE sweep = {sql_literal(sweep)} AND status <> '{INFEASIBLE}' "
        "ORDER BY place"
    )
    return add_labels(warehouse, answer)
