"""What MLflow is told of a sweep, read from its tables. Importing this does not load mlflow."""

from orchestrator.tracking.ledger import run_ids
from orchestrator.tracking.pages import front_page
from orchestrator.tracking.sender import SyncReport
from orchestrator.tracking.sync import attach, sync
from orchestrator.tracking.target import Target, TrackingError, resolve_target, ui_command
from orchestrator.tracking.tracker import Tracker

__all__ = [
    "SyncReport",
    "Target",
    "Tracker",
    "TrackingError",
    "attach",
    "front_page",
    "resolve_target",
    "run_ids",
    "sync",
    "ui_command",
]
