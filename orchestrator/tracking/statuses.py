"""Statuses of trials and sweeps, and what MLflow calls them."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.columns import INFEASIBLE
from orchestrator.tracking.sent import RUNNING
from orchestrator.tracking.trial_run import TrialRun

STATUS = {
    "running": RUNNING,
    "failed": "FAILED",
    "diverged": "FAILED",
    "stopped": "KILLED",
    INFEASIBLE: "KILLED",
    "complete": "FINISHED",
}
WORST_FIRST = ("running", "failed", "diverged", "stopped", INFEASIBLE, "complete")


def sweep_status(trials: Iterable[TrialRun]) -> str:
    """Return the status of a sweep; a candidate that a scheduler stopped is no failure."""
    counted = (
        t.status
        for t in trials
        if (t.tags["phase"], t.status) != ("search", "stopped") and t.status != INFEASIBLE
    )
    return worst_status(["complete", *counted])


def worst_status(statuses: Iterable[str]) -> str:
    """Return the worst of the statuses of seeds or of trials."""
    return min(statuses, key=WORST_FIRST.index)
