"""Tracking: what MLflow is told of a sweep, read from its tables.

May import `results` and what is below it; only here is mlflow imported, and not before there is
something to send. Begin with `tracker.py`, the thread beside a sweep, and `sync.py`, its work.
"""

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
