"""Tracking: the runs at MLflow, sent from the tables of a sweep.

May import `results` and what is below it. Only this package imports mlflow, and only when there is
something to send. Begin with `tracker.py`, which starts processes beside a sweep, and `sync.py`,
which these processes call; `own_trackers.py` has those of the user.
"""

from orchestrator.tracking.ledger import run_ids
from orchestrator.tracking.sync import attach_file, prepare_database, sync
from orchestrator.tracking.sync_report import SyncReport
from orchestrator.tracking.target import Target, TrackingError, read_target, resolve_target
from orchestrator.tracking.tracker import MLflowTracker
from orchestrator.tracking.ui import front_page, mlflow_command

__all__ = [
    "MLflowTracker",
    "SyncReport",
    "Target",
    "TrackingError",
    "attach_file",
    "front_page",
    "mlflow_command",
    "prepare_database",
    "read_target",
    "resolve_target",
    "run_ids",
    "sync",
]
